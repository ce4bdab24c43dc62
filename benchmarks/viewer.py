"""Measure the page of a large run: its size, and how soon Chromium shows it.

    python -m benchmarks.viewer [--calls N] [--rounds N] [--json]

Prints medians over the rounds. The run is made up (tests/support/traces.py); its prompts are of
random words, 400 characters each, that gzip about as well as English. Times of the page are from
the moment it is requested.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from rlmlang.trace.history import history_of
from rlmlang.trace.html import write_html
from rlmlang.trace.log import read_log
from tests.support import traces
from tests.support.browser import Browser, browser

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
READY = "performance.getEntriesByName('ready')[0].startTime"


def seconds_until(page: Browser, condition: str, *keys: str) -> float:
    """Return the seconds from the last of some keys until a condition holds."""
    page.press(*keys[:-1])
    begin = time.perf_counter()
    page.press(keys[-1])
    page.wait(condition)
    return time.perf_counter() - begin


def once(log: Path, page: Path, chromium: Browser) -> dict[str, float]:
    """Take all measures of one round."""
    begin = time.perf_counter()
    history = history_of(read_log(str(log)))
    read = time.perf_counter()
    with page.open("w", encoding="utf-8") as file:
        write_html(history, file)
    wrote = time.perf_counter()
    chromium.open(page)
    found = {
        "log, MB": log.stat().st_size / 1e6,
        "page, MB": page.stat().st_size / 1e6,
        "page, bytes a call": page.stat().st_size / len(history.calls),
        "log read, s": read - begin,
        "page written, s": wrote - read,
        "first paint, s": chromium.run(PAINTED) / 1e3,
        "tree ready, s": chromium.run(READY) / 1e3,
    }
    chromium.press("*", "Home")
    found["next call read, s"] = seconds_until(chromium, "document.querySelector('#call').dataset.call", "ArrowDown")
    found["last call read, s"] = seconds_until(
        chromium, f"document.querySelector('#call').dataset.call === '{history.calls[-1].id}'", "End"
    )
    filtered = "document.querySelector('#found').textContent.includes(' of ')"
    found["filter, s"] = seconds_until(chromium, filtered, "e")
    chromium.press("e")
    searched = f"{filtered} && document.querySelector('#found').dataset.done === '1'"
    found["search of all prompts, s"] = seconds_until(chromium, searched, "/", *"nowhere")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of the run")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median is taken")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = traces.write(Path(folder) / "run.jsonl", traces.events(options.calls))
        rounds = []
        for _ in range(options.rounds):
            with browser() as chromium:  # a new browser, which has not seen the page
                rounds.append(once(log, Path(folder) / "run.html", chromium))
    found = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:28}{value:>10,.2f}")


if __name__ == "__main__":
    main()
