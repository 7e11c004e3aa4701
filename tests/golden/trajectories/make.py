#!/usr/bin/env python3
"""Five hundred steps of PyTorch for the networks of tests/trajectories, each with several optimizers.

    python3 make.py [NETWORK …]

needs torch, numpy and safetensors, and writes beside itself the data of the networks (`*/*.npy`) and for each network

    NETWORK.safetensors
        init/PATH          initial parameters and statistics, f64 values that single precision holds exactly
        RULE/loss          the losses in f64, each before its step
        RULE/last/PATH     parameters and statistics after the last step
        RULE/spread        how far PyTorch itself goes from that, f64, when the rows of each batch come in another order
        RULE/loss32        smooth: all losses in f32; relu: those of the first 20 steps
        RULE/last32/PATH   what these leave
        RULE/spread32      normed, in the place of the two: how far PyTorch in f32 goes from f64, the farthest of its ways to
                           compute the same (orders of rows, another layout of images), in losses and in the rest
    metadata: `kind`, and RULE = the optimizer as nnc writes it

Rows are in file order, batches of 16, the last of a pass smaller. A distance is the largest difference of a list or tensor over
its largest value.
"""
import os, sys
import numpy as np, torch
from safetensors.numpy import save_file
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, StepLR
import networks

STEPS, RELU_STEPS, BATCH = 500, 20, 16
WARM = lambda t: (t + 1) / 20 if t < 20 else 0.5 * (1 + np.cos(np.pi * (t - 20) / 480))

# How nnc writes it, PyTorch's optimizer, its schedule.
RULES = {
    "sgd": ("SGD(step_decay(0.1, every = 150, factor = 0.5), weight_decay = 0.001)",
            lambda p: SGD(p, 0.1, weight_decay=1e-3), lambda o: StepLR(o, 150, 0.5)),
    "momentum": ("Momentum(0.02, dampening = 0.1)", lambda p: SGD(p, 0.02, momentum=0.9, dampening=0.1), None),
    "nesterov": ("Momentum(cosine(0.02, total = 500), nesterov = true, weight_decay = 0.0001)",
                 lambda p: SGD(p, 0.02, momentum=0.9, nesterov=True, weight_decay=1e-4), lambda o: CosineAnnealingLR(o, 500)),
    "adam": ("Adam(0.002)", lambda p: Adam(p, 0.002), None),
    "amsgrad": ("Adam(warmup(cosine(0.002, total = 480), n = 20), amsgrad = true, weight_decay = 0.001)",
                lambda p: Adam(p, 0.002, amsgrad=True, weight_decay=1e-3), lambda o: LambdaLR(o, WARM)),
    "adamw": ("AdamW(cosine(0.003, total = 500, floor = 0.0003), weight_decay = 0.05)",
              lambda p: AdamW(p, 0.003, weight_decay=0.05), lambda o: CosineAnnealingLR(o, 500, 0.0003)),
    "rmsprop": ("RMSprop(exponential(0.001, decay = 0.997), weight_decay = 0.001)",
                lambda p: RMSprop(p, 0.001, weight_decay=1e-3), lambda o: ExponentialLR(o, 0.997)),
    "centered": ("RMSprop(0.0005, centered = true, momentum = 0.5)",
                 lambda p: RMSprop(p, 0.0005, centered=True, momentum=0.5), None),
    "adagrad": ("AdaGrad(0.02, lr_decay = 0.001)", lambda p: Adagrad(p, 0.02, lr_decay=0.001), None),
}
ROWS = {
    "mlp": ["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad"],
    "cnn": ["sgd", "momentum", "adam"],
    "depthwise": ["nesterov", "adamw", "rmsprop"],
    "residual": ["nesterov", "amsgrad", "adagrad"],
    "lstm": ["sgd", "momentum", "adam", "rmsprop"],
    "gru": ["nesterov", "amsgrad", "centered", "adagrad"],
    # Adam at a constant rate is at the edge of stability here: from step 280 on rounding grows a thousandfold in a hundred steps, and
    # PyTorch in f64 ends 5e-5 from PyTorch in f64 with the rows of each batch in another order.
    "transformer": ["sgd", "nesterov", "adamw"],
    "autoencoder": ["momentum", "adam", "rmsprop", "adagrad"],
    "vae": ["sgd", "adam", "adamw", "centered"],
    # With momentum 0.9 the two drive each other apart: PyTorch in f32 is 4e-4 from PyTorch in f64 by the last step.
    "gan": ["sgd", "adam", "rmsprop", "adagrad"],
    "ctc": ["momentum", "amsgrad", "adamw", "adagrad"],
}

def run(net, rule, dtype, steps, order=None):
    """The losses of so many steps, and what they leave: parameters and statistics. `order` is a seed of orders within batches."""
    cast = lambda x: torch.from_numpy(x).to(dtype) if x.dtype.kind == "f" else torch.from_numpy(x)
    data = {name: cast(np.ascontiguousarray(x)) for name, x in net.data.items()}
    n = len(next(iter(data.values())))
    p, s = ({name: cast(x.copy()) for name, x in part.items()} for part in net.init())
    for x in p.values():
        x.requires_grad_()
    _, optimizer, schedule = RULES[rule]
    optimizers, schedules, losses, at = {}, [], [], 0
    rng = None if order is None else np.random.default_rng(order)
    for _ in range(steps):
        rows = np.arange(at, min(at + BATCH, n))
        rows = rows if rng is None else rng.permutation(rows)
        at = 0 if rows.max() + 1 == n else at + BATCH
        total = 0.0
        for loss, prefix in net.losses(p, s, {name: x[rows] for name, x in data.items()}):
            mine = [x for name, x in p.items() if name.startswith(prefix)]
            if prefix not in optimizers:
                optimizers[prefix] = optimizer(mine)
                schedules += [schedule(optimizers[prefix])] if schedule else []
            optimizers[prefix].zero_grad()
            loss.backward()
            if net.clip:
                torch.nn.utils.clip_grad_norm_(mine, net.clip)
            optimizers[prefix].step()
            total += loss.item()
        for each in schedules:
            each.step()
        losses.append(total)
    return np.array(losses), {name: x.detach().double().numpy().copy() for name, x in {**p, **s}.items()}


def apart(a, b):
    return np.abs(a - b).max() / max(np.abs(b).max(), 1e-300)


def distance(a, b):
    """Of two runs: in losses, and in what they leave."""
    return np.array([apart(a[0], b[0]), max(apart(a[1][name], b[1][name]) for name in b[1])])


def variants(net, rule, steps):
    """Single precision by twenty of PyTorch's ways."""
    yield run(net, rule, torch.float32, steps)
    for order in range(18):
        yield run(net, rule, torch.float32, steps, order)
    networks.layout = torch.channels_last
    yield run(net, rule, torch.float32, steps)
    networks.layout = torch.contiguous_format


def main(names):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in names or ROWS:
        net = networks.NETWORKS[name]()
        parameters, statistics = net.init()
        out = {f"init/{path}": x for path, x in {**parameters, **statistics}.items()}
        for rule in ROWS[name]:
            exact = run(net, rule, torch.float64, STEPS)
            spread = max(distance(run(net, rule, torch.float64, STEPS, order), exact).max() for order in range(2))
            out |= {f"{rule}/loss": exact[0], f"{rule}/spread": np.array([spread])}
            out |= {f"{rule}/last/{path}": x for path, x in exact[1].items()}
            if net.kind == "normed":
                single = np.max([distance(other, exact) for other in variants(net, rule, STEPS)], axis=0)
                out[f"{rule}/spread32"] = single
            else:
                loss, last = run(net, rule, torch.float32, STEPS if net.kind == "smooth" else RELU_STEPS)
                single = [apart(loss, exact[0][:len(loss)])]
                out |= {f"{rule}/loss32": loss.astype(np.float32)}
                out |= {f"{rule}/last32/{path}": x.astype(np.float32) for path, x in last.items()}
            print(f"{name:12} {rule:9} {exact[0][0]:.4f} {exact[0][-1]:.4f}  f64 {spread:.1e}  f32 {single[0]:.1e}", flush=True)
        texts = {rule: RULES[rule][0] for rule in ROWS[name]}
        out = {key: np.ascontiguousarray(x) for key, x in sorted(out.items())}
        save_file(out, os.path.join(networks.HERE, f"{name}.safetensors"), {"kind": net.kind, **texts})


if __name__ == "__main__":
    main(sys.argv[1:])
