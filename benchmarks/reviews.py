"""Write a table of real reviews with labels, to measure how well a model classifies them with `rlmlang map`.

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python -m benchmarks.reviews vaderSentiment-3.3.2.tar.gz reviews.csv [--rows N] [--seed N]
    rlmlang map benchmarks/reviews.rlm reviews.csv --out results.jsonl --model smollm2 --expect label

The source archive of vaderSentiment (MIT licence) carries 10,605 sentences of film reviews, each with the mean of what
some 15 to 20 people said on a scale from -4 to 4 (Hutto & Gilbert, ICWSM 2014). A label is the sign of that mean; 37
sentences whose mean is 0 are left out. The wheel of the package has none of this.
"""

from __future__ import annotations

import argparse
import csv
import random
import tarfile
from collections import Counter
from pathlib import Path

INNER = "additional_resources/hutto_ICWSM_2014.tar.gz"
RATINGS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def reviews(archive: Path) -> list[tuple[str, str, str]]:
    """Return the number, text and label of each review in the source archive of the package."""
    with tarfile.open(archive) as package:
        folder = package.getnames()[0].split("/")[0]
        with tarfile.open(fileobj=package.extractfile(f"{folder}/{INNER}")) as inner:
            ratings = inner.extractfile(RATINGS)
            assert ratings is not None
            rows = [line.split("\t") for line in ratings.read().decode().splitlines()]
    return [
        (number, text, "positive" if float(mean) > 0 else "negative") for number, mean, text in rows if float(mean) != 0
    ]


def main() -> None:
    """Write the rows that were asked for, and print how often each label occurs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args()
    chosen = random.Random(options.seed).sample(reviews(options.archive), options.rows)
    with options.out.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(("id", "text", "label"))
        table.writerows(chosen)
    for label, count in Counter(label for _, _, label in chosen).most_common():
        print(f"{label}: {count} of {options.rows}, {count / options.rows:.1%}")


if __name__ == "__main__":
    main()
