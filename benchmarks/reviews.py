"""Write a table of real reviews with labels, to measure how well a model classifies them with `rlmlang map`.

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python -m benchmarks.reviews vaderSentiment-3.3.2.tar.gz reviews.csv [--rows N] [--seed N] [--rules]
    rlmlang map benchmarks/reviews.rlm reviews.csv --out results.jsonl --model smollm2 --expect label

The source archive of vaderSentiment (MIT licence) carries 10,605 sentences of film reviews, each with the mean of what
some 15 to 20 people said on a scale from -4 to 4 (Hutto & Gilbert, ICWSM 2014). A label is the sign of that mean; 37
sentences whose mean is 0 are left out. The wheel of the package has none of this. With `--rules`, the rules of the
package, which are code of the archive, label the same rows.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tarfile
from collections import Counter
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

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


def by_rules(archive: Path, texts: list[str]) -> list[str]:
    """Return the labels that the rules in the archive give to texts: positive if their `compound` is above 0."""
    with TemporaryDirectory() as folder, tarfile.open(archive) as package:
        package.extractall(folder, filter="data")
        sys.path.insert(0, str(next(Path(folder).iterdir())))
        analyzer = import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    return ["positive" if analyzer.polarity_scores(text)["compound"] > 0 else "negative" for text in texts]


def main() -> None:
    """Write the rows that were asked for, and print how often each label occurs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--rules", action="store_true")
    options = parser.parse_args()
    chosen = random.Random(options.seed).sample(reviews(options.archive), options.rows)
    with options.out.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(("id", "text", "label"))
        table.writerows(chosen)
    for label, count in Counter(label for _, _, label in chosen).most_common():
        print(f"{label}: {count} of {options.rows}, {count / options.rows:.1%}")
    if options.rules:
        found = by_rules(options.archive, [text for _, text, _ in chosen])
        right = sum(label == given for (_, _, label), given in zip(chosen, found))
        says = found.count("positive")
        print(f"the rules: {right} of {options.rows} right, {right / options.rows:.1%}; {says} called positive")


if __name__ == "__main__":
    main()
