"""The networks of tests/trajectories as PyTorch has them, on parameters that are named and laid out as nnc has them.

A network is its data, the shapes of its parameters, and its losses: `losses(p, s, rows)` gives one after the other the losses of a
step and the prefix of the parameters that each of them trains, with parameters `p`, statistics `s` and a dictionary of rows.
"""
import os, re, struct
import numpy as np, torch
import torch.nn.functional as F
from torch.func import functional_call

HERE = os.path.dirname(os.path.abspath(__file__))
DIGITS = os.path.join(HERE, "..", "..", "..", "models", "data", "digits")


def idx(name):
    raw = open(os.path.join(DIGITS, name), "rb").read()
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(struct.unpack(">" + "I" * raw[3], raw[4:4 + 4 * raw[3]]))


def digits():
    return {"image": idx("train-images-idx3-ubyte") / 16.0, "digit": idx("train-labels-idx1-ubyte").astype(np.int64)}


def saved(folder, columns):
    """Writes columns as NumPy arrays, floats in single precision, and gives them as PyTorch takes them."""
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    for name, x in columns.items():
        columns[name] = x = x.astype(np.float32 if x.dtype.kind == "f" else np.int64)
        np.save(os.path.join(HERE, folder, name + ".npy"), x if x.dtype.kind == "f" else x.astype(np.uint8))
    return {name: x.astype(np.float64) if x.dtype.kind == "f" else x for name, x in columns.items()}


def waves():
    """Three noisy sines whose phases tell the class."""
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 4, 90)
    angle = np.arange(10)[None, :, None] * (0.4 + 0.2 * np.arange(3)) + kind[:, None, None] * 0.8
    return saved("waves", {"wave": np.sin(angle) + 0.3 * rng.normal(size=(90, 10, 3)), "kind": kind})


def symbols():
    """Each symbol is the sum of the two before it, modulo seven, four times out of five."""
    rng = np.random.default_rng(3)
    symbol = rng.integers(0, 7, (90, 12))
    for t in range(2, 12):
        follows = rng.random(90) < 0.8
        symbol[follows, t] = (symbol[follows, t - 1] + symbol[follows, t - 2]) % 7
    return saved("symbols", {"symbol": symbol})


def shapes():
    """Bumps of some width somewhere along 16 places."""
    rng = np.random.default_rng(4)
    middle, width = rng.uniform(2, 14, (90, 1)), rng.uniform(1, 4, (90, 1))
    return saved("shapes", {"shape": np.exp(-(((np.arange(16) - middle) / width) ** 2)), "noise": rng.normal(size=(90, 3))})


def sounds():
    """Frames of up to four sounds one after the other, each for two or three frames."""
    rng = np.random.default_rng(5)
    sound, word = 0.3 * rng.normal(size=(90, 12, 4)), np.ones((90, 4), np.int64)
    frames, labels = np.zeros(90), np.zeros(90)
    for i in range(90):
        n, t = rng.integers(1, 5), 0
        for j in range(n):
            word[i, j] = rng.integers(1, 5)
            for _ in range(rng.integers(2, 4)):
                sound[i, t, word[i, j] - 1] += 1
                t += 1
        frames[i], labels[i] = t, n
    return saved("sounds", {"sound": sound, "word": word, "frames": frames, "labels": labels})


def dense(p, at, x):
    return F.linear(x, p[at + ".w"].T, p.get(at + ".b"))


layout = torch.contiguous_format


def conv(p, at, x, **how):
    """A convolution of [n, c, h, w], in memory as `layout` says; weights lie as [kh, kw, c / groups, filters]."""
    return F.conv2d(x.contiguous(memory_format=layout), p[at + ".w"].permute(3, 2, 0, 1), **how)


def norm(p, s, at, x):
    return F.batch_norm(x, s[at + ".running_mean"], s[at + ".running_var"], p[at + ".scale"], p[at + ".shift"], training=True)


def flat(x):
    return x.permute(0, 2, 3, 1).flatten(1)


def recurrent(p, at, kind, x):
    """nn.LSTM, nn.GRU or nn.RNN with one bias a gate; GRU has a second one inside its reset."""
    w, u, b = (p[f"{at}.{name}"] for name in "wub")
    units = u.shape[0]
    net = kind(w.shape[0], units, batch_first=True, dtype=x.dtype)
    inner = torch.cat([torch.zeros(2 * units, dtype=x.dtype), p[at + ".c"]]) if kind is torch.nn.GRU else torch.zeros_like(b)
    given = {"weight_ih_l0": w.T, "weight_hh_l0": u.T, "bias_ih_l0": b, "bias_hh_l0": inner}
    return functional_call(net, given, (x,))[0]


class Network:
    """What the rest have in common. `kind` says how single precision is judged: smooth, relu or normed (see make.py)."""

    clip = None

    def __init__(self, data, kind, **shapes):
        self.data, self.kind, self.shapes = data, kind, shapes

    def init(self):
        """Initial parameters, single-precision numbers as doubles, and statistics."""
        rng, p, s = np.random.default_rng(1), {}, {}
        for path, shape in self.shapes.items():
            if normal := re.search(r"(batch|layer)_norm(_\d+)?$", path):
                for name, middle in (("scale", 1.0), ("shift", 0.0)):
                    p[f"{path}.{name}"] = middle + rng.uniform(-0.1, 0.1, shape)
                if normal[1] == "batch":
                    s[path + ".running_mean"], s[path + ".running_var"] = np.zeros(shape), np.ones(shape)
            elif len(shape) == 1:
                p[path] = rng.uniform(-0.1, 0.1, shape)
            else:
                taps = int(np.prod(shape[:-2]))
                p[path] = rng.uniform(-1, 1, shape) * (6 / (taps * (shape[-2] + shape[-1]))) ** 0.5
        single = lambda d: {k: v.astype(np.float32).astype(np.float64) for k, v in d.items()}
        return single(p), single(s)


def layer(path, n, units):
    return {path + ".w": (n, units), path + ".b": (units,)}


class Mlp(Network):
    def __init__(self):
        super().__init__(digits(), "relu", **layer("Net.dense", 64, 12), **layer("Net.dense_2", 12, 10))

    def losses(self, p, s, r):
        h = torch.relu(dense(p, "Net.dense", r["image"].flatten(1)))
        yield F.cross_entropy(dense(p, "Net.dense_2", h), r["digit"]), "Net."


class Cnn(Network):
    def __init__(self):
        super().__init__(digits(), "normed", **{
            "Net.conv.w": (3, 3, 1, 4), "Net.batch_norm": (4,), "Net.conv_2.w": (3, 3, 4, 6), "Net.batch_norm_2": (6,)},
            **layer("Net.dense", 24, 10))

    def losses(self, p, s, r):
        h = conv(p, "Net.conv", r["image"][:, None], padding=1)
        h = F.max_pool2d(torch.relu(norm(p, s, "Net.batch_norm", h)), 2)
        h = conv(p, "Net.conv_2", h, padding=1)
        h = F.max_pool2d(torch.relu(norm(p, s, "Net.batch_norm_2", h)), 2)
        yield F.cross_entropy(dense(p, "Net.dense", flat(h)), r["digit"]), "Net."


class Depthwise(Network):
    def __init__(self):
        super().__init__(digits(), "normed", **{
            "Net.conv.w": (3, 3, 1, 6), "Net.batch_norm": (6,), "Net.conv_2.w": (3, 3, 1, 6), "Net.batch_norm_2": (6,),
            "Net.conv_3.w": (1, 1, 6, 8), "Net.batch_norm_3": (8,)}, **layer("Net.dense", 8, 10))

    def losses(self, p, s, r):
        h = F.relu6(norm(p, s, "Net.batch_norm", conv(p, "Net.conv", r["image"][:, None])))
        h = F.relu6(norm(p, s, "Net.batch_norm_2", conv(p, "Net.conv_2", h, stride=2, padding=1, groups=6)))
        h = F.relu6(norm(p, s, "Net.batch_norm_3", conv(p, "Net.conv_3", h)))
        yield F.cross_entropy(dense(p, "Net.dense", h.mean((2, 3))), r["digit"]), "Net."


class Residual(Network):
    def __init__(self):
        a, b = "Net.basic_block", "Net.basic_block_2"
        super().__init__(digits(), "normed", **{
            "Net.conv.w": (3, 3, 1, 4), "Net.batch_norm": (4,),
            a + ".conv.w": (3, 3, 4, 4), a + ".batch_norm": (4,), a + ".conv_2.w": (3, 3, 4, 4), a + ".batch_norm_2": (4,),
            b + ".conv.w": (3, 3, 4, 6), b + ".batch_norm": (6,), b + ".conv_2.w": (3, 3, 6, 6), b + ".batch_norm_2": (6,),
            b + ".shortcut.w": (1, 1, 4, 6), b + ".batch_norm_3": (6,)}, **layer("Net.dense", 6, 10))

    def losses(self, p, s, r):
        def block(at, x, stride):
            h = conv(p, at + ".conv", x, padding=1, stride=stride)
            h = torch.relu(norm(p, s, at + ".batch_norm", h))
            h = norm(p, s, at + ".batch_norm_2", conv(p, at + ".conv_2", h, padding=1))
            short = x if stride == 1 else norm(p, s, at + ".batch_norm_3", conv(p, at + ".shortcut", x, stride=stride))
            return torch.relu(h + short)

        h = torch.relu(norm(p, s, "Net.batch_norm", conv(p, "Net.conv", r["image"][:, None], padding=1)))
        h = block("Net.basic_block_2", block("Net.basic_block", h, 1), 2)
        yield F.cross_entropy(dense(p, "Net.dense", h.mean((2, 3))), r["digit"]), "Net."


class Gated(Network):
    def __init__(self, name, kind, gates):
        self.at, self.module = "Net." + name, kind
        extra = {self.at + ".c": (6,)} if kind is torch.nn.GRU else {}
        super().__init__(waves(), "smooth", **{
            self.at + ".w": (3, 6 * gates), self.at + ".u": (6, 6 * gates), self.at + ".b": (6 * gates,)}, **extra,
            **layer("Net.dense", 6, 4))
        self.clip = 1.0 if kind is torch.nn.LSTM else None

    def losses(self, p, s, r):
        h = recurrent(p, self.at, self.module, r["wave"])
        yield F.cross_entropy(dense(p, "Net.dense", h[:, -1]), r["kind"]), "Net."


class Transformer(Network):
    clip = 0.5

    def __init__(self):
        super().__init__(symbols(), "smooth", **{
            "Net.embedding.w": (7, 8), "Net.positions.w": (11, 8), "Net.block.layer_norm": (8,),
            "Net.block.self_attention.given.w": (8, 24), "Net.block.self_attention.joined.w": (8, 8),
            "Net.block.layer_norm_2": (8,)},
            **layer("Net.block.dense", 8, 16), **layer("Net.block.dense_2", 16, 8), **{"Net.layer_norm": (8,)},
            **layer("Net.dense", 8, 7))

    def losses(self, p, s, r):
        def normal(at, x):
            return F.layer_norm(x, (8,), p[at + ".scale"], p[at + ".shift"])

        def attention(at, x):
            net = torch.nn.MultiheadAttention(8, 2, bias=False, batch_first=True, dtype=x.dtype)
            given = {"in_proj_weight": p[at + ".given.w"].T, "out_proj.weight": p[at + ".joined.w"].T}
            future = torch.ones(11, 11, dtype=torch.bool).triu(1)
            return functional_call(net, given, (x, x, x), {"attn_mask": future, "need_weights": False})[0]

        given, wanted = r["symbol"][:, :-1], r["symbol"][:, 1:]
        x = F.embedding(given, p["Net.embedding.w"]) + p["Net.positions.w"]
        x = x + attention("Net.block.self_attention", normal("Net.block.layer_norm", x))
        h = F.gelu(dense(p, "Net.block.dense", normal("Net.block.layer_norm_2", x)))
        x = x + dense(p, "Net.block.dense_2", h)
        logits = dense(p, "Net.dense", normal("Net.layer_norm", x))
        yield F.cross_entropy(logits.reshape(-1, 7), wanted.reshape(-1)), "Net."


class Autoencoder(Network):
    def __init__(self):
        super().__init__(shapes(), "smooth", **layer("Net.dense", 16, 4), **layer("Net.dense_2", 4, 16))

    def losses(self, p, s, r):
        x = r["shape"]
        yield F.mse_loss(torch.sigmoid(dense(p, "Net.dense_2", torch.tanh(dense(p, "Net.dense", x)))), x), "Net."


class Vae(Network):
    def __init__(self):
        super().__init__(shapes(), "smooth", **layer("Net.dense", 16, 8), **layer("Net.centre", 8, 3),
                         **layer("Net.log_var", 8, 3), **layer("Net.dense_2", 3, 8), **layer("Net.dense_3", 8, 16))

    def losses(self, p, s, r):
        h = torch.tanh(dense(p, "Net.dense", r["shape"]))
        centre, log_var = dense(p, "Net.centre", h), dense(p, "Net.log_var", h)
        z = centre + torch.exp(log_var / 2) * r["noise"]
        y = torch.sigmoid(dense(p, "Net.dense_3", F.softplus(dense(p, "Net.dense_2", z))))
        divergence = (centre**2 + torch.exp(log_var) - 1 - log_var).sum(-1).mean() / 2
        yield 10 * F.mse_loss(y, r["shape"]) + divergence / 16, "Net."


class Gan(Network):
    def __init__(self):
        super().__init__(shapes(), "smooth", **layer("Generator.dense", 3, 8), **layer("Generator.dense_2", 8, 16),
                         **layer("Critic.dense", 16, 8), **layer("Critic.dense_2", 8, 1))

    def losses(self, p, s, r):
        def drawn():
            return torch.sigmoid(dense(p, "Generator.dense_2", torch.tanh(dense(p, "Generator.dense", r["noise"]))))

        def bce(x, target):
            x = dense(p, "Critic.dense_2", torch.tanh(dense(p, "Critic.dense", x)))
            return F.binary_cross_entropy_with_logits(x, torch.full_like(x, target))

        yield bce(r["shape"], 1.0) + bce(drawn().detach(), 0.0), "Critic."
        yield bce(drawn(), 1.0), "Generator."


class Ctc(Network):
    clip = 2.0

    def __init__(self):
        super().__init__(sounds(), "smooth", **{"Net.rnn.w": (4, 8), "Net.rnn.u": (8, 8), "Net.rnn.b": (8,)},
                         **layer("Net.dense", 8, 5))

    def losses(self, p, s, r):
        h = recurrent(p, "Net.rnn", torch.nn.RNN, r["sound"])
        log_probability = F.log_softmax(dense(p, "Net.dense", h), -1).transpose(0, 1)
        yield F.ctc_loss(log_probability, r["word"], r["frames"].long(), r["labels"].long()), "Net."


NETWORKS = {
    "mlp": Mlp, "cnn": Cnn, "depthwise": Depthwise, "residual": Residual,
    "lstm": lambda: Gated("lstm", torch.nn.LSTM, 4), "gru": lambda: Gated("gru", torch.nn.GRU, 3),
    "transformer": Transformer, "autoencoder": Autoencoder, "vae": Vae, "gan": Gan, "ctc": Ctc,
}
