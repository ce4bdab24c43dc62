"""Token masks: whatever they allow can be completed, and they allow what checks."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from rlmlang.decode.closings.conversions import reachable_types
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.lark_text import grammar_text
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.placeholders import FRESH, HOLE
from rlmlang.decode.sampling import sample_program
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError, RlmError
from rlmlang.language.check import check
from rlmlang.language.parse import parse_as_written
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source
from rlmlang.language.types import BOOL, INT, STR, ListType, LiteralType, RecordType, TupleType, Type
from tests.support.places import CONFORMANCE

pytestmark = pytest.mark.heavy

BYTES = Vocabulary.of_bytes()
SCOPE = """\
document: str
names: list[str]
count: int
maybe: str | None
class Clause:
    title: str
    risk: Literal["low", "high"]
def brief(text: str, limit: int = 3) -> str:
    return text[:limit]
clauses = [Clause("a", "low")]
"""

HERE = Constraint(SCOPE)


def accepts(text: str, constraint: Constraint = HERE) -> bool:
    """Return whether a text is allowed byte by byte, and may end."""
    matcher = Matcher(constraint, BYTES, 100_000)
    for token in text.encode():
        if not matcher.allows(token):
            return False
        matcher.commit(token)
        if matcher.done:
            break
    return matcher.text == text and (matcher.done or matcher.allows(256))


def refused_at(text: str, constraint: Constraint = HERE) -> str:
    """Return the text before the first character that is refused."""
    matcher = Matcher(constraint, BYTES, 100_000)
    for token in text.encode():
        if not matcher.allows(token):
            break
        matcher.commit(token)
    return matcher.text


# Whatever is drawn checks -----------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from([None, STR, INT, BOOL, ListType(STR), LiteralType(("a", "b"))]))
def test_random_programs_check(seed: int, expected: Type | None) -> None:
    sample = sample_program(Constraint(SCOPE, expected), BYTES, seed, 40)
    check(Source(sample.program), expected)
    assert sample.tokens <= 40


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_many_random_programs_check(part: int) -> None:
    for seed in range(part * 100, part * 100 + 100):
        expected = (None, STR, ListType(INT))[seed % 3]
        check(Source(sample_program(Constraint(SCOPE, expected), BYTES, seed, 100).program), expected)


@pytest.mark.parametrize("budget", [8, 12, 20, 40])
@pytest.mark.parametrize("seed", range(3))
def test_near_the_limit_the_program_is_closed(budget: int, seed: int) -> None:
    sample = sample_program(Constraint(SCOPE, ListType(STR)), BYTES, seed, budget)
    assert sample.tokens <= budget
    check(Source(sample.program), ListType(STR))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=5)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_the_mask_allows_what_is_allowed_one_by_one(seed: int, steps: int) -> None:
    text = sample_program(Constraint(SCOPE), BYTES, seed, 30).program.removeprefix(SCOPE)
    matcher = Matcher(Constraint(SCOPE), BYTES, 10_000)
    for token in text.encode()[:steps]:
        matcher.commit(token)
    mask = matcher.mask()
    assert [token for token in range(257) if mask[token]] == [token for token in range(257) if matcher.allows(token)]


# What checks is allowed ---------------------------------------------------------------

REFUSED = tomllib.loads((Path(__file__).parent / "refused.toml").read_text(encoding="utf-8"))
"""The conformance cases that are refused, each with the reason, by what the mask knows of the program's type."""


@cache
def well_typed() -> dict[str, str]:
    """Return the conformance programs that check, as the formatter writes them, by case id."""
    programs: dict[str, str] = {}
    for path in sorted(CONFORMANCE.glob("*/*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8")).get("case", []):
            text = case.get("program")
            if isinstance(text, str) and len(text) < 3000:
                try:
                    check(Source(text))
                except RlmError:
                    continue
                identifier = f"{path.relative_to(CONFORMANCE).with_suffix('')}: {case['name']}"
                programs[identifier] = format_module(parse_as_written(Source(text)))
    return programs


def differences(constraints: dict[str, Constraint], expected: set[str]) -> dict[str, str]:
    """Return the cases for which a mask differs from what is listed, each with how it does."""
    programs = well_typed()
    assert expected <= set(programs)
    refused = {name for name, constraint in constraints.items() if not accepts(programs[name], constraint)}
    regressions = {
        name: f"refused after {refused_at(programs[name], constraints[name])!r}" for name in refused - expected
    }
    return regressions | dict.fromkeys(expected - refused, "accepted; remove it from refused.toml")


@pytest.mark.long
def test_conformance_programs_are_allowed_but_for_the_listed_ones() -> None:
    constraints = dict.fromkeys(well_typed(), Constraint())
    assert len(constraints) > 900
    assert differences(constraints, REFUSED["always"].keys() | REFUSED["any type"].keys()) == {}


@pytest.mark.long
def test_conformance_programs_are_allowed_where_their_type_is_expected() -> None:
    constraints = {name: Constraint("", check(Source(text)).type) for name, text in well_typed().items()}
    assert differences(constraints, REFUSED["always"].keys() | REFUSED["own type"].keys()) == {}


@pytest.mark.parametrize(
    ("listed", "difference"),
    [
        (set(), "refused after '('"),
        ({"syntax/foreign: walrus", "lexis/layout: comments"}, "accepted; remove it from refused.toml"),
    ],
)
def test_a_regression_does_not_hide_behind_a_gain(listed: set[str], difference: str) -> None:
    constraints = dict.fromkeys(("syntax/foreign: walrus", "lexis/layout: comments"), Constraint())
    assert list(differences(constraints, listed).values()) == [difference]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("document.lower().count(\"l\")\n", INT),
        ("document.split()[0].upper()\n", STR),
        ("CALL[Literal[\"a\", \"b\"]](\"Which?\", document)\n", LiteralType(("a", "b"))),
        ("CALL[list[int]](\"List the numbers\", document)\n", ListType(INT)),
        ("CALL[list[Clause]](\"List the clauses\", document)[0].title\n", STR),
        ("CALL[dict[str, int]](\"Count\", document)[\"a\"]\n", INT),
        ("CALL[int | None](\"How many?\") or 7\n", INT),
        ("CALL[str](\"Greet\") == document\n", BOOL),
        ("[len(each) for each in names][0]\n", INT),
        ("[i * n for i, n in enumerate([5, 6])]\n", ListType(INT)),
        ("[[1, 2], [3]][0][1]\n", INT),
        ("{\"a\": 1, \"b\": 2}[\"b\"]\n", INT),
        ("clauses[-1].title\n", STR),
        ("sorted(names, key=len)[0]\n", STR),
        ("max([len(each) for each in chunk(document, 11)]) <= 13\n", BOOL),
        ("(document, names[0], len(names))\n", TupleType((STR, STR, INT))),
        ("drop([1, 2, 3], 2)\n", ListType(INT)),
        ("reduce(lambda n, i: n * n, range(60), 3)\n", INT),
        ("map(lambda name: CALL(\"Shorten\", name), names)\n", ListType(STR)),
        ("sum(map(int, document.split()))\n", INT),
        ("filter(lambda name: name in document, names)\n", ListType(STR)),
        ("divmod(count, 60)\n", TupleType((INT, INT))),
        ("chr(ord(document[0]) + 1)\n", STR),
        ("pow(count, 2, 7)\n", INT),
    ],
)  # fmt: skip
def test_programs_of_the_expected_type_are_allowed(text: str, expected: Type) -> None:
    assert accepts(text, Constraint(SCOPE, expected)), refused_at(text, Constraint(SCOPE, expected))


@pytest.mark.parametrize(
    "text",
    [
        "x = brief(document)\nx.upper()\n",
        "[brief(each, count) for each in names]\n",
        "[f\"{i + 1}. {name!r:>10}\" for i, name in enumerate(names)]\n",
        "{clause.title: len(clause.title) for clause in clauses if clause.risk == \"low\"}\n",
        "sorted(names, key=lambda name: len(name))[1:3]\n",
        "sorted(names, key=len)\n",
        "maybe.upper() if maybe is not None else \"none\"\n",
        "CALL[list[Clause]](\"List the clauses\", document, sample=count)\n",
        "def f(xs: list[int], g: Callable[[int], int]) -> list[int]:\n    ys = [g(x) for x in xs]\n    return ys\nf([1], abs)\n",
        "class P:\n    x: int\n    y: list[str] | None\nP(1, None)\n",
        "a, b = (1, \"x\")\nb * a\n",
        "Clause(title=\"é😀\", risk=\"high\").risk\n",
        "reduce(lambda a, x: a + x, [1, 2], 0)\n",
        "map(lambda a, b: a + b, names, [\"x\"])\n",
        "map(lambda a, b, c: a + b + c, names, [\"x\"], document)\n",
        "map(lambda name: name.upper(), filter(lambda name: len(name) > 2, names))\n",
        "filter(None, names)\n",
        "\"\"\"two\nlines\"\"\"\n",
        "[\n    1,\n    2,\n]\n",
        "x = 1  # a note\nx\n",
        "not any(name in document for name in names)\n",
        "-count ** 2 // 3 < 10 <= 20\n",
        "{\"a\": [1]}[\"a\"][0]\n",
    ],
)  # fmt: skip
def test_allowed(text: str) -> None:
    check(Source(SCOPE + text))
    assert accepts(text), refused_at(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("documnt\n", "documnt"),
        ("x = documnt + document", "x = "),
        ("names.uppe", "names."),
        ("document.append", "document."),
        ("count + document\n", "count + document"),
        ("brief = 3", "brief"),
        ("x = yy = 3", "x = y"),
        ("brief(1", "brief("),
        ("brief()", "brief("),
        ("brief(document, 1, 2)", "brief(document, 1"),
        ("Clause(\"a\", \"medium", "Clause(\"a\", \""),
        ("with open", "with"),
        ("import os", "import"),
        ("maybe.upper()\n", "maybe.upper()"),
        ("clauses[0].titel", "clauses[0].tit"),
        ("x = 1 #=> int", "x = 1 #="),
        ("f\"{documint}", "f\"{"),
        ("\"\u202e", "\""),
    ],
)  # fmt: skip
def test_refused(text: str, at: str) -> None:
    assert not accepts(text)
    assert refused_at(text).startswith(at[:-1])
    assert len(refused_at(text)) < len(text)


@pytest.mark.parametrize("name", ["HOLE", "HOLE1", "HOLE_type1", "HOLE_attribute", "zq0", "_zq0", "v1_0", "v1_0_"])
def test_no_name_is_taken_for_a_placeholder(name: str) -> None:
    assert accepts(f"{name} = 1\n{name}\n", Constraint())
    assert accepts(f"x = 1\n[{name} + x for {name} in [1]]\n", Constraint())
    assert accepts(f"f'{{1 if {name} else {name}}}'\n", Constraint(f"{name}: int\n"))
    assert accepts(f"x = 2\n[x for x in [{name}]]\n", Constraint(f"{name} = 1\n"))
    if name[0] != "_":
        assert accepts(f"class P:\n    {name}: int\n    y: int\nP({name}=1, y=2).{name}\n", Constraint())


@pytest.mark.parametrize("name", [HOLE, f"{HOLE}1", FRESH, f"_{FRESH}"])
def test_placeholders_cannot_be_written(name: str) -> None:
    for text in (f"{name} = 1\n", f"x = {name}\n", f"document.{name}\n", f"[{name} for {name} in names]\n"):
        assert not accepts(text)
    assert accepts(f'"{name}" + document\n')
    assert accepts(f"f'{name}{{count}}'\n")


def test_a_string_equals_no_free_string() -> None:
    """`zq0` was a text that stood for any text."""
    constraint = Constraint("", LiteralType(("zq0", "b")))
    assert accepts('"zq0"\n', constraint)
    assert not accepts('"anything"\n', constraint)


def test_only_the_expected_type_is_allowed() -> None:
    assert accepts("count\n", Constraint(SCOPE, INT))
    assert not accepts("document\n", Constraint(SCOPE, INT))
    assert accepts("len(document)\n", Constraint(SCOPE, INT))
    assert accepts('"a"\n', Constraint("", LiteralType(("a", "b"))))
    assert not accepts('"c"\n', Constraint("", LiteralType(("a", "b"))))


def test_without_calls_none_is_allowed() -> None:
    assert accepts('CALL("x")\n')
    assert not accepts('CALL("x")\n', Constraint(SCOPE, calls=False))


def test_a_call_in_running_text_ends_with_its_bracket() -> None:
    constraint = Constraint(SCOPE, unit="call")
    matcher = Matcher(constraint, BYTES, 1000)
    for token in b'[int]("How many?", document)':
        matcher.commit(token)
    assert matcher.done


def test_a_statement_ends_with_its_line() -> None:
    matcher = Matcher(Constraint(SCOPE, unit="statement"), BYTES, 1000)
    for token in b"x = count + 1\n":
        matcher.commit(token)
    assert matcher.done


def test_a_token_that_is_not_allowed_is_an_error() -> None:
    matcher = Matcher(Constraint(SCOPE), BYTES, 1000)
    with pytest.raises(ModelError) as caught:
        matcher.commit(ord(")"))
    assert caught.value.first.code == "E408"


@pytest.mark.parametrize(
    ("text", "forced"),
    [
        ("def g(x: int) -> int:", "\n    "),
        ("def g(x: int) -> int:\n    retur", ""),  # or a name
        ("x = docu", "ment"),
        ("x = clauses[0].ti", "tle"),
        ("x = clauses[0].title.isalp", "ha"),
        ("CALL[lis", "t["),
        ("x = c", ""),
        ("x = count", ""),
        ('x = "docu', ""),
        ("x", ""),
        ("", ""),
    ],
)
def test_forced_text(text: str, forced: str) -> None:
    """The mask agrees on where the forced text ends, and on whether there was a choice."""
    matcher = Matcher(Constraint(SCOPE), BYTES, 1000)
    for token in text.encode():
        matcher.commit(token)
    assert bytes(matcher.forced()).decode() == forced
    for token in forced.encode():
        allowed = {BYTES.bytes_of(int(i)) for i in matcher.mask().nonzero()[0]}
        assert bytes([token]) in allowed
        assert allowed <= {bytes([token]), b" ", b"\n", b"#"}
        matcher.commit(token)


def test_the_mask_and_single_tests_agree_on_tokens_of_several_lexemes() -> None:
    texts = [" return", "\n   ", "   return", " x", "x)", "\n    # c", "# d\n   ", "\n\n", " + 1", "document", '("']
    tokens = [*(bytes([i]) for i in range(256)), *(text.encode() for text in texts)]
    vocabulary = Vocabulary([*tokens, None], [len(tokens)], lambda text: list(text.encode()))
    program = (
        "def f(x: int) -> int:\n    # c\n    y = [\n    # d\n    x,\n    # e\n    1]\n    return len(y)\nf(3) + 1\n"
    )
    matcher = Matcher(Constraint(SCOPE), vocabulary, 10_000)
    for byte in program.encode():
        mask = matcher.mask()
        assert [bool(allowed) for allowed in mask] == [matcher.allows(token) for token in range(len(mask))], (
            matcher.text
        )
        matcher.commit(byte)
    assert matcher.done


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('("a", document)', True),
        ('[int | None]("a", names[0], sample=count)', True),
        ("(document)", True),
        ("(vote)", False),
        ('("a", vote)', False),
        ('("a", document.upper)', False),
        ("()", False),
        ("[int | None]()", False),
        ('(["a"])', False),
    ],
)
def test_calls_are_checked_when_they_end(text: str, accepted: bool) -> None:
    assert (refused_at(text, Constraint(SCOPE, unit="call")) == text) is accepted


@pytest.mark.parametrize("seed", range(20))
def test_random_calls_check(seed: int) -> None:
    drawn = sample_program(Constraint(SCOPE, unit="call"), BYTES, seed, 60).program
    check(Source(f"{SCOPE}CALL{drawn.removeprefix(SCOPE)}\n"))


def test_records_of_one_name_differ_by_their_fields() -> None:
    one, other = RecordType("P", (("x", INT),)), RecordType("P", (("y", ListType(STR)),))
    assert one == other
    assert INT in reachable_types(one)

    assert ListType(STR) in reachable_types(other)
    assert ListType(STR) not in reachable_types(one)


@pytest.mark.parametrize(
    ("start", "part"),
    [("", "not "), ("count", " + count"), ('f"{', "not "), ("document", "[:]")],
)
def test_trees_are_no_deeper_than_the_parser_takes(start: str, part: str) -> None:
    """The part of a long expression that is allowed can be completed, and checks then."""
    pieces = [start.encode() or b"(", part.encode()]
    vocabulary = Vocabulary([*BYTES.tokens, *pieces], BYTES.eos, BYTES.encode)
    matcher = Matcher(Constraint(SCOPE), vocabulary, 100_000)
    for token in [257] * bool(start) + [258] * 300:
        if not matcher.allows(token):
            break
        matcher.commit(token)
    assert 150 * len(part) < len(matcher.text) < 201 * len(part) + 20
    check(Source(SCOPE + matcher.text + matcher.closing_text()))


@pytest.mark.parametrize("before", ["--", "count - -", "[-~-"])
def test_no_sign_is_written_three_times(before: str) -> None:
    text = f"{before}count"
    assert refused_at(text, Constraint(SCOPE)) == text
    text = f"{before}{before[-1]}{before[-1]}count"
    assert refused_at(text, Constraint(SCOPE)) in (before, f"{before}-")


PARTS = 40
"""The conformance programs are tried in so many parts, of which the default profile takes two."""


@pytest.mark.parametrize("part", [0, 1, *(pytest.param(part, marks=pytest.mark.long) for part in range(2, PARTS))])
def test_every_beginning_of_a_program_can_be_completed(part: int) -> None:
    programs = [text for text in well_typed().values() if len(text) < 400]
    for text in programs[part::PARTS]:
        matcher = Matcher(Constraint(), BYTES, 100_000)
        for byte in text.encode():
            if not matcher.allows(byte):
                break  # a case of refused.toml
            matcher.commit(byte)
            if matcher.done:
                break
            if not matcher._tail:
                end = matcher.closing_text()
                assert matcher.position.advance(end) is not None, (matcher.text, end)
                check(Source(matcher.text + end))


LONG = "abcdefghij" * 10
"""A name of the greatest length."""


@pytest.mark.parametrize(
    ("begin", "bound"),
    [
        ("def ", ("",)),
        ("def ", ("", "x", "x1", "0")),
        ("def ", ("", "x", "0", *(f"x{i}" for i in range(12)))),
        ("class ", ("",)),
    ],
)
@pytest.mark.parametrize("size", [1, 90, 97, 98, 99, 100])
def test_names_that_are_bound_can_be_made_new_or_are_refused(begin: str, bound: tuple[str, ...], size: int) -> None:
    name = LONG[:size]
    rest = "(q: int) -> int:\n    return q\n" if begin == "def " else ":\n    q: int\n"
    before = "".join(f"{begin}{name}{end}{rest}" for end in bound if size + len(end) <= len(LONG))
    matcher = Matcher(Constraint(before), BYTES, 10_000)
    for byte in f"{begin}{name}".encode():
        if not matcher.allows(byte):
            assert len(matcher.text) >= len(begin) + 97  # short names can be continued
            break
        matcher.commit(byte)
        check(Source(before + matcher.text + matcher.closing_text()))
    else:
        assert size < 100


@pytest.mark.parametrize("comment", ["", "    # one\n", " # one\n"])
def test_bodies_are_indented_by_four_spaces(comment: str) -> None:
    head = f"def f(x: int) -> int:\n{comment}"
    assert accepts(f"{head}    return x\nf(1)\n", Constraint())
    assert refused_at(f"{head}     return x\nf(1)\n", Constraint()) == f"{head}    "


def test_numbers_have_a_value() -> None:
    assert accepts("1e308\n", Constraint())
    assert refused_at("1e309\n", Constraint()) == "1e30"


@pytest.mark.parametrize(
    "start", ["", "x = [", "def ", "def f(", "class ", "[a for ", "reduce(lambda ", "{", 'CALL("a", ']
)
def test_new_names_may_start_with_an_underscore(start: str) -> None:
    matcher = Matcher(Constraint(), BYTES, 1_000)
    for byte in (start + "__").encode():
        matcher.commit(byte)
    assert matcher.closing_text()


def test_fields_do_not_start_with_an_underscore() -> None:
    assert refused_at("class A:\n    _x: int\n") == "class A:\n    "


@pytest.mark.parametrize("string", ['"""', '"a', 'r"', 'len("'])
@pytest.mark.parametrize("sign", ["\\", "#", "'", "{", "}", "\n"])
def test_strings_in_holes_cannot_contain_some_characters(string: str, sign: str) -> None:
    if (string, sign) != ('"a', "\n"):  # a string in single quotes cannot contain it
        assert refused_at(f"f'{{{string}{sign}") == f"f'{{{string}"
    assert accepts("f'a{count}b\\n#{{'\n")


def test_a_tuple_is_not_sliced_with_a_step_of_zero() -> None:
    assert refused_at('(1, "x")[::0]\n') == '(1, "x")[::'
    assert refused_at('f"a\\x{count}"\n') == 'f"a\\x'
    assert refused_at('f"a\\u00e}}"\n') == 'f"a\\u00e'
    assert accepts('(1, "x")[:2:1]\n')


def test_numbers_that_begin_with_a_point_may_follow_words() -> None:
    assert accepts('f"{1 if True and .5 == 1 else 2}"\n')


def test_numbers_that_end_or_begin_with_a_point_can_be_ended() -> None:
    for start in (
        'x = "a" is None and .',
        "1 if True else .",
        "1 if .",
        "[1 for x in [1] if .",
        "round(1.",
        "[1 if 2.",
        "1 if 2.",
        "len([1.",
        "1.",
    ):
        matcher = Matcher(Constraint(), BYTES, 1_000)
        for byte in start.encode():
            matcher.commit(byte)
        end = matcher.closing_text()
        assert matcher.position.advance(end) is not None, (matcher.text, end)


@pytest.mark.parametrize("start", ["0", "1", "1.", "x1", "[0"])
def test_long_numbers_and_names_can_be_ended(start: str) -> None:
    """After a leading zero only a fraction is possible, within the length limit."""
    matcher = Matcher(Constraint(), BYTES, 1_000)
    for byte in (start + "9" * 200).encode():
        if not matcher.allows(byte):
            break
        matcher.commit(byte)
        assert matcher.closing_text()
    assert 97 < len(matcher.text) < 103


def test_no_token_holds_a_carriage_return(smollm2: Vocabulary) -> None:
    """Not even one before a line feed or after a backslash is allowed."""
    returns = [token for token in range(len(smollm2.texts)) if b"\r" in smollm2.bytes_of(token)]
    assert len(returns) > 1
    for start in ("", '"a', 'f"a\\', '"""a', "# a"):
        matcher = Matcher(Constraint(), smollm2, 100)
        for token in smollm2.encode(start):
            matcher.commit(token)
        assert not any(map(matcher.allows, returns)), start


def test_inputs_are_declared_only_at_the_start_of_a_program() -> None:
    assert accepts("text: str\nlen(text)\n", Constraint())
    assert refused_at("text: str\nlen(text)\n", Constraint(SCOPE)) == "text"
    assert refused_at("text: str\n", Constraint("", unit="statement")) == "text"


# Grammar texts ------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["program", "statement", "call"])
def test_llguidance_accepts_grammar_texts(unit: str) -> None:
    text = grammar_text(Constraint(SCOPE, unit=unit), "llguidance")  # type: ignore[arg-type]
    assert text.startswith("%llguidance {}\nstart:")


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("x = chunk(document, 100)\n", True),
        ('CALL("a", document)\n', True),
        ("def f(a: str) -> str:\n    b = a + a\n    return b\n", True),
        ("[clause.title for clause in clauses]\n", True),
        ("[clause.titel for clause in clauses]\n", False),
        ("x = documnt\n", False),
        ("class Q:\n    a: int\n", True),
        ("other: str\n", False),
    ],
)
def test_what_a_grammar_text_accepts(text: str, accepted: bool) -> None:
    matcher = LLMatcher(LLTokenizer("byte"), grammar_text(Constraint(SCOPE, unit="statement"), "lark"))
    assert (matcher.try_consume_tokens(list(text.encode())) == len(text)) == accepted
