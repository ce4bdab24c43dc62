"""Read `tests/cases/*.rlm`: small programs, each with marks that say what it comes to.

    #: an int and a str have no sum         starts a case; the name is optional
    1 + "a"  #! E212                        this line has an error of this code, and no other line has one;
                                            `#! E212:5` says in which column it begins

    #:
    xs = [1, 2]
    [x * 2 for x in xs]  #=> [2, 4]         the program's value, as JSON; `#=> "A"  (1 call)` where it calls a model

    #:
    CALL("a", x=1)  #~ 1..1                 how many calls the estimate bounds it by; `1..` where there is no end

A case whose value is marked runs with `obedient` (tests/support/fakes.py) as its model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import field, frozen

from tests.support.places import ROOT

CASES = ROOT / "tests" / "cases"
_MARK = re.compile(r"#(=>|!|~) (.*?)(?:  \((\d+) calls?\))?$")


@frozen
class Case:
    """A program, and what its marks say."""

    id: str
    text: str
    value: Any = None
    """The value as JSON data; None for a case that has no `#=>`, or whose value is None."""
    calls: int | None = None
    """How many calls it makes; None for a case with errors."""
    errors: dict[int, list[str]] = field(factory=dict)
    """Its errors by line, counted from 1: codes, or codes with columns."""
    bounds: tuple[int, int | None] | None = None
    """The least and the greatest number of calls that the estimate gives, if that is marked."""


def read_cases(path: Path) -> Iterator[Case]:
    """Read the cases of one file. Raises ValueError for a case without a mark."""
    before, *parts = re.split(r"^#:", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    line = before.count("\n") + 1
    for part in parts:
        name, _, text = part.partition("\n")
        yield _case(f"{path.stem}:{line}{name}", text.rstrip("\n") + "\n")
        line += part.count("\n")


def _case(id: str, text: str) -> Case:
    errors: dict[int, list[str]] = {}
    value, calls, bounds = None, None, None
    for number, line in enumerate(text.split("\n"), 1):
        if (mark := _MARK.search(line)) is None:
            continue
        if mark[1] == "!":
            errors[number] = mark[2].split(", ")
        elif mark[1] == "~":
            least, _, most = mark[2].partition("..")
            bounds = int(least), int(most) if most else None
        else:
            value, calls = json.loads(mark[2]), int(mark[3] or 0)
    if bool(errors) + (calls is not None) + (bounds is not None) != 1:
        raise ValueError(f"{id}: a case has `#=>`, or some `#!`, or `#~`")
    return Case(id, text, value, calls, errors, bounds)


def cases(*names: str) -> list[Case]:
    """The cases of the files with these names, or of all files."""
    paths = [CASES / f"{name}.rlm" for name in names] or sorted(CASES.glob("*.rlm"))
    return [case for path in paths for case in read_cases(path)]
