"""Typed answers under a mask hold no key of a dict twice, whatever the model would like to write."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLTokenizer

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.answer_keys import AnswerKeys, has_dicts
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
)
from rlmlang.models.local.answer_matcher import AnswerMatcher, guidance_of
from rlmlang.models.local.steering import AnswerSteering, TokenOrder

VOCABULARY = Vocabulary.of_bytes()
TOKENIZER: LLTokenizer = guidance_of(VOCABULARY)
MOOD = LiteralType(("good", "goods", "bad"))
NESTED = RecordType("Nested", (("name", STR), ("ages", DictType(STR, DictType(BOOL, INT)))))

REPEATED = [
    (DictType(STR, INT), ' {"a": 1, "b": 2, "a', b'"'),
    (DictType(STR, INT), ' {"é": 1, "\\u00e9', b'"'),
    (DictType(STR, STR), ' {"a": "{\\"a\\": 1, \\"", "b": "b", "a', b'"'),
    (DictType(INT, INT), ' {"10": 1, "10', b'"'),
    (DictType(INT, INT), ' {"0": 1, "-', b"0"),
    (DictType(FLOAT, INT), ' {"1.0": 1, "1', b'"'),
    (DictType(BOOL, INT), ' {"true": 1, "', b"t"),
    (DictType(BOOL, INT), ' {"true": 1, "false": 2', b","),
    (DictType(MOOD, INT), ' {"goods": 1, "good": 1, "', b"g"),
    (DictType(TupleType((STR, INT)), INT), ' {"[\\"a\\", 1]": 1, "[\\"a\\", 1]', b'"'),
    (ListType(DictType(STR, INT)), ' [{"a": 1}, {"a": 1, "a', b'"'),
    (TupleType((INT, OptionalType(DictType(STR, INT)))), ' [1, {"a": 1, "a', b'"'),
    (NESTED, ' {"name": "ages", "ages": {"name": {}, "x": {"true": 1, "', b"t"),
]


@pytest.mark.parametrize(("type_", "written", "repeating"), REPEATED)
def test_a_key_that_is_there_already_may_not_follow(type_: Type, written: str, repeating: bytes) -> None:
    before = AnswerKeys(type_).after(written.encode())
    assert before is not None
    assert before.after(repeating) is None
    matcher = AnswerMatcher(type_, TOKENIZER, VOCABULARY, 1_000)
    for byte in written.encode():
        assert matcher.allows(byte)
        matcher.commit(byte)
    assert not matcher.allows(repeating[0])
    assert matcher.best([repeating[0], *range(256)])


def test_the_keys_of_one_dict_may_be_those_of_another() -> None:
    text = b' [{"a": {"a": 1}}, {"a": null, "b": {"a": 3, "b": 4}}]}'
    assert AnswerKeys(ListType(DictType(STR, OptionalType(DictType(STR, INT))))).after(text) is not None


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=8), st.booleans())
def test_no_answer_without_a_repeated_key_is_refused(value: dict[str, str], ascii_only: bool) -> None:
    text = f" {json.dumps(value, ensure_ascii=ascii_only)}}}".encode("utf-8", "surrogatepass")
    assert AnswerKeys(DictType(STR, STR)).after(text) is not None


@pytest.mark.parametrize(
    "type_",
    [
        DictType(STR, INT),
        DictType(INT, BOOL),
        DictType(BOOL, INT),
        DictType(MOOD, BOOL),
        DictType(FLOAT, BOOL),
        ListType(DictType(MOOD, DictType(BOOL, BOOL))),
        RecordType("R", (("counts", DictType(MOOD, INT)), ("rest", OptionalType(DictType(STR, BOOL))))),
    ],
)
def test_whatever_is_drawn_is_an_answer(type_: Type) -> None:
    """Signs that end things are liked best, and so are few others, so that keys would be repeated often."""
    for seed in range(8):
        chance = random.Random(seed)
        steering = AnswerSteering(AnswerMatcher(type_, TOKENIZER, VOCABULARY, 3_000), TokenOrder(0, 0, 0))
        text = bytes(steering.forced())
        while not steering.done and len(text) < 3_000:
            logits = np.array([chance.gauss(0, 1) for _ in range(VOCABULARY.size)], np.float32)
            liked = b'"a1,' if len(text) < 300 else b'"}]bx2'
            logits[[*liked]] += 4
            token = steering.choose(logits)
            text += bytes([token] if token is not None and token < 256 else [])
            if not steering.done:
                text += bytes(steering.forced())
        assert steering.done
        AnswerFormat.of(type_).read(text.decode(), AnswerFormat.opening, wrapped=True)


def test_only_types_with_dicts_are_watched() -> None:
    assert [has_dicts(each) for each in (NESTED, ListType(INT), TupleType((INT, DictType(STR, INT))))] == [True, False, True]  # fmt: skip
