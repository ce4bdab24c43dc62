"""HumanEval's problems as function programs: reference solutions as they stand, and what CPython gives for their tests.

The corpus is not part of the project: `RLMLANG_CORPORA` names the folder that holds `humaneval.jsonl` (MIT licence).
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from rlmlang.language.types import Type, join
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.value_types import type_of
from rlmlang.runtime.values import Mismatch

MAX_CALLS = 60
"""The most calls of one problem that are compared; some tests make thousands of random ones."""


@frozen
class Call:
    """One application in the tests of a problem: its arguments by name, and CPython's value or the name of its error."""

    arguments: dict[str, Any]
    value: Any = None
    error: str | None = None


@frozen
class Problem:
    """A problem with its reference solution, as one program text."""

    name: str
    program: str
    calls: tuple[Call, ...]


def corpus() -> Path | None:
    """Return the path of the corpus, if it is there."""
    folder = os.environ.get("RLMLANG_CORPORA")
    path = Path(folder) / "humaneval.jsonl" if folder else None
    return path if path is not None and path.exists() else None


def problems(path: Path) -> list[Problem]:
    """Return all problems of the corpus."""
    with path.open(encoding="utf-8") as lines:
        return [_problem(json.loads(line)) for line in lines if line.strip()]


def _problem(row: Mapping[str, str]) -> Problem:
    program = row["prompt"] + row["canonical_solution"]
    calls: list[Call] = []
    namespace: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(AssertionError):
        exec(compile(program + "\n" + row["test"], row["task_id"], "exec"), namespace)  # a trusted corpus
        function = namespace[row["entry_point"]]
        namespace["check"](_recorded(function, calls))
    return Problem(row["task_id"], program, tuple(calls))


def _recorded(function: Any, calls: list[Call]) -> Any:
    """Return the function, made to record its first calls."""

    def call(*args: Any, **keywords: Any) -> Any:
        bound = inspect.signature(function).bind(*args, **keywords)
        given = copy.deepcopy(dict(bound.arguments))
        try:
            value = function(*args, **keywords)
        except Exception as error:
            if len(calls) < MAX_CALLS:
                calls.append(Call(given, error=type(error).__name__))
            raise
        if len(calls) < MAX_CALLS:
            calls.append(Call(given, copy.deepcopy(value)))
        return value

    return call


def input_types(problem: Problem) -> dict[str, Type] | None:
    """Return the types that the arguments of all calls have together; None if they have none."""
    types: dict[str, Type] = {}
    for call in problem.calls:
        for name, value in call.arguments.items():
            try:
                found = type_of(data_of(value, name))
            except Mismatch:
                return None
            joined = join(types[name], found) if name in types else found
            if joined is None:
                return None
            types[name] = joined
    return types
