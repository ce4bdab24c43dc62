"""Answers: read strictly, described in words, and constrained to what is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from rlmlang.calls.answer_format import MAX_FORMATS, MAX_INT_DIGITS, AnswerFormat, record_types
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    LiteralType,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    hashable,
)
from rlmlang.runtime.strict_json import MAX_JSON_DEPTH, parse_json
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, RecordValue, SetValue, Value, to_json

RISK = LiteralType(("low", "high"))
CLAUSE = RecordType("Clause", (("title", STR), ("risk", RISK)))
PAIR = RecordType("Pair", (("first", CLAUSE), ("second", OptionalType(CLAUSE))))


# Forms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (STR, "text"),
        (RISK, "word"),
        (LiteralType(("two words", "é 😀")), "word"),
        (LiteralType(("",)), "json"),
        (LiteralType((" padded",)), "json"),
        (LiteralType(("fine", "two\nlines")), "json"),
        (LiteralType(("\ud800",)), "json"),
        (LiteralType((1, 2)), "json"),
        (LiteralType((True,)), "json"),
        (OptionalType(STR), "json"),
        (INT, "json"),
        (CLAUSE, "json"),
    ],
)
def test_form(type_: Type, expected: str) -> None:
    assert AnswerFormat.of(type_).style == expected


@pytest.mark.parametrize(
    ("text", "type_", "expected"),
    [
        ("  two words\n", STR, "two words"),
        ('"quoted"', STR, '"quoted"'),
        ("", STR, ""),
        (" low\n", RISK, "low"),
        ('""', LiteralType(("",)), ""),
        (" 3 ", INT, 3),
        ("-0", INT, 0),
        ("3", FLOAT, 3),
        ("2.5e1", FLOAT, 25.0),
        ("true", BOOL, True),
        ("null", OptionalType(INT), None),
        ('"x"', OptionalType(STR), "x"),
        ("2", LiteralType((1, 2)), 2),
        ('[ "a",\n"b" ]', ListType(STR), ["a", "b"]),
        ("[1, 2.5]", TupleType((INT, FLOAT)), (1, 2.5)),
        ('{"a": [1]}', DictType(STR, ListType(INT)), {"a": [1]}),
        ("[2, 1, 2]", SetType(INT), SetValue([1, 2])),
        ("[2, 1, 2]", OpenTupleType(INT), (2, 1, 2)),
        ('{"1": true, "-2": false}', DictType(INT, BOOL), {1: True, -2: False}),
        ('{"true": 1}', DictType(BOOL, INT), {True: 1}),
        ('{"0.5": 1, "2": 1}', DictType(FLOAT, INT), {0.5: 1, 2: 1}),
        ('{"[1, \\"a\\"]": 1}', DictType(TupleType((INT, STR)), INT), {(1, "a"): 1}),
        ('{"low": 1}', DictType(RISK, INT), {"low": 1}),
        ('{"risk": "low", "title": "T"}', CLAUSE, RecordValue(CLAUSE, ("T", "low"))),
    ],
)
def test_an_answer_is_read_as_a_value(text: str, type_: Type, expected: Value) -> None:
    value = AnswerFormat.of(type_).read(text)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "type_", "why"),
    [
        ("Low", RISK, 'the answer is "Low", not one of ["low", "high"]'),
        ('"low"', RISK, "not one of"),
        ("low.", RISK, "not one of"),
        ("", INT, "it is not JSON"),
        ("three", INT, "not JSON"),
        ("3 apples", INT, "not JSON: Extra data at character 3"),
        ("true", INT, "the answer is true, not int"),
        ("1", BOOL, "the answer is 1, not bool"),
        ("1.0", INT, "the answer is 1.0, not int"),
        ("1", LiteralType((True,)), "not one of"),
        ("null", INT, "the answer is null, not int"),
        ("01", INT, "not JSON"),
        ("NaN", FLOAT, "not JSON: NaN"),
        ("[Infinity]", ListType(FLOAT), "not JSON: Infinity"),
        ("-Infinity", FLOAT, "not JSON: -Infinity"),
        ("1e999", FLOAT, "too large for a float"),
        ('{"a": 1, "b": 2, "a": 3}', DictType(STR, INT), 'the key "a" is repeated'),
        ('[{"x": {"k": 1, "k": 1}}]', ListType(DictType(STR, DictType(STR, INT))), 'the key "k" is repeated'),
        ("[1, 2]", TupleType((INT,)), "not tuple[int]"),
        ('["a", 1]', ListType(STR), "the answer[1] is 1, not str"),
        ('{"title": "T"}', CLAUSE, "lacks the field 'risk'"),
        ('{"title": "T", "risk": "low", "extra": 1}', CLAUSE, "'extra'"),
        ("[1,]", ListType(INT), "not JSON"),
        ("{'a': 1}", DictType(STR, INT), "not JSON"),
        ("[1] // one", ListType(INT), "not JSON"),
        ('{"a": 1}', DictType(INT, INT), 'the answer has the key "a", which is not int'),
        ('{"1.5": 1}', DictType(INT, INT), "a key of the answer is 1.5, not int"),
        ('{"1": 1, "1.0": 2}', DictType(FLOAT, INT), "the answer has a key twice"),
        ('["a"]', SetType(INT), "the answer[0] is"),
    ],
)
def test_an_answer_that_is_not_of_the_type_is_refused(text: str, type_: Type, why: str) -> None:
    with pytest.raises(Mismatch) as caught:
        AnswerFormat.of(type_).read(text)
    assert why in str(caught.value)


def test_integers_are_bounded() -> None:
    assert parse_json(str(2**MAX_INT_BITS - 1)) == 2**MAX_INT_BITS - 1
    assert parse_json(f"-{2**MAX_INT_BITS - 1}") == 1 - 2**MAX_INT_BITS
    for digits in (str(2**MAX_INT_BITS), "9" * 5_000, "-" + "9" * 1_000_000):
        with pytest.raises(Mismatch, match="13,000 bits"):
            parse_json(digits)


def test_depth_is_bounded() -> None:
    deepest = "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH
    assert json.dumps(parse_json(deepest)) == deepest
    for text in ("[" + deepest + "]", "[" * 1_000_000, '{"a":' * 200_000, "[" * 101 + '"' + "]" * 101):
        with pytest.raises(Mismatch, match="100 brackets deep"):
            parse_json(text)


@pytest.mark.parametrize("text", ['"' + "[" * 500 + '"', '"\\"' + "{" * 500 + '"', "[" + ",".join(["[]"] * 500) + "]"])
def test_only_nesting_counts_as_depth(text: str) -> None:
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize("text", ['"' + '\\"' * 300_000, '[[]"\\' * 100_000, '"[' * 100_001, "\\" * 300_000])
def test_long_nonsense_is_refused_in_linear_time(text: str) -> None:
    with pytest.raises(Mismatch):
        parse_json("[" * 50 + "{" * 51 + text)
    with pytest.raises(Mismatch):
        parse_json(text + "[" * 101)


@given(st.text(alphabet='[]{}",:\\ 1.eE-ntrua\x00\ud800'))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        data = parse_json(text)
    except Mismatch:
        return
    assert data == json.loads(text)


# Types of all kinds, with their values -----------------------------------------------

_texts = st.text(alphabet='abz é中😀"\\\n\t\x00\x7f\u2028', max_size=6)
_leaves: list[tuple[Type, st.SearchStrategy[Value]]] = [
    (STR, _texts),
    (INT, st.integers(-(10**14), 10**14)),
    (FLOAT, st.integers(-(10**6), 10**6).map(lambda n: n / 64)),
    (BOOL, st.booleans()),
    (RISK, st.sampled_from(RISK.values)),
    (LiteralType((1, -2)), st.sampled_from((1, -2))),
    (LiteralType(("", 'a"\\\n')), st.sampled_from(("", 'a"\\\n'))),
    (LiteralType(("é /x", 'say "hi"')), st.sampled_from(("é /x", 'say "hi"'))),
]


def _typed(leaf: int) -> st.SearchStrategy[tuple[Type, Value]]:
    type_, values = _leaves[leaf]
    return st.tuples(st.just(type_), values)


def _wrapped(
    inner: st.SearchStrategy[tuple[Type, Value]],
) -> st.SearchStrategy[tuple[Type, Value]]:
    def grow(pair: tuple[Type, Value]) -> st.SearchStrategy[tuple[Type, Value]]:
        type_, value = pair
        record = RecordType("Made", (("name", STR), ("inner", type_), ("again", OptionalType(type_))))
        choices: list[tuple[Type, Value]] = [
            (ListType(type_), []),
            (ListType(type_), [value, value]),
            (DictType(STR, type_), {"k": value, 'q"\\': value}),
            (DictType(STR, type_), {}),
            (DictType(INT, type_), {-1: value, 20: value}),
            (DictType(BOOL, type_), {True: value}),
            (DictType(TupleType((STR, INT)), type_), {('"a', 1): value}),
            (OpenTupleType(type_), (value, value, value)),
            (TupleType((type_, INT)), (value, 1)),
        ]
        if hashable(type_):
            choices += [(SetType(type_), SetValue([value])), (DictType(type_, INT), {value: 1})]
        if not isinstance(type_, OptionalType):
            choices += [(OptionalType(type_), None), (OptionalType(type_), value)]
            if record not in record_types(type_):
                choices.append((record, RecordValue(record, ("n", value, None))))
        return st.sampled_from(choices)

    return inner.flatmap(grow)


typed_values = st.recursive(st.integers(0, len(_leaves) - 1).flatmap(_typed), _wrapped, max_leaves=3)


@given(typed_values)
def test_what_is_written_is_read_back(pair: tuple[Type, Value]) -> None:
    type_, value = pair
    if type_ != STR:  # which is stripped
        assert AnswerFormat.of(type_).read(AnswerFormat.of(type_).write(value)) == value


def test_values_are_written_in_the_form_of_the_type() -> None:
    assert AnswerFormat.of(RISK).write("low") == "low"
    assert AnswerFormat.of(STR).write("plain") == "plain"
    assert AnswerFormat.of(OptionalType(STR)).write("plain") == '"plain"'
    assert AnswerFormat.of(STR).write(["a"]) == '["a"]'
    assert AnswerFormat.of(CLAUSE).write(RecordValue(CLAUSE, ("T", "low"))) == '{"title":"T","risk":"low"}'


# For prompts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (STR, "Answer with plain text only."),
        (RISK, "Answer with one of: low, high."),
        (LiteralType((1, 2)), "Answer with 1 or 2, as JSON."),
        (INT, "Answer with a whole number, as JSON."),
        (OptionalType(FLOAT), "Answer with a number or null, as JSON."),
        (ListType(ListType(BOOL)), "Answer with a list of lists of true or false, as JSON."),
        (DictType(STR, INT), "Answer with an object whose values are whole numbers, as JSON."),
        (
            DictType(INT, INT),
            "Answer with an object whose keys are whole numbers in quotes, and whose values are whole numbers, as JSON.",
        ),
        (SetType(STR), "Answer with a list without repetition of strings, as JSON."),
        (OpenTupleType(STR), "Answer with a list of strings, as JSON."),
        (ListType(DictType(STR, NONE)), "Answer with a list of objects whose values are nulls, as JSON."),
        (TupleType((STR, INT)), "Answer with a list of exactly a string, then a whole number, as JSON."),
        (
            ListType(TupleType((STR,))),
            "Answer with a list of lists of exactly a string, as JSON.",
        ),
        (
            ListType(CLAUSE),
            'Answer with a list of objects with "title" (a string), "risk" ("low" or "high"), as JSON.',
        ),
        (
            TupleType((PAIR, ListType(CLAUSE))),
            'Answer with a list of exactly an object with "first" (a Clause), "second" (a Clause or null), '
            "then a list of Clause objects, as JSON. "
            'A Clause is an object with "title" (a string), "risk" ("low" or "high").',
        ),
    ],
)
def test_a_type_is_described_in_one_line(type_: Type, expected: str) -> None:
    assert AnswerFormat.of(type_).description == expected


def _doubling(levels: int) -> RecordType:
    record = CLAUSE
    for level in range(levels):
        record = RecordType(f"R{level}", (("a", record), ("b", ListType(record))))
    return record


@pytest.mark.parametrize(
    "write",
    [lambda answers: answers.description, lambda answers: answers.grammar, lambda answers: json.dumps(answers.schema)],
)
def test_records_that_double_do_not_double_the_text(write: Any) -> None:
    assert len(write(AnswerFormat.of(_doubling(40)))) < 10_000


def test_record_types_come_after_those_they_use() -> None:
    assert list(record_types(ListType(PAIR), CLAUSE).items()) == [(CLAUSE, 3), (PAIR, 1)]


# For engines -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (STR, {"type": "string"}),
        (INT, {"type": "integer"}),
        (RISK, {"type": "string", "enum": ["low", "high"]}),
        (LiteralType((1, "a", 2)), {"type": ["integer", "string"], "enum": [1, "a", 2]}),
        (OptionalType(BOOL), {"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        (DictType(STR, FLOAT), {"type": "object", "additionalProperties": {"type": "number"}}),
        (DictType(INT, FLOAT), {"type": "object", "additionalProperties": {"type": "number"}}),
        (SetType(FLOAT), {"type": "array", "items": {"type": "number"}}),
        (OpenTupleType(FLOAT), {"type": "array", "items": {"type": "number"}}),
        (
            TupleType((STR, BOOL)),
            {
                "type": "array",
                "prefixItems": [{"type": "string"}, {"type": "boolean"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (
            CLAUSE,
            {
                "type": "object",
                "properties": {"title": {"type": "string"}, "risk": {"type": "string", "enum": ["low", "high"]}},
                "required": ["title", "risk"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_json_schema(type_: Type, expected: dict[str, Any]) -> None:
    assert AnswerFormat.of(type_).schema == expected


def test_an_answer_in_an_object() -> None:
    schema = AnswerFormat.of(ListType(PAIR)).object_schema
    assert schema["required"] == ["answer"]
    assert schema["properties"]["answer"] == {"type": "array", "items": {"$ref": "#/$defs/Pair"}}
    assert list(schema["$defs"]) == ["Clause", "Pair"]
    assert "$defs" not in AnswerFormat.of(INT).object_schema


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ('{"answer": 5}', INT, 5),
        ('{\n  "answer": "low"\n}', RISK, "low"),
        ('{"answer": ["é", "1.0"]}', ListType(STR), ["é", "1.0"]),
        ('{"answer": {"answer": 1}}', DictType(STR, INT), {"answer": 1}),
        ("5", INT, 5),
        ("low", RISK, "low"),
        ('"low"', OptionalType(STR), "low"),
        ('{"a": 1}', DictType(STR, INT), {"a": 1}),
    ],
)
def test_an_object_is_read_and_so_is_an_answer_without_one(text: str, type_: Type, value: Value) -> None:
    assert AnswerFormat.of(type_).read(text, wrapped=True) == value


@pytest.mark.parametrize(
    ("text", "type_", "why"),
    [
        ('{"answer": 5, "more": 6}', INT, 'the answer is {"answer": 5, "more": 6}, not int'),
        ('{"answer": 5', INT, "not JSON"),
        ("[5]", INT, "the answer is [5], not int"),
        ('{"answer": 5}', RISK, "the answer is 5, not one of"),
        ('{"answer": "5"}', INT, 'the answer is "5", not int'),
    ],
)
def test_an_object_with_a_wrong_answer_is_refused(text: str, type_: Type, why: str) -> None:
    with pytest.raises(Mismatch) as caught:
        AnswerFormat.of(type_).read(text, wrapped=True)
    assert why in str(caught.value)


def test_an_object_that_was_not_requested_is_an_answer() -> None:
    assert AnswerFormat.of(DictType(STR, INT)).read('{"answer": 1}') == {"answer": 1}


def test_a_format_is_made_once_for_a_type_and_not_for_its_equals() -> None:
    assert AnswerFormat.of(PAIR) is AnswerFormat.of(PAIR)
    other = RecordType("Clause", (("length", INT),))
    assert other == CLAUSE
    assert AnswerFormat.of(other).description == 'Answer with an object with "length" (a whole number), as JSON.'
    assert AnswerFormat.of(CLAUSE).read('{"title": "T", "risk": "low"}') == RecordValue(CLAUSE, ("T", "low"))
    one, true = LiteralType((1,)), LiteralType((True,))
    assert one == true
    assert (AnswerFormat.of(one).read("1"), AnswerFormat.of(true).read("true")) == (1, True)
    for size in range(2 * MAX_FORMATS):
        assert AnswerFormat.of(LiteralType((size, -1))).description == f"Answer with {size} or -1, as JSON."


def test_records_in_a_schema_are_referred_to() -> None:
    schema = AnswerFormat.of(ListType(PAIR)).schema
    assert schema["items"] == {"$ref": "#/$defs/Pair"}
    assert list(schema["$defs"]) == ["Clause", "Pair"]
    assert list(schema["$defs"]["Pair"]["properties"]) == ["first", "second"]
    assert AnswerFormat.of(PAIR).schema["type"] == "object"
    assert list(AnswerFormat.of(PAIR).schema["$defs"]) == ["Clause"]


TOKENIZER = LLTokenizer("byte")


def _accepts(grammar: str, text: str) -> bool:
    matcher = LLMatcher(TOKENIZER, grammar, log_level=0)
    assert not matcher.get_error()
    data = TOKENIZER.tokenize_bytes(text.encode())
    return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()


def _after_opening(value: Value) -> str:
    return f" {json.dumps(to_json(value), ensure_ascii=False)}}}"


@given(typed_values)
def test_the_grammar_accepts_every_value(pair: tuple[Type, Value]) -> None:
    type_, value = pair
    written = _after_opening(value)
    assert json.loads(AnswerFormat.opening + written) == {"answer": to_json(value)}
    assert LLMatcher.validate_grammar(f"%llguidance {{}}\n{AnswerFormat.of(type_).grammar}") == ""
    assert _accepts(AnswerFormat.of(type_).grammar, written)
    if type_ != STR:
        assert AnswerFormat.of(type_).read(written, AnswerFormat.opening, wrapped=True) == value


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (INT, 12345678901234567890),
        (INT, -(10**MAX_INT_DIGITS) + 1),
        (DictType(INT, INT), {10**30: -(10**40)}),
        (FLOAT, 0.30000000000000004),
        (FLOAT, 1234567890123456789.5),
    ],
)
def test_numbers_have_all_their_digits(type_: Type, value: Value) -> None:
    """What is constrained may hold as many digits as the language; a number that was cut would be another one."""
    written = _after_opening(value)
    assert _accepts(AnswerFormat.of(type_).grammar, written)
    assert AnswerFormat.of(type_).read(written, AnswerFormat.opening, wrapped=True) == value


@given(typed_values)
def test_the_schema_accepts_every_value(pair: tuple[Type, Value]) -> None:
    type_, value = pair
    grammar = LLMatcher.grammar_from_json_schema(AnswerFormat.of(type_).schema)
    assert LLMatcher.validate_grammar(grammar) == ""
    written = _after_opening(value)[1:-1].replace("\x7f", "\\u007f")  # llguidance takes DEL as an escape only
    assert _accepts(grammar, written)


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        (INT, f" 1{'0' * MAX_INT_DIGITS}}}"),
        (INT, " 1.0}"),
        (INT, " 01}"),
        (INT, "  1}"),
        (INT, " 1 }"),
        (INT, " 1"),
        (FLOAT, " 0.333333333333333333}"),
        (FLOAT, " NaN}"),
        (FLOAT, " 1e999}"),
        (BOOL, " True}"),
        (RISK, ' "Low"}'),
        (RISK, ' "lo"}'),
        (LiteralType((1, 2)), " 3}"),
        (CLAUSE, ' {"risk": "low", "title": "T"}}'),
        (CLAUSE, ' {"title": "T"}}'),
        (ListType(INT), " [1,2]}"),
        (ListType(INT), " [1, ]}"),
        (TupleType((INT, INT)), " [1]}"),
        (OptionalType(STR), ' "\\ud800"}'),
        (OptionalType(STR), ' "a\nb"}'),
        (OptionalType(STR), ' "a" "b"}'),
    ],
)
def test_the_grammar_accepts_nothing_else(type_: Type, written: str) -> None:
    assert not _accepts(AnswerFormat.of(type_).grammar, written)


@pytest.mark.parametrize("word", ["\x7f", "a\u2028b", "\x00", "\ud800", "\u202e"])
def test_constants_that_a_grammar_cannot_contain_are_escaped(word: str) -> None:
    written = f" {json.dumps(word)}}}"
    type_ = LiteralType((word, "other"))
    assert _accepts(AnswerFormat.of(type_).grammar, written)
    assert AnswerFormat.of(type_).read(written, AnswerFormat.opening, wrapped=True) == word


@pytest.mark.parametrize("text", [' "low', ' "high" "low"}', ' {"low"}}', "[" * 200, " 3}", ""])
def test_what_an_engine_let_slip_is_refused(text: str) -> None:
    with pytest.raises(Mismatch):
        AnswerFormat.of(RISK).read(text, AnswerFormat.opening, wrapped=True)
