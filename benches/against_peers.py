#!/usr/bin/env python3
"""nnc beside PyTorch and JAX on the mission's network, in one run on one machine.

    cargo build --release && python3 benches/against_peers.py /usr/share/datasets/fashion-mnist [ROUNDS]

needs numpy, torch and jax. Two comparisons, each ROUNDS times (5 unless said) in turn, medians and ratios printed:

step     one training step of 784-64-64-10, ReLU, cross-entropy, Adam, a batch of 64 that lies in memory:
         PyTorch eager and torch.compile, JAX jit; for nnc the training seconds of a run divided by its steps
process  three epochs of the images in DIR without a validation part, from the start of the process to its end:
         nnc with models/mnist.nn, PyTorch with tensors sliced by hand; both at Adam's rate 0.01
"""
import json, os, statistics, subprocess, sys, time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
NNC = os.environ.get("NNC", os.path.join(ROOT, "target", "release", "nnc"))


def nnc(folder):
    start = time.perf_counter()
    command = [NNC, "run", os.path.join(ROOT, "models", "mnist.nn"), "--json", "--epochs", "3",
               "--set", f"data={folder}", "--set", "holdout=0"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    seconds = time.perf_counter() - start
    end = json.loads(lines[-1])
    return seconds, end


def torch_process(folder):
    """Re-runs this file as the whole PyTorch process."""
    start = time.perf_counter()
    out = subprocess.run([sys.executable, os.path.abspath(__file__), "--torch-process", folder], check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - start, json.loads(out.splitlines()[-1])


def torch_process_main(folder):
    import gzip
    import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

    def idx(name):
        path = os.path.join(folder, name)
        raw = gzip.open(path + ".gz").read() if os.path.exists(path + ".gz") else open(path, "rb").read()
        shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)

    images = lambda part: torch.from_numpy(idx(f"{part}-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255)
    labels = lambda part: torch.from_numpy(idx(f"{part}-labels-idx1-ubyte").astype(np.int64))
    x, y, tx, ty = images("train"), labels("train"), images("t10k"), labels("t10k")
    model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for _ in range(3):
        for rows in torch.randperm(len(x)).split(64):
            opt.zero_grad(set_to_none=True)
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            opt.step()
    with torch.inference_mode():
        accuracy = (model(tx).argmax(1) == ty).float().mean().item()
    print(json.dumps({"accuracy": accuracy}))


def timed(step, seconds=1.0):
    for _ in range(50):
        step()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds:
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    return statistics.median(times)


def torch_steps():
    import torch, torch.nn as nn, torch.nn.functional as F
    x, y = torch.rand(64, 784), torch.randint(0, 10, (64,))
    out = {}
    for name in ("torch eager", "torch compile"):
        model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        opt = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
        forward = torch.compile(model) if name == "torch compile" else model

        def step():
            opt.zero_grad(set_to_none=True)
            F.cross_entropy(forward(x), y).backward()
            opt.step()
        out[name] = step
    return out


def jax_steps():
    import jax, jax.numpy as jnp
    keys = jax.random.split(jax.random.PRNGKey(0), 5)
    sizes = [(784, 64), (64, 64), (64, 10)]
    params = [(jax.random.normal(k, s) * 0.05, jnp.zeros(s[1])) for k, s in zip(keys, sizes)]
    zeros = jax.tree.map(jnp.zeros_like, params)
    x, y = jax.random.uniform(keys[3], (64, 784)), jax.random.randint(keys[4], (64,), 0, 10)

    def loss(p):
        h = x
        for i, (w, b) in enumerate(p):
            h = h @ w + b
            h = jax.nn.relu(h) if i < 2 else h
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1))

    @jax.jit
    def update(p, m, v, t):
        value, g = jax.value_and_grad(loss)(p)
        m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, g)
        v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, g)
        p = jax.tree.map(lambda p, m, v: p - 0.01 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), p, m, v)
        return p, m, v, t + 1, value

    state = [params, zeros, zeros, 1.0]

    def step():
        *new, value = update(*state)
        state[:] = new
        value.block_until_ready()
    return {"jax jit": step}


def main(folder, rounds):
    peers = {**torch_steps(), **jax_steps()}
    steps = {name: [] for name in peers}
    ours, processes, theirs, accuracies = [], [], [], []
    for _ in range(rounds):
        for name, step in peers.items():
            steps[name].append(timed(step))
        seconds, end = nnc(folder)
        processes.append(seconds)
        ours.append(end["train_seconds"] / end["steps"])
        other, result = torch_process(folder)
        theirs.append(other)
        accuracies.append((end["test"]["accuracy"], result["accuracy"]))
        first, peak = end["first_step_seconds"], end["peak_bytes"]
    mine = statistics.median(ours)
    print(f"step: nnc {mine * 1e3:.3f} ms (median of {rounds} runs)")
    for name, times in steps.items():
        print(f"step: {name} {statistics.median(times) * 1e3:.3f} ms, {statistics.median(times) / mine:.2f} times nnc's")
    a, b = statistics.median(processes), statistics.median(theirs)
    print(f"process: nnc {a:.2f} s, torch {b:.2f} s, ratio {b / a:.2f}")
    print(f"process: test accuracy (nnc, torch) {[(round(x, 4), round(y, 4)) for x, y in accuracies]}")
    print(f"process: nnc first step after {first:.3f} s, peak {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1] == "--torch-process":
        torch_process_main(sys.argv[2])
    else:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
