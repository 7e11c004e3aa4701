"""Writes the IDX files of `digits/` from scikit-learn's copy of the UCI optical digits.

    python make_digits.py sklearn/datasets/data/digits.csv.gz

Each line of the source holds 64 pixels (8x8, row by row, 0 to 16) and the digit. 36 images of every digit, a fifth, are drawn
for testing by a generator of fixed seed; both parts keep the order of the source. Only the standard library is used, and the
generator is written out here, so the files are the same with any version of Python.
"""

import gzip
import struct
import sys
from pathlib import Path

TEST_PER_DIGIT = 36
SEED = 1797


def random_numbers(state):
    """SplitMix64 (Steele, Lea and Flood, 2014)."""
    mask = (1 << 64) - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


def shuffled(items, numbers):
    """Fisher and Yates, in the form of Durstenfeld."""
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        other = next(numbers) % (last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def write_idx(path, shape, payload):
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    path.write_bytes(header + bytes(payload))


def main(source):
    with gzip.open(source, "rt") as lines:
        rows = [[int(float(cell)) for cell in line.split(",")] for line in lines]
    numbers = random_numbers(SEED)
    test = set()
    for digit in range(10):
        members = [index for index, row in enumerate(rows) if row[64] == digit]
        test.update(shuffled(members, numbers)[:TEST_PER_DIGIT])
    folder = Path(__file__).parent / "digits"
    folder.mkdir(exist_ok=True)
    for part, held_out in (("train", False), ("t10k", True)):
        chosen = [row for index, row in enumerate(rows) if (index in test) == held_out]
        pixels = [pixel for row in chosen for pixel in row[:64]]
        write_idx(folder / f"{part}-images-idx3-ubyte", (len(chosen), 8, 8), pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte", (len(chosen),), [row[64] for row in chosen])
        print(part, len(chosen))


if __name__ == "__main__":
    main(sys.argv[1])
