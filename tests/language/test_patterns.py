"""Regular expressions mean what they mean in CPython, and take linear time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import rlmlang
from rlmlang.errors import RunError
from rlmlang.language.builtins.patterns import MAX_PATTERN, PatternSearch
from rlmlang.runtime.values import MatchValue, PatternValue
from tests.support.rows import call, meter, refused
from tests.support.speed import seconds_of

ATOMS = st.sampled_from(
    [r"a", r"b", r"é", r"_", r"1", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r".", r"[ab]", r"[^a]", r"[a-c1-3]", r"[\w-]", r"(a)", r"(b|c)", r"(?:ab)", r"(?:a|)", r"(?P<n>a)", r"^", r"$", r"\b", r"\B", r"\A", r"\Z", r"ß", r"“", r"\n"]
)  # fmt: skip
SUFFIXES = st.sampled_from(["", "", "", "*", "+", "?", "{1,2}", "{2}", "*?", "+?", "??"])
PATTERNS = st.recursive(
    st.lists(st.tuples(ATOMS, SUFFIXES).map("".join), min_size=1, max_size=4).map("".join),
    lambda inner: (
        st.tuples(st.sampled_from(["(", "(?:", "(?i:"]), inner, st.just(")"), SUFFIXES).map("".join)
        | st.tuples(inner, st.just("|"), inner).map("".join)
    ),
    max_leaves=3,
)
TEXTS = st.text(st.sampled_from("aabbc1_ é\nßxA“-İ²"), max_size=12)
FLAGS = st.sampled_from([0, 0, 0, re.I, re.M, re.S, re.A, re.I | re.M])


def regs(found: re.Match[str] | None) -> Any:
    return None if found is None else found.regs


@given(PATTERNS, TEXTS, FLAGS)
@example(r"\w+\b", "naïve “été”", 0)
@example("$", "a\n", 0)
@example("^b$", "a\nb\n", re.M)
@example("(?i)ß", "SSẞß", 0)
@example(r"\B", "", 0)
def test_matches_are_pythons(pattern: str, text: str, flags: int) -> None:
    try:
        python = re.compile(pattern, flags)
    except re.error:
        assume(False)
    for how in ("search", "match", "fullmatch"):
        try:
            found = PatternSearch(meter(), pattern, int(flags), text).first(how)
        except RunError as error:
            assert error.first.code == "E307"
            return
        assert (None if found is None else found.spans) == regs(getattr(python, how)(text))
    try:
        spans = [each.spans for each in PatternSearch(meter(), pattern, int(flags), text).all()]
    except RunError as error:
        assert "may match nothing" in error.first.message
        return
    assert spans == [each.regs for each in python.finditer(text)]


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")
@given(st.text(st.sampled_from("()[]{}*+?|\\^$.a1,-:<>=!PpQEzd\ud800é"), max_size=8))
def test_every_pattern_works_or_is_refused(pattern: str) -> None:
    try:
        python = re.compile(pattern)
    except (re.error, OverflowError):
        assert refused("re.search", pattern, "a") == "E307"
        return
    for text in ("", "a1", "é\ud800"):
        try:
            found = call("re.search", pattern, text)
        except RunError as error:
            assert error.first.code == "E307"
        else:
            assert (None if found is None else found.spans) == regs(python.search(text))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "missing ), unterminated subpattern at character 1"),
        ("a**", "multiple repeat at character 3"),
        ("(?=a)", "look-around"),
        ("(?<!a)", "look-around"),
        (r"(a)\1", "back-references"),
        ("a*+", "possessive"),
        ("(a*)*", "a group that may match nothing in a repetition"),
        ("a{2000}", "a repetition of more than 1,000"),
        ("(" * 101 + ")" * 101, "more than 100 groups"),
        ("a" * (MAX_PATTERN + 1), "the limit is 1,000"),
        ("".join(map(chr, range(0x4E00, 0x4F30))), "too many different characters"),
    ],
)
def test_what_is_refused_says_why(pattern: str, message: str) -> None:
    with pytest.raises(RunError) as caught:
        call("re.search", pattern, "".join(chr(i) for i in range(0x4E00, 0x4F30)))
    assert caught.value.first.code == "E307"
    assert message in f"{caught.value.first.message} {caught.value.first.hint}"


def test_flags_are_checked() -> None:
    assert refused("re.search", "a", "a", 1 << 20) == "E308"
    assert call("re.search", "A # comment", "a", int(re.I | re.X)).spans == ((0, 1),)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "a" * 5_000),
        ("(a|aa)+$", "a" * 5_000 + "b"),
        ("(.*)(.*)(.*)(.*)(.*)x", "y" * 5_000),
        (r"(\w+\s?)+!", "word " * 2_000),
    ],
)
def test_it_takes_linear_time(pattern: str, text: str) -> None:
    seconds, found = seconds_of(lambda: call("re.search", pattern, text))
    assert found is None
    assert seconds < 2


def test_searches_that_look_far_ahead_are_charged_for() -> None:
    near, far = meter(), meter()
    text = "a" * 20_000
    list(PatternSearch(near, "a", 0, text).all())
    list(PatternSearch(far, "a(?:a*b)?", 0, text).all())
    assert far.steps > 2 * near.steps


# Functions -----------------------------------------------------------------------


@given(st.sampled_from(["a", "[ab]+", "(a)(b)?", "-", "b|(c)", r"\s*,\s*", "é"]), TEXTS, st.integers(-1, 3))
def test_functions_are_pythons(pattern: str, text: str, count: int) -> None:
    python = re.compile(pattern)
    if python.groups < 2:
        assert call("re.findall", pattern, text) == python.findall(text)
    if python.groups == 0:
        assert call("re.split", pattern, text, count) == python.split(text, count)
    for repl in ("", "x", r"\g<0>!", r"[\n]"):
        assert call("re.sub", pattern, repl, text, count) == python.sub(repl, text, count)
    compiled = call("re.compile", pattern)
    assert isinstance(compiled, PatternValue)
    assert repr(compiled) == repr(python)
    assert call("Pattern.sub", compiled, "-", text) == python.sub("-", text)


@given(st.text(st.sampled_from(r"\ng<>012ab_"), max_size=8))
@example("\\g<>")
@example(f"\\g<{'1' * 5_000}>")
def test_what_is_put_in_is_read_as_python_reads_it(repl: str) -> None:
    python = re.compile("(a)(?P<b>b)?")
    try:
        expected = python.sub(repl, "abab-a")
    except (re.error, IndexError):
        assert refused("re.sub", python.pattern, repl, "abab-a") == "E307"
        return
    try:
        assert call("re.sub", python.pattern, repl, "abab-a") == expected
    except RunError as error:
        assert "octal" in error.first.message or "is no escape" in error.first.message


def test_findall_with_groups() -> None:
    program = rlmlang.compile('import re\nre.findall(r"(\\w+)=(\\d+)", "a=1, bc=22")')
    assert str(program.type) == "list[tuple[str, ...]]"
    assert program.run().value == [("a", "1"), ("bc", "22")]
    assert refused("re.findall", "(a)(b)", "ab") == "E308"


def test_what_a_match_tells() -> None:
    found = call("re.search", r"(?P<key>\w+)=(\d+)?", "  key=")
    assert isinstance(found, MatchValue)
    assert repr(found) == repr(re.search(r"(?P<key>\w+)=(\d+)?", "  key="))
    assert call("Match.group", found) == call("Match.group", found, 0) == "key="
    assert call("Match.group", found, "key") == "key"
    assert call("Match.group", found, 0, 1) == ("key=", "key")
    assert call("Match.groups", found, "none") == ("key", "none")
    assert call("Match.groupdict", found) == {"key": "key"}
    assert (call("Match.start", found), call("Match.end", found, 1), call("Match.span", found, 2)) == (2, 5, (-1, -1))
    assert refused("Match.group", found, 2) == refused("Match.groups", found) == "E304"
    assert refused("Match.group", found, 3) == refused("Match.span", found, "no") == "E301"


def test_a_match_in_a_program() -> None:
    text = """
import re
def answer(text: str) -> str:
    found = re.search(r"(\\d+)-(\\d+)", text)
    if found:
        return found.group(2)
    return "none"
"""
    program = rlmlang.compile(text)
    assert program.run(text="see 10-12").value == "12"
    assert program.run(text="nothing").value == "none"


@given(TEXTS)
def test_escape(text: str) -> None:
    assert call("re.escape", text) == re.escape(text)
    assert call("re.fullmatch", call("re.escape", text), text) is not None
