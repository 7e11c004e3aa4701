#!/usr/bin/env python3
"""nnc beside PyTorch eager on recurrent layers: a training step of LSTM(128) and GRU(128) over 64 places of 128 features, the last
place into ten classes, cross-entropy, SGD, a batch of 32.

    cargo build --release && python3 benches/recurrent.py [ROUNDS]

needs numpy and torch. For nnc the seconds of each epoch but the first, in which code is still being made, divided by its steps; for
PyTorch the median of steps over a batch that lies in memory. In turn, ROUNDS times (5 unless said); medians and ratios are printed.
"""
import json, os, statistics, subprocess, sys, tempfile, time

import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
NNC = os.environ.get("NNC", os.path.join(ROOT, "target", "release", "nnc"))
BATCH, TIME, UNITS, STEPS = 32, 64, 128, 60

PROGRAM = """
data Sequences {
    source: idx("data")
    x: [batch, time = %d, n = %d] = images
    y: index(10)[batch] = labels
}
model Net(x: [batch, time, n]) -> [batch, 10] {
    h = x |> LAYER(%d)
    h[time = -1] |> Dense(10)
}
train on Sequences {
    batch:  %d
    epochs: 3
    loss = cross_entropy(Net(x), y)
    optimize Net with SGD(0.01)
}
""" % (TIME, UNITS, UNITS, BATCH)


def write_data(folder):
    """IDX files of floats and of bytes."""
    os.mkdir(folder)
    rng = np.random.default_rng(0)
    for part, rows in (("train", STEPS * BATCH), ("t10k", BATCH)):
        head = bytes([0, 0, 0x0D, 3]) + b"".join(n.to_bytes(4, "big") for n in (rows, TIME, UNITS))
        images = rng.standard_normal((rows, TIME, UNITS)).astype(">f4")
        open(os.path.join(folder, f"{part}-images-idx3-float"), "wb").write(head + images.tobytes())
        head = bytes([0, 0, 0x08, 1]) + rows.to_bytes(4, "big")
        labels = rng.integers(0, 10, rows).astype(np.uint8)
        open(os.path.join(folder, f"{part}-labels-idx1-ubyte"), "wb").write(head + labels.tobytes())


def nnc(program):
    command = [NNC, "run", program, "--json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    epochs = [event for event in map(json.loads, told) if event["event"] == "epoch"]
    return statistics.median(event["seconds"] / STEPS for event in epochs[1:])


def torch_step(kind):
    layer = {"LSTM": nn.LSTM, "GRU": nn.GRU}[kind](UNITS, UNITS, batch_first=True)
    head = nn.Linear(UNITS, 10)
    opt = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.01)
    x, y = torch.randn(BATCH, TIME, UNITS), torch.randint(0, 10, (BATCH,))

    def step():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(head(layer(x)[0][:, -1]), y).backward()
        opt.step()
    return step


def timed(step):
    for _ in range(5):
        step()
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(rounds):
    with tempfile.TemporaryDirectory() as folder:
        write_data(os.path.join(folder, "data"))
        for kind in ("LSTM", "GRU"):
            program = os.path.join(folder, f"{kind}.nn")
            open(program, "w").write(PROGRAM.replace("LAYER", kind))
            step, ours, theirs = torch_step(kind), [], []
            for _ in range(rounds):
                ours.append(nnc(program))
                theirs.append(timed(step))
            a, b = statistics.median(ours), statistics.median(theirs)
            print(f"{kind}: nnc {a * 1e3:.2f} ms, torch eager {b * 1e3:.2f} ms, ratio {b / a:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
