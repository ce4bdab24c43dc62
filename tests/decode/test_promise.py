"""Whatever has been written can be completed to a program that checks, at any time."""

from __future__ import annotations

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import STR

BYTES = Vocabulary.of_bytes()
SCOPE = "text: str\nnumbers: list[int]\n"
FUNCTION = "def answer(text: str, n: int, xs: list[int]) -> int:\n"


def followed(text: str, constraint: Constraint, since: str) -> str:
    """Return what is allowed of a text; from where `since` begins on, every part of it must have a closing."""
    matcher = Matcher(constraint, BYTES, 10_000)
    for at, byte in enumerate(text.encode()):
        if not matcher.allows(byte):
            break
        matcher.commit(byte)
        if at >= text.index(since):
            check(Source(constraint.program + matcher.text + matcher.closing_text()), constraint.expected)
    return matcher.text


@pytest.mark.parametrize(
    ("text", "since"),
    [
        # a function in a block that is never reached, which uses a name that another block binds
        (
            "while len(text) > 3:\n    while text is None:\n        from collections import Counter\n"
            "        def f(g: Callable[[str], int], x: int) -> int:\n            Counter({'': 0})\n            return 0\n1\n",
            "Counter(",
        ),
        # a variable that the line itself binds to another type
        (
            "from collections import deque\nv = deque([1])\nimport heapq\n"
            "text = heapq.heapify(([[]],) for w in v)\nv, v = v\n",
            "v, v",
        ),
        # a function in a `try`, which uses what is of another type where the `try` fails
        ('try:\n    x = 1\n    x = ""\n    def f():\n        y = x\n        return y\nexcept:\n    pass\n', "def"),
        # a result whose elements may be of any type
        ("def f() -> list:\n    return [1]\nf()\n", ":"),
        # a variable that a further turn of a loop binds, so that `break` cannot follow
        ('def f():\n    while "ab":\n        y = y\n        pass\n    return 1\nf()\n', "y = y"),
        # a function that changes what is outside of it, so that it makes no CALL
        ('xs = [1]\ndef f():\n    xs.pop()\n    y = qbf("", [""])\nf()\n', "y = q"),
        ('xs = [1]\ndef f():\n    xs.pop()\n    y = CALL("")\nf()\n', "y = C"),
        # a program in which a function changes its argument, so that it makes none either
        ('def add(xs):\n    xs.append(1)\nxs = [1]\nadd(xs)\ny = CALL("")\ny\n', "y = C"),
    ],
)
def test_lines_that_depend_on_others_have_a_closing(text: str, since: str) -> None:
    followed(text, Constraint(SCOPE, STR), since)


def test_what_is_of_no_type_yet_has_every_attribute() -> None:
    """The elements of an empty dict: the closing applies a method, which was allowed whole and not in parts."""
    matcher = Matcher(Constraint(SCOPE, STR), BYTES, 10_000)
    for byte in b"from math import factorial\nd = {}\nwhile factorial(0 if True else d[0][0].":
        matcher.commit(byte)
    for byte in matcher.closing_text().encode():
        matcher.commit(byte)
    check(Source(SCOPE + matcher.text), STR)


def test_a_function_that_only_applies_itself_is_checked_before_it_ends() -> None:
    """What `f` gives, None, fits nowhere in it, and `answer` is applied by itself alone."""
    text = '    def f(n):\n        kind: Literal["a", "b"] = tuple(f(""))[answer("", 0, [])]\n    return 0\n'
    assert followed(text, Constraint(FUNCTION, within=True), "[answer").endswith("[])]\n    ")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # the slice of a tuple has as many elements as its bounds say
        ('[("", "")[1:2]].copy().count(("", ""))\n', '[("", "")[1:2]].copy().count((""'),
        ('(1, "a", "b")[1:][0].upper()\n', None),
        ('(1, "a", "b")[:-1][1].upper()\n', None),
        ('((1, "a") * 2)[3].upper()\n', None),
        ('((1, "a") * 2)[2].upper()\n', '((1, "a") * 2)[2].'),
        # a text has as many groups as are written
        ('re.findall("(a)(b)", text)[0].upper()\n', 're.findall("(a)(b)", text)[0].'),
        ('re.findall("(a)(b)", text)[0][1].upper()\n', None),
        (r're.findall(r"\(a\)[(](?:b)", text)[0].upper()' "\n", None),
        (r're.findall(r"(?P<one>\w+) (?P<two>\w+)", text)[0].upper()' "\n", r're.findall(r"(?P<one>\w+) (?P<two>\w+)", text)[0].'),
    ],
)  # fmt: skip
def test_constants_that_decide_types_are_read_as_they_are(text: str, written: str | None) -> None:
    assert followed(text, Constraint(f"{SCOPE}import re\n"), "[").startswith(text if written is None else written)


def test_masks_agree_with_single_tests_in_the_expression_of_findall() -> None:
    tokens = [*(bytes([i]) for i in range(256)), b"(a)", b'(b)"', b"ab", b"(?:", b'", text)', b")(", b"[(]"]
    vocabulary = Vocabulary([*tokens, None], [len(tokens)], lambda text: list(text.encode()))
    constraint = Constraint("import re\ndef f(text: str) -> list[str]:\n", within=True)
    matcher = Matcher(constraint, vocabulary, 10_000)
    for byte in rb'    return re.findall(r"(\w(':
        matcher.commit(byte)
    for byte in b")(b":
        mask = matcher.mask()
        assert [bool(each) for each in mask] == [matcher.allows(token) for token in range(len(mask))], matcher.text
        matcher.commit(byte)


def test_the_closing_is_allowed_if_its_end_has_more_tokens_by_itself() -> None:
    """Tokenizers write the end of a text otherwise if they are given it without its beginning."""
    end = b'\n""\n'

    def encode(text: str) -> list[int]:
        return [ord("]"), 257] if text == "]" + end.decode() else list(text.encode())

    matcher = Matcher(Constraint(SCOPE, STR), Vocabulary([*BYTES.tokens, end], BYTES.eos, encode), 1000)
    for byte in b"x = [":
        matcher.commit(byte)
    matcher.left = 3
    assert matcher.closing_tokens() == [ord("]"), 257]
    matcher.commit(ord("]"))  # `\n""\n` are four tokens by themselves, and two may follow
    matcher.commit(257)
    assert matcher.text == 'x = []\n""\n'
