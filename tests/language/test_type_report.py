"""The types that `check --explain` shows, and with them how types follow the flow of a program."""

from __future__ import annotations

import pytest

from rlmlang.language.check import check
from rlmlang.language.check.type_report import inferred_types
from rlmlang.language.source import Source


def explained(text: str) -> list[str]:
    return inferred_types(check(Source(text)))


FLOWS = {
    # bindings
    "x = 1\nx = str(x)\nx": ["x: int, then str"],
    "a, b = 1, ('a', 0.5)\na": ["a: int", "b: tuple[str, float]"],
    "a = b = [1]\na": ["a: list[int]", "b: list[int]"],
    "a, b = [1, 2]\na": ["a: int", "b: int"],
    "n: int\nn += 0.5\nn": ["n: float"],
    "n: float = 1\nn": ["n: float"],
    # what is put into empty containers
    "xs = []\nxs.append(1)\nxs.append(0.5)\nxs": ["xs: list[float]"],
    "xs = []\nxs += 'ab'\nxs": ["xs: list[str]"],
    "d = {}\nd['a'] = 1\nd": ["d: dict[str, int]"],
    "d = {}\nfor w in ['a']:\n    d[w] = d.get(w, 0) + 1\nd": ["d: dict[str, int]", "w: str"],
    "d = {}\nfor n in [1]:\n    d.setdefault(n, []).append('a')\nd": ["d: dict[int, list[str]]", "n: int"],
    "d = {}\nfor n in [1]:\n    if n not in d:\n        d[n] = set()\n    d[n].add(0.5)\nd": [
        "d: dict[int, set[float]]",
        "n: int",
    ],
    "grid = [[]]\ngrid[0].append((1, []))\ngrid[0][0][1].append('a')\ngrid": [
        "grid: list[list[tuple[int, list[str]]]]"
    ],
    # branches
    "n: int\nif n > 0:\n    x = 1\nelif n > 1:\n    x = 0.5\nelse:\n    x = 2\nx": ["n: int", "x: float"],
    "n: int\nx = None\nif n > 0:\n    x = 1\nx": ["n: int", "x: int | None"],
    "n: int | None\nif n is None:\n    n = 0\nn + 1": ["n: int | None"],
    "n: int | None\nif n is None:\n    raise ValueError('none')\nn + 1": ["n: int | None"],
    "n: int | None\nassert n\nn + 1": ["n: int | None"],
    "n: int | None\nm = n + 1 if isinstance(n, int) else 0\nm": ["n: int | None", "m: int"],
    # loops
    "best = None\nfor x in [1, 2]:\n    if best is None or x > best:\n        best = x\nbest": [
        "best: int | None",
        "x: int",
    ],
    "a, b = 0, 0.5\nwhile b < 10:\n    a, b = b, a + b\na": ["a: float", "b: float"],
    "x = 1\nwhile True:\n    x += 0.5\n    if x > 2:\n        break\nx": ["x: float"],
    "for i in range(3):\n    for j in range(i):\n        k = i * j\nk": ["i: int", "j: int", "k: int"],
    # exceptions
    "x = None\ntry:\n    x = int('a')\nexcept ValueError as e:\n    y = e\nx": ["x: int | None", "e: str", "y: str"],
}


@pytest.mark.parametrize("text", FLOWS, ids=range(len(FLOWS)))
def test_types_of_variables(text: str) -> None:
    assert explained(text) == FLOWS[text]


def test_a_function_is_explained_for_each_of_its_types() -> None:
    text = """
def add(a, b=1):
    total = a + b
    return total

def answer(text: str) -> list[float]:
    def scaled(x):
        return x * factor
    factor = 2.5
    return [scaled(add(len(text))), add(0.5)]
"""
    assert explained(text) == [
        "def add(a: int, b: int = 1) -> int:",
        "    total: int",
        "",
        "def add(a: float, b: int = 1) -> float:",
        "    total: float",
        "",
        "def answer(text: str) -> list[float]:",
        "    factor: float",
        "",
        "def scaled(x: int) -> float:",
    ]


def test_recursive_functions_have_the_types_of_their_results() -> None:
    text = """
def even(n):
    if n == 0:
        return True
    return odd(n - 1)

def odd(n):
    return False if n == 0 else even(n - 1)

def depth(tree, n):
    if n == 0:
        return []
    return [tree[0]] + depth(tree[1:], n - 1)

(even(3), depth("abc", 2))
"""
    assert [line for line in explained(text) if line.startswith("def")] == [
        "def even(n: int) -> bool:",
        "def odd(n: int) -> bool:",
        "def depth(tree: str, n: int) -> list[str]:",
    ]
