#!/usr/bin/env python3
"""Trajectories of PyTorch in double precision, which the tests compare with.

    python3 make_trajectories.py

needs torch, numpy and safetensors, and writes beside itself for each problem (linear, mnist)

    PROBLEM.init.safetensors        the initial weights, f64 values that single precision holds exactly
    PROBLEM.OPTIMIZER.safetensors   loss: the 500 losses in f64, each before its step; loss32: the first 20 in f32;
                                    and the final weights in f64, named and laid out as nnc has them: [in, out]

linear: petal_width from petal_length of models/data/linear.csv, all 150 rows in file order, batches of 16.
mnist:  784-64-64-10 with ReLU on the training images of models/data/digits, each pixel repeated 3 × 3 and framed by two
        zeros (28 × 28), times 15, divided by 255; file order, batches of 64, the last one smaller.

Adam runs at 0.001: at 0.01 these few images are learnt by heart, and what is left of the gradient is so small that PyTorch
itself, with the rows of each batch in another order, ends 4.5e-11 away (9.4e-16 at 0.001), too near the bound of 1e-10.
"""
import csv, os, struct
import numpy as np, torch
import torch.nn.functional as F
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "models", "data")
STEPS, STEPS32 = 500, 20
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.001),
    "adam": lambda p: torch.optim.Adam(p, lr=0.001),
}


def idx(name):
    raw = open(os.path.join(DATA, "digits", name), "rb").read()
    shape = struct.unpack(">" + "I" * raw[3], raw[4:4 + 4 * raw[3]])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def linear():
    rows = list(csv.DictReader(open(os.path.join(DATA, "linear.csv"))))
    x = np.array([[float(r["petal_length"])] for r in rows])
    y = np.array([[float(r["petal_width"])] for r in rows])
    return x, y, 16, {"Line.dense": (1, 1)}, lambda out, y: F.mse_loss(out, y)


def mnist():
    images = np.pad(np.kron(idx("train-images-idx3-ubyte"), np.ones((1, 3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2))) * 15
    labels = idx("train-labels-idx1-ubyte").astype(np.int64)
    shapes = {"Mlp.dense": (784, 64), "Mlp.dense_2": (64, 64), "Mlp.dense_3": (64, 10)}
    return images.reshape(len(images), -1) / 255.0, labels, 64, shapes, lambda out, y: F.cross_entropy(out, y)


def run(x, y, batch, init, loss_of, optimizer, dtype, steps):
    x, y = torch.from_numpy(x).to(dtype), torch.from_numpy(y)
    y = y.to(dtype) if y.is_floating_point() else y
    params = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in init.items()}
    layers = sorted({k.rsplit(".", 1)[0] for k in params})
    opt = optimizer(list(params.values()))
    losses, at = [], 0
    for _ in range(steps):
        h = x[at:at + batch]
        for i, layer in enumerate(layers):
            h = h @ params[layer + ".w"] + params[layer + ".b"]
            if i + 1 < len(layers):
                h = torch.relu(h)
        loss = loss_of(h, y[at:at + batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
        at = at + batch if at + batch < len(x) else 0
    return np.array(losses), {k: v.detach().double().numpy() for k, v in params.items()}


def main():
    torch.set_num_threads(1)
    for name, problem in (("linear", linear), ("mnist", mnist)):
        x, y, batch, shapes, loss_of = problem()
        rng = np.random.default_rng(1)
        init = {}
        for layer, (n, units) in shapes.items():
            limit = (6 / (n + units)) ** 0.5
            init[layer + ".w"] = rng.uniform(-limit, limit, (n, units)).astype(np.float32).astype(np.float64)
            init[layer + ".b"] = rng.uniform(-0.1, 0.1, units).astype(np.float32).astype(np.float64)
        save_file(init, os.path.join(HERE, f"{name}.init.safetensors"))
        for opt_name, optimizer in OPTIMIZERS.items():
            loss, final = run(x, y, batch, init, loss_of, optimizer, torch.float64, STEPS)
            loss32, _ = run(x, y, batch, init, loss_of, optimizer, torch.float32, STEPS32)
            out = {"loss": loss, "loss32": loss32, **final}
            save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(HERE, f"{name}.{opt_name}.safetensors"))
            print(name, opt_name, loss[0], loss[-1])


main()
