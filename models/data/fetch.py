#!/usr/bin/env python3
"""Fetches the data sets that models read and this repository does not carry: from PyPI by pip, from Debian by apt-get, and one
from GitHub by git.

    python3 models/data/fetch.py ratings reviews verses speech
    python3 models/data/fetch.py speech=recordings

ratings   data/ratings.csv: 100,000 ratings of 1,682 films by 943 people (MovieLens 100K, from the wheel of RecBole 1.2.1). GroupLens
          allows research use and forbids to pass the data on without permission.
reviews   data/reviews.tsv: 10,568 snippets of film reviews and whether people found them positive (the ground truth of VADER, from
          the source archive of vaderSentiment 0.5, MIT; the snippets are of third parties). Snippets of score 0 are left out.
verses    data/verses.tsv: 11,739 verses of the Bible of at most 20 words in English and Spanish (the King James Version and the
          Reina-Valera of 1909, public domain, from Debian 12's packages sword-text-kjv and sword-text-sparv, which are not installed).
speech    data/speech/train and data/speech/test: 2,700 and 300 recordings of spoken digits (the Free Spoken Digit Dataset,
          CC BY-SA 4.0, by Z. Jackson and others, at the commit 26eb9aa; recordings 0 to 4 of each person and digit are the test
          part). `speech=FOLDER` takes the recordings from a folder that has them.

Each file is written beside this script. What is fetched is compared with a checksum.
"""

import csv
import hashlib
import html
import io
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent


def package(name, version, checksum, *how):
    """The bytes of a package's file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, *how, "-d", folder, f"{name}=={version}"], check=True)
        (file,) = pathlib.Path(folder).iterdir()
        contents = file.read_bytes()
    compare(f"{name} {version}", contents, checksum)
    return zipfile.ZipFile(io.BytesIO(contents))


def compare(what, contents, checksum):
    found = hashlib.sha256(contents).hexdigest()
    if found != checksum:
        sys.exit(f"{what}: the checksum is {found}, not {checksum}")


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


def verses():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "--quiet", "sword-text-kjv", "sword-text-sparv"], cwd=folder, check=True)
        for file in pathlib.Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", file, folder], check=True)
        texts = pathlib.Path(folder) / "usr/share/sword/modules/texts/ztext"
        lines = ["english\tspanish\n"]
        for part in ("ot", "nt"):
            # Both number verses alike.
            for pair in zip(*(sword(texts / text / part) for text in ("engKJV2006eb", "spaRV1909eb")), strict=True):
                if all(0 < len(verse.split()) <= 20 for verse in pair):
                    lines.append("\t".join(pair) + "\n")
    text = "".join(lines).encode()
    compare("the verses", text, VERSES)
    (HERE / "verses.tsv").write_bytes(text)


def sword(path):
    """The verses of a compressed module: blocks by place and size, verses by block, place and size."""
    blocks, places, packed = (path.with_suffix(end).read_bytes() for end in (".bzs", ".bzv", ".bzz"))
    blocks = [zlib.decompress(packed[at : at + size]) if size else b"" for at, size, _ in struct.iter_unpack("<III", blocks)]
    for block, at, size in struct.iter_unpack("<IIH", places):
        verse = blocks[block][at : at + size].decode() if size else ""
        verse = re.sub(r"<(note|title)\b.*?</\1>", "", verse, flags=re.S)
        verse = html.unescape(re.sub(r"<[^>]+>", "", verse))
        yield re.sub(r"\s+", " ", verse).strip().lstrip("¶ ")


def speech(folder=None):
    with tempfile.TemporaryDirectory() as clone:
        if folder is None:
            subprocess.run(["git", "clone", "--quiet", FSDD, clone], check=True)
            subprocess.run(["git", "-C", clone, "checkout", "--quiet", "26eb9aa"], check=True)
            folder = pathlib.Path(clone) / "recordings"
        files = sorted(pathlib.Path(folder).glob("*.wav"), key=lambda file: file.name)
        compare("the recordings", b"".join(file.name.encode() + file.read_bytes() for file in files), RECORDINGS)
        for file in files:
            part = HERE / "speech" / ("test" if int(file.stem.split("_")[2]) < 5 else "train")
            part.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, part / file.name)


FSDD = "https://github.com/Jakobovski/free-spoken-digit-dataset"
RECBOLE = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
VERSES = "141e97f418a583efc52c1ebec402c1536226b2c0f1e0a2cea948c38ed4a72625"
RECORDINGS = "45a9b976ba3397a2fd5c70a9f2e43c34f442a3a6be47392ecfc41174b678f37e"
VADER = "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a"

if __name__ == "__main__":
    known = {"ratings": ratings, "reviews": reviews, "verses": verses, "speech": speech}
    given = [argument.split("=", 1) for argument in sys.argv[1:]]
    if not given or any(name not in known or (more and name != "speech") for name, *more in given):
        sys.exit(__doc__)
    for name, *more in given:
        known[name](*more)
