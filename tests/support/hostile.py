"""Hostile programs of expressions, answers and texts that could run away, and those of `hostile_statements.py`.

`hostile_runs.py` runs them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from tests.support.hostile_statements import SIZE, statement_cases


@frozen
class Case:
    name: str
    text: Callable[[], str]
    codes: frozenset[str]
    """What it may end with: codes, or `value`."""
    reply: Callable[[], str] | None = None
    """What the model says; without it there must be no call."""
    deep: bool = False
    """Whether callees may write programs."""


def case(name: str, text: str | Callable[[], str], codes: str, reply: Any = None, deep: bool = False) -> Case:
    made = text if callable(text) else lambda: text
    said = reply if reply is None or callable(reply) else lambda: reply
    return Case(name, made, frozenset(codes.split()), said, deep)


def bindings(count: int, start: str, step: str, end: str) -> Callable[[], str]:
    """`x0 = start`, then `x1 = step` and so on with `{0}` for the one before, then `end`."""

    def make() -> str:
        lines = [f"x0 = {start}"]
        lines += [f"x{i} = " + step.replace("{0}", f"x{i - 1}") for i in range(1, count)]
        return "\n".join([*lines, end.replace("{0}", f"x{count - 1}")])

    return make


def functions(count: int, body: str) -> Callable[[], str]:
    """A chain of functions, each with `{0}` for the one before."""

    def make() -> str:
        lines = ["def f0(x: int) -> int:\n    return x"]
        lines += [f"def f{i}(x: int) -> int:\n    return " + body.replace("{0}", f"f{i - 1}") for i in range(1, count)]
        return "\n".join([*lines, f"f{count - 1}(1)"])

    return make


def records(count: int, end: str) -> Callable[[], str]:
    def make() -> str:
        lines = ["class R0:\n    a: int"]
        lines += [f"class R{i}:\n    a: R{i - 1}\n    b: R{i - 1}" for i in range(1, count)]
        return "\n".join([*lines, end.replace("{0}", f"R{count - 1}")])

    return make


def joined(*parts: str, count: int, between: str = "", around: tuple[str, str] = ("", "")) -> Callable[[], str]:
    (part,) = parts
    return lambda: around[0] + between.join(part.replace("{i}", str(i)) for i in range(count)) + around[1]


def cases() -> Iterator[Case]:
    """Yield all of them, those of statements last."""
    yield from depth()
    yield from size()
    yield from doubling_types()
    yield from doubling_values()
    yield from numbers()
    yield from work()
    yield from builtins()
    yield from nested_programs()
    yield from characters()
    yield from ways_out()
    yield from answers()
    yield from answers_that_are_programs()
    for row in statement_cases():
        yield case(*row)


def depth() -> Iterator[Case]:
    yield case("parentheses", lambda: "(" * 100_000 + "1" + ")" * 100_000, "E101 E103")
    yield case("parentheses within the size", lambda: "(" * 45_000 + "1" + ")" * 45_000, "E103")
    yield case("open parentheses", lambda: "(" * 75_000, "E103 E104")
    yield case("closing parentheses", lambda: ")" * 75_000, "E100 E104")
    yield case("brackets", lambda: "[" * 45_000 + "]" * 45_000, "E103")
    yield case("braces", lambda: '{"a":' * 15_000 + "1" + "}" * 15_000, "E103")
    yield case("calls", lambda: "len(" * 17_500 + "1" + ")" * 17_500, "E103")
    yield case("not", lambda: "not " * 22_500 + "True", "E103")
    yield case("minus", lambda: "-" * 75_000 + "1", "E103")
    yield case("plus chain", lambda: "1+" * 45_000 + "1", "E103")
    yield case("power chain", lambda: "1**" * 30_000 + "1", "E103")
    yield case("and chain", lambda: "True and " * 10_000 + "True", "E103")
    yield case("conditional chain", lambda: "1 if True else " * 6_000 + "1", "E103")
    yield case("attribute chain", lambda: "x" + ".x" * 45_000, "E103")
    yield case("index chain", lambda: "x" + "[0]" * 30_000, "E103")
    yield case("method chain", lambda: '"a"' + ".upper()" * 10_000, "E103")
    yield case("lambda chain", lambda: "f(" + "lambda x: " * 9_000 + "x)", "E100 E103 E124")
    yield case("type depth", lambda: "x: " + "list[" * 15_000 + "int" + "]" * 15_000 + "\nx", "E103")
    yield case("type unions", lambda: "x: int" + " | None" * 12_500 + "\nx", "E103")
    yield case(
        "callable depth", lambda: "def f(g: " + "Callable[[" * 4_500 + "int], int]" * 4_500 + "E1", "E103 E104 E100"
    )
    yield case("target depth", lambda: "[x for " + "(" * 40_000 + "x" + ")" * 40_000 + " in [1]]", "E103")
    yield case("comparison chain", lambda: "1" + "<=1" * 30_000, "E103 E309 value")
    yield case("clauses", lambda: "[x for x in [1]" + " if x" * 19_000 + "]", "E103 E309")
    yield case("loops", lambda: "[1" + " for x in [1]" * 7_000 + "]", "E103 E201 E309")
    yield case("distinct loops", joined(" for x{i} in [1]", count=5_000, around=("[1", "]")), "E103 E309 E506")
    yield case("f-string depth", lambda: 'f"' + "{'" * 22_500 + "'}" * 22_500 + '"', "E100 E103 E104 E107")
    yield case("f-string holes", lambda: 'f"' + "{1}" * 30_000 + '"', "E103 value")
    yield case("just within the depth", lambda: "(" * 190 + "1" + ")" * 190, "value")
    yield case("plus within the depth", lambda: "1" + "+1" * 190, "value")
    yield case("method chain within the depth", lambda: '"a"' + ".upper()" * 90, "value")
    yield case("nested comprehensions", lambda: "[" * 95 + "1" + " for x in [1]]" * 95, "value E103")
    yield case("nested conditionals", lambda: "1 if True else " * 190 + "1", "value E103")


def size() -> Iterator[Case]:
    yield case("10 MB of statements", lambda: "x = 1\n" * 1_700_000, "E101")
    yield case("10 MB of text", lambda: '"' + "a" * 10_000_000 + '"', "E101")
    yield case("10 MB of spaces", lambda: " " * 10_000_000, "E101")
    yield case("10 MB of lines", lambda: "\n" * 10_000_000, "E101")
    yield case("10 MB of digits", lambda: "1" * 10_000_000, "E101")
    yield case("10 MB of errors", lambda: "$ " * 5_000_000, "E101")
    yield case("empty lines", lambda: "\n" * 95_000, "E222")
    yield case("spaces", lambda: " " * 95_000, "E105 E222")
    yield case("comments", lambda: "#\n" * 47_500, "E222")
    yield case("digits", lambda: "1" * 95_000, "E106")
    yield case("digits of a float", lambda: "1" * 95_000 + ".5", "E106 value")
    yield case("exponent", "1e99999999999999", "E106")
    yield case("exponent within", "1e308 * 10", "E306")
    yield case("a long text", lambda: 'len("' + "a" * 95_000 + '")', "value")
    yield case("a long name", lambda: "a" * 95_000, "E200")
    yield case("a long unknown attribute", lambda: '"".' + "a" * 95_000, "E205")
    yield case("many bindings", joined("a{i} = 1\n", count=7_500, around=("", "1")), "value")
    yield case("many equal bindings", lambda: "a = 1\n" * 15_000, "E222")
    yield case("many errors of syntax", lambda: "$\n" * 47_500, "E100 E102")
    yield case("many broken statements", lambda: "a = = 1\n" * 11_000, "E100")
    yield case("many loops of Python", lambda: "for x in y: pass\n" * 5_500, "E200")
    yield case("many open strings", lambda: '"\n' * 47_500, "E104")
    yield case("many unknown names", joined("a{i} = b{i}\n", count=5_500, around=("", "1")), "E200")
    yield case(
        "many names and misspellings",
        lambda: "".join(f"name{i} = 1\n" for i in range(2_500)) + "".join(f"x{i} = nome{i}\n" for i in range(2_500)),
        "E200",
    )
    yield case("many names used early", joined("a{i} = z{i}\nz{i} = 1\n", count=3_500, around=("", "1")), "E200")
    yield case("many functions", functions(2_000, "{0}(x)"), "value E309")
    yield case("many equal functions", lambda: "def f() -> int:\n    return 1\n" * 3_000, "E201")
    yield case("many records", joined("class R{i}:\n    a: int\n", count=3_500, around=("", "1")), "value")
    yield case("many inputs", joined("i{i}: int = 1\n", count=6_000, around=("", "1")), "value")
    yield case("many fields", joined("    f{i}: int\n", count=6_500, around=("class R:\n", "1")), "E230")
    yield case("many equal fields", lambda: "class R:\n" + "    f: int\n" * 8_500 + "1", "E201")
    yield case(
        "many parameters",
        joined("p{i}: int", count=7_500, between=", ", around=("def f(", ") -> int:\n    return 1\n1")),
        "value",
    )
    yield case("many arguments", joined("1", count=45_000, between=",", around=("max(", ")")), "value")
    yield case("many keywords", joined("k{i}=1", count=9_000, between=",", around=("len(", ")")), "E206 E207 E208")
    yield case(
        "many equal keywords", joined("key=1", count=15_000, between=",", around=("len(", ")")), "E206 E207 E208"
    )
    yield case(
        "many keywords of a CALL",
        joined("k{i}=1", count=9_000, between=",", around=("1 if True else CALL[int]('x',", ")")),
        "value",
    )
    yield case("a long list", lambda: "len([" + "1," * 47_500 + "])", "value")
    yield case("a long list of lists", lambda: "len([" + "[]," * 30_000 + "])", "value")
    yield case("a long tuple", lambda: "(" + "1," * 47_500 + ")[0]", "E230")
    yield case("a long dict", joined('"{i}":1', count=7_500, between=",", around=("len({", "})")), "value")
    yield case("a long Literal", joined('"{i}"', count=10_000, between=",", around=("x: Literal[", "]\n1")), "E230")
    yield case(
        "a long Literal compared",
        joined('"{i}"', count=5_000, between=",", around=("x: Literal[", '] = "1"\n' + 'x == "q"\n' * 1_000)),
        "E230",
    )
    yield case("a long tuple type", lambda: "x: tuple[" + "int," * 22_500 + "]\n1", "E230")
    yield case("long targets", lambda: ", ".join(f"a{i}" for i in range(7_500)) + " = 1\n1", "E218")
    yield case(
        "long lambda", lambda: "sorted([1], key=lambda " + ", ".join(f"a{i}" for i in range(7_500)) + ": 1)", "E207"
    )
    yield case("a wide format", 'f"{1:1000000000}"', "E107")
    yield case("a precise format", 'f"{1.5:.999999999f}"', "E107")
    yield case("a filled format", 'f"{1:x>99999999}"', "E107")
    yield case("a format of a format", 'x = 10 ** 9\nf"{1:{x}}"', "E100 E107")
    yield case("formats", lambda: 'f"' + "{1:1000}" * 10_000 + '"', "E107 E507 E103 value")
    yield case("formats within formats", lambda: "len(" + "+".join(['f"{1:1000}"'] * 150) + ")", "value")


def doubling_types() -> Iterator[Case]:
    yield case("tuples that double", bindings(60, "(1, 1)", "{0} + {0}", "len(str({0}))"), "E230")
    yield case("pairs of pairs", bindings(60, "(1, 1)", "({0}, {0})", "{0} == {0}"), "E230")
    yield case("pairs of pairs, shown", bindings(60, "(1, 1)", "({0}, {0})", "str({0})"), "E230")
    yield case("pairs of pairs, in a list", bindings(60, "(1, 1)", "({0}, {0})", "[{0}, {0}][0][0]"), "E230")
    yield case("pairs of pairs, misused", bindings(60, "(1, 1)", "({0}, {0})", '{0} + "a"'), "E230")
    yield case("pairs of pairs, sorted", bindings(60, "(1, 1)", "({0}, {0})", "sorted([{0}, {0}])"), "E230")
    yield case("pairs of pairs, called", bindings(60, "(1, 1)", "({0}, {0})", 'CALL("x", {0})'), "E230")
    yield case("records of records", records(60, "1"), "E230")
    yield case("records of records, asked for", records(60, 'CALL[{0}]("x").a'), "E230", reply="{}")
    yield case("an input of records of records", records(60, "x: {0}\n1"), "E230")

    yield case("conditionals that double", bindings(60, '"a"', "{0} if True else {0}", "{0}"), "value")
    yield case("lists in lists", bindings(5_000, "[1]", "[{0}]", "{0} == {0}"), "E230")
    yield case("late lists in lists", bindings(5_000, 'CALL("a")', "[{0}]", "{0} == {0}"), "E230")
    yield case(
        "late lists in lists within the size", bindings(900, 'CALL("a")', "[{0}]", "{0} == {0}"), "value", reply="a"
    )
    yield case("dicts in dicts", bindings(4_500, "1", '{"a": {0}}', "{0}"), "E230")
    yield case("folds in folds, checked", lambda: "reduce(lambda a, x: " * 60 + "a" + ", [1], [])" * 60, "E103 value")
    yield case(
        "folds that widen",
        lambda: "".join(f"reduce(lambda a{i}, x{i}: " for i in range(60)) + "[1]" + ", [1], [])" * 60,
        "E103 value",
    )
    yield case("keys in keys", lambda: "sorted([1], key=lambda x: len(" * 60 + "[x]" + "))" * 60, "E103 value")
    yield case("the library over and over", lambda: "".join(f"a{i} = lines(x)\n" for i in range(4_500)), "E200")


def doubling_values() -> Iterator[Case]:
    yield case("text that doubles", bindings(100, '"x"', "{0} + {0}", "len({0})"), SIZE)
    yield case("text times text", bindings(12, '"xxxxxxxxxx"', "{0} * 100", "len({0})"), SIZE)
    yield case("lists that double", bindings(100, "[1]", "{0} + {0}", "len({0})"), SIZE)
    yield case("lists of lists, compared", bindings(100, "[1]", "[{0}, {0}]", "{0} == {0}"), SIZE + " E103")
    yield case("lists of lists, shown", bindings(60, "[1]", "[{0}, {0}]", "str({0})"), SIZE + " E103")
    yield case("lists of lists, in a text", bindings(60, "[1]", "[{0}, {0}]", 'f"{{0}}"'), SIZE + " E103")
    yield case("lists of lists, called", bindings(60, "[1]", "[{0}, {0}]", 'CALL("x", {0})'), SIZE + " E103")
    yield case("lists of lists, returned", bindings(60, "[1]", "[{0}, {0}]", "{0}"), SIZE + " E103")
    yield case("lists of lists, members", bindings(60, "[1]", "[{0}, {0}]", "{0}[0] in {0}"), SIZE + " E103")
    yield case("lists of lists, unique", bindings(60, "[1]", "[{0}, {0}]", "unique({0})"), SIZE + " E103")
    yield case("lists of lists, indexed", bindings(60, "[1]", "[{0}, {0}]", "{0}.index({0}[0])"), SIZE + " E103 value")
    yield case("lists of lists, counted", bindings(60, "[1]", "[{0}, {0}]", "{0}.count({0}[1])"), SIZE + " E103")
    yield case("lists of lists, as JSON", bindings(60, "[1]", "[{0}, {0}]", "to_json({0})"), SIZE + " E103")
    yield case("lists of lists, sorted", bindings(60, "[1]", "[{0}, {0}]", "sorted({0})"), SIZE + " E103")
    yield case("lists of lists, greatest", bindings(60, "[1]", "[{0}, {0}]", "max({0})"), SIZE + " E103")
    yield case(
        "lists of lists, as a key",
        bindings(60, "[1]", "[{0}, {0}]", "sorted([1, 2], key=lambda i: {0})"),
        SIZE + " E103",
    )
    yield case("lists of lists, voted", bindings(60, "[1]", "[{0}, {0}]", "vote({0})"), SIZE + " E103")
    yield case(
        "lists of lists, by a function",
        bindings(60, "[1]", "[{0}, {0}]", "reduce(lambda a, x: a + len(str(x)), {0}, 0)"),
        SIZE + " E103",
    )
    yield case("dicts of dicts, returned", bindings(60, '{"a": 1}', '{"a": {0}, "b": {0}}', "{0}"), SIZE + " E103")
    for name, end in (
        ("taken", "take({0}, 1)"),
        ("cut", "{0}[0:1]"),
        ("reversed", "reversed({0})"),
        ("zipped", "zip({0}, {0})"),
        ("windowed", "window({0}, 2)"),
        ("dropped", "drop({0}, 1)"),
        ("flattened", "flatten({0})"),
        ("enumerated", "enumerate({0})"),
        ("chosen", "{0} if True else {0}"),
        ("counted by a text", "{str(x): 1 for x in {0}}"),
        ("chunked", "chunk({0}, 1)"),
        ("listed", "list({0})"),
        ("added", "{0} + {0}"),
    ):
        yield case(f"lists of lists, {name}", bindings(60, "[1]", "[{0}, {0}]", f"len({end})"), SIZE + " value")
    yield case("a fold that doubles text", 'len(reduce(lambda a, x: a + a, range(100), "x"))', SIZE)
    yield case("a fold that doubles a list", "len(reduce(lambda a, x: a + a, range(100), [1]))", SIZE)
    yield case("a fold that squares", "reduce(lambda a, x: a * a, range(100), 3)", "E306")
    yield case("a fold that raises", "reduce(lambda a, x: a ** 3, range(100), 3)", "E306")


def numbers() -> Iterator[Case]:
    yield case("a long range", "range(10 ** 18)", SIZE)
    yield case("a long range with a step", "range(0, 10 ** 18, 2)", SIZE)
    yield case("a long range backwards", "range(10 ** 18, 0, -1)", SIZE)
    yield case("a sum of a long range", "sum(range(10 ** 18))", SIZE)
    yield case("a member of a long range", "10 ** 17 in range(10 ** 18)", SIZE)
    yield case("a loop over a long range", "[x for x in range(10 ** 18)]", SIZE)
    yield case("any of a long range", "any(x < 0 for x in range(10 ** 18))", SIZE)
    yield case("powers of powers", "9 ** 9 ** 9 ** 9", "E306")
    yield case("a large power", "2 ** 10000000000", "E306")
    yield case("a power of a large number", "(10 ** 3000) ** 1000", "E306")
    yield case("a negative power", "(10 ** 3000) ** (-1000)", "E306 value")
    yield case("a power of an unknown number", "n = 10 ** 9\n7 ** n", "E306")
    yield case("a float power", "10.0 ** 400", "E306")
    yield case("a root of a negative number", "(-8.0) ** 0.5", "E306")
    yield case("a large factor", "(10 ** 3000) * (10 ** 3000)", "E306")
    yield case("a large integer as a float", "float(10 ** 3000)", "E306")
    yield case("a large integer divided", "10 ** 3000 / 3", "E306")
    yield case("a large integer with a float", "10 ** 3000 + 0.5", "E306")
    yield case("a large integer compared with a float", "10 ** 3000 > 0.5", "value")
    yield case("an integer of text", 'int("9" * 100000)', "E306 E304")
    yield case("a float of text", 'float("9" * 100000)', "E306 E304")
    yield case("no number", 'float("nan")', "E304 E306")
    yield case("infinity", 'float("inf")', "E304 E306")
    yield case("text of a large integer", "len(str(7 ** 4600))", "value")
    yield case("digits after the point", "round(1.5, 10 ** 18)", "value E308 E306")
    yield case("digits before the point", "round(15, -(10 ** 18))", "value E308 E306")
    yield case("a sum that grows", "sum([10 ** 3912] * 99)", "value E306")
    yield case("a large index", "[1][10 ** 30]", "E301")
    yield case("a large slice", "[1, 2][-(10 ** 30):10 ** 30:10 ** 30]", "value")
    yield case("a large sample", 'CALL("x", sample=10 ** 3000)', "value", reply="a")
    yield case("a negative sample", 'CALL("x", sample=-1)', "E308")


def work() -> Iterator[Case]:
    yield case("loops within loops", "[1 for a in range(10000) for b in range(10000) for c in range(10000)]", SIZE)
    yield case(
        "long expressions in loops",
        lambda: f"[{'+'.join(['1'] * 190)} for a in range(10000) for b in range(10000)]",
        SIZE,
    )
    yield case(
        "long tests in loops",
        lambda: f"[1 for a in range(10000) for b in range(10000) if {' or '.join(['a < 0'] * 90)}]",
        SIZE,
    )
    yield case(
        "long bodies",
        lambda: (
            "def f(x: int) -> int:\n"
            + "".join(f"    a{i} = x + {i}\n" for i in range(4_500))
            + "    return x\n[f(x) for x in range(100000)]"
        ),
        SIZE,
    )
    yield case("long lambdas", lambda: f"sorted(range(1000000), key=lambda x: {'+'.join(['x'] * 190)})", SIZE)
    yield case("built-ins as functions", "sorted(range(10000000), key=str)", SIZE)
    yield case("records in loops", "class R:\n    x: int\n[R(x) for x in range(10000000)]", SIZE)
    yield case("any without an end", "any(a + b < 0 for a in range(100000) for b in range(100000))", SIZE)
    yield case("loops that keep nothing", "[1 for a in range(10000) for b in range(10000) if a < 0]", SIZE)
    yield case(
        "calls in loops",
        "def f(x: int) -> int:\n    return x\n[f(a + b) for a in range(10000) for b in range(10000)]",
        SIZE,
    )
    yield case(
        "loops in functions",
        "def f(x: int) -> int:\n    return sum([y for y in range(x)])\n[f(a) for a in range(100000)]",
        SIZE,
    )
    yield case(
        "folds in folds", "reduce(lambda a, x: reduce(lambda b, y: b + 1, range(9999), a), range(9999), 0)", SIZE
    )
    yield case("functions that call twice", functions(60, "{0}(x) + {0}(x)"), SIZE)
    yield case("functions that loop", functions(60, "sum([{0}(y) for y in range(9)])"), SIZE)
    yield case("functions that fold", functions(60, "reduce(lambda a, y: a + {0}(y), range(9), 0)"), SIZE)
    yield case("functions that sort", functions(60, "len(sorted(range(9), key=lambda y: {0}(y)))"), SIZE)
    yield case(
        "functions of functions",
        lambda: (
            "def a0(g: Callable[[int], int], x: int) -> int:\n    return g(g(x))\n"
            + "".join(
                f"def a{i}(g: Callable[[int], int], x: int) -> int:\n    return a{i - 1}(lambda y: a{i - 1}(g, y), x)\n"
                for i in range(1, 40)
            )
            + "a39(lambda x: x + 1, 0)"
        ),
        SIZE + " E309",
    )
    yield case("sorting a lot", "sorted([(x * 7919) % 10007 for x in range(1000000)])", SIZE + " value")
    yield case("sorting long texts", 'sorted([("a" * 100000) + str(x) for x in range(300)])', SIZE + " value")
    yield case("comparing long texts", 'a = "a" * 1000000\n[x for x in range(100000) if a == a + ""]', SIZE)
    yield case("searching long texts", 'a = "a" * 1000000\n[x for x in range(100000) if "b" in a]', SIZE)
    yield case("searching badly", 'a = "a" * 100000\nb = "a" * 50000 + "b"\n[x for x in range(1000) if b in a]', SIZE)
    yield case("searching long lists", "a = list(range(100000))\n[x for x in range(100000) if -1 in a]", SIZE)
    yield case("slicing long lists", "a = list(range(1000000))\n[a[1:] for x in range(100000)]", SIZE)
    yield case("slicing long texts", 'a = "a" * 10000000\n[a[1:] for x in range(100000)]', SIZE)
    yield case("adding long lists", "a = list(range(1000000))\n[a + a for x in range(1000)]", SIZE)
    yield case("keeping long texts", 'a = "a" * 10000000\n[a + str(x) for x in range(1000)]', SIZE)
    yield case("dicts in loops", "[{str(x): y for y in range(100)} for x in range(1000000)]", SIZE)
    yield case("a large dict", "len({str(x): x for x in range(10000000)})", SIZE)
    yield case("texts in loops", '[f"{x}{x}{x}" for x in range(10000000)]', SIZE)
    yield case("calls in large loops", '[CALL("x", str(i)) for i in range(10000000)]', SIZE + " E501")
    yield case(
        "calls in unknown loops",
        '[CALL("x", y) for y in CALL[list[str]]("y") for z in range(100000000)]',
        SIZE + " E501",
        reply='["a"]',
    )


def builtins() -> Iterator[Case]:
    for name, text, codes in (
        ("replace nothing", '("a" * 1000000).replace("", "b" * 1000000)', SIZE),
        ("replace by more", '("ab" * 1000000).replace("a", "b" * 1000)', SIZE),
        ("replace at times", 'reduce(lambda a, x: a.replace("a", "aa"), range(100), "a")', SIZE),
        ("join long texts", '("x" * 1000000).join(list("a" * 100000))', SIZE),
        ("join many texts", '"".join(["x" * 1000000] * 1000000)', SIZE),
        ("zfill", '"a".zfill(10 ** 12)', SIZE),
        ("ljust", '"a".ljust(10 ** 12)', SIZE),
        ("rjust", '"a".rjust(10 ** 12)', SIZE),
        ("center", '"a".center(10 ** 12, "x")', SIZE),
        ("expandtabs", '("\\t" * 1000000).expandtabs(10 ** 9)', SIZE + " E205"),
        ("times", '"a" * 10 ** 12', SIZE),
        ("times a list", "[0] * 10 ** 12", SIZE),
        ("times a negative", '"a" * -(10 ** 12)', "value"),
        ("split in letters", 'list("a" * 30000000)', SIZE),
        ("split", '("a " * 10000000).split()', SIZE),
        ("split by a text", '("a " * 10000000).split("a")', SIZE),
        ("splitlines", '("\\n" * 30000000).splitlines()', SIZE),
        ("chunk", 'chunk("a" * 30000000, 1)', SIZE),
        ("chunk with overlap", 'chunk("a" * 100000, 50000, 49999)', SIZE + " E308"),
        ("chunk by nothing", 'chunk("abc", 0)', "E308"),
        ("chunk by less than nothing", 'chunk("abc", -5)', "E308"),
        ("words", 'words("a " * 15000000)', SIZE),
        ("sentences", 'sentences("A. " * 10000000)', SIZE),
        ("sentences of points", 'len(sentences("." * 1000000))', SIZE + " value"),
        ("sentences of spaces", 'len(sentences(" " * 1000000))', SIZE + " value"),
        ("paragraphs of lines", 'len(paragraphs("\\n " * 500000))', SIZE + " value"),
        ("paragraphs", 'paragraphs("a\\n\\n" * 10000000)', SIZE),
        ("lines", 'lines("a\\n" * 15000000)', SIZE),
        ("window", "window(range(100000), 50000)", SIZE),
        ("window by nothing", "window([1, 2], 0)", "E308"),
        ("zip", "zip(range(10000000), range(10000000))", SIZE),
        ("enumerate", 'enumerate("a" * 30000000)', SIZE),
        ("counts", 'counts(list("abc" * 10000000))', SIZE),
        ("unique", "unique(range(10000000))", SIZE),
        ("flatten", "flatten([range(1000000)] * 1000000)", SIZE),
        ("sorted", "sorted(range(10000000))", SIZE),
        ("set", "set([tuple(range(1000))] * 1000000)", SIZE),
        ("max of texts", 'max(["a" * 1000000] * 1000000)', SIZE),
        ("upper", '[("ß" * 1000000).upper() for x in range(1000)]', SIZE),
        ("casefold", '[("ΐ" * 10000000).upper() for x in range(9)]', SIZE),
        ("title", '[("a" * 1000000).title() for x in range(10000)]', SIZE),
        ("strip", '[(" " * 10000000).strip() for x in range(10000)]', SIZE),
        ("count", '[("a" * 1000000).count("a") for x in range(10000)]', SIZE),
        ("find", 'a = "a" * 1000000\n[a.find("a" * 1000 + "b") for x in range(10000)]', SIZE),
        ("startswith", 'a = "a" * 1000000\n[a.startswith(a) for x in range(1000000)]', SIZE),
        ("repr", 'str(["\\x00" * 10000000])', SIZE),
        ("repr in a text", 'a = "\\x00" * 10000000\nlen(f"{a!r}")', SIZE),
        ("int of a base", 'int("zz", 36)', "E207 value"),
        ("range with step 0", "range(1, 2, 0)", "E308"),
        ("slice with step 0", "[1][::0]", "E308"),
        ("grep with a bomb", 'grep("(a+)+$", "a" * 30000 + "b")', "value"),
        ("grep with another", 'grep("(a|a)*(a|a)*(a|a)*x", "a" * 100000)', "value"),
        ("grep with counts", 'grep("((a{1,100}){1,100}){1,100}", "a")', "E307 value"),
        ("grep with many counts", 'grep("(x{1000}){1000}", "x")', "E307"),
        ("grep with depth", 'grep("(" * 400 + ")" * 400, "a")', "E307 value"),
        ("grep with too much", 'grep("a" * 100000, "a")', "E307"),
        ("grep with look-around", 'grep("(?<=a)b", "ab")', "E307"),
        ("grep with back-references", 'grep("(a)\\\\1", "aa")', "E307"),
        ("grep with letters", 'grep("\\\\pL{500}", "a" * 1000)', "E307 value"),
        ("grep with nothing closed", 'grep("[", "a")', "E307"),
        ("grep with large counts", '[grep("(a{1,30}){1,30}" + str(x), "a") for x in range(100000)]', SIZE),
        ("grep over and over", '[grep("[a-q][^u-z]{13}x", "abcdefghij" * 10000) for i in range(100000)]', SIZE),
        ("grep other patterns", '[grep("a" + str(i) + "{1,50}", "a") for i in range(1000000)]', SIZE),
        ("take a lot", "take([1], 10 ** 30)", "value"),
        ("drop a lot", "drop([1], 10 ** 30)", "value"),
        ("take less than nothing", "take([1, 2], -1)", "value E308"),
    ):
        yield case(name, text, codes)


def nested_programs() -> Iterator[Case]:
    yield case("a quine", 'p: str = "p: str\\nrun_program(p, {\\"p\\": p})"\nrun_program(p, {"p": p})', "value")
    yield case("a program with depth", 'run_program("(" * 100000, {})', "value")
    yield case("a program of 10 MB", 'run_program("x = 1\\n" * 1700000, {})', "value " + SIZE)
    yield case("a program that works", 'run_program("sum(range(10 ** 18))", {})', SIZE)
    yield case("many programs", '[run_program("1", {}) for x in range(1000000)]', SIZE)
    yield case("many other programs", "[run_program(str(x), {}) for x in range(1000000)]", SIZE)
    yield case("many large programs", '[run_program("1\\n" * 90000, {}) for x in range(1000)]', SIZE)
    yield case("many broken programs", '[run_program("$\\n" * 90000, {}) for x in range(1000)]', SIZE)
    yield case(
        "a program that returns too much",
        'run_program("x0 = [1]\\n" + "\\n".join([f"x{i + 1} = [x{i}, x{i}]" for i in range(60)]) + "\\nx60", {})',
        SIZE + " value",
    )
    yield case("a program with a large input", 'run_program("a: list[int]\\na", {"a": "[" * 1000000})', "value")
    yield case("a program with a large number", 'run_program("a: int\\na", {"a": "9" * 1000000})', "value")


def characters() -> Iterator[Case]:
    for name, text in (
        ("NUL", "x = 1\0\nx"),
        ("NUL in a text", '"a\0b"'),
        ("a bell", "\a1"),
        ("a form feed", "\f1"),
        ("a vertical tab", "1\v+ 1"),
        ("an escape", "\x1b[2J1"),
        ("a bidi override", 'x = "a\u202e" + "b"\nx'),
        ("a bidi isolate in a comment", "1 # \u2066 + 1"),
        ("a zero-width space", "x\u200b = 1\nx"),
        ("a zero-width joiner", "x\u200d = 1\nx"),
        ("a soft hyphen", "x\u00ad = 1\nx"),
        ("a Cyrillic a", "\u0430 = 1\n\u0430"),
        ("a Greek question mark", "1\u037e2"),
        ("full-width brackets", "len\uff08[1]\uff09"),
        ("full-width letters", "\uff4c\uff45\uff4e([1])"),
        ("mathematical letters", "𝐥𝐞𝐧([1])"),
        ("Arabic digits", "\u0661 + 1"),
        ("a no-break space", "1\u00a0+ 1"),
        ("a line separator", "x = 1\u2028x"),
        ("a next line", "x = 1\u0085x"),
        ("a byte order mark within", "1 +\ufeff 1"),
        ("half a surrogate pair", "x = '\ud800'\nx"),
        ("a tag character", "x\U000e0041 = 1\nx"),
        ("a variation selector", "x\ufe0f = 1\nx"),
        ("a private character", "x\ue000 = 1\nx"),
        ("a combining mark", "x\u0301 = 1\nx"),
        ("a superscript", "x² = 1\nx²"),
    ):
        yield case(name, text, "E102 E100 E105")
    yield case("a byte order mark", "\ufeff1", "value")
    yield case("a carriage return", "x = 1\rx", "E102 E100")
    yield case("a tab", "\t1", "E105 E102 E100")


def ways_out() -> Iterator[Case]:
    for name, text, codes in (
        ("a class", '"".__class__', "E204"),
        ("a class in a hole", "f\"{''.__class__}\"", "E204"),
        ("the subclasses", "[].__class__.__mro__[1].__subclasses__()", "E204"),
        ("the globals", "def f() -> int:\n    return 1\nf.__globals__", "E204 E215"),
        ("the builtins", "len.__self__", "E204 E215"),
        ("a private field", "class R:\n    _x: int\n1", "E204"),
        ("a dunder call", "(1).__add__(2)", "E204"),
        ("getattr", 'getattr("", "upper")', "E200"),
        ("import", "__import__('os')", "E200"),
        ("import as a statement", "import os", "E113 E222"),
        ("eval", 'eval("1")', "E200"),
        ("exec", 'exec("1")', "E200"),
        ("open", 'open("/etc/passwd")', "E200"),
        ("compile", 'compile("1", "", "eval")', "E200"),
        ("globals", "globals()", "E200"),
        ("vars", "vars()", "E200"),
        ("type", "type(1)", "E200"),
        ("str.format", '"{0.__class__}".format(1)', "E304"),
        ("str.format_map", '"{x}".format_map({"x": 1})', "E205"),
        ("percent", '"%s" % 1', "value"),
        ("encode", '"a".encode()', "E205"),
        ("translate", "'a'.translate({})", "value"),
        ("a nested format", "f\"{1!r:{''.__class__}}\"", "E100 E107"),
        ("a call of a call", "(lambda: 1)()", "E124 E214 E100"),
        ("a call of a value", "(1)(2)", "E214"),
        ("a function as a value", "[len]", "E215"),
        ("print", "print(1)", "value"),
        ("self-documenting hole", 'x = 1\nf"{x=}"', "value"),
        ("conversion to ASCII", 'f"{1!a}"', "E107"),
        ("a walrus", "(x := 1)", "value"),
        ("a decorator", "@f\ndef g() -> int:\n    return 1\n1", "E116"),
        ("a base class", "class R(str):\n    x: int\n1", "E100 E121"),
        ("a method", "class R:\n    def f(self) -> int:\n        return 1\n1", "E100 E121 E105"),
        ("a generator", "def f() -> int:\n    yield 1\n1", "E123 E121 E100"),
        ("a star", "[*range(3)]", "value"),
        ("two stars", "f(**x)", "E117 E100"),
        ("recursion", "def f(x: int) -> int:\n    return f(x)\nf(1)", "E309"),
        (
            "recursion by two",
            "def f(x: int) -> int:\n    return g(x)\ndef g(x: int) -> int:\n    return f(x)\nf(1)",
            "E309",
        ),
        (
            "recursion by a parameter",
            "def f(g: Callable[[int], int], x: int) -> int:\n    return g(g)\nf(f, 1)",
            "E210 E215",
        ),
        ("a coding line", "# -*- coding: utf-7 -*-\n+AGEAYQ-", "E200 E212 E100 E102"),
        ("shadowing a built-in", "len = 1\nlen", "value"),
        ("shadowing CALL", "CALL = 1\n1", "E122 E100"),
        ("CALL as a value", "[CALL]", "E100 E122 E215"),
        ("CALL as an attribute", 'x = "a".CALL', "E100 E122 E205"),
    ):
        yield case(name, text, codes)


def answers() -> Iterator[Case]:
    yield case("a CALL in an answer", 'x = CALL("a")\nx + x', "value", reply='CALL("again")')
    yield case("a program in an answer", 'x = CALL("a")\nf"{x}"', "value", reply='x = CALL("again")\n{x}\\n"""')
    yield case("an answer that is long", 'len(CALL("a"))', "value E507", reply=lambda: "a" * 30_000_000)
    yield case("an answer that is too long", 'len(CALL("a"))', "E507 E401", reply=lambda: "a" * 40_000_000)
    yield case("an answer that is deep", 'CALL[list[str]]("a")', "E401", reply=lambda: "[" * 1_000_000)
    yield case(
        "an answer that is deep and closed", 'CALL[list[str]]("a")', "E401", reply=lambda: "[" * 50_000 + "]" * 50_000
    )
    yield case("an answer of deep objects", 'CALL[dict[str, int]]("a")', "E401", reply=lambda: '{"a":' * 200_000)
    yield case(
        "an answer that is wide", 'len(CALL[list[int]]("a"))', "E507 value", reply=lambda: "[" + "1," * 500_000 + "1]"
    )
    yield case("a giant integer in an answer", 'CALL[int]("a")', "E401", reply=lambda: "9" * 1_000_000)
    yield case(
        "giant integers in an answer",
        'CALL[list[int]]("a")',
        "E401",
        reply=lambda: "[" + ",".join(["9" * 4_000] * 500) + "]",
    )
    yield case("a giant exponent in an answer", 'CALL[float]("a")', "E401", reply="1e99999999")
    yield case("no number in an answer", 'CALL[float]("a")', "E401", reply="NaN")
    yield case("infinity in an answer", 'CALL[float]("a")', "E401", reply="-Infinity")
    yield case("twice a key in an answer", 'CALL[dict[str, int]]("a")', "E401", reply='{"a": 1, "a": 2}')
    yield case("more than one answer", 'CALL[int]("a")', "E401", reply="1 2")
    yield case("a boolean for an integer", 'CALL[int]("a")', "E401", reply="true")
    yield case(
        "an unknown field in an answer",
        'class R:\n    x: int\nCALL[R]("a").x',
        "E401",
        reply='{"x": 1, "__class__": 2}',
    )
    yield case("another word", 'CALL[Literal["a", "b"]]("a")', "E401", reply="c")
    yield case("an empty answer", 'CALL[int]("a")', "E411", reply="")
    yield case("NUL in an answer", 'len(CALL("a"))', "value", reply="a\0b\u202e")
    yield case("half a pair in an answer", 'CALL[list[str]]("a")[0] + "x"', "value", reply='["\\ud800"]')
    yield case("an answer that is misused", 'int(CALL("a"))', "E304 E306", reply=lambda: "9" * 1_000_000)
    yield case("an answer in a pattern", 'grep(CALL("a"), "a" * 10000)', "value E307", reply="(a+)+$")
    yield case(
        "answers that double",
        'reduce(lambda a, x: CALL("a", a + a), range(100), "x")',
        SIZE + " E403",
        reply=lambda: "a" * 1_000_000,
    )
    yield case(
        "an answer asks for more",
        '[CALL("x", y) for y in CALL[list[str]]("y")]',
        "E501",
        reply=lambda: json.dumps([str(i) for i in range(5_000)]),
    )


def answers_that_are_programs() -> Iterator[Case]:
    yield case("a program with depth in an answer", 'CALL[int]("a")', "E405", reply=lambda: "(" * 10_000, deep=True)
    yield case(
        "a program of 10 MB in an answer", 'CALL[int]("a")', "E405 E506", reply=lambda: "x = 1\n" * 1_700_000, deep=True
    )
    yield case(
        "a program that works in an answer",
        'CALL[int]("a")',
        SIZE,
        reply="sum([1 for x in range(10000) for y in range(10000)])",
        deep=True,
    )
    yield case("a program with errors in an answer", 'CALL[int]("a")', "E405", reply=lambda: "$\n" * 9_000, deep=True)
    yield case("a program that calls itself in an answer", 'CALL("a")', "value E501 E405", reply='CALL("a")', deep=True)
    yield case(
        "a program that calls a lot in an answer",
        'CALL("a")',
        "E501",
        reply='"".join([CALL("b", str(i)) for i in range(100000)])',
        deep=True,
    )
