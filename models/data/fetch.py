#!/usr/bin/env python3
"""Fetches the data sets that models read and this repository does not carry, by package name, through pip alone.

    python3 models/data/fetch.py ratings reviews

ratings   data/ratings.csv: 100,000 ratings of 1,682 films by 943 people (MovieLens 100K, from the wheel of RecBole 1.2.1). GroupLens
          allows research use and forbids to pass the data on without permission.
reviews   data/reviews.tsv: 10,568 snippets of film reviews and whether people found them positive (the ground truth of VADER, from
          the source archive of vaderSentiment 0.5, MIT; the snippets are of third parties). Snippets of score 0 are left out.

Each file is written beside this script. What is fetched is compared with a checksum.
"""

import csv
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent


def package(name, version, checksum, *how):
    """The bytes of a package's file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, *how, "-d", folder, f"{name}=={version}"], check=True)
        (file,) = pathlib.Path(folder).iterdir()
        contents = file.read_bytes()
    found = hashlib.sha256(contents).hexdigest()
    if found != checksum:
        sys.exit(f"{name} {version}: the checksum is {found}, not {checksum}")
    return zipfile.ZipFile(io.BytesIO(contents))


def ratings():
    wheel = package("recbole", "1.2.1", RECBOLE, "--only-binary", ":all:")
    lines = wheel.read("recbole/dataset_example/ml-100k/ml-100k.inter").decode().splitlines()[1:]
    with open(HERE / "ratings.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["user", "film", "rating"])
        for line in lines:
            user, film, rating, _ = line.split("\t")
            writer.writerow([int(user) - 1, int(film) - 1, int(float(rating))])


def reviews():
    source = package("vaderSentiment", "0.5", VADER, "--no-binary", ":all:")
    inner = source.read("vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz")
    archive = tarfile.open(fileobj=io.BytesIO(inner))
    (member,) = (
        m
        for m in archive.getmembers()
        if m.name.split("/")[-1] == "movieReviewSnippets_GroundTruth.txt"
    )
    with open(HERE / "reviews.tsv", "w", encoding="utf-8") as out:
        out.write("text\tpositive\n")
        for line in archive.extractfile(member).read().decode("utf-8", "replace").splitlines():
            _, score, text = line.split("\t", 2)
            if float(score) != 0:
                out.write(f"{' '.join(text.split())}\t{int(float(score) > 0)}\n")


RECBOLE = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
VADER = "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a"

if __name__ == "__main__":
    known = {"ratings": ratings, "reviews": reviews}
    if len(sys.argv) < 2 or any(name not in known for name in sys.argv[1:]):
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        known[name]()
