"""Writes `linear.csv` from scikit-learn's copy of Fisher's iris measurements.

    python make_linear.py sklearn/datasets/data/iris.csv

The source is sorted by species. Its rows are put in a seeded random order, so that the tail of the file, which a sequential
split holds out, is like the rest. Values are those of the source, in centimetres; the species is left out.
"""

import csv
import sys
from pathlib import Path

from make_digits import random_numbers, shuffled

SEED = 150
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def main(source):
    with open(source, newline="") as lines:
        next(lines)
        rows = [row[:4] for row in csv.reader(lines)]
    with open(Path(__file__).parent / "linear.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(shuffled(rows, random_numbers(SEED)))


if __name__ == "__main__":
    main(sys.argv[1])
