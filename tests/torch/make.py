#!/usr/bin/env python3
"""Networks of PyTorch in double precision: their weights, as torch names them, operands and results.

    python3 make.py

needs torch, numpy and safetensors, and writes beside itself `networks.safetensors`, the state dictionaries of the networks below
under `vision.`, `series.` …, and the folder `rows`, whose arrays are columns of data: operands with features last, and the
results of the networks in evaluation mode. `networks.nn` builds the same networks; tests/torch.rs compares.
"""
import os

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(1)
torch.set_default_dtype(torch.float64)


def first(x):
    """[n, …, c] as PyTorch's [n, c, …]."""
    return x.movedim(-1, 1)


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 6, (3, 2), padding=1, groups=2)
        self.batch_norm = nn.BatchNorm2d(6)
        self.prelu = nn.PReLU(6)
        self.conv_transpose = nn.ConvTranspose2d(6, 8, (3, 2), stride=2, groups=2)
        self.group_norm = nn.GroupNorm(4, 8)
        self.instance_norm = nn.InstanceNorm2d(8, affine=True)
        self.layer_norm = nn.LayerNorm(8)
        self.rms_norm = nn.RMSNorm(8, eps=1e-6)
        self.dense = nn.Linear(8, 8)

    def forward(self, x):
        x = self.prelu(self.batch_norm(self.conv(first(x))))
        x = self.instance_norm(self.group_norm(self.conv_transpose(x)))
        x = self.rms_norm(self.layer_norm(x.movedim(1, -1)))
        return torch.tanh(self.dense(x)).mean(2).flatten(1)


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 3, (2, 3, 1))
        self.conv_2 = nn.Conv1d(3, 2, 3)

    def forward(self, x):
        n, height, width, c = x.shape
        x = torch.tanh(self.conv(first(x.reshape(n, height, width, 2, 2))))
        return self.conv_2(x.flatten(2)).movedim(1, -1).flatten(1)


class Series(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.gru = nn.GRU(5, 4, batch_first=True)
        self.rnn = nn.RNN(4, 3, batch_first=True)
        self.projected_lstm = nn.LSTM(3, 5, proj_size=2, batch_first=True)
        self.two = nn.LSTM(2, 3, batch_first=True, bidirectional=True)

    def forward(self, x):
        for layer in [self.lstm, self.gru, self.rnn, self.projected_lstm, self.two]:
            x, _ = layer(x)
        return x.flatten(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        return self.norm(x + self.attention(x, x, x)[0])


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.positions = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.scale = nn.Parameter(torch.empty(4))

    def forward(self, x):
        x = self.embedding(x) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return (x * self.scale).flatten(1)


networks = {
    "vision": Vision(),
    "volume": Volume(),
    "series": Series(),
    "words": Words(),
    "tower": nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2, bias=False)),
}
random = np.random.default_rng(1)
for network in networks.values():
    network.eval()
    for name, x in network.state_dict().items():
        if x.is_floating_point():
            drawn = torch.tensor(random.uniform(-0.7, 0.7, tuple(x.shape)))
            x.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn)

image = random.uniform(-1, 1, (6, 6, 5, 4))
series = random.uniform(-1, 1, (6, 7, 3))
token = random.integers(0, 11, (6, 7))
operands = {"vision": image, "volume": image, "series": series, "words": token, "tower": series[:, 0]}
rows = {"image": image, "series": series, "token": token.astype(np.uint8)}
with torch.no_grad():
    for name, network in networks.items():
        rows[f"{name}_out"] = network(torch.tensor(operands[name])).numpy()

os.makedirs(f"{HERE}/rows", exist_ok=True)
for name, values in rows.items():
    np.save(f"{HERE}/rows/{name}.npy", np.ascontiguousarray(values))
tensors = {f"{name}.{key}": x for name, network in networks.items() for key, x in network.state_dict().items()}
save_file({name: x.contiguous() for name, x in tensors.items()}, f"{HERE}/networks.safetensors")
