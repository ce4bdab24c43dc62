"""What hints say to write instead of what other languages have can be written."""

from __future__ import annotations

import re

import pytest

from rlmlang.api import compile
from rlmlang.errors import ProgramError
from rlmlang.language.builtins import MODULES
from rlmlang.language.check.annotations import TYPE_NAMES
from rlmlang.language.check.habits import MODULES_INSTEAD, TYPES

RECEIVERS = {"str": '"ab"', "list": '["a", "b"]', "dict": '{"a": 1}', "set": '{"a", "b"}', "tuple": '("a", "b")'}
FOREIGN = [
    "add",
    "addAll",
    "append",
    "at",
    "charAt",
    "charCodeAt",
    "chomp",
    "concat",
    "contains",
    "containsKey",
    "count",
    "decode",
    "delete",
    "downcase",
    "each",
    "empty",
    "encode",
    "extend",
    "filter",
    "find",
    "forEach",
    "get",
    "has",
    "has_key",
    "includes",
    "index",
    "indexOf",
    "insert",
    "is_empty",
    "isEmpty",
    "isnumber",
    "items",
    "iteritems",
    "iterkeys",
    "itervalues",
    "join",
    "keys",
    "len",
    "length",
    "map",
    "max",
    "min",
    "ord",
    "push",
    "push_back",
    "put",
    "reduce",
    "remove",
    "reverse",
    "reversed",
    "set",
    "shift",
    "size",
    "slice",
    "sort",
    "sort_values",
    "sorted",
    "split",
    "strip",
    "substr",
    "substring",
    "sum",
    "toLowerCase",
    "toString",
    "toUpperCase",
    "to_s",
    "trim",
    "unique",
    "unshift",
    "upcase",
    "update",
    "upper",
]


def hint_of(text: str) -> str:
    with pytest.raises(ProgramError) as caught:
        compile(text)
    return caught.value.first.hint or ""


def given_instead(type_: str, name: str) -> str | None:
    """Return what a hint says to write instead of a method; None if the type has the method, or there is no hint."""
    try:
        compile(f"x = {RECEIVERS[type_]}\nx.{name}")
    except ProgramError as error:
        if error.first.code != "E205" or not error.first.hint:
            return None
        return re.sub("^(write|did you mean) `|`[?]?$", "", error.first.hint)
    return None


NAMES = 'def f(y: str) -> bool:\n    return True\n\ny = "a"\nys = ["a"]\nkey = "a"\nvalue = 1\ni = 0\nj = 1\n'


@pytest.mark.parametrize("type_", RECEIVERS)
def test_what_is_written_instead_of_a_method_is_there(type_: str) -> None:
    """Arguments are shown as `y` or `…`, and need not fit."""
    seen = 0
    for name in FOREIGN:
        form = given_instead(type_, name)
        if form is None:
            continue
        form = f"x.{form}" if form.isidentifier() and form != "x" else form.replace("…", "")
        form += "\n    print(y)" if form.startswith("for ") else ""
        try:
            compile(f"{NAMES}x = {RECEIVERS[type_]}\n{form}\n1")
        except ProgramError as error:
            is_method_alone = form.startswith("x.") and error.first.code == "E215"
            wrong_arguments = error.first.code in ("E207", "E210", "E211") or "`+`" in error.first.message
            assert is_method_alone or wrong_arguments, (name, form, error.first.message)
        seen += 1
    assert seen > 10


def test_types_and_modules_are_there() -> None:
    assert set(TYPES.values()) <= {*TYPE_NAMES, "Any"}
    for name in MODULES_INSTEAD:
        module, _, member = name.partition(".")
        assert member not in MODULES.get(module, ()) if member else module not in MODULES


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("math.sqrt(4)", "write `import math` before it"),
        ("Counter([1])", "write `from collections import Counter` before it"),
        ("counter = 1\nCounter([1])", "write `from collections import Counter` before it"),
        ("means = 1\nmean([1])", "did you mean `means`?"),
        ("mean([1])", "write `from statistics import mean` before it"),
        ("e", ""),
        ("one", ""),
        ("nul", ""),
        ("undefind", "write `None`"),
    ],
)
def test_names_that_are_not_bound(text: str, hint: str) -> None:
    assert hint_of(text) == hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('x = CALL("How many?")\nx + 1', "write `str(…)` or an f-string to join text with other values"),
        ('CALL("How many?") + 1', "write `CALL[int](…)` for an answer of this type"),
        ('1 < CALL("How many?")', "write `CALL[int](…)` for an answer of this type"),
        ('CALL("Is it?") == True', "write `CALL[bool](…)` for an answer of this type"),
        ('CALL[float]("How many?") + "a"', "write `str(…)` or an f-string to join text with other values"),
    ],
)
def test_a_call_that_is_not_of_the_type_needed(text: str, hint: str) -> None:
    assert hint_of(text) == hint
