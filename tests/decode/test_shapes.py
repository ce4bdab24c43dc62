"""What is kept of a line by its shape holds for every other line of the shape."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlmlang.decode import lines, mask, prefix
from rlmlang.decode.beginning import beginning
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.sampling import sample_program
from rlmlang.decode.vocabulary import Mask, Vocabulary
from rlmlang.language.types import INT, LiteralType, RecordType
from tests.decode.test_matcher import BYTES, SCOPE, well_typed

MOST = 5
"""The most positions of a program whose masks are compared."""

VALUES = ("1", '"a"', "[1]", "None", '{"a": 1}')


def masks_differ(text: str, program: str, draw: random.Random) -> list[str]:
    """Return the beginnings of a text after which a mask differs from one for which nothing was kept.

    The masks that are kept are those of other programs, and of the lines before in this one.
    """
    tokens = text.encode()
    chosen = set(draw.sample(range(len(tokens)), min(MOST, len(tokens))))
    matcher = Matcher(Constraint(program), BYTES, 100_000)
    found: list[str] = []
    for at, token in enumerate(tokens):
        if at in chosen and (matcher.mask() != fresh_mask(tokens[:at], program)).any():
            found.append(matcher.text)
        if not matcher.allows(token):
            break
        matcher.commit(token)
    return found


def fresh_mask(tokens: bytes, program: str) -> Mask:
    """Return the mask after some tokens that is found with nothing known of other lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix, "_closings", {})
        patch.setattr(prefix, "_proven", set())
        patch.setattr(lines, "_after_texts", {})
        patch.setattr(lines, "_accepted", set())
        matcher = Matcher(Constraint(program), Vocabulary.of_bytes(), 100_000)
        for token in tokens:
            matcher.commit(token)
        return matcher.mask()


@pytest.mark.parametrize("line", ["y = x ", "y = [1, x"])
def test_masks_of_equal_lines_are_those_that_are_found_anew(line: str) -> None:
    """The lines are equal, but not the types of their variables."""
    for value in VALUES:
        text = f"x = {value}\n{line}"
        matcher = Matcher(Constraint(), BYTES, 100_000)
        for token in text.encode():
            matcher.commit(token)
        assert (matcher.mask() == fresh_mask(text.encode(), "")).all(), text


@pytest.mark.parametrize("held", ["xs", "list(xs)", "[xs[0]]"])
def test_masks_of_equal_texts_are_known_whoever_writes_them(held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary, masks = Vocabulary.of_bytes(), []
    program = f"xs = [1]\nys = {held}\nys"
    for _ in range(2):
        matcher = Matcher(Constraint(), vocabulary, 100_000)
        for token in program.encode():
            matcher.commit(token)
        masks.append(matcher.mask())
        monkeypatch.setattr(mask, "_find_mask", lambda *_: pytest.fail("the mask is not known"))
    assert (masks[0] == masks[1]).all()
    monkeypatch.undo()
    assert (masks[0] == fresh_mask(program.encode(), "")).all()


def test_masks_after_other_texts_are_others() -> None:
    """The last lines are equal, but not what is before them, in the program or in the type that is expected."""
    masks = [_after(Constraint(), f"x = {value}\ny = x") for value in VALUES]
    assert len(set(map(tuple, masks))) > 3
    assert masks == [_fresh(f"x = {value}\ny = x") for value in VALUES]
    for held in ("xs", "list(xs)"):
        text = f"xs = [1]\nys = {held}\nxs[0] = 2\ny"
        assert _after(Constraint(), text) == _fresh(text)
    heads = [f"class P:\n    {field}: int\np: P\n" for field in ("a", "b")]
    assert _after(Constraint(heads[0]), "p.") != _after(Constraint(heads[1]), "p.")
    expected = [RecordType("P", (("a", INT),)), RecordType("P", (("b", INT),)), LiteralType((1,)), LiteralType((True,))]
    contents = {beginning(Constraint(expected=type_)).point.content for type_ in expected}
    assert len(contents) == 4


def _after(constraint: Constraint, text: str) -> list[bool]:
    matcher = Matcher(constraint, BYTES, 100_000)
    for token in text.encode():
        matcher.commit(token)
    found: list[bool] = matcher.mask().tolist()
    return found


def _fresh(text: str) -> list[bool]:
    found: list[bool] = fresh_mask(text.encode(), "").tolist()
    return found


@pytest.mark.long
@pytest.mark.parametrize("part", range(40))
def test_masks_of_conformance_programs_are_those_that_are_found_anew(part: int) -> None:
    draw = random.Random(part)
    for text in draw.sample(sorted(text for text in well_typed().values() if len(text) < 300), 6):
        assert masks_differ(text, "", draw) == []


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_masks_of_random_programs_are_those_that_are_found_anew(seed: int) -> None:
    text = sample_program(Constraint(SCOPE), BYTES, seed, 60).program.removeprefix(SCOPE)
    assert masks_differ(text, SCOPE, random.Random(seed)) == []
