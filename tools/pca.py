#!/usr/bin/env python3
"""The error of principal components, to compare autoencoders with.

usage: pca.py [DATA [LARGEST [WIDTH]]]      default: models/data/digits 16 8

The components are those of the training images of a folder of IDX files (.gz or plain); printed is the mean squared error of a pixel,
from 0 to 1, of the test images by as many components. Needs numpy."""
import glob
import gzip
import sys

import numpy


def images(folder, part):
    path = sorted(glob.glob(f"{folder}/{part}-images*"))[0]
    raw = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    shape = numpy.frombuffer(raw, ">u4", 3, 4)
    return numpy.frombuffer(raw, numpy.uint8, offset=16).reshape(shape[0], -1).astype(float)


folder, largest, width = (sys.argv[1:] + ["models/data/digits", "16", "8"][len(sys.argv) - 1 :])[:3]
train, test = (images(folder, part) / float(largest) for part in ("train", "t10k"))
mean = train.mean(0)
_, _, axes = numpy.linalg.svd(numpy.cov((train - mean).T), hermitian=True)
axes = axes[: int(width)]
left = (test - mean) - (test - mean) @ axes.T @ axes
print(f"{width} components of {folder}: {(left**2).mean():.5f}")
