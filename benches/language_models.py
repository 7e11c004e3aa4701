#!/usr/bin/env python3
"""Trains models/charlm.nn and models/gpt.nn and the same models in PyTorch, on the same rows in the same order.

    python benches/language_models.py [--nnc target/release/nnc] [--threads 2] [--epochs 3] [charlm] [gru] [gpt]

Needs torch and numpy. Rows are taken in the order of the file, the last tenth held out, as `--order sequential` has it. Initial
values are drawn from the same distributions, not the same numbers, so perplexities agree to a percent or two, not to the digit.
Prints for each model the perplexity of the held-out rows and the milliseconds of a training step, of both.
"""

import argparse
import json
import math
import pathlib
import subprocess
import time

import torch
from torch import nn
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
WINDOW, BATCH = 65, 32


def glorot(module):
    for name, p in module.named_parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
        else:
            nn.init.zeros_(p)


class Recurrent(nn.Module):
    def __init__(self, vocab, kind):
        super().__init__()
        self.embed = nn.Embedding(vocab, 32)
        self.rnn = kind(32, 128, batch_first=True)
        self.out = nn.Linear(128, vocab)
        glorot(self.rnn)
        glorot(self.out)
        # One bias a gate, as nnc has it.
        if kind is nn.LSTM:
            self.rnn.bias_hh_l0.requires_grad_(False)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


class Block(nn.Module):
    def __init__(self, n, heads):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(n), nn.LayerNorm(n)
        self.given, self.joined = nn.Linear(n, 3 * n), nn.Linear(n, n)
        self.up, self.down = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)
        for module in (self.given, self.joined, self.up, self.down):
            glorot(module)

    def forward(self, x):
        b, t, n = x.shape
        q, k, v = (
            z.view(b, t, self.heads, n // self.heads).transpose(1, 2) for z in self.given(self.before(x)).chunk(3, -1)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.joined(seen.transpose(1, 2).reshape(b, t, n))
        return x + self.down(F.gelu(self.up(self.between(x))))


class Gpt(nn.Module):
    def __init__(self, vocab, n=96):
        super().__init__()
        self.embed = nn.Embedding(vocab, n)
        self.positions = nn.Parameter(torch.randn(64, n) * 0.02)
        self.blocks = nn.Sequential(*(Block(n, 4) for _ in range(3)))
        self.norm, self.out = nn.LayerNorm(n), nn.Linear(n, vocab)
        glorot(self.out)

    def forward(self, x):
        return self.out(self.norm(self.blocks(self.embed(x) + self.positions)))


def rows():
    text = (ROOT / "models/data/persuasion.txt").read_text(encoding="utf-8")
    numbers = {c: i + 4 for i, c in enumerate(sorted(set(text)))}
    codes = torch.tensor([numbers[c] for c in text])
    cut = codes.unfold(0, WINDOW, WINDOW - 1)
    held = math.floor(0.1 * len(cut) + 0.5)
    return cut[:-held], cut[-held:], len(numbers) + 4


def torch_run(model, epochs, schedule):
    train, valid, _ = rows()
    batches = train.split(BATCH)
    steps = epochs * len(batches)
    if schedule:
        peak, n = 0.002, 100
        optimizer = torch.optim.AdamW(model.parameters(), lr=peak)
        cosine = lambda t: 0.5 * (1 + math.cos(math.pi * min(t / steps, 1)))
        rate = lambda t: (t + 1) / n if t < n else cosine(t - n)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    else:
        optimizer, scheduler = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.002), None
    best, begin, spent = float("inf"), time.perf_counter(), 0.0
    for _ in range(epochs):
        begin = time.perf_counter()
        for b in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten())
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
        spent += time.perf_counter() - begin
        with torch.no_grad():
            parts = [(F.cross_entropy(model(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten()).item(), len(b)) for b in valid.split(BATCH)]
        best = min(best, sum(loss * n for loss, n in parts) / sum(n for _, n in parts))
    return math.exp(best), 1e3 * spent / steps


def nnc_run(nnc, file, epochs, threads, more):
    command = [nnc, "run", str(ROOT / "models" / file), "--order", "sequential", "--epochs", str(epochs)]
    command += ["--threads", str(threads), "--json", *more]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    end = events[-1]
    return end["valid"]["perplexity"], 1e3 * end["train_seconds"] / end["steps"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["charlm", "gru", "gpt"])
    parser.add_argument("--nnc", default=str(ROOT / "target/release/nnc"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    vocab = rows()[2]
    made = {
        "charlm": ("charlm.nn", [], lambda: Recurrent(vocab, nn.LSTM)),
        "gru": ("charlm.nn", ["--set", "gru=true"], lambda: Recurrent(vocab, nn.GRU)),
        "gpt": ("gpt.nn", [], lambda: Gpt(vocab)),
    }
    print("model    perplexity nnc / torch      ms a step nnc / torch")
    for name in given.models:
        file, more, model = made[name]
        ours = nnc_run(given.nnc, file, given.epochs, given.threads, more)
        theirs = torch_run(model(), given.epochs, name == "gpt")
        print(f"{name:8} {ours[0]:8.4f} / {theirs[0]:8.4f}        {ours[1]:8.2f} / {theirs[1]:8.2f}", flush=True)


if __name__ == "__main__":
    main()
