"""The parser: CPython says what a text means, and these tests say what is refused.

What syntax errors look like is pinned in tests/golden/syntax (test_render.py).
"""

from __future__ import annotations

import json
import keyword
import os
import re
import stat
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import fields, has
from hypothesis import assume, event, given, note
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

from rlmlang.errors import ProgramError
from rlmlang.files import grammar_text
from rlmlang.language import nodes
from rlmlang.language.parse import MAX_DEPTH, MAX_SOURCE, parse, parse_as_written, parse_body, parse_partial, tables
from rlmlang.language.parse.layout import MAX_BLOCKS, MAX_CLAUSES, MAX_PROBLEMS
from rlmlang.language.parse.literals import MAX_DIGITS
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source, Span
from rlmlang.testing import Case, programs
from tests.support.humaneval import corpus
from tests.support.pythons import as_python, dump, seen_by_python
from tests.support.speed import seconds_of
from tests.support.texts import DEEP, NESTED, TEXTS, laid_out


def tree(text: str) -> nodes.Module:
    return parse(Source(text))


def meaning(text: str) -> str:
    """Return what a text means, as CPython writes its trees: with its short forms, which the parser rewrites."""
    return dump(as_python(parse_as_written(Source(text))))


def value(text: str) -> Any:
    """Return the only expression of a text."""
    (statement,) = tree(text).statements
    assert isinstance(statement, nodes.ExprStatement)
    return statement.value


def codes(text: str) -> list[str]:
    return [problem.code for problem in parse_partial(Source(text)).diagnostics]


def positions(text: str) -> list[tuple[str, int, int]]:
    found = parse_partial(Source(text)).diagnostics
    return [(problem.code, problem.span.line, problem.span.column) for problem in found if problem.span]


# What a text means ---------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_text_means_what_python_says(text: str, newline: str) -> None:
    text = text.replace("\n", newline)
    assert meaning(text) == seen_by_python(text)


@given(programs())
def test_programs_mean_what_python_says(case: Case) -> None:
    assert meaning(case.text) == seen_by_python(case.text)


@given(
    from_lark(
        Lark(grammar_text(), parser="lalr"), alphabet=st.characters(max_codepoint=0x2FF, exclude_categories=["C"])
    )
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_an_accepted_text_means_what_python_says(drawn: str) -> None:
    """Many texts by the grammar are refused, but the others are Python."""
    text = laid_out(drawn)
    parsed = parse_partial(Source(text))
    event(f"accepted: {not parsed.diagnostics}")
    assume(not parsed.diagnostics)
    note(text)
    assert meaning(text) == seen_by_python(text)


@pytest.mark.skipif(corpus() is None, reason="RLMLANG_CORPORA names no folder with humaneval.jsonl")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_reference_solutions_mean_what_python_says() -> None:
    path = corpus()
    assert path is not None
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [row["prompt"] + row["canonical_solution"] for row in rows]
    read = [text for text in texts if not codes(text)]
    assert len(read) == len(texts) == 164
    for text in read:
        assert meaning(text) == seen_by_python(text)
        assert meaning(format_module(parse_as_written(Source(text)))) == seen_by_python(text)


STRANGE = st.one_of(
    st.text("ab1_ \n\t\"'`{}[]()#\\:=,.!$éf\r\x00\u202e", max_size=40),
    st.text(max_size=40),
    st.lists(
        st.sampled_from(re.findall(r"\w+|[^\w\s]|\n +|\n| +", "\n".join(TEXTS)) + keyword.kwlist), max_size=25
    ).map("".join),
)


@given(STRANGE)
def test_any_text_has_a_tree_or_a_coded_error(text: str) -> None:
    parsed = parse_partial(Source(text))
    event(f"accepted: {not parsed.diagnostics}")
    for problem in parsed.diagnostics:
        assert problem.span is not None
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
    if not parsed.diagnostics:
        assert meaning(text) == seen_by_python(text)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from("\\\"'{}")))
def test_strings_have_the_value_that_python_gives_them(text: str) -> None:
    assert value(repr(text)).value == text
    assert value(json.dumps(text)).value == text if text.isascii() else True


# Positions -----------------------------------------------------------------------


def every_node(node: Any) -> list[Any]:
    """Return a node and all nodes below it."""
    found = [node]
    for part in [getattr(node, field.name) for field in fields(type(node))]:
        for item in part if isinstance(part, tuple) else [part]:
            for inner in item if isinstance(item, tuple) else [item]:
                if has(type(inner)) and isinstance(inner, nodes.Node):
                    found += every_node(inner)
    return found


EXPRESSIONS = nodes.Expr.__args__
STATEMENTS = nodes.Statement.__args__


@given(programs())
def test_expressions_have_numbers_of_their_own(case: Case) -> None:
    """Fewer than the text has characters, on which programs that are parsed statement by statement rely."""
    ids = [node.node_id for node in every_node(tree(case.text)) if isinstance(node, EXPRESSIONS)]
    assert len(ids) == len(set(ids))
    assert all(0 <= id < len(case.text) for id in ids)


@pytest.mark.parametrize("text", ["-x", "[]", "{}", "x[:]", "f(x)", "x.y", "f'{x}'", "x<y", "[x for x in y]", "not x"])
def test_an_expression_has_fewer_numbers_than_characters(text: str) -> None:
    ids = [node.node_id for node in every_node(tree(text)) if isinstance(node, EXPRESSIONS)]
    assert max(ids) < len(text)


@given(programs())
def test_the_text_at_the_span_of_a_node_is_the_node(case: Case) -> None:
    check_spans(case.text)


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_at_the_span_of_a_node_is_the_node_in_all_forms(text: str) -> None:
    check_spans(text)


def check_spans(program: str) -> None:
    for node in every_node(tree(program))[1:]:
        text = node.span.text
        assert text == text.strip(" \n") or isinstance(node, nodes.Hole)
        if isinstance(node, STATEMENTS):
            line = node.span.source.line(node.span.line)
            margin = line[: len(line) - len(line.lstrip(" \t"))]
            if node.span.column > len(margin) + 1:  # after a colon
                margin = ""
            module = parse_body(Source(margin + text), 0, margin) if margin else tree(text)
            found = module.statements
            if not isinstance(node, nodes.AnnotatedAssign) or margin:
                assert found == (node,)
        elif isinstance(node, EXPRESSIONS) and not isinstance(node, nodes.Lambda):
            if (isinstance(node, nodes.Comprehension) and node.kind == "generator") or isinstance(node, nodes.Starred):
                assert value(f"f({text})").args == (node,)
            else:
                assert value(f"({text})") == node
        elif isinstance(node, (nodes.TypeName, nodes.TypeUnion)) and text != "...":
            (statement,) = tree(f"x: {text}").statements
            assert isinstance(statement, nodes.Input)
            assert statement.type == node


def test_spans_refer_to_the_original_text() -> None:
    text = "x = [  # é\r\n  a,\r\n  '😀' + b]\r\ny = f'{ x }{c!r}'\r\n"
    module = tree(text)
    names = {node.id: node.span for node in every_node(module) if isinstance(node, nodes.Name)}
    assert {name: text[span.start : span.end] for name, span in names.items()} == {name: name for name in names}
    assert (names["a"].line, names["a"].column) == (2, 3)
    assert (names["b"].line, names["b"].column) == (3, 9)
    assert (names["c"].line, names["c"].column) == (4, 13)
    assert module.span == Span(module.span.source, 0, len(text))


def test_the_spans_of_brackets_belong_to_the_node_around_them() -> None:
    text = "((a) + (b)).c"
    node = value(text)
    assert node.span.text == text
    assert node.name_span.text == "c"
    assert node.value.span.text == "(a) + (b)"
    assert node.value.left.span.text == "a"


def test_comments_are_kept() -> None:
    text = "#!first\n# second \nx = [  # third\n   1,\n   #   fourth\n]  #=> fifth\n#\n    # '\"\n"
    comments = tree(text).comments
    assert [(comment.text, comment.own_line) for comment in comments] == [
        ("!first", True),
        ("second", True),
        ("third", False),
        ("  fourth", True),
        ("=> fifth", False),
        ("", True),
        ("'\"", True),
    ]
    assert [comment.span.text for comment in comments][:2] == ["#!first", "# second "]


# Errors ------------------------------------------------------------------------


def test_all_errors_are_reported_in_order() -> None:
    with pytest.raises(ProgramError) as caught:
        tree("x = $\ny = 1\nz = 'a\ndef f() -> int:\n    x\n  return 1\nw = )\n")
    assert [problem.code for problem in caught.value.diagnostics] == ["E100", "E104", "E105", "E104"]


def test_statements_that_parse_are_kept() -> None:
    parsed = parse_partial(Source("x = 1\ny = $\nz = 2\n"))
    assert [statement.span.text for statement in parsed.module.statements] == ["x = 1", "z = 2"]
    assert parsed.damaged == {"y"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, b = $", "a b"),
        ("(a, b) = c $", "a b"),
        ("a: $", "a"),
        ("a += $", "a"),
        ("a = {\n b: $}", "a"),
        ("def f(x: int):\n    y = x\n    return $", "f"),
        ("async def f(x: int) -> int:\n    y = x\n    return y", "f"),
        ("class A(B):\n    x: int", "A"),
        ("for a, b in c:\n    d = $\n    e = 1", "a b d e"),
        ("if a:\n    b = $\nelse:\n    c = 2", "b c"),
        ("import a, b $\nfrom c import d $\nwith e as f:\n    g = f", "a b d f g"),
        ("a == $\nf(b=$)", ""),
        ("class = 1\nNone = 2", ""),
        ("a = 1\nb = (\nc = 2\ndef f() -> int:\n    d = 3\ne: int", "b c e f"),
        ("    a = 1\nb = 2", ""),
        ("a = 1\nb = '''\nc = 3\nd = 4", "b c d"),
        ('a = 1\nb = """\nc = 3\nd = 4', "b c d"),
        ("a" * MAX_SOURCE + " = 1", ""),
    ],
)
def test_names_bound_by_statements_that_do_not_parse(text: str, names: str) -> None:
    parsed = parse_partial(Source(text))
    assert parsed.diagnostics
    assert parsed.damaged == set(names.split())


def test_an_error_is_reported_once() -> None:
    assert positions("try:\n    x = 1\nexcept E:\n    x = 2\nelse:\n    x = 3\nfinally:\n    x = 4\ny = $") == [
        ("E114", 7, 1),
        ("E100", 9, 5),
    ]
    assert positions("x = 1\nelse:\n    y = 1\n") == [("E100", 2, 1)]
    assert positions("if x:\n    y = $\nelif z:\n    y = 1\nelse:\n    y = 2\n") == [("E100", 2, 9)]


@pytest.mark.parametrize("line", ["x = $\n", "x = é\n", "x = 'a\n", "x = 1)\n", '"\\x"\n', "   x\n", "x = '\u202e'\n"])
def test_the_number_of_reported_errors_is_limited(line: str) -> None:
    text = "y = 1\n" + line * 1_000
    parsed = parse_partial(Source(text))
    assert 1 <= len(parsed.diagnostics) <= MAX_PROBLEMS
    if line.startswith("x ="):
        assert parsed.damaged == {"x"}


def test_too_many_errors_in_one_string() -> None:
    assert len(codes("x = '" + "\u202e" * 1_000 + "'\ny = 1 $\n")) == MAX_PROBLEMS


def test_statements_before_an_open_bracket_are_parsed() -> None:
    parsed = parse_partial(Source("x = 1\ny = $\nz = [1, (2, 3)\nw = 4\n"))
    assert [problem.code for problem in parsed.diagnostics] == ["E100", "E104"]
    assert [statement.span.text for statement in parsed.module.statements] == ["x = 1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(1, [2, 3)\nx = $", [("E104", 1, 11), ("E100", 2, 5)]),  # closes the outer one
        ("f(1]\nx = $", [("E104", 1, 4), ("E100", 2, 5)]),
        ("[(1, 2}\n", [("E104", 1, 7), ("E104", 1, 1)]),
        ("f('a)\nx = $", [("E104", 1, 3), ("E100", 2, 5)]),  # the bracket counts as closed
        ("x = 'a", [("E104", 1, 5)]),
        ("x = '''a\ny = $\n", [("E104", 1, 5)]),
        ('x = """a\n', [("E104", 1, 5)]),
        ('"""', [("E104", 1, 1)]),
    ],
)
def test_unclosed_brackets_and_strings(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert positions(text) == sorted(expected, key=lambda place: place[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  x\ny = $", [("E105", 1, 1), ("E100", 2, 5)]),
        ("    x", [("E105", 1, 1)]),
        ("x\n    y", [("E105", 2, 1)]),
        ("x  # c\n\n# c\n    y", [("E105", 4, 1)]),
        ("x = 1 \n    y", [("E105", 2, 1)]),
        ("def f():\n    x = 1\n  y = 2\n  return x", [("E105", 3, 1)]),
        ("def f():\n    x = 1\n      y = 2\n", [("E105", 3, 1)]),
        ("def f():\n  if x:\n\ty\n  z", [("E105", 3, 1)]),
        ("def f():\n        x\n\ty", [("E105", 3, 1)]),
        ("def f():\n\tif x:\n        y", [("E105", 3, 1)]),
        ("def f():\n  if x:\n     $\n   z", [("E105", 4, 1)]),
        (
            "if x:\ny",
            [
                ("E100", 1, 6),
            ],
        ),
        ("if x:\n    if y:\n    z", [("E100", 2, 10)]),
        ("if x:", [("E100", 1, 6)]),
        ("try:\n    x\ny", [("E114", 2, 6)]),
        ("if x\n    y", [("E100", 1, 5)]),
        ("class A:\n    x: int\n    def f() -> int:\n        return 1", [("E121", 3, 5)]),
        ("x = [\n\t1,\n \t2]", []),
        ("x = 1 + \\\n\t2", []),
        ("x\t= 1", [("E102", 1, 2)]),
        ("x = 1\t", [("E102", 1, 6)]),
    ],
)
def test_indentation(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert positions(text) == expected


@pytest.mark.parametrize(
    "char", "\x00\x01\x0b\x0c\x1b\x7f\x85\xad\u061c\u200b\u200e\u2028\u202e\u2066\ufeff\U000e0041\r\ud800"
)
def test_invisible_characters(char: str) -> None:
    for text in (f"x = 1 {char}", f"x = 'a{char}b'", f"x = 1  # a{char}b", f'x = """\n{char}"""', f"x = f'{char}'"):
        assert codes(text) == ["E102"]
        assert positions(text) == [("E102", *Source(text).position(text.index(char)))]


def test_a_hint_for_a_character_that_has_an_escape() -> None:
    def hint(text: str) -> str | None:
        return parse_partial(Source(text)).diagnostics[0].hint

    assert hint("'\u202e'") == "write it as the escape `\\u202e`"
    assert hint("'\U000e0041'") == "write it as the escape `\\U000e0041`"
    assert hint("'\ud800'") == "remove it"
    assert hint("# \u202e") == "remove it"
    assert hint("\u202e") == "remove it"


@pytest.mark.parametrize("char", "éаλ日𝐱“”‘’–—×÷≤…\xa0\u3000😀ª")
def test_characters_outside_strings(char: str) -> None:
    assert codes(f"x = 1 + {char}") == ["E102"]
    assert codes(f"x{char} = 1") == ["E102"]
    assert tree(f"x = '{char}'  # {char}").statements


WORDS = sorted(tables.RESERVED)


@pytest.mark.parametrize("word", WORDS)
def test_reserved_words_are_not_names(word: str) -> None:
    for text in (
        f"{word} = 1",
        f"def f({word}: int) -> int:\n    return 1",
        f"def {word}() -> int:\n    return 1",
        f"class {word}:\n    x: int",
        f"x.{word}",
        f"[1 for {word} in x]",
        f"x, {word} = y",
        f"f(lambda a, {word}: a)",
    ):
        assert codes(text)[0] in ("E122", "E121", "E114", "E115", "E124"), text
    assert codes(f"class A:\n    {word}: int") == [
        "E114" if word == "finally" else "E100" if word in ("else", "except") else "E122"
    ]
    for text in (f"{word} = 1", f"x.{word}", f"def {word}() -> int:\n    return 1"):
        assert codes(text) == ["E122"], text
    assert word not in parse_partial(Source(f"{word} = 1")).damaged


def test_words_that_only_start_like_reserved_ones_are_names() -> None:
    for word in WORDS:
        assert value(f"{word}_").id == f"{word}_"


@pytest.mark.parametrize(
    "text",
    [
        "0x", "0b12", "0o8", "0x1G", "0x_", "01", "00", "1__0", "1_", "1j", "1e400", "1.5e999", "12ab", "1if x else 2", "0or 1",
        "1.5if x else 2", "9" * (MAX_DIGITS + 1), "1e5e", "[1for x in y]",
    ],
)  # fmt: skip
def test_malformed_numbers(text: str) -> None:
    assert codes(text) == ["E106"]


def test_the_longest_integer() -> None:
    assert value("9" * MAX_DIGITS).value == 10**MAX_DIGITS - 1
    assert codes("0x1" + "0" * (MAX_DIGITS - 3)) == ["E106"]


@pytest.mark.parametrize("text", ["0x1F", "0XfF_0", "0o17", "0O7", "0b1_01", "0B1", "0x0"])
def test_integers_in_other_bases(text: str) -> None:
    assert value(text).value == eval(text)


@pytest.mark.parametrize(
    "escape",
    [r"\x4", r"\xg0", r"\u12", r"\U0001", r"\ud800", r"\udfff", r"\U0000dabc", r"\U00110000", r"\400", r"\777",
     r"\N", r"\N{}", r"\N{no such name}", r"\N{LATIN SMALL LETTER R WITH TILDE}"],
)  # fmt: skip
def test_malformed_escapes(escape: str) -> None:
    for text in (f"x = 'ab{escape}'", f'x = """ab{escape}"""'):
        assert positions(text) == [("E106", 1, text.index("\\") + 1)]
    assert value(f"r'{escape}'").value == escape


@pytest.mark.parametrize("text", [r"'\d+'", r"'a\é\ \.\s'", r"'\8\\d\n'", r'"""\w"""', r"f'\d{1}\w'", r"'\q' '\z'"])
def test_a_backslash_that_begins_no_escape_is_kept(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = eval(text)
    found = value(text)
    assert (found.value if isinstance(found, nodes.Constant) else expected) == expected


def test_a_continued_line_in_a_long_string() -> None:
    assert value('"""a\\\r\nb\r\nc\\r\\n"""').value == "ab\nc\r\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("f'{}'", "E107"), ("f'{ }'", "E107"), ("f'{x!s}'", "E107"), ("f'{x!a}'", "E107"), ("f'{x!}'", "E107"),
        ("f'{x!r!r}'", "E107"), ("f'{x=!s}'", "E107"), ("f'{=}'", "E107"), ("f'{!r}'", "E107"), ("f'{:5}'", "E107"),
        ("f'{x:{y}}'", "E107"), ("f'{x'", "E107"), ("f'x}'", "E107"), ("f'{'a'}'", "E107"), ("f'{\"\\n\"}'", "E107"),
        ("f'{x:\\n}'", "E107"), ("f'{#}'", "E107"), ("f'{{}'", "E107"), ("f'{x}}'", "E107"), ('f"""a}"""', "E107"),
        ('f"""a{"""', "E107"), ("f\'\'\'\n{x:{y}}\'\'\'", "E107"), ("f\'\'\'{\n}\'\'\'", "E107"),
        ("F'a'", "E107"), ("f'{{x}'", "E107"), ("f'{{{}}}'", "E107"),
        ("rf'a'", "E100"), ("fr'a'", "E100"), ("b'a'", "E100"), ("u'a'", "E100"), ("R'a'", "E100"), ("'a' b'b'", "E100"),
        ("f'{x y}'", "E100"), ("f'{x +}'", "E100"), ("f'{x, y}'", "E100"), ("f'{*x}'", "E117"),
        ("f'{lambda: 1}'", "E124"), ("f'{yield x}'", "E121"), ("f'{await x}'", "E115"),
        ("f'{for}'", "E100"), ("f'{import}'", "E100"), ("f'{0x}'", "E106"), ("f'\\x{x}'", "E106"), ("f'{x}\\x'", "E106"),
        ("f'\\N{DASH}'", "E106"), ("f'{(x}'", "E104"), ("f'{(1,}'", "E104"), ("f'{x)}'", "E104"),
    ],
)  # fmt: skip
def test_malformed_fstrings(text: str, code: str) -> None:
    found = codes(text)
    if code == "E104":  # brackets in strings are the grammar's, not the layout's
        code = "E100"
    assert found == [code]


def test_an_error_in_an_fstring_has_its_position() -> None:
    assert positions("x = 1\ny = f'a{b}{ c + $ }'") == [("E100", 2, 17)]
    assert positions("y = f'{b}{c!s}'") == [("E107", 1, 12)]
    assert positions("y = f'{b}{\"c\" + 01}'") == [("E106", 1, 17)]
    assert positions("y = f'''a\n{b}\n{ c + $ }'''") == [("E100", 3, 7)]
    assert positions("y = ('a'\n f'b'\n f'{c + $}')") == [("E100", 3, 9)]
    assert positions("y = f'{b}{f(a=1, c)}'") == [("E208", 1, 18)]


@pytest.mark.parametrize("text", ["f(a=1, b)", "f(a=1, a=2)", "CALL('x', sample=1, y)", "CALL('x', y=1, y=1)"])
def test_arguments_out_of_order(text: str) -> None:
    assert codes(text) == ["E208"]


@pytest.mark.parametrize("text", ["[x if y]", "[x if y for z in w]", "f(x if y)", "{a: b if c}"])
def test_a_comprehension_that_does_not_start_with_for(text: str) -> None:
    assert codes(text) == ["E100"]


# Hostile texts -------------------------------------------------------------------


def refused_as_too_deep(text: str) -> bool:
    found = parse_partial(Source(text)).diagnostics
    assert [problem.code for problem in found] in ([], ["E103"])
    return bool(found)


@pytest.mark.parametrize("name", DEEP)
def test_depth_of_the_tree(name: str) -> None:
    before, step, after = DEEP[name]
    assert not refused_as_too_deep(before + step * (MAX_DEPTH - 1) + after)
    assert refused_as_too_deep(before + step * MAX_DEPTH + after)


@pytest.mark.heavy
@pytest.mark.parametrize("name", NESTED)
def test_depth_of_brackets(name: str) -> None:
    before, inside, after = NESTED[name]
    most = next(n for n in range(MAX_DEPTH, 0, -1) if not refused_as_too_deep(before * n + inside + after * n))
    assert most >= MAX_DEPTH // 3
    assert dump(as_python(tree(before * most + inside + after * most)))
    assert seen_by_python(before * most + inside + after * most)


@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [("(", "x", ")"), ("f(lambda: ", "x", ")"), ("list[", "x", "]"), ("[y for ", "(x)", " in z]"), ("((a),", "b", ")")],
)
def test_brackets_nest_a_little(before: str, inside: str, after: str) -> None:
    assert refused_as_too_deep(before * (MAX_DEPTH + 1) + inside + after * (MAX_DEPTH + 1))


def test_depth_of_targets_and_types() -> None:
    for n, too_deep in ((MAX_DEPTH - 10, False), (MAX_DEPTH + 1, True)):
        assert refused_as_too_deep(f"[1 for {'(a, ' * n}b{')' * n} in c]") is too_deep
        assert refused_as_too_deep(f"x: {'list[' * n}A{']' * n}") is too_deep
    assert refused_as_too_deep(f"x: {'Callable[[' * 101}A{'], B]' * 101}")


def test_clauses_of_a_comprehension() -> None:
    for n, found in ((MAX_CLAUSES - 1, []), (MAX_CLAUSES, ["E103"])):
        assert codes(f"[x for x in y{' if x' * n}]") == found
        assert codes(f"f(x for x in y{' for z in x' * n})") == found


def test_depth_includes_expressions_in_fstrings() -> None:
    assert not refused_as_too_deep("x = f'{" + "-" * (MAX_DEPTH - 3) + "1}'")
    assert refused_as_too_deep("x = f'{" + "-" * (MAX_DEPTH - 1) + "1}'")
    assert refused_as_too_deep("x = " + "not " * (MAX_DEPTH - 3) + "f'{- - 1}'")


def test_depth_is_counted_anew_for_each_statement() -> None:
    line = "x = " + "-" * (MAX_DEPTH - 1) + "1\n"
    assert len(tree(line * 20).statements) == 20


HOSTILE = {
    "open brackets": ("(" * 50_000, "E103"),
    "brackets": ("(" * 50_000 + "1" + ")" * 49_999, "E103"),
    "not": ("not " * 24_000 + "x", "E103"),
    "signs": ("-" * 99_000 + "1", "E103"),
    "a long sum": ("1" + "+1" * 49_000, "E103"),
    "conditionals": ("x if y else " * 8_000 + "x", "E103"),
    "lambdas": ("f(lambda: " * 9_000, "E103"),
    "powers": ("2**" * 33_000 + "1", "E103"),
    "an open string": ("'" * 99_999, "E104"),
    "an open long string": ('"""' + '\\"' * 45_000, "E104"),
    "closing brackets": (")" * 99_000, "E104"),
    "ten megabytes": ("x\n" * 5_000_000, "E101"),
    "one character too many": ("#" * (MAX_SOURCE + 1), "E101"),
    "zeros": ("0" * 90_000, "E106"),
    "digits and words": ("1" + "a" * 90_000, "E106"),
    "NUL": ("\x00" * 90_000, "E102"),
    "dots": ("." * 90_000, "E126"),
    "equals": ("=" * 90_000, "E100"),
    "commas": ("[" + "," * 90_000 + "]", "E100"),
    "names": ("a" * 90_000 + " b", "E100"),
    "words": ("a " * 45_000, "E100"),
    "item assignments": ("a" + "[0]" * 150 + "." + "a" * 90_000 + " $", "E100"),
    "backslashes": ("\\" * 90_000, "E100"),
    "braces in an f-string": ("f'" + "{" * 89_999 + "'", "E107"),
    "holes in an f-string": ("f'" + "{x}" * 300 + "{" + "'", "E107"),
    "imports": ("from " + "a import " * 9_000, "E100"),
    "a try without end": ("try:\n  x\n" * 9_000, "E114"),
    "ifs without bodies": ("if x:\n" * 9_000, "E100"),
    "one block in another": ("".join(" " * i + "if x:\n" for i in range(400)), "E103"),
    "alternating indentation": ("if x:\n" + "   y\n  y\n" * 9_000, "E105"),
    "else after else": ("if x: y\n" + "else: z\n" * 9_000, "E100"),
    "long strings": ((3 * "'" + "\n" + 3 * "'") * 10_000 + "$", "E100"),
    "semicolons": ("x;" * 40_000 + "$", "E100"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    text, code = HOSTILE[name]
    parsed = parse_partial(Source(text))
    assert parsed.diagnostics[0].code == code
    assert len(parsed.diagnostics) <= MAX_PROBLEMS


LONG = {
    "elif": "if a: pass\n" + "elif b: pass\n" * 7_000 + "else: pass\n",
    "except": "try: pass\n" + "except E: pass\n" * 6_000,
    "statements": "x = 1\n" * 16_000,
    "statements of a body": "def f():\n" + "  x = 1\n" * 12_000,
    "comments": "def f():\n  x\n" + "    # y\n" * 12_000 + "  z\n",
    "targets": "a = " * 24_000 + "1",
    "a tuple": "x = " + "a, " * 30_000,
    "imports": "from a import " + ", ".join(["a"] * 30_000),
}


@pytest.mark.parametrize("name", LONG)
def test_long_programs_take_linear_time(name: str) -> None:
    text = LONG[name]
    tree("x")
    seconds, module = seconds_of(lambda: tree(text))
    assert seconds < 5
    assert module.span.end == len(text)


def test_blocks_nest_a_little() -> None:
    def nested(n: int) -> str:
        return "".join("  " * i + "if x:\n" for i in range(n)) + "  " * n + "y\n"

    assert dump(as_python(tree(nested(MAX_BLOCKS)))) == seen_by_python(nested(MAX_BLOCKS))
    assert positions(nested(MAX_BLOCKS + 1)) == [("E103", 10, 1)]


# Bodies --------------------------------------------------------------------------

HEAD = "def answer(text: str) -> int:\n    "


def test_statements_of_a_body_are_parsed_one_by_one() -> None:
    lines = ["n: int = 0", "for c in text:\n      if c:\n        n += 1\n    # c", "return n"]
    text, found = HEAD, []
    for line in lines:
        start = len(text) - 4
        text += f"{line}\n    "
        module = parse_body(Source(text), start)
        found += module.statements
        ids = [node.node_id for node in every_node(module) if isinstance(node, EXPRESSIONS)]
        assert all(start <= id < len(text) for id in ids)
    (function,) = tree(text).statements
    assert isinstance(function, nodes.Function)
    assert tuple(found) == function.body
    assert [node.span.start for node in found] == [node.span.start for node in function.body]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    x = $\n    y = 1\n", [("E100", 1, 9)]),
        ("  x = 1\n", [("E105", 1, 1)]),
        ("x = 1\n", [("E105", 1, 1)]),
        ("    x = 1\ny = 1\n", [("E105", 2, 1)]),
        ("    if x:\n        y\n  z\n", [("E105", 3, 1)]),
        ("    class A:\n        x: int\n", [("E121", 1, 5)]),
        ("    else:\n        x\n", [("E100", 1, 5)]),
    ],
)
def test_errors_in_a_body(text: str, expected: list[tuple[str, int, int]]) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_body(Source(text), 0)
    spans = [(problem.code, problem.span) for problem in caught.value.diagnostics]
    assert [(code, span.line, span.column) for code, span in spans if span] == expected


def test_the_longest_program() -> None:
    text = "x = 1\n" + "#" * (MAX_SOURCE - 7) + "\n"
    assert len(text) == MAX_SOURCE
    assert len(tree(text).statements) == 1


# The tables of the parser --------------------------------------------------------


class Given:
    """A builder that makes no nodes."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda items: name


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rlmlang"


def works(lark: Lark) -> bool:
    return lark.parse("x = 1\n", start="start") == "start" and lark.parse("x", start="expr") == "name"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows whenever tables are built."""
    built: list[str] = []

    class Counting(Lark):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            built.append("")
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(tables, "Lark", Counting)
    return built


def test_tables_are_built_once_for_all_processes(cache: Path, builds: list[str]) -> None:
    assert works(tables.load(Given()))
    assert builds
    (file,) = cache.iterdir()
    builds.clear()
    before = file.stat()
    assert works(tables.load(Given()))
    assert not builds
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.heavy
@pytest.mark.parametrize("damage", [b"", b"\n", b"{}", b"\xff\xff", b"0\n[]", b"cut"])
def test_damaged_tables_are_built_again(cache: Path, builds: list[str], damage: bytes) -> None:
    tables.load(Given())
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == b"cut" else damage)
    builds.clear()
    assert works(tables.load(Given()))
    assert builds
    builds.clear()
    assert works(tables.load(Given()))
    assert not builds


@pytest.mark.heavy
def test_another_grammar_or_lark_has_other_tables(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.load(Given())
    monkeypatch.setattr(tables, "lark_version", "0")
    tables.load(Given())
    monkeypatch.setattr(tables, "grammar_text", lambda: grammar_text() + "\n// more\n")
    tables.load(Given())
    assert len(list(cache.iterdir())) == 3


def test_a_cache_that_cannot_be_written(cache: Path, builds: list[str]) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder would be")
    assert works(tables.load(Given()))
    assert builds


def test_a_write_that_fails_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    assert works(tables.load(Given()))
    assert list(cache.iterdir()) == []


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, builds: list[str]) -> None:
    def nowhere() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert works(tables.load(Given()))
    assert builds


def test_many_threads_may_parse_at_once() -> None:
    texts = [f"x{i} = f'{{a{i}}}' + {'-' * i}1\n" * 5 for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(tree, texts))
    assert found == [tree(text) for text in texts]
    assert all(node.span.source.text == text for text, module in zip(texts, found) for node in every_node(module))


def test_the_parser_is_ready_after_an_error() -> None:
    assert codes("x = f'{f(a=1, b)}'") == ["E208"]
    assert tree("x = f'{a}'").statements[0].span.text == "x = f'{a}'"


# Strings side by side, long f-strings, semicolons ---------------------------------


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("'a' 'b'", "'ab'"),
        (r"""'a' "b" r'\d' '\n'""", r"'ab\\d\n'"),
        ("('a'  # why\n    'b')", "'ab'"),
        ("f'{x}' 'b'", "f'{x}b'"),
        ("'{' f'{x}' '}' f'{y}'", "f'{{{x}}}{y}'"),
        ("f'{x=}'", "f'x={x!r}'"),
        ("f'{x = :>3}'", "f'x = {x:>3}'"),
        ("f'{x+1=!r}'", "f'x+1={x+1!r}'"),
        ("f'''{x}\n'''", "f'{x}\\n'"),
        ('f"""a"b""c{x}"{"y"}"" """', 'f\'a"b""c{x}"{"y"}"" \''),
        ('f"""{\n x\n + 1 :>3}"""', "f'{x + 1 :>3}'"),
    ],
)
def test_other_ways_to_write_a_string(text: str, joined: str) -> None:
    assert value(text) == value(joined)


def test_strings_side_by_side_bind_closest() -> None:
    assert value("'a' 'b'.upper()") == value("'ab'.upper()")
    assert value("f('a' 'b', 'c')") == value("f('ab', 'c')")
    assert value("x + 'a' 'b' % y") == value("x + 'ab' % y")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1; b = 2", "a = 1\nb = 2"),
        ("a = 1 ; b = ';' ;  # c;d", "a = 1\nb = ';'"),
        ("if a: b; c\nelse: d; e", "if a:\n  b\n  c\nelse:\n  d\n  e"),
        ("def f(x: int = 1): a = {x: x}; return a", "def f(x: int = 1):\n  a = {x: x}\n  return a"),
        ("for i in x[1:]: b = (1,\n 2); c", "for i in x[1:]:\n  b = (1, 2)\n  c"),
        ("if a:\n    b; c\n    if d: e; f; g\n    h\ni; j", "if a:\n  b\n  c\n  if d:\n    e\n    f\n    g\n  h\ni\nj"),
    ],
)
def test_semicolons_separate_statements(text: str, lines: str) -> None:
    assert parse(Source(text)) == parse(Source(lines))


@pytest.mark.parametrize("text", ["x = 1;; y = 2", "; x = 1", "if x:; y", "x = (1; 2)", "if x:y;z", "x = 1\n;"])
def test_misplaced_semicolons(text: str) -> None:
    assert codes(text) == ["E100"]
