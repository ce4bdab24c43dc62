"""Forms that a mask accepts in whole programs, and where each of them is refused."""

from __future__ import annotations

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.check import check
from rlmlang.language.source import Source

pytestmark = pytest.mark.heavy

BYTES = Vocabulary.of_bytes()


def read(text: str, before: str = "") -> Matcher:
    """Return the matcher after as much of a text as it allows, each beginning of which can be completed."""
    matcher = Matcher(Constraint(before), BYTES, 100_000)
    for byte in text.encode():
        if not matcher.allows(byte):
            break
        matcher.commit(byte)
    return matcher


def accepts(text: str) -> bool:
    matcher = read(text)
    return matcher.text == text and (matcher.done or matcher.allows(256))


# Functions of the host --------------------------------------------------------------

HOST = "def lookup(key: str, size: int = 2) -> list[str]: ...\n"


def test_a_function_of_the_host_is_declared_where_inputs_are() -> None:
    assert accepts(f"{HOST}lookup('a') + lookup('b', 3)\n")
    assert accepts(f"{HOST}def f(x: str) -> int:\n    return len(lookup(x))\n")
    assert read(HOST, before="x = 1\n").text == HOST.partition("...")[0]
    nested = f"def f() -> int:\n    {HOST}"
    assert read(nested).text == nested.partition("...")[0]


def test_a_function_of_the_host_has_all_its_types_and_is_no_program() -> None:
    assert read("def f(key) -> str: ...\n").text == "def f(key) -> str: "
    assert read("if True: ...\n").text == "if True: "
    matcher = read(HOST)
    assert matcher.text == HOST
    assert not matcher.allows(256)
    check(Source(HOST + matcher.closing_text()))


# Numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["0x1f", "0XfF_0", "0b1_01", "0o17", "0"])
def test_numbers_of_other_bases(number: str) -> None:
    assert accepts(f"x = {number} + 1\nx\n")
    matcher = read(f"[{number[:2]}")
    check(Source(matcher.text + matcher.closing_text()))


@pytest.mark.parametrize(("number", "at"), [("0b12", "0b1"), ("0xg", "0x"), ("0o8", "0o")])
def test_numbers_that_there_are_not(number: str, at: str) -> None:
    assert read(number).text == at


# Changes ----------------------------------------------------------------------------


def test_functions_without_types_are_followed_where_they_are_applied() -> None:
    add = "def add(groups, word):\n    groups.setdefault(len(word), []).append(word)\n"
    assert accepts(f'{add}d = {{}}\nadd(d, "a")\nd\n')
    text = f"{add}xs = [1]\nd = {{1: [xs]}}\nadd(d, xs)\nxs.append(2)\nd\n"
    assert len(read(text).text) < len(text)


def test_a_program_without_types_changes_what_nothing_else_holds() -> None:
    program = "def f(words):\n    d = {}\n    for w in words:\n        d.setdefault(w, []).append(w)\n    return d\n"
    matcher = read(program)
    assert matcher.text == program
    assert not matcher.allows(256)  # a word may be a list, which is then in `d` more than once
    check(Source(program + matcher.closing_text()))
