"""Forms that a mask accepts in whole programs, and where each of them is refused."""

from __future__ import annotations

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import STR

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


def test_a_function_that_nothing_applies_may_apply_itself_after_an_early_return() -> None:
    program = (
        "def f(n: int) -> int:\n    if n == 0:\n        return 0\n\n    def g(m):\n        if m > 0:\n            g("
    )
    assert read(f"{program}m - 1)\n").text.endswith("g(m - 1)\n")


def test_what_a_list_has_in_later_turns_is_not_known() -> None:
    assert accepts(
        "def f(text: str) -> int:\n    stack = []\n    for c in text:\n        if stack and stack[-1][0] == c:\n"
        "            stack.pop()\n        else:\n            stack.append((c, 1))\n    return len(stack)\n"
    )
    assert read("out = []\nout[-1][0]\n").text == "out = []\nout[-1]"


# The value of a script --------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "line"), [("", "print('a')"), ("xs = [1]\n", "xs.pop()"), ("xs = [1]\n", "print(xs)"), ("", "'About.'")]
)
def test_what_prints_or_changes_may_be_the_value(before: str, line: str) -> None:
    assert accepts(f"{before}{line}\n")
    assert accepts(f"{before}{line}\n1\n")


@pytest.mark.parametrize("line", ["print(1, 2)", "print(print(1))", "xs.append(1)", "xs.clear()"])
def test_what_gives_nothing_is_no_value(line: str) -> None:
    assert not read(f"xs = [1]\n{line}\n").allows(256)


def test_what_is_printed_at_the_end_has_the_expected_type() -> None:
    matcher = Matcher(Constraint("", STR), BYTES, 1_000)
    for byte in b"print(1)\n":
        matcher.commit(byte)
    assert not matcher.allows(256)
    check(Source(matcher.text + matcher.closing_text()), STR)


# The `else` of loops and of `try` ---------------------------------------------------

LOOP = "for x in [1, 2]:\n    if x > 1:\n        break\n"


@pytest.mark.parametrize(
    "program",
    [
        f"{LOOP}else:\n    x = 10\nx\n",
        "n = 3\nwhile n > 0:\n    n -= 2\nelse:\n    n = 50\nn\n",
        "try:\n    n = int('5')\nexcept ValueError:\n    n = 1\nelse:\n    n = 10 // n\nn\n",
        "def f(x: int) -> int:\n    for i in range(x):\n        if i == 3:\n            return i\n    else:\n        x = 0\n    return x\n",
        "def f(xs: list[int]) -> int:\n    for x in xs:\n        for y in xs:\n            if x == y:\n                continue\n"
        "        else:\n            break\n    return 0\n",
    ],
)  # fmt: skip
def test_else(program: str) -> None:
    assert accepts(program)
    for line in range(program.count("\n")):
        begun = read("\n".join(program.split("\n")[: line + 1]))
        check(Source(begun.text + begun.closing_text()))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (f"{LOOP}else:\n    break\n", f"{LOOP}else:\n    b"),
        (f"{LOOP}elif x > 1:\n", f"{LOOP}el"),
        (f"{LOOP}else:\n    x = 1\nelse:\n", f"{LOOP}else:\n    x = 1\ne"),
        ("try:\n    x = 1\nelse:\n", "try:\n    x = 1\ne"),
        ("try:\n    x = 1\nexcept:\n    x = 2\nelse:\n    x = 3\nexcept:\n", None),
    ],
)
def test_no_else(text: str, at: str | None) -> None:
    found = read(text).text
    assert len(found) < len(text)
    assert at is None or found.startswith(at[:-1])


def test_the_flags_of_else_are_no_names() -> None:
    assert read(f"{LOOP}else:\n    x = 3\ny = x\n").text.endswith("y = x\n")
    assert accepts(f"done = True\n{LOOP}else:\n    x = 3\n{LOOP}else:\n    x = 4\nok = not done\nok\n")


# Names ------------------------------------------------------------------------------


def test_a_new_name_of_one_letter_may_be_a_further_target() -> None:
    assert accepts("i = j = 0\ni + j\n")
    assert accepts("def f(n: int) -> int:\n    a = b = c = n\n    return a + b + c\n")
    assert read("first = qq = 0\n").text == "first = q"  # which may be a slip for a known name
    assert read("x: int = y = 0\n").text == "x: int = "


@pytest.mark.parametrize("name", ["sum", "f"])
def test_the_name_of_a_function_may_mean_something_else_in_a_comprehension(name: str) -> None:
    assert accepts(f"def f() -> int:\n    return 1\n\n\n[{name} for {name} in [1]]\n")


def test_arguments_of_built_ins_by_name() -> None:
    assert accepts("dict(a=1, b=2)\n")
    assert accepts("pow(base=2, exp=5, mod=7)\n")


def test_a_function_without_a_written_result_may_end_without_one() -> None:
    assert accepts("def f(x: int):\n    if x > 0:\n        return x\n\n\nf(-1)\n")
    text = "def f(n):\n    if n > 0:\n        return f(n - 1) + 1\n"
    assert read(f"{text}f(1)\n").text == text  # its result would be None


def test_a_function_may_leave_it_to_its_caller_that_it_returns() -> None:
    text = "def f(n: int) -> int:\n    for i in reversed(range(n)):\n        if n % i == 0:\n            return i\n"
    assert accepts(text)
    assert accepts(f"{text}f(6)\n")
    assert not read("def f(n: int) -> int:\n    n += 1\n").allows(256)


# Values that are made up in brackets ------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "map(max, [1, 5], [3, 2])",
        "sum([[1], [2, 3]], [])",
        "sum(v for k, v in {'a': 1, 'b': 2}.items() if k != 'a')",
        "unique([{'a': 1}, {'a': 2}])",
        "({1, 2}.union([3], {4: 5}) == {1, 2, 3, 4} and {1, 2}.union([1, 2]) == {2})",
        "[n for n in range(1, 20) if (n ** 0.5).is_integer()]",
        "[(1023).bit_length(), (6).bit_count()]",
        "[str.upper('a')]",
    ],
)
def test_values_in_brackets(line: str) -> None:
    assert accepts(f"{line}\n")


# What later text decides ------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        # what a list that begins empty has in it
        "def answer(spans: list[list[int]]) -> list[list[int]]:\n    merged = []\n    for start, end in sorted(spans):\n"
        "        if merged and start <= merged[-1][1]:\n            merged[-1] = [merged[-1][0], max(merged[-1][1], end)]\n"
        "        else:\n            merged.append([start, end])\n    return merged\n",
        # what a state is
        "reduce(lambda s, x: (s[1], s[0] + s[1]), range(10), (0, 1))[0]\n",
        "reduce(lambda a, x: a + [a[-1] + x] if a else [x], [1, 2, 3], [])\n",
        # what a comprehension binds
        'import re\n[(m.start(), m.end(), m.span()) for m in re.finditer("an", "banana")]\n',
        "def area(w, h):\n    return w * h\n\n\n[area(*pair) for pair in [(1, 2), (3, 4)]]\n",
        # how many groups an expression has
        'import re\ndict(re.findall(r"(\\w+)=(\\w+)", "a=1, b=2"))\n',
        # that a field is tested
        "class P:\n    n: int | None\n\n\np = P(1)\np.n + 1 if p.n is not None else 0\n",
        # how targets are nested
        "a, (b, c) = 1, (2, 3)\na + b * c\n",
    ],
)
def test_what_later_text_decides(program: str) -> None:
    assert accepts(program)


def test_the_types_that_isinstance_tests_for_may_be_in_brackets() -> None:
    assert accepts("def f(x: str) -> bool:\n    return isinstance(x, (int, str))\n")
    assert read("isinstance('a', (int, 5").text == "isinstance('a', (int, "


def test_a_parameter_may_take_any_number_of_arguments() -> None:
    assert accepts("def f(first, *rest):\n    return first + sum(rest)\n\n\nf(1) + f(1, 2, 3)\n")
    assert read("def f(*xs, y").text.rstrip() == "def f(*xs,"
    assert read("def f(* xs").text == "def f(*"
    whole = read("def f(*xs):\n    return 1\n")
    assert not whole.allows(256)  # the function that is the program cannot have one
    check(Source(whole.text + whole.closing_text()))


def test_fields_have_defaults() -> None:
    program = "class P:\n    name: str\n    count: int = 1\n\n\nP('a').count\n"
    assert accepts(program)
    begun = read("class P:\n    count: int = 1\n    ")
    check(Source(begun.text + begun.closing_text()))  # with one more field, which has a default, too


# Decorators, and what describes records ---------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "from functools import cache as kept\n\n\n@kept\ndef f(n):\n    return n\n\n\nf(1)\n",
        "import functools\n\n\ndef g(x):\n    @functools.lru_cache(maxsize=128)\n    def f(n: int) -> int:\n"
        "        return n\n\n    return f(x)\n\n\ng(1)\n",
        "from dataclasses import dataclass, field\n\n\n@dataclass(frozen=True)\nclass Bag:\n    size: int = 1\n"
        "    things: list[str] = field(default_factory=list)\n    top: int = field(default=3)\n"
        "    place: tuple[int, str] = (0, 'a')\n\n\nBag().top\n",
        'class Bag:\n    """What holds things."""\n    size: int\n    "in litres"\n\n\nBag(1).size\n',
    ],
)
def test_decorators_and_descriptions(program: str) -> None:
    matcher = Matcher(Constraint(), BYTES, 100_000)
    for byte in program.encode():
        matcher.commit(byte)
        check(Source(matcher.text + matcher.closing_text()))
    assert matcher.allows(256)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("@cache\n", ""),
        ("from functools import cache\n@cache\nx = 1\n", "from functools import cache\n@cache\n"),
        ("from functools import cache\n@cache\n@cache\n", "from functools import cache\n@cache\n"),
        ("from functools import cache\n@cache(1)\n", "from functools import cache\n@cache"),
        ("from functools import cache\n@cache\nclass A:\n", "from functools import cache\n@cache\n"),
        ("from dataclasses import dataclass\n@dataclass\ndef", "from dataclasses import dataclass\n@dataclass\n"),
        (
            "from functools import cache\n@cache\ndef f(xs: list[int]) -> int:\n",
            "from functools import cache\n@cache\ndef f(xs: list",
        ),
        ('class A:\n    "One."\n    "Two."\n', 'class A:\n    "One."\n    '),
        ('class A:\n    "One."\n1\n', 'class A:\n    "One."\n'),
        ('class A:\n    f"{1}"\n', "class A:\n    f"),
        (
            "from dataclasses import field\nclass A:\n    xs: dict[str, int] = field(default_factory=list)\n",
            "from dataclasses import field\nclass A:\n    xs: dict[str, int] = field(default_factory=",
        ),
    ],
)
def test_decorators_and_descriptions_that_are_refused(text: str, written: str) -> None:
    assert read(text).text == written


# What is never reached --------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "def f() -> int:\n    return 1\n    return 1 // 0\n\n\nf()\n",
        "def f(x: int) -> str:\n    if isinstance(x, int):\n        return 'int'\n    return 'other'\n\n\nf(1)\n",
        "for x in [1, 2]:\n    break\n    x = 3\n1\n",
        "def f() -> int:\n    return 1\n    # the end\n\n\nf()\n",
        "raise ValueError('no')\n1\n",
    ],
)
def test_what_is_never_reached(program: str) -> None:
    assert accepts(program)


def test_a_body_that_is_all_that_is_written_ends_with_its_return() -> None:
    matcher = Matcher(Constraint("def f(x: int) -> int:\n", within=True), BYTES, 1_000)
    for byte in b"    return x\n":
        matcher.commit(byte)
    assert matcher.done


# Comments ---------------------------------------------------------------------------


def test_any_number_of_lines_may_be_comments() -> None:
    comments = "# A line.\n" * 7
    assert accepts(
        f"{comments}\n{comments}x = [\n    # one\n    # two\n    # three\n    # four\n    # five\n    1,\n]\nx\n"
    )
    assert accepts(
        f"def f(x: int) -> int:\n    {comments.replace('# ', '    # ')[4:]}    return x\n\n\n{comments}f(1)\n"
    )
    assert read("x = 1\n" + "\n" * 9).text == "x = 1\n\n\n\n"


# The type that is expected ----------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "drop([1, 2, 3], 2)\n", "window([1, 2, 3], 2)\n", 'dict([("a", 1)])\n', "zip([1], ['a'], [0.5])\n",
        "sum([[1], [2]], [])\n", "2 * ['a']\n", "True + 1\n",
        "(1, 'a')[::-1]\n", "(1, 'a') + (0.5,)\n", "(1, 2) * 2\n", "[x for x in []]\n", "bin(3)[2:].count('1')\n",
        "sum([], [1])\n", "dict(zip([1], 'a'))[1]\n", "map(str.upper, ['a'])\n",
        "xs: list[Literal['b', 'a']] = ['b', 'a']\nxs\n", "map(lambda x: x is None, ['a', None])\n",
        "({1} == {1} and {1, 2}.intersection([1], (2,)) == {2})\n",
        "class P:\n    name: str\n    age: int\n\n\nps = [P('a', 3)]\nsorted(ps, key=lambda p: p.age)[0].name\n",
        "def answer(xs):\n    return xs\n",
    ],
)  # fmt: skip
def test_a_program_is_accepted_where_its_own_type_is_expected(program: str) -> None:
    matcher = Matcher(Constraint("", check(Source(program)).type), BYTES, 10_000)
    for byte in program.encode():
        matcher.commit(byte)
    assert matcher.done or matcher.allows(256)
