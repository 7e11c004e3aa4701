#!/usr/bin/env python3
"""Values and gradients of the definitions that PyTorch's test databases do not reach, from PyTorch in double precision.

    python3 make.py

needs torch, numpy and safetensors, and writes beside itself `library.safetensors`: for each case `NAME`

    NAME/in/x, NAME/layer/PATH      operands, and parameters as the layer has them
    NAME/out/0 …, NAME/ct/0 …       results, and cotangents of those that have a gradient
    NAME/grad/x, NAME/grad/PATH     the gradient of Σ ct·out by each operand and parameter

and as metadata `NAME`, the lines of the program that compute y0 … from the operands. All numbers are exact in single precision but
for results and gradients. The formulas are PyTorch's functions and modules where there is one, else written out.
"""
import math, os, zlib
import numpy as np, torch
import torch.nn.functional as F
from torch.func import functional_call
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
OUT, TEXTS = {}, {}


def case(name, text, inputs, layer, compute):
    """`inputs` and `layer`: shapes, or arrays. `compute(i, p)` gives the results; a case without a gradient keeps none."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))

    def tensor(given, path):
        if not isinstance(given, tuple):
            return np.asarray(given, np.float64)
        if path.endswith(".scale"):
            given = rng.uniform(0.5, 1.5, given)
        else:
            given = rng.uniform(-1, 1, given) * (1 if len(given) < 2 or path.count(".") == 0 else given[-2] ** -0.5)
        return given.astype(np.float32).astype(np.float64)

    parts = [{path: torch.tensor(tensor(x, path)) for path, x in part.items()} for part in (inputs, layer)]
    moving = {path: x.requires_grad_() for part in parts for path, x in part.items()}
    results = compute(*parts)
    results = list(results) if isinstance(results, tuple) else [results]
    total = 0
    for j, y in enumerate(results):
        OUT[f"{name}/out/{j}"] = y.detach().double().numpy()
        if y.requires_grad:
            ct = rng.uniform(-1, 1, tuple(y.shape)).astype(np.float32).astype(np.float64)
            OUT[f"{name}/ct/{j}"] = ct
            total = total + (torch.tensor(ct) * y).sum()
    grads = torch.autograd.grad(total, list(moving.values())) if torch.is_tensor(total) else []
    OUT.update({f"{name}/in/{path}": x.detach().numpy() for path, x in parts[0].items()})
    OUT.update({f"{name}/layer/{path}": x.detach().numpy() for path, x in parts[1].items()})
    OUT.update({f"{name}/grad/{path}": g.numpy() for path, g in zip(moving, grads)})
    TEXTS[name] = text


def first(x):
    """[n, …, c] as PyTorch's [n, c, …]."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def weights(w, groups=1, transposed=False):
    """[k…, c / groups, filters] as PyTorch's [filters, c / groups, k…], or of a transpose [c, filters / groups, k…]."""
    w = w.movedim((-1, -2), (0, 1))
    if not transposed:
        return w
    w = w.unflatten(0, (groups, -1)).transpose(1, 2)
    return w.flatten(0, 1)


def norm(x, p, at, s=None):
    """Batch norm of [n, c, …]; `s` holds statistics that change."""
    mean, var = s or (None, None)
    return F.batch_norm(x, mean, var, p[at + ".scale"], p[at + ".shift"], training=True)


def bn(path, c):
    return {path + ".scale": (c,), path + ".shift": (c,)}


def dense(path, n, units):
    return {path + ".w": (n, units), path + ".b": (units,)}


def linear(x, p, at):
    return F.linear(x, p[at + ".w"].T, p.get(at + ".b"))


def convolutions():
    x2, x1, x3 = (2, 7, 6, 4), (2, 9, 4), (1, 4, 3, 4, 2)
    rows = [
        ("Conv", "Conv(3, [3, 2])", x2, (3, 2, 4, 3), {}),
        ("Conv.strided", "Conv(3, [3, 3], stride = [2, 1], padding = [2, 1])", x2, (3, 3, 4, 3), dict(stride=(2, 1), padding=(2, 1))),
        ("Conv.same", "Conv(3, [3, 3], padding = same, dilation = 2)", x2, (3, 3, 4, 3), dict(padding="same", dilation=2)),
        ("Conv.groups", "Conv(6, [3, 3], padding = 1, groups = 2)", x2, (3, 3, 2, 6), dict(padding=1, groups=2)),
        ("Conv.depthwise", "Conv(8, [2, 2], stride = 2, groups = 4)", x2, (2, 2, 1, 8), dict(stride=2, groups=4)),
        ("Conv.row", "Conv(3, [4], stride = 2, padding = 1)", x1, (4, 4, 3), dict(stride=2, padding=1)),
        ("Conv.volume", "Conv(2, [2, 2, 2], padding = 1)", x3, (2, 2, 2, 2, 2), dict(padding=1)),
    ]
    for name, text, x, w, how in rows:
        f = [F.conv1d, F.conv2d, F.conv3d][len(w) - 3]
        case(name, f"y0 = x |> {text} as layer", dict(x=x), {"layer.w": w, "layer.b": (w[-1],)},
             lambda i, p: last(f(first(i["x"]), weights(p["layer.w"]), p["layer.b"], **how)))
    x2, x1 = (2, 4, 3, 4), (2, 5, 4)
    rows = [
        ("ConvTranspose", "ConvTranspose(3, [3, 2])", x2, (3, 2, 4, 3), {}),
        ("ConvTranspose.strided", "ConvTranspose(3, [3, 3], stride = 2, padding = 1, output_padding = 1)", x2, (3, 3, 4, 3),
         dict(stride=2, padding=1, output_padding=1)),
        ("ConvTranspose.groups", "ConvTranspose(6, [2, 2], stride = 2, dilation = 2, groups = 2)", x2, (2, 2, 2, 6),
         dict(stride=2, dilation=2, groups=2)),
        ("ConvTranspose.row", "ConvTranspose(3, [4], stride = 2, padding = 1)", x1, (4, 4, 3), dict(stride=2, padding=1)),
    ]
    for name, text, x, w, how in rows:
        f = [F.conv_transpose1d, F.conv_transpose2d][len(w) - 3]
        case(name, f"y0 = x |> {text} as layer", dict(x=x), {"layer.w": w, "layer.b": (w[-1],)},
             lambda i, p: last(f(first(i["x"]), weights(p["layer.w"], how.get("groups", 1), True), p["layer.b"], **how)))


def blocks():
    def block(i, p, stride):
        def conv(x, at, **how):
            return F.conv2d(x, weights(p[at + ".w"]), **how)

        x = first(i["x"])
        f = torch.relu(norm(conv(x, "layer.conv", stride=stride, padding=1), p, "layer.batch_norm"))
        f = norm(conv(f, "layer.conv_2", padding=1), p, "layer.batch_norm_2")
        short = norm(conv(x, "layer.shortcut", stride=stride), p, "layer.batch_norm_3") if "layer.shortcut.w" in p else x
        return last(torch.relu(f + short))

    same = {"layer.conv.w": (3, 3, 3, 3), **bn("layer.batch_norm", 3), "layer.conv_2.w": (3, 3, 3, 3), **bn("layer.batch_norm_2", 3)}
    case("BasicBlock", "y0 = x |> BasicBlock(3) as layer", dict(x=(2, 5, 4, 3)), same, lambda i, p: block(i, p, 1))
    other = {"layer.conv.w": (3, 3, 3, 4), **bn("layer.batch_norm", 4), "layer.conv_2.w": (3, 3, 4, 4), **bn("layer.batch_norm_2", 4),
             "layer.shortcut.w": (1, 1, 3, 4), **bn("layer.batch_norm_3", 4)}
    case("BasicBlock.strided", "y0 = x |> BasicBlock(4, stride = 2) as layer", dict(x=(3, 6, 5, 3)), other, lambda i, p: block(i, p, 2))

    def excite(i, p):
        gate = torch.sigmoid(linear(torch.relu(linear(i["x"].mean((1, 2)), p, "layer.dense")), p, "layer.dense_2"))
        return i["x"] * gate[:, None, None, :]

    case("SqueezeExcite", "y0 = x |> SqueezeExcite(2) as layer", dict(x=(2, 3, 4, 6)),
         {**dense("layer.dense", 6, 3), **dense("layer.dense_2", 3, 6)}, excite)

    def statistics(i, p):
        mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        y = last(norm(first(i["x"]), p, "layer", (mean, var)))
        return y, mean, var

    case("BatchNorm", "layer = BatchNorm()\ny0 = layer(x)\ny1 = layer.running_mean\ny2 = layer.running_var",
         dict(x=(3, 4, 2, 3)), bn("layer", 3), statistics)
    case("Stacked", "y0 = x |> Stacked(3, Dense(4)) as layer", dict(x=(3, 4)),
         {key: x for k in range(3) for key, x in dense(f"layer.f[{k}]", 4, 4).items()},
         lambda i, p: linear(linear(linear(i["x"], p, "layer.f[0]"), p, "layer.f[1]"), p, "layer.f[2]"))


def attentions():
    def multi_head(q, kv, p, mask=None):
        n, at = q.shape[-1], "layer"
        if "layer.given.w" in p and "layer.query.w" not in p:
            w, b = p["layer.given.w"], p.get("layer.given.b")
            given = {"in_proj_weight": w.T, "in_proj_bias": b}
            net = torch.nn.MultiheadAttention(n, 2, bias=b is not None, batch_first=True, dtype=q.dtype)
        else:
            k, v = p["layer.given.w"].split(n, 1)
            given = {"q_proj_weight": p["layer.query.w"].T, "k_proj_weight": k.T, "v_proj_weight": v.T,
                     "in_proj_bias": torch.cat([p["layer.query.b"], p["layer.given.b"]])}
            net = torch.nn.MultiheadAttention(n, 2, kdim=kv.shape[-1], vdim=kv.shape[-1], batch_first=True, dtype=q.dtype)
        given = {name: x for name, x in given.items() if x is not None}
        given["out_proj.weight"] = p["layer.joined.w"].T
        if "layer.joined.b" in p:
            given["out_proj.bias"] = p["layer.joined.b"]
        return functional_call(net, given, (q, kv, kv), dict(attn_mask=mask, need_weights=False))[0]

    both = {**dense("layer.given", 6, 18), **dense("layer.joined", 6, 6)}
    case("SelfAttention", "y0 = x |> SelfAttention(2) as layer", dict(x=(2, 5, 6)), both, lambda i, p: multi_head(i["x"], i["x"], p))
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    case("SelfAttention.causal", "y0 = x |> SelfAttention(2, causal = true, bias = false) as layer", dict(x=(2, 5, 6)),
         {key: x for key, x in both.items() if key.endswith(".w")}, lambda i, p: multi_head(i["x"], i["x"], p, future))
    case("CrossAttention", "y0 = x |> CrossAttention(2)(memory) as layer", dict(x=(2, 4, 6), memory=(2, 7, 5)),
         {**dense("layer.query", 6, 6), **dense("layer.given", 5, 12), **dense("layer.joined", 6, 6)},
         lambda i, p: multi_head(i["x"], i["memory"], p))
    for name, causal in (("attention", False), ("attention.causal", True)):
        case(name, f"y0 = attention(q, k, v, causal = {str(causal).lower()})", dict(q=(2, 2, 5, 4), k=(2, 2, 5, 4), v=(2, 2, 5, 3)), {},
             lambda i, p: F.scaled_dot_product_attention(i["q"], i["k"], i["v"], is_causal=causal))
    case("mask_future", "y0 = softmax(mask_future(x))", dict(x=(2, 4, 6)), {},
         lambda i, p: torch.softmax(i["x"].masked_fill(torch.ones(4, 6, dtype=torch.bool).triu(1), -math.inf), -1))
    case("split_heads", "y0 = split_heads(x, 3)", dict(x=(2, 4, 6)), {}, lambda i, p: i["x"].unflatten(-1, (3, 2)).transpose(1, 2))
    case("join_heads", "y0 = join_heads(x)", dict(x=(2, 3, 4, 2)), {}, lambda i, p: i["x"].transpose(1, 2).flatten(2))
    case("Positions", "y0 = x |> Positions(7) as layer", dict(x=(2, 5, 4)), {"layer.w": (7, 4)}, lambda i, p: i["x"] + p["layer.w"][:5])
    place, pair = torch.arange(5, dtype=torch.float64)[:, None], torch.arange(0, 6, 2, dtype=torch.float64)
    angle = place * 10000 ** (-pair / 6)
    waves = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
    case("sinusoids", "y0 = sinusoids(x)", dict(x=(2, 5, 6)), {}, lambda i, p: i["x"] + waves)

    def rotary(i, p):
        """As products of complex numbers."""
        a, b = i["x"].chunk(2, -1)
        turned = torch.complex(a, b) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([turned.real, turned.imag], -1)

    case("rotary", "y0 = rotary(x)", dict(x=(2, 5, 6)), {}, rotary)


def recurrences():
    for kind, gates, module in (("LSTM", 4, torch.nn.LSTM), ("GRU", 3, torch.nn.GRU), ("RNN", 1, torch.nn.RNN)):
        layer = {}
        for at in ("layer.f", "layer.f_2"):
            layer |= {at + ".w": (3, 4 * gates), at + ".u": (4, 4 * gates), at + ".b": (4 * gates,)}
            layer |= {at + ".c": (4,)} if kind == "GRU" else {}

        def compute(i, p):
            given = {}
            for suffix, at in (("", "layer.f"), ("_reverse", "layer.f_2")):
                b = p[at + ".b"]
                inner = torch.cat([torch.zeros_like(b[:8]), p[at + ".c"]]) if kind == "GRU" else torch.zeros_like(b)
                given |= {f"weight_ih_l0{suffix}": p[at + ".w"].T, f"weight_hh_l0{suffix}": p[at + ".u"].T,
                          f"bias_ih_l0{suffix}": b, f"bias_hh_l0{suffix}": inner}
            net = module(3, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
            return functional_call(net, given, (i["x"],))[0]

        case(f"Bidirectional.{kind}", f"y0 = x |> Bidirectional({kind}(4)) as layer", dict(x=(2, 5, 3)), layer, compute)


def functions():
    case("acos", "y0 = acos(x)", dict(x=(5, 7)), {}, lambda i, p: torch.acos(i["x"]))
    x = dict(x=(2, 4, 6, 3))
    case("global_avg_pool", "y0 = global_avg_pool(x)", x, {}, lambda i, p: last(F.adaptive_avg_pool2d(first(i["x"]), 1))[:, 0, 0])
    case("global_max_pool", "y0 = global_max_pool(x)", x, {}, lambda i, p: last(F.adaptive_max_pool2d(first(i["x"]), 1))[:, 0, 0])
    positive = np.random.default_rng(1).uniform(0.1, 2, (2, 4, 6, 3)).astype(np.float32)
    case("lp_pool", "y0 = lp_pool(x, 3, [2, 3])", dict(x=positive), {}, lambda i, p: last(F.lp_pool2d(first(i["x"]), 3.0, (2, 3))))

    def unpooled(i, p):
        y, at = F.max_pool2d(first(i["x"]), 2, return_indices=True)
        return last(y), last(at), last(F.max_unpool2d(y * y, at, 2))

    case("max_unpool", "y0, at = max_pool_places(x, [2, 2])\ny1 = float(at)\ny2 = max_unpool(y0^2, at, 4)", x, {}, unpooled)
    case("median", "y0 = median(x)", dict(x=(4, 6)), {}, lambda i, p: i["x"].median(-1).values)


def metrics():
    scores, kinds = dict(x=(9, 5), t=np.array([0, 4, 2, 2, 1, 3, 0, 4, 1])), lambda i: i["t"].detach().long()

    def confusion(i, p):
        counts = torch.zeros(5, 5, dtype=torch.float64)
        return counts.index_put((kinds(i), i["x"].detach().argmax(-1)), torch.ones(9, dtype=torch.float64), accumulate=True)

    def right(i, k):
        return (i["x"].detach().topk(k, -1).indices == kinds(i)[:, None]).any(-1).double().mean()

    case("accuracy", "y0 = accuracy(x, index(t, 5))", scores, {}, lambda i, p: right(i, 1))
    case("top_k_accuracy", "y0 = top_k_accuracy(x, index(t, 5), count = 2)", scores, {}, lambda i, p: right(i, 2))
    case("confusion", "y0 = confusion(x, index(t, 5))", scores, {}, confusion)
    case("perplexity", "y0 = perplexity(x, index(t, 5))", scores, {}, lambda i, p: F.cross_entropy(i["x"].detach(), kinds(i)).exp())
    both = dict(x=(9, 2), t=(9, 2))
    case("rmse", "y0 = rmse(x, t)", both, {}, lambda i, p: F.mse_loss(i["x"], i["t"]).detach().sqrt())

    def r2(i, p):
        x, t = i["x"].detach(), i["t"].detach()
        return 1 - ((x - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()

    case("r2", "y0 = r2(x, t)", both, {}, r2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in (convolutions, blocks, attentions, recurrences, functions, metrics):
        part()
    save_file({key: x.copy(order="C") for key, x in sorted(OUT.items())}, os.path.join(HERE, "library.safetensors"), TEXTS)
    print(len(TEXTS), "cases", sum(x.nbytes for x in OUT.values()), "bytes")
