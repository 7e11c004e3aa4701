#!/usr/bin/env python3
"""A training step of the models in models/ in nnc and in PyTorch eager: the same layers, batch, loss and optimizer, in f32.

    cargo build --release && python3 benches/models.py [--threads 2] [--rounds 3] [--least] [MODEL ...]

needs numpy and torch. The programs run as they are, on data of the shapes they ask for: the repository's digits, repeated, and drawn
images, ratings and texts. For nnc the seconds of each epoch but the first, in which code is still being made, divided by its steps,
figures and the gathering of rows included; for PyTorch those of every five steps over one batch that lies in memory. Both in turn,
ROUNDS times; medians of all of these, or with --least the least, which say more on a machine with other work.
"""
import argparse, json, math, os, pathlib, shutil, statistics, struct, subprocess, sys, tempfile, time, zlib

import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
NNC = os.environ.get("NNC", ROOT / "target" / "release" / "nnc")
RNG = np.random.default_rng(0)
# Without what is held out, whole batches are left: of 64, 45 an epoch; of 16, 10 of the twentieth that finetune.nn learns from.
IMAGES, COLOURS, RATINGS, TEXTS = 3200, 569, 3200, 800


# The data, where the programs look for them.
def write_idx(folder, images, labels):
    folder.mkdir(parents=True)
    for part, rows in (("train", len(images)), ("t10k", 64)):
        for name, values in (("images", images[:rows]), ("labels", labels[:rows])):
            head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            (folder / f"{part}-{name}-idx{values.ndim}-ubyte").write_bytes(head + values.tobytes())


def write_png(path, pixels):
    chunk = lambda kind, contents: struct.pack(">I", len(contents)) + kind + contents + struct.pack(">I", zlib.crc32(kind + contents))
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def write_data(folder):
    digits = np.fromfile(ROOT / "models/data/digits/train-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 8, 8)
    kinds = np.fromfile(ROOT / "models/data/digits/train-labels-idx1-ubyte", np.uint8)[8:]
    write_idx(folder / "digits", np.resize(digits, (IMAGES, 8, 8)), np.resize(kinds, IMAGES))
    write_idx(folder / "fashion", RNG.integers(0, 256, (IMAGES, 28, 28), np.uint8), RNG.integers(0, 10, IMAGES, np.uint8))
    for part, rows in (("train", COLOURS), ("test", 10)):
        for i in range(rows):
            write_png(folder / f"cifar10/{part}/{i % 10}/{i}.png", RNG.integers(0, 256, (32, 32, 3), np.uint8))
    ratings = np.stack([RNG.integers(0, n, RATINGS) + least for n, least in ((943, 0), (1682, 0), (2, 4))], 1)
    np.savetxt(folder / "ratings.csv", ratings, "%d", ",", header="user,film,rating", comments="")
    word, lines = 0, ["text\tpositive"]
    for i, n in enumerate(RNG.integers(8, 49, TEXTS)):
        lines.append(" ".join(f"w{(word + j) % 9000}" for j in range(n)) + f"\t{i % 2}")
        word += n
    (folder / "reviews.tsv").write_text("\n".join(lines) + "\n")


# The models in PyTorch: each function returns a step.
def mlp(*sizes):
    layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def adam(*modules, **more):
    return torch.optim.Adam([p for m in modules for p in m.parameters()], fused=True, **more)


def minimize(optimizer, loss, rate=None):
    """A step that takes `loss()` down; `rate` is the share of the rate at a step."""
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate) if rate else None

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return step


def cosine(t):
    return 0.5 * (1 + math.cos(math.pi * min(t / 10000, 1)))


def classify(model, x, optimizer, rate=None):
    y = torch.randint(0, 10, (len(x),))
    return minimize(optimizer, lambda: F.cross_entropy(model(x), y), rate)


def digits():
    model = nn.Sequential(nn.Flatten(), mlp(64, 64, 64, 10))
    return classify(model, torch.rand(64, 8, 8), adam(model, lr=0.01))


def lenet(batch=64, size=28, channels=1, padding=2):
    flat = 16 * (((size + 2 * padding - 4) // 2 - 4) // 2) ** 2
    first, second = nn.Conv2d(channels, 6, 5, padding=padding), nn.Conv2d(6, 16, 5)
    pooled = (layer for conv in (first, second) for layer in (conv, nn.ReLU(), nn.MaxPool2d(2)))
    model = nn.Sequential(*pooled, nn.Flatten(), mlp(flat, 120, 84, 10))
    return classify(model, torch.rand(batch, channels, size, size), adam(model, lr=0.001))


def lenet_cifar():
    return lenet(128, 32, 3, 0)


class Block(nn.Module):
    def __init__(self, c, filters, stride=1):
        super().__init__()
        conv = lambda c, k, stride: nn.Conv2d(c, filters, k, stride, k // 2, bias=False)
        self.first, self.second = conv(c, 3, stride), conv(filters, 3, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for _ in range(2))
        same = stride == 1 and c == filters
        self.short = nn.Identity() if same else nn.Sequential(conv(c, 1, stride), nn.BatchNorm2d(filters))

    def forward(self, x):
        f = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(f)) + self.short(x))


def resnet20():
    blocks, c = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for filters in (16, 32, 64):
        blocks += [Block(c, filters, filters // c), Block(filters, filters), Block(filters, filters)]
        c = filters
    model = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, fused=True)
    return classify(model, torch.randn(128, 3, 32, 32), optimizer, lambda t: (t + 1) / 100 if t < 100 else cosine(t - 100))


def autoencoder(pixels=64, code=8):
    model, x = nn.Sequential(mlp(pixels, 256, code), mlp(code, 256, pixels)), torch.rand(64, pixels)
    return minimize(adam(model, lr=0.003), lambda: F.mse_loss(model(x), x), cosine)


def vae(pixels=64, code=8):
    trunk, mean, log_var = nn.Sequential(nn.Linear(pixels, 256), nn.ReLU()), nn.Linear(256, code), nn.Linear(256, code)
    decoder, x = nn.Sequential(mlp(code, 256, pixels), nn.Sigmoid()), torch.rand(64, pixels)

    def loss():
        h = trunk(x)
        m, v = mean(h), log_var(h)
        error = F.mse_loss(decoder(m + torch.exp(v / 2) * torch.randn_like(m)), x)
        return error / 0.02 + (m**2 + v.exp() - 1 - v).sum(1).mean() / 2 / pixels
    return minimize(adam(trunk, mean, log_var, decoder, lr=0.001), loss, cosine)


def drawing(activation, hidden):
    generator = nn.Sequential(mlp(16, 64, 64, 64), nn.Sigmoid())
    critic = nn.Sequential(nn.Linear(64, 64), activation, nn.Linear(64, hidden), activation, nn.Linear(hidden, 1))
    return generator, critic, torch.rand(64, 64)


def learn(optimizer, module, loss):
    """A step of these parameters alone: no gradient of the others is computed."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=list(module.parameters()))
    optimizer.step()


def gan():
    generator, critic, x = drawing(nn.LeakyReLU(0.2), 32)
    first, second = (adam(m, lr=5e-4, betas=(0.5, 0.999)) for m in (critic, generator))
    bce = lambda logits, target: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

    def step():
        with torch.no_grad():
            fake = generator(torch.randn(64, 16))
        learn(first, critic, bce(critic(x), 1.0) + bce(critic(fake), 0.0))
        learn(second, generator, bce(critic(generator(torch.randn(64, 16))), 1.0))
    return step


def wgan_gp():
    generator, critic, x = drawing(nn.Softplus(), 64)
    first, second = (adam(m, lr=5e-4, betas=(0.5, 0.9)) for m in (critic, generator))
    count = 0

    def step():
        nonlocal count
        count += 1
        with torch.no_grad():
            fake, share = generator(torch.randn(64, 16)), torch.rand(64, 1)
        mixed = (share * x + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
        learn(first, critic, critic(fake).mean() - critic(x).mean() + 10 * penalty)
        if count % 5 == 0:
            learn(second, generator, -critic(generator(torch.randn(64, 16))).mean())
    return step


def ncf():
    person, film, strictness, quality = (nn.Embedding(*shape) for shape in ((943, 16), (1682, 16), (943, 1), (1682, 1)))
    joined = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    a, b, rating = torch.randint(0, 943, (256,)), torch.randint(0, 1682, (256,)), torch.rand(256) + 4
    parts = nn.ModuleList([person, film, strictness, quality, joined])
    optimizer = torch.optim.AdamW(parts.parameters(), 0.001, weight_decay=0.1, fused=True)

    def loss():
        u, f = person(a), film(b)
        both = joined(torch.cat([u, f], 1))
        return F.mse_loss(3.5 + (u * f).sum(1) + (both + strictness(a) + quality(b))[:, 0], rating)
    return minimize(optimizer, loss)


def textcnn():
    words, head = nn.Embedding(8000, 64), nn.Linear(192, 2)
    phrases = nn.ModuleList(nn.Conv1d(64, 64, width) for width in (3, 4, 5))
    lengths, text, y = torch.randint(8, 49, (64, 1)), torch.randint(0, 8000, (64, 48)), torch.randint(0, 2, (64,))
    mask = (torch.arange(48) < lengths)[..., None]

    def loss():
        x = F.dropout(torch.where(mask, words(text), 0), 0.3).transpose(1, 2)
        found = [F.relu(conv(x)).amax(2) for conv in phrases]
        return F.cross_entropy(head(F.dropout(torch.cat(found, 1), 0.5)), y)
    return minimize(adam(words, head, phrases, lr=0.001), loss)


def pretrain():
    model, x = nn.Sequential(mlp(64, 64, 16), mlp(16, 64, 64), nn.Sigmoid()), torch.rand(64, 64)
    return minimize(adam(model, lr=0.002), lambda: F.mse_loss(model(x), x))


def finetune():
    encoder, head = mlp(64, 64, 16).requires_grad_(False), nn.Sequential(nn.ReLU(), nn.Linear(16, 10))
    return classify(nn.Sequential(encoder, head), torch.rand(16, 64), adam(head, lr=0.02))


LARGE = ["--set", "data=data/fashion", "--set", "largest=255", "--set", "code=16"]
# A line: the program, its arguments, the step in PyTorch, the steps of an epoch, the epochs of a round.
MODELS = {
    "digits": ("digits", [], digits, 45, 60),
    "lenet": ("lenet", [], lenet, 45, 6),
    "lenet_cifar": ("lenet_cifar", [], lenet_cifar, 4, 20),
    "resnet20": ("resnet20", [], resnet20, 4, 4),
    "autoencoder": ("autoencoder", [], autoencoder, 45, 30),
    "autoencoder 28x28": ("autoencoder", LARGE, lambda: autoencoder(784, 16), 45, 15),
    "vae": ("vae", [], vae, 45, 30),
    "vae 28x28": ("vae", LARGE, lambda: vae(784, 16), 45, 15),
    "gan": ("gan", [], gan, 45, 30),
    "wgan_gp": ("wgan_gp", [], wgan_gp, 45, 30),
    "ncf": ("ncf", [], ncf, 10, 60),
    "textcnn": ("textcnn", [], textcnn, 10, 5),
    "pretrain": ("pretrain", ["--out", "pretrained", "--force"], pretrain, 45, 30),
    "finetune": ("finetune", [], finetune, 10, 200),
}


def nnc_epochs(folder, threads, program, more, steps, epochs):
    """The seconds of a step, one an epoch."""
    command = [NNC, "run", f"{program}.nn", "--json", "--epochs", str(epochs), "--threads", str(threads), *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program}: {done.stderr}")
    events = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "epoch"]
    assert events[0]["step"] == steps, f"{program}: an epoch has {events[0]['step']} steps"
    return [event["seconds"] / steps for event in events[1:]]


def torch_fives(step, steps):
    """The seconds of a step, one for each five of them: wgan_gp has its second phase in every fifth."""
    times = []
    for _ in range(steps // 5):
        start = time.perf_counter()
        for _ in range(5):
            step()
        times.append((time.perf_counter() - start) / 5)
    return times[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", default=list(MODELS), help=", ".join(MODELS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", action="store_true")
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    middle = min if given.least else statistics.median
    print(f"| {given.threads} threads | nnc, ms a step | PyTorch eager | ratio |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_data(folder / "data")
        for program in (ROOT / "models").glob("*.nn"):
            shutil.copy(program, folder)
        if "finetune" in given.models:
            nnc_epochs(folder, given.threads, *MODELS["pretrain"][:2], 45, 2)
        for model in given.models:
            program, more, make, steps, epochs = MODELS[model]
            step, ours, theirs = make(), [], []
            for _ in range(given.rounds):
                ours += nnc_epochs(folder, given.threads, program, more, steps, epochs)
                theirs += torch_fives(step, max(15, steps * epochs // 5))
            a, b = middle(ours), middle(theirs)
            print(f"| {model} | {a * 1e3:.3f} | {b * 1e3:.3f} | {b / a:.2f} |", flush=True)


if __name__ == "__main__":
    main()
