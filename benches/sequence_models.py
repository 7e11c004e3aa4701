#!/usr/bin/env python3
"""Trains models/seq2seq.nn and models/ctc.nn and the same models in PyTorch, from the same initial values, on the same rows in the
same order, without dropout.

    python benches/sequence_models.py [--nnc target/release/nnc] [--threads 2] [--rounds 3] [seq2seq] [ctc]
    python benches/sequence_models.py --check 200 [--nnc target/release/nnc] [seq2seq] [ctc]

Needs torch and safetensors, and the data that models/data/fetch.py fetches. Prints for each model the milliseconds of a training
step of both, without metrics, some steps each in turn, medians; for nnc what the steps of a longer run take more than those of a
shorter, in which code is still being made; with `--check` the largest relative difference of the losses of so many steps of
a smaller model in double precision.
"""

import argparse
import collections
import math
import re
import statistics
import time
import wave

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from same_start import ROOT, Nnc, farthest

STEPS = 20


def held_out(share, rows):
    return math.floor(share * rows + 0.5)


class Translator(nn.Module):
    """models/seq2seq.nn"""

    FILE, BATCH, RATE = "seq2seq.nn", 64, 0.002
    SMALL = {"units": 32, "most": 500}

    def __init__(self, start):
        super().__init__()
        encoder, decoder = "Translator.encoder", "Translator.decoder"
        self.read = start.embedding(f"{encoder}.embedding")
        self.encoder = start.recurrent(nn.GRU, f"{encoder}.bidirectional.f", f"{encoder}.bidirectional.f_2")
        self.start = start.dense(f"{encoder}.dense")
        self.written = start.embedding(f"{decoder}.embedding")
        self.decoder = start.recurrent(nn.GRU, f"{decoder}.gru")
        self.query = start.dense(f"{decoder}.query", bias=False)
        self.joined, self.word = start.dense(f"{decoder}.joined"), start.dense(f"{decoder}.word")

    def loss(self, rows):
        english, spanish, following = (pad_sequence(side, batch_first=True) for side in zip(*rows))
        there = english != 0
        packed = pack_padded_sequence(self.read(english), there.sum(1), batch_first=True, enforce_sorted=False)
        memory, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        h, _ = self.decoder(self.written(spanish), torch.tanh(self.start(memory[:, 0]))[None])
        seen = F.scaled_dot_product_attention(self.query(h), memory, memory, attn_mask=there[:, None])
        scores = self.word(torch.tanh(self.joined(torch.cat([h, seen], -1))))
        return F.cross_entropy(scores.flatten(0, 1), following.flatten(), ignore_index=0)

    @staticmethod
    def rows(data, dtype, most=3000):
        with open(data, encoding="utf-8") as lines:
            pairs = [line.rstrip("\n").split("\t") for line in lines][1:]
        cut = re.compile(r"(?:[^\W_]|['\u2019])+|\S")
        sides = []
        for texts in zip(*pairs):
            tokens = [cut.findall(text.lower()) for text in texts]
            counts = collections.Counter(token for text in tokens for token in text)
            vocabulary = sorted(counts, key=lambda token: (-counts[token], token))[: most - 4]
            numbers = {token: i + 4 for i, token in enumerate(vocabulary)}
            sides.append([[numbers.get(token, 1) for token in text[:32]] for text in tokens])
        made = [(en, [2, *es], [*es, 3]) for en, es in zip(*sides)]
        train = len(made) - 2 * held_out(0.05, len(made))
        return [tuple(map(torch.tensor, row)) for row in made[:train]]


class Speller(nn.Module):
    """models/ctc.nn"""

    FILE, BATCH, RATE = "ctc.nn", 32, 0.008
    SMALL = {"units": 32}
    WORDS = "zero one two three four five six seven eight nine".split()

    def __init__(self, start):
        super().__init__()
        self.both = start.recurrent(nn.LSTM, "Speller.bidirectional.f", "Speller.bidirectional.f_2")
        self.letters = start.dense("Speller.dense")
        place, turns = torch.arange(256.0, dtype=torch.float64)[:, None], torch.arange(129.0, dtype=torch.float64)
        hann, angle = 0.5 - 0.5 * torch.cos(2 * math.pi / 256 * place), 2 * math.pi / 256 * place * turns
        waves = torch.cat([hann * torch.cos(angle), hann * torch.sin(angle)], 1)
        mel = lambda hertz: 2595 * torch.log10(1 + torch.as_tensor(hertz, dtype=torch.float64) / 700)
        width = mel(4000) / 25
        middle = width * torch.arange(1, 25)
        share = (1 - (mel(8000 / 256 * turns)[:, None] - middle).abs() / width).clamp(min=0)
        self.waves, self.share = waves.to(start.dtype), share.to(start.dtype)

    def bands(self, sound):
        real, imag = (sound.unfold(1, 256, 128) @ self.waves).chunk(2, -1)
        x = torch.log((real**2 + imag**2) @ self.share + 1e-4)
        return F.layer_norm(x, x.shape[1:])

    def loss(self, rows):
        sounds, words = zip(*rows)
        scores = self.letters(self.both(self.bands(torch.stack(sounds)))[0]).log_softmax(-1)
        lengths = torch.tensor([len(word) for word in words])
        frames = torch.full([len(rows)], scores.shape[1])
        return F.ctc_loss(scores.transpose(0, 1), torch.cat(words), frames, lengths)

    @staticmethod
    def rows(data, dtype):
        made = []
        for path in sorted((data / "train").glob("*.wav"), key=lambda path: path.name):
            with wave.open(str(path)) as file:
                samples = torch.frombuffer(bytearray(file.readframes(6400)), dtype=torch.int16).to(dtype) / 32768
            word = Speller.WORDS[int(path.name[0])]
            made.append((F.pad(samples, (0, 6400 - len(samples))), torch.tensor([ord(letter) - ord("a") + 1 for letter in word])))
        return made[: len(made) - held_out(0.1, len(made))]


class Torch:
    """A run in PyTorch."""

    def __init__(self, model, rows, steps, constant):
        self.model, self.rows, self.at = model, rows, 0
        self.optimizer = torch.optim.Adam(model.parameters(), lr=model.RATE)
        rate = lambda t: 1 if constant else 0.5 * (1 + math.cos(math.pi * t / steps))
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)

    def train(self, steps):
        """The loss of each batch before its step, and the milliseconds of a step."""
        losses, begin = [], time.perf_counter()
        for _ in range(steps):
            rows = self.rows[self.at : self.at + self.model.BATCH]
            self.at = self.at + len(rows) if self.at + len(rows) < len(self.rows) else 0
            self.optimizer.zero_grad()
            loss = self.model.loss(rows)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            losses.append(loss.item())
        return losses, 1e3 * (time.perf_counter() - begin) / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["seq2seq", "ctc"])
    parser.add_argument("--nnc", default=str(ROOT / "target/release/nnc"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", type=int, metavar="STEPS")
    parser.add_argument("--verses", type=type(ROOT), default=ROOT / "models/data/verses.tsv")
    parser.add_argument("--speech", type=type(ROOT), default=ROOT / "models/data/speech")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    made = {"seq2seq": (Translator, given.verses), "ctc": (Speller, given.speech)}
    for name in given.models:
        kind, data = made[name]
        small = kind.SMALL if given.check is not None else {}
        options = [f"data={data.resolve()}", "dropout=0", *(f"{key}={value}" for key, value in small.items())]
        nnc = Nnc(given.nnc, kind.FILE, options, given.threads, double=given.check is not None, metrics=False)
        model = kind(nnc.start())
        rows = kind.rows(data, nnc.dtype, **{key: value for key, value in small.items() if key == "most"})
        steps = given.check if given.check is not None else STEPS
        theirs = Torch(model, rows, steps, constant=name == "seq2seq")
        if given.check is not None:
            print(f"{name:8} {steps} steps in f64: losses differ by {farthest(nnc.losses(steps), theirs.train(steps)[0]):.1e}", flush=True)
            continue
        times = []
        for _ in range(given.rounds):
            shorter, longer = (nnc.run("--steps", n)[-1]["train_seconds"] for n in (steps, 3 * steps))
            times.append((1e3 * (longer - shorter) / (2 * steps), theirs.train(steps)[1]))
        ours, others = (statistics.median(side) for side in zip(*times))
        ratio = statistics.median(other / our for our, other in times)
        print(f"{name:8} a step: nnc {ours:.1f} ms, torch {others:.1f} ms, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
