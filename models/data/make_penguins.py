"""Writes `penguins.csv` from a table of the Palmer penguins.

    python make_penguins.py penguins.csv

The source has a line a penguin and the columns of palmerpenguins (`bill_depth_mm` and so on), sorted by species. The two birds
that were not measured are left out, and rows are put in a seeded random order, so that the tail of the file, which a sequential
split holds out, is like the rest.
"""

import csv
import sys
from pathlib import Path

from make_digits import random_numbers, shuffled

SEED = 342
COLUMNS = {
    "species": "species",
    "bill_length": "bill_length_mm",
    "bill_depth": "bill_depth_mm",
    "flipper_length": "flipper_length_mm",
    "body_mass": "body_mass_g",
}


def main(source):
    with open(source, newline="") as lines:
        rows = [[row[name] for name in COLUMNS.values()] for row in csv.DictReader(lines)]
    whole = [row for row in rows if all(cell not in ("", "NA") for cell in row)]
    with open(Path(__file__).parent / "penguins.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(shuffled(whole, random_numbers(SEED)))


if __name__ == "__main__":
    main(sys.argv[1])
