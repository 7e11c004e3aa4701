#!/usr/bin/env python3
"""Trains models/charlm.nn and models/gpt.nn and the same models in PyTorch, from the same initial values, on the same rows in the
same order.

    python benches/language_models.py [--nnc target/release/nnc] [--threads 2] [--epochs 2] [charlm] [gru] [gpt]
    python benches/language_models.py --check 100 [--nnc target/release/nnc] [charlm] [gru] [gpt]

Needs torch and safetensors. Rows are taken in the order of the file, the last tenth held out, as `--order sequential` has it.
Prints for each model the perplexity of the held-out rows and the milliseconds of a training step, of both, epoch by epoch;
with `--check` the largest relative difference of the losses of so many steps in double precision.
"""

import argparse
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

from same_start import ROOT, Nnc, farthest

WINDOW, BATCH = 65, 32


class Recurrent(nn.Module):
    def __init__(self, start, kind):
        super().__init__()
        self.embed = start.embedding("Reader.embedding")
        self.rnn = start.recurrent(kind, f"Reader.{kind.__name__.lower()}")
        self.out = start.dense("Reader.dense")

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


class Block(nn.Module):
    def __init__(self, start, path, heads):
        super().__init__()
        self.heads = heads
        self.before, self.between = start.norm(f"{path}.layer_norm"), start.norm(f"{path}.layer_norm_2")
        self.given, self.joined = (start.dense(f"{path}.self_attention.{part}") for part in ("given", "joined"))
        self.up, self.down = start.dense(f"{path}.dense"), start.dense(f"{path}.dense_2")

    def forward(self, x):
        b, t, n = x.shape
        q, k, v = (
            z.view(b, t, self.heads, n // self.heads).transpose(1, 2) for z in self.given(self.before(x)).chunk(3, -1)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.joined(seen.transpose(1, 2).reshape(b, t, n))
        return x + self.down(F.gelu(self.up(self.between(x))))


class Gpt(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.embed = start.embedding("Gpt.embedding")
        self.positions = start.parameter("Gpt.positions.w")
        self.blocks = nn.Sequential(*(Block(start, f"Gpt.block[{i}]", 4) for i in range(3)))
        self.norm, self.out = start.norm("Gpt.layer_norm"), start.dense("Gpt.dense")

    def forward(self, x):
        return self.out(self.norm(self.blocks(self.embed(x) + self.positions)))


def rows():
    text = (ROOT / "models/data/persuasion.txt").read_text(encoding="utf-8")
    numbers = {c: i + 4 for i, c in enumerate(sorted(set(text)))}
    codes = torch.tensor([numbers[c] for c in text])
    cut = codes.unfold(0, WINDOW, WINDOW - 1)
    held = math.floor(0.1 * len(cut) + 0.5)
    return cut[:-held], cut[-held:]


class Torch:
    """A run of `steps` steps in PyTorch."""

    def __init__(self, model, steps, warmed):
        self.model = model
        if warmed:
            peak, n = 0.002, 100
            self.optimizer = torch.optim.AdamW(model.parameters(), lr=peak)
            cosine = lambda t: 0.5 * (1 + math.cos(math.pi * min(t / steps, 1)))
            rate = lambda t: (t + 1) / n if t < n else cosine(t - n)
        else:
            self.optimizer, rate = torch.optim.Adam(model.parameters(), lr=0.002), lambda t: 1
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)

    def loss(self, rows):
        return F.cross_entropy(self.model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())

    def train(self, batches):
        """The loss of each batch before its step, and the milliseconds of a step."""
        losses, begin = [], time.perf_counter()
        for rows in batches:
            self.optimizer.zero_grad()
            loss = self.loss(rows)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            losses.append(loss.item())
        return losses, 1e3 * (time.perf_counter() - begin) / len(losses)

    def held_out(self, rows):
        with torch.no_grad():
            total = sum(self.loss(part).item() * len(part) for part in rows.split(BATCH))
        return math.exp(total / len(rows))


def check(nnc, model, warmed, steps):
    train, _ = rows()
    batches = (train.split(BATCH) * (1 + steps * BATCH // len(train)))[:steps]
    theirs, _ = Torch(model, steps, warmed).train(batches)
    return farthest(nnc.losses(steps), theirs)


def compare(nnc, model, warmed, epochs):
    train, valid = rows()
    batches = train.split(BATCH)
    theirs = Torch(model, epochs * len(batches), warmed)
    events = nnc.run("--epochs", epochs)
    told = [event for event in events if event["event"] == "epoch"]
    for event in told:
        _, ms = theirs.train(batches)
        ours = 1e3 * event["seconds"] / len(batches)
        yield event["epoch"], event["valid"]["perplexity"], theirs.held_out(valid), ours, ms


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["charlm", "gru", "gpt"])
    parser.add_argument("--nnc", default=str(ROOT / "target/release/nnc"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--check", type=int, metavar="STEPS")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    text = f"text={ROOT / 'models/data/persuasion.txt'}"
    made = {
        "charlm": ("charlm.nn", [text], lambda start: Recurrent(start, nn.LSTM)),
        "gru": ("charlm.nn", [text, "gru=true"], lambda start: Recurrent(start, nn.GRU)),
        "gpt": ("gpt.nn", [text], Gpt),
    }
    for name in given.models:
        file, options, model = made[name]
        nnc = Nnc(given.nnc, file, options, given.threads, double=given.check is not None)
        model = model(nnc.start())
        if given.check is not None:
            print(f"{name:8} {given.check} steps in f64: losses differ by {check(nnc, model, name == 'gpt', given.check):.1e}", flush=True)
            continue
        for epoch, ours, theirs, our_ms, their_ms in compare(nnc, model, name == "gpt", given.epochs):
            figures = f"perplexity {ours:8.4f} / {theirs:8.4f} ({ours / theirs - 1:+.2%})"
            print(f"{name:8} epoch {epoch} nnc / torch: {figures}, {our_ms:.2f} / {their_ms:.2f} ms a step", flush=True)


if __name__ == "__main__":
    main()
