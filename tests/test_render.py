"""Diagnostics as text: what they look like is pinned by golden files, what must never happen is tested here."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.errors import CODES, Diagnostic
from rlmlang.language.parse import parse_partial
from rlmlang.language.source import Source, Span
from rlmlang.render import WIDTH, render
from tests.support.places import GOLDEN

CASES = sorted((GOLDEN / "syntax").glob("*.rlm"))
CHECKED = sorted((GOLDEN / "check").glob("*.rlm"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_syntax_errors(path: Path, golden: Callable[[str, str], None]) -> None:
    found = parse_partial(Source(path.read_bytes().decode(), path.name)).diagnostics
    golden(f"syntax/{path.stem}.txt", render(found) + "\n")
    if path.stem.startswith("E"):
        assert path.stem[:4] in {diagnostic.code for diagnostic in found}


def test_every_syntax_code_has_a_case() -> None:
    assert {code for code in CODES if code < "E200"} - {"E101"} <= {path.stem[:4] for path in [*CASES, *CHECKED]}


def at(text: str, start: int, end: int, **more: str) -> str:
    return render([Diagnostic("E100", "wrong", Span(Source(text, "a.rlm"), start, end), **more)])


def test_without_a_place() -> None:
    assert render([Diagnostic("E601", "missing input `x`", hint="give it")]) == (
        "error[E601]: missing input `x`\nhint: give it"
    )


def test_nothing_to_show() -> None:
    assert render([]) == ""


def test_the_whole_of_one() -> None:
    source = Source("x = 1\ny = (x\n", "a.rlm")
    diagnostic = Diagnostic("E104", "wrong", Span(source, 10, 12), "right", "warning", (("here", Span(source, 0, 1)),))
    assert render([diagnostic]) == (
        "a.rlm:2:5: warning[E104]: wrong\n"
        "   2 | y = (x\n"
        "     |     ^^\n"
        "a.rlm:1:1: note: here\n"
        "   1 | x = 1\n"
        "     | ^\n"
        "hint: right"
    )


def test_an_empty_line_between_two() -> None:
    diagnostic = Diagnostic("E601", "a")
    assert render([diagnostic, diagnostic]) == "error[E601]: a\n\nerror[E601]: a"


def test_color_adds_nothing_but_color() -> None:
    source = Source("x = $\n", "a.rlm")
    diagnostics = [Diagnostic("E100", "wrong", Span(source, 4, 5), "hint", notes=(("n", Span(source, 0, 1)),))]
    colored = render(diagnostics, color=True)
    assert colored.count("\x1b[") >= 10
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == render(diagnostics)
    assert "\x1b" not in render(diagnostics)


@pytest.mark.parametrize(
    ("text", "start", "end", "line", "carets"),
    [
        ("", 0, 0, "", "^"),
        ("x\n", 2, 2, "", "^"),
        ("ab\ncd", 1, 4, "ab", " ^"),  # several lines: the first is marked
        ("日本 x", 3, 4, "日本 x", "     ^"),
        ("日本 x", 0, 2, "日本 x", "^^^^"),
        ("e\u0301 x", 3, 4, "e\u0301 x", "  ^"),
        ("a\tb", 2, 3, "a    b", "     ^"),
        ("a\x1b[31mb", 1, 2, "a\\x1b[31mb", " ^^^^"),
        ("a\u202eb", 2, 3, "a\\u202eb", "       ^"),
        ("a\U000e0041b", 2, 3, "a\\U000e0041b", "           ^"),
        ("\ud800b", 1, 2, "\\ud800b", "      ^"),
        ("ab\r\ncd", 0, 2, "ab", "^^"),
        ("ab\r\ncd", 2, 3, "ab", "  ^"),
    ],
)
def test_excerpts(text: str, start: int, end: int, line: str, carets: str) -> None:
    _, shown, marks = at(text, start, end).split("\n")
    assert shown[7:] == line
    assert marks[7:] == carets


@pytest.mark.parametrize("where", [0, 40, 300, 599])
@pytest.mark.parametrize("char", ["a", "日", "\x01"])
def test_long_lines_are_cut_around_the_carets(where: int, char: str) -> None:
    text = char * where + "X" + char * (599 - where)
    _, shown, marks = at(text, where, where + 1).split("\n")
    assert len(shown) <= WIDTH + 9
    before = shown[7:][: shown[7:].index("X")]
    assert len(marks) - 8 == sum(2 if c == "日" else 1 for c in before)
    assert ("…" in before) == (where > 40 or (where == 40 and char != "a"))


def test_a_mark_longer_than_the_window() -> None:
    _, shown, marks = at("a" * 500, 0, 500).split("\n")
    assert shown[7:] == "a" * WIDTH + "…"
    assert marks[7:] == "^" * WIDTH


def test_further_lines_of_a_message_cannot_pose_as_diagnostics() -> None:
    text = render([Diagnostic("E400", "it said:\nb.rlm:1:1: error[E100]: no\x1b[2J")])
    assert text == "error[E400]: it said:\n    b.rlm:1:1: error[E100]: no\\x1b[2J"


ANY = st.text(st.characters(codec=None, categories=None), max_size=200)


@given(ANY, st.integers(0, 210), st.integers(0, 210), ANY)
def test_nothing_acts_on_the_terminal(text: str, start: int, length: int, message: str) -> None:
    start = min(start, len(text))
    span = Span(Source(text, message), start, min(start + length, len(text)))
    shown = render([Diagnostic("E100", message, span, message, notes=((message, span),))])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown)
