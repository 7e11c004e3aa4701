"""Makes the data and the values that tests/library.rs compares the library with: by PyTorch where it has the thing, by SciPy or
by the formula in NumPy where it has not.

    python make.py        (PyTorch 2.9 or later, SciPy)
"""

import json
import math
from pathlib import Path

import numpy as np
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
from torch.optim import SGD, lr_scheduler

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)


def data():
    """Columns of the training and the test part, which the programs read."""
    random = np.random.default_rng(1)
    parts = {}
    for part, n in [("train", 20), ("test", 23)]:
        columns = {
            "a": random.integers(0, 4, (n, 6)),
            "b": random.integers(0, 4, (n, 5)),
            "frames": random.integers(0, 7, n).astype(float),
            "labels": random.integers(1, 6, n).astype(float),
            "k": random.integers(0, 4, n),
            "z": random.normal(size=(n, 4)),
            "v": random.normal(size=(n, 4)),
            "x": random.normal(size=n),
            "y": random.integers(0, 2, n).astype(float),
            "image": random.normal(size=(n, 4, 5, 3)),
        }
        # A class that is never true and never taken, in the test part.
        if part == "test":
            columns["k"][columns["k"] == 3] = 1
            columns["z"][:, 3] -= 9
        (HERE / "data" / part).mkdir(parents=True, exist_ok=True)
        for name, column in columns.items():
            np.save(HERE / "data" / part / f"{name}.npy", column.astype("int32") if column.dtype == int else column)
        parts[part] = columns
    return parts


def schedules():
    """The rates of 40 steps."""
    def torchs(make, lr=0.5):
        optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=lr)
        schedule, rates = make(optimizer), []
        for _ in range(40):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return rates

    cycle = lambda **more: torchs(lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.5, total_steps=41, **more))
    polynomial = lambda **more: torchs(lambda o: lr_scheduler.PolynomialLR(o, **more))
    restarts = lambda **more: torchs(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, **more))
    noam = [0.5 * min((t + 1) / 8, math.sqrt(8 / (t + 1))) for t in range(40)]
    return {
        "one_cycle": cycle(),
        "one_cycle_linear": cycle(anneal_strategy="linear", pct_start=0.2, div_factor=10, final_div_factor=100),
        "one_cycle_three": cycle(three_phase=True),
        "polynomial": polynomial(total_iters=30),
        "polynomial_2": polynomial(total_iters=30, power=2),
        "polynomial_half": polynomial(total_iters=50, power=0.5),
        "restarts": restarts(T_0=7, eta_min=0.1),
        "restarts_2": restarts(T_0=3, T_mult=2),
        "restarts_3": restarts(T_0=1, T_mult=3),
        "warm_restarts": [0.5 * (t + 1) / 4 for t in range(4)] + restarts(T_0=5)[:36],
        "inverse_sqrt": [0.5 * math.sqrt(8 / (8 + t)) for t in range(40)],
        "transformer": noam[:8] + [0.5 * math.sqrt(8 / t) for t in range(8, 40)],
    }


def wave(*shape, by=1.0):
    """The first weights of optimizers.nn."""
    n = math.prod(shape)
    return np.sin(by * np.arange(1, n + 1)).reshape(shape)


def trajectory(update, steps=40):
    """The losses Σ c·(w - t)² + 0.1·Σ w⁴ of a matrix, its wide fellow and a vector under an optimizer: a function of the place of
    the parameter, its value, its gradient and the step."""
    shapes = [(6, 4), (3, 5), (5,)]
    w = [wave(*s) for s in shapes]
    c = [1.5 + wave(*s, by=2.0) for s in shapes]
    t = [wave(*s, by=3.0) for s in shapes]
    losses = []
    for step in range(1, steps + 1):
        losses.append(sum((ci * (wi - ti) ** 2).sum() + 0.1 * (wi**4).sum() for wi, ci, ti in zip(w, c, t)))
        g = [2 * ci * (wi - ti) + 0.4 * wi**3 for wi, ci, ti in zip(w, c, t)]
        w = [update(i, w[i], g[i], step) for i in range(3)]
    return losses


def lion(lr, beta1=0.9, beta2=0.99, decay=0.0):
    m = {}
    def update(i, w, g, _):
        old = m.get(i, np.zeros_like(w))
        m[i] = beta2 * old + (1 - beta2) * g
        return w - lr * (np.sign(beta1 * old + (1 - beta1) * g) + decay * w)
    return update


def lamb(lr, beta1=0.9, beta2=0.999, eps=1e-6, decay=0.01):
    m, v = {}, {}
    def update(i, w, g, step):
        m[i] = beta1 * m.get(i, 0) + (1 - beta1) * g
        v[i] = beta2 * v.get(i, 0) + (1 - beta2) * g**2
        u = (m[i] / (1 - beta1**step)) / (np.sqrt(v[i] / (1 - beta2**step)) + eps) + decay * w
        return w - lr * np.linalg.norm(w) / np.linalg.norm(u) * u
    return update


def muon(lr, **settings):
    """PyTorch's Muon on the transposes, in double instead of its bfloat16; the vector goes by SGD at 0.01."""
    parameters, optimizers = {}, {}
    def update(i, w, g, _):
        if w.ndim != 2:
            return w - 0.01 * g
        if i not in parameters:
            parameters[i] = torch.nn.Parameter(torch.tensor(w.T.copy()))
            optimizers[i] = torch.optim.Muon([parameters[i]], lr=lr, **settings)
        parameters[i].grad = torch.tensor(g.T.copy())
        bfloat16, torch.bfloat16 = torch.bfloat16, torch.float64
        optimizers[i].step()
        torch.bfloat16 = bfloat16
        return parameters[i].detach().numpy().T.copy()
    return update


def nesterov(lr, **settings):
    """PyTorch's SGD with Nesterov's momentum."""
    parameters, optimizers = {}, {}
    def update(i, w, g, _):
        if i not in parameters:
            parameters[i] = torch.nn.Parameter(torch.tensor(w))
            optimizers[i] = SGD([parameters[i]], lr=lr, momentum=0.9, nesterov=True, **settings)
        parameters[i].grad = torch.tensor(g)
        optimizers[i].step()
        return parameters[i].detach().numpy().copy()
    return update


def optimizers():
    """Losses before each of 40 steps."""
    return {
        "lion": trajectory(lion(0.01)),
        "lion_decay": trajectory(lion(0.02, beta1=0.95, beta2=0.98, decay=0.1)),
        "lamb": trajectory(lamb(0.01)),
        "lamb_plain": trajectory(lamb(0.02, beta2=0.99, eps=1e-8, decay=0.0)),
        "nesterov": trajectory(nesterov(0.01)),
        "nesterov_decay": trajectory(nesterov(0.01, weight_decay=0.1)),
        "muon": trajectory(muon(0.02)),
        "muon_adamw": trajectory(muon(0.02, adjust_lr_fn="match_rms_adamw", nesterov=False, weight_decay=0.0)),
    }


def losses(columns):
    """Values of losses and their slopes, each slope as its sum with the weights 1, 2, 3, … of its elements."""
    values = {}
    z, v = (torch.tensor(columns[n], requires_grad=True) for n in "zv")
    x = torch.tensor(columns["x"], requires_grad=True)
    y, k = torch.tensor(columns["y"]), torch.tensor(columns["k"]).long()
    side = 2 * y - 1
    weight = torch.arange(1.0, 5.0)

    def put(name, loss, by):
        (slope,) = torch.autograd.grad(loss, by)
        values[name] = loss.item()
        values[name + "_slope"] = (slope.flatten() * torch.arange(1.0, slope.numel() + 1)).sum().item()

    def focal(alpha, gamma):
        # torchvision.ops.sigmoid_focal_loss
        p = torch.sigmoid(x)
        ce = F.binary_cross_entropy_with_logits(x, y, reduction="none")
        loss = ce * (1 - (p * y + (1 - p) * (1 - y))) ** gamma
        return ((alpha * y + (1 - alpha) * (1 - y)) * loss if alpha >= 0 else loss).mean()

    def dice(p, t):
        return (1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()

    distance = F.pairwise_distance(z, v)
    put("hinge", F.relu(1 - side * x).mean(), x)
    put("hinge_half", F.relu(0.5 - side * x).mean(), x)
    put("cosine_distance", (1 - F.cosine_similarity(z, v)).mean(), z)
    put("contrastive", (y * distance**2 + (1 - y) * F.relu(2 - distance) ** 2).mean() / 2, z)
    put("focal", focal(0.25, 2), x)
    put("focal_even", focal(-1, 1.5), x)
    put("dice", dice(torch.sigmoid(z), (torch.tensor(columns["v"]) > 0).double()), z)
    put("weighted", F.cross_entropy(z, k, weight=weight), z)
    put("weighted_smooth", F.cross_entropy(z, k, weight=weight, label_smoothing=0.1, ignore_index=2), z)
    target = torch.softmax(torch.tensor(columns["v"]), -1)
    put("soft", F.cross_entropy(z, target), z)
    put("soft_smooth", F.cross_entropy(z, target, weight=weight, label_smoothing=0.1), z)
    inside = torch.tanh(x)
    values["erfinv"] = torch.special.erfinv(inside).sum().item()
    (slope,) = torch.autograd.grad(torch.special.erfinv(inside).sum(), x)
    values["erfinv_slope"] = (slope * torch.arange(1.0, 21.0)).sum().item()
    return values


def edits(a, b):
    """Levenshtein's distance by his recurrence."""
    row = list(range(len(b) + 1))
    for i, p in enumerate(a, 1):
        row, above = [i], row
        for j, q in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (p != q)))
    return row[-1]


def metrics(columns):
    """Figures of the test part, all rows at once."""
    k, taken = columns["k"], columns["z"].argmax(1)

    def classes(kept):
        t, p, figures = k[kept], taken[kept], {}
        for c in range(4):
            hits, said, true = ((t == c) & (p == c)).sum(), (p == c).sum(), (t == c).sum()
            if said + true:
                figures[c] = [hits / max(said, 1), hits / max(true, 1), 2 * hits / (said + true), hits / (said + true - hits)]
        return figures

    all_classes = classes(k >= 0)
    mean = np.mean(list(all_classes.values()), axis=0)
    some = np.mean(list(classes(k != 2).values()), axis=0)
    x, y = columns["x"], columns["y"]
    said, true = x > 0, y == 1
    pairs = [(p > n) + 0.5 * (p == n) for p in x[true] for n in x[~true]]
    rows = list(zip(columns["a"].tolist(), columns["b"].tolist()))
    merged = [([s for i, s in enumerate(a) if s and (i == 0 or s != a[i - 1])], [s for s in b if s]) for a, b in rows]
    cut = [
        (a[: int(f)], b[: int(n)]) for (a, b), f, n in zip(rows, columns["frames"], columns["labels"])
    ]
    names = ["precision", "recall", "f1", "iou"]
    return {
        **{name: float(mean[i]) for i, name in enumerate(names)},
        **{name + "_of": float(all_classes[1][i]) for i, name in enumerate(names)},
        **{name + "_without": float(some[i]) for i, name in enumerate(names)},
        "binary": float((said & true).sum() / said.sum()),
        "auc": float(np.mean(pairs)),
        "mae": float(np.abs(x - y).mean()),
        "edit_distance": float(np.mean([edits(a, b) for a, b in rows])),
        "error_rate": sum(edits(a, b) for a, b in merged) / sum(len(b) for _, b in merged),
        "cut": float(np.mean([edits(a, b) for a, b in cut])),
    }


def layers(columns):
    """Sums over the training images, enlarged, times 1, 2, 3, … in the order of PyTorch's axes brought to ours."""
    image = torch.tensor(columns["image"]).permute(0, 3, 1, 2)

    def put(**settings):
        out = torch.nn.Upsample(**settings)(image).permute(0, 2, 3, 1).flatten()
        return (out * torch.arange(1.0, out.numel() + 1)).sum().item() / out.numel()

    return {
        "nearest": put(scale_factor=(2, 3)),
        "linear": put(scale_factor=2, mode="bilinear"),
        "aligned": put(scale_factor=(3, 2), mode="bilinear", align_corners=True),
        "cubic": put(scale_factor=2, mode="bicubic"),
    }


def initializers():
    """The shares of draws below -1.5, 0 and 1, and their mean and variance."""
    out = {}
    for name, mean, deviation, low, high in [("truncated", 0, 1, -2, 2), ("shifted", 1, 2, -1, 1.5)]:
        d = scipy.stats.truncnorm((low - mean) / deviation, (high - mean) / deviation, loc=mean, scale=deviation)
        out[name] = [float(d.cdf(q)) for q in (-1.5, -0.5, 0, 1)] + [float(d.mean()), float(d.var())]
    return out


def main():
    parts = data()
    values = {
        "schedules": schedules(),
        "optimizers": optimizers(),
        "losses": losses(parts["train"]),
        "metrics": metrics(parts["test"]),
        "layers": layers(parts["train"]),
        "initializers": initializers(),
    }
    lines = []
    for suite, entries in values.items():
        inner = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items())
        lines.append(f"  {json.dumps(suite)}: {{\n{inner}\n  }}")
    (HERE / "values.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
