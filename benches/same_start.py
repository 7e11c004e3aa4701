"""What the comparisons with PyTorch share: runs of nnc, and PyTorch modules that begin with nnc's own initial values.

The tensors are those that `nnc run FILE --steps 0 --out DIR` leaves: named by path, matrices as [in, out]. PyTorch's recurrent
layers have two biases a gate and add them up; the one that nnc lacks is 0 and stays so, since its gradient is not asked for.
"""

import json
import pathlib
import subprocess
import tempfile

import torch
from safetensors.torch import load_file
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Nnc:
    """A model of the zoo, run with these options; in double precision, or without its metrics and what it keeps by them, from a copy of its file."""

    def __init__(self, program, file, options, threads=2, double=False, metrics=True):
        self.folder = tempfile.TemporaryDirectory()
        path = ROOT / "models" / file
        if double or not metrics:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if metrics or not line.startswith(("    metric ", "    keep "))]
            path = pathlib.Path(self.folder.name) / file
            path.write_text("".join(["precision: f64\n"] * double + kept), encoding="utf-8")
        self.command = [program, "run", str(path), "--order", "sequential", "--threads", str(threads), "--json"]
        self.command += [part for option in options for part in ("--set", option)]
        self.dtype = torch.float64 if double else torch.float32

    def run(self, *more):
        """The events of a run."""
        done = subprocess.run([*self.command, *map(str, more)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def losses(self, steps):
        """The loss of each of the first steps."""
        return [event["loss"] for event in self.run("--steps", steps) if event["event"] == "step"]

    def start(self):
        """The values that a run begins with."""
        out = pathlib.Path(self.folder.name) / "start"
        self.run("--steps", 0, "--out", out, "--force")
        return Start(load_file(out / "last.safetensors"), self.dtype)


class Start:
    """PyTorch modules with initial values by path."""

    def __init__(self, tensors, dtype):
        self.tensors, self.dtype = tensors, dtype

    def __getitem__(self, path):
        return self.tensors[path].to(self.dtype)

    def parameter(self, path):
        return nn.Parameter(self[path].clone())

    def fill(self, module, **values):
        module.to(self.dtype)
        with torch.no_grad():
            for name, value in values.items():
                getattr(module, name).copy_(value)
        return module

    def dense(self, path, bias=True):
        w = self[f"{path}.w"]
        values = {"weight": w.T} | ({"bias": self[f"{path}.b"]} if bias else {})
        return self.fill(nn.Linear(*w.shape, bias=bias), **values)

    def embedding(self, path):
        w = self[f"{path}.w"]
        return self.fill(nn.Embedding(*w.shape), weight=w)

    def norm(self, path):
        scale = self[f"{path}.scale"]
        return self.fill(nn.LayerNorm(len(scale)), weight=scale, bias=self[f"{path}.shift"])

    def recurrent(self, kind, *paths):
        """`kind` forwards by the first path, and backwards by the second if there is one."""
        n, units = self[f"{paths[0]}.w"].shape[0], self[f"{paths[0]}.u"].shape[0]
        layer = kind(n, units, batch_first=True, bidirectional=len(paths) == 2)
        values = {}
        for path, end in zip(paths, ("l0", "l0_reverse")):
            gates = self[f"{path}.b"]
            hidden = torch.zeros_like(gates)
            learnt = hidden.clone()
            if kind is nn.GRU:
                hidden[2 * units :], learnt[2 * units :] = self[f"{path}.c"], 1
            values |= {f"weight_ih_{end}": self[f"{path}.w"].T, f"weight_hh_{end}": self[f"{path}.u"].T}
            values |= {f"bias_ih_{end}": gates, f"bias_hh_{end}": hidden}
            getattr(layer, f"bias_hh_{end}").register_hook(lambda g, learnt=learnt: g * learnt)
        return self.fill(layer, **values)


def farthest(ours, theirs):
    """The largest relative difference of two lists of losses."""
    return max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
