"""Masks on statements: bodies of functions, blocks, and what a line may be there."""

from __future__ import annotations

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.sampling import sample_program
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import UsageError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import INT, STR
from tests.decode.test_matcher import BYTES, accepts, refused_at

pytestmark = pytest.mark.heavy

HEAD = 'def answer(text: str, n: int, xs: list[int]) -> int:\n    """Answer."""\n'
BODY = Constraint(HEAD, within=True)
STATEMENT = Constraint(HEAD, unit="statement", within=True)

BODIES = [
    """\
    total = 0
    for c in text:
        if c == "a":
            total += 1
        elif c == "b":
            total = total - 1
        else:
            continue
    while n > 3:
        n -= 1
    return total
""",
    """\
    found = []
    for x in xs:
        if x > n:
            found.append(x)
    return len(found)
""",
    """\
    counts = {}
    for c in text:
        counts[c] = counts.get(c, 0) + 1
    best = max(counts.values())
    return best
""",
    """\
    a, b = 1, 2
    if n > 3 and a == 1:
        return 3
    print(a)
    return b
""",
    """\
    import math
    from collections import Counter
    c = Counter(text)
    return math.floor(math.sqrt(n)) + len(c)
""",
    """\
    try:
        x = int(text)
    except ValueError:
        return 1
    except (KeyError, IndexError) as e:
        print(e)
        x = 0
    return x
""",
    """\
    def helper(k: int) -> int:
        if k <= 0:
            return 0
        return helper(k - 1) + 1
    return helper(n)
""",
    """\
    while True:
        if n > 100:
            break
        n = n * 2 + 1
    assert n > 0, "a message"
    return n
""",
    """\
    grid = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            grid[i][j] = i * j
    return sum(sum(row) for row in grid)
""",
    """\
    for i, x in enumerate(xs):
        if isinstance(x, int) and i > 0:
            pass
    raise ValueError("nothing")
""",
]

UNREACHED = [
    """\
    while False:
        n = 2
        xs.append(1)
    return n
""",
    """\
    if isinstance(n, str):
        return 1
    else:
        n = 2
    return n
""",
    """\
    if n is not None:
        n = 2
    elif n == 3:
        n = 4
    else:
        for x in xs:
            n = x
    return n
""",
    """\
    if not isinstance(n, int):
        raise ValueError("no number")
    return n
""",
    """\
    for x in []:
        n = x
    return n
""",
    """\
    while 1:
        n = 2
        return n
""",
]
"""Bodies with blocks that are never reached, or with ends that are not."""


@pytest.mark.parametrize("body", BODIES + UNREACHED)
def test_bodies_are_allowed(body: str) -> None:
    check(Source(HEAD + body))
    assert accepts(body, BODY), refused_at(body, BODY)


@pytest.mark.parametrize("body", BODIES + UNREACHED)
def test_every_beginning_of_a_body_can_be_completed(body: str) -> None:
    matcher = Matcher(BODY, BYTES, 100_000)
    for byte in body.encode():
        matcher.commit(byte)
        if matcher.done:
            break
        end = matcher.closing_text()
        assert matcher.position.advance(end) is not None, (matcher.text, end)
        check(Source(HEAD + matcher.text + end))


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ("    return text\n", "    return text"),
        ("    return m\n", "    return m"),
        ("    x = 1\n", "    x = 1\n"),  # the function has to return
        ("    break\n", "    break"),  # it may begin a new name
        ("    if n:\n    return 1\n", "    if n:\n    "),
        ("    if n: return 1\n", "    if n: "),
        ("    return n\n    return 1\n", "    return n\n"),
        ("    while n:\n        n = int(CALL(", "    while n:\n        n = int("),
        ("    ys = xs\n    xs.append(1)\n    return len(ys)\n", "    ys = xs\n    xs.append(1)\n    return len(ys"),
        ("    for x in xs:\n        n = text\n    return n\n", "    for x in xs:\n        n = text\n    return n"),
        ("    try:\n        n = 1\n    return n\n", "    try:\n        n = 1\n    "),
        ("    import zlib\n", "    import "),
        ("    from math import sin_\n", "    from math import sin"),
        ("    raise Wrong\n", "    raise "),
        ("    else:\n", "    else"),
        ("    x=1\n", "    x"),
        ("    x = 1; return n\n", "    x = 1"),
        ("    x  = 1\n", "    x "),
        ("    print (1)\n", "    print "),
        ("    x = len( xs)\n", "    x = len("),
        ("    x = [1 ]\n", "    x = [1 "),
        ("    y += 1\n", "    y "),
    ],
)
def test_what_is_refused(body: str, at: str) -> None:
    assert not accepts(body, BODY)
    assert refused_at(body, BODY) == at


def test_a_line_that_was_tried_and_is_wrong_changes_nothing() -> None:
    """The type of `counts` grows with every turn in `counts[c] = counts`, and in no line that may follow instead."""
    matcher = Matcher(BODY, BYTES, 1_000)
    for byte in b"    counts = {}\n    for c in text:\n        counts[c] = counts":
        matcher.commit(byte)
    assert not matcher.allows(ord("\n"))
    for byte in b".get(c, 0) + 1\n    return len(counts)\n":
        matcher.commit(byte)


@pytest.mark.parametrize("end", ["", "("])
def test_a_body_is_not_completed_on_the_line_of_its_head(end: str) -> None:
    matcher = Matcher(Constraint(), BYTES, 1_000)
    for byte in f"pass\nif +7 ** {end}".encode():
        matcher.commit(byte)
    check(Source(matcher.text + matcher.closing_text()))


def test_a_line_of_a_record_is_a_field() -> None:
    assert accepts("class P:\n    x: int\nP(1)\n", Constraint())
    assert refused_at("class P:\n    x\n", Constraint()) == "class P:\n    x"


def test_a_statement_of_a_body_ends_with_its_line() -> None:
    matcher = Matcher(STATEMENT, BYTES, 1_000)
    for byte in b"    n += 1\n":
        matcher.commit(byte)
    assert matcher.done


def test_a_statement_with_a_block_may_go_on_or_end() -> None:
    matcher = Matcher(STATEMENT, BYTES, 1_000)
    for byte in b"    if n > 1:\n        n = 1\n":
        matcher.commit(byte)
    assert not matcher.done
    assert matcher.allows(256)
    for byte in b"    else:\n        n = 2\n":
        matcher.commit(byte)
    assert matcher.allows(256)
    assert not accepts("    if n > 1:\n        n = 1\n    n = 2\n", STATEMENT)


@pytest.mark.parametrize(
    ("text", "constraint", "may_end"),
    [
        ("    def f() -> int:\n        n = 1\n", STATEMENT, False),
        ("    def f() -> int:\n        if n > 1:\n            return 1\n", STATEMENT, True),
        ("    def f() -> int:\n        if n > 1:\n            return 1\n        return 2\n", STATEMENT, True),
        ("    def f():\n        print(n)\n", STATEMENT, True),
        ("def f() -> int:\n    pass\n", Constraint("document: str\n", unit="statement"), False),
        ("    def f() -> int:\n        pass\n", Constraint("def g(n: int) -> None:\n", within=True), False),
        ("    def f():\n        pass\n", Constraint("def g(n: int) -> None:\n", within=True), True),
    ],
)
def test_no_text_ends_in_a_function_that_must_still_return(text: str, constraint: Constraint, may_end: bool) -> None:
    matcher = Matcher(constraint, BYTES, 1_000)
    for byte in text.encode():
        matcher.commit(byte)
    assert matcher.allows(256) == may_end


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("def f():\n    n = 1\nlen(f())\n", "def f():\n    n = 1\nlen(f()"),
        ("def f(x=['']):\n    pass\n'a'.endswith(f())\n", "def f(x=['']):\n    pass\n'a'.endswith(f"),
        ("def f(n):\n    x = f(n) + 1\nf(1)\n", "def f(n):\n    x = f(n) + 1\n"),
        (
            "def f(n):\n    def g(m):\n        x = 1\n    return len(g(1))\n",
            "def f(n):\n    def g(m):\n        x = 1\n    return len(g(1)",
        ),
        ("def f(n):\n    x = 1\nx = f(1)\n[x, None]\n", "def f(n):\n    x = 1\nx = f(1)\n[x, None]\n"),
    ],
)
def test_a_function_that_returns_nothing_gives_none(text: str, at: str) -> None:
    assert refused_at(text, Constraint()) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("assert int('1') is None\nfor x in [1]:", "assert int('1') is "),
        ("def f(x: int):\n    assert x is None\n    return 1\n", "def f(x: int):\n    assert x is "),
        ("if 1 is not None:\n    raise ValueError('a')\nx = 1\n", None),  # what a block leaves may follow it
        ("while text is not None:\n    pass\nx = 1\n", None),
        ("x = 1\nif x is None:\n    y = 1\nelse:\n    y = 2\ny\n", None),
    ],
)
def test_no_line_without_a_block_makes_what_follows_unreachable(text: str, at: str | None) -> None:
    assert refused_at(text, Constraint("text: str\n")) == (text if at is None else at)


def test_a_program_may_end_with_a_function_that_gives_none() -> None:
    start = "def f(x: int):\n    x + 1\n"
    assert accepts(f"{start}f(1)\n")
    assert accepts(f"{start}f(1)\n2\n")
    assert not accepts(f"{start}if count > 1:\n    f(1)\n")


def test_a_variable_keeps_what_a_function_that_nothing_applies_needs() -> None:
    program = "text: str\ndef f():\n    text.find('')\n"
    matcher = Matcher(Constraint(program), BYTES, 1_000)
    for byte in b"xs, text":
        matcher.commit(byte)
        check(Source(program + matcher.text + matcher.closing_text()))
    assert refused_at("text = 3\n", Constraint(program)) == "text = "
    assert accepts("f()\ntext = 3\ntext\n", Constraint(program))


@pytest.mark.parametrize("head", ["if text == 'a':", "while text == 'a':", "for c in text:"])
def test_a_function_is_used_only_in_the_block_that_defines_it(head: str) -> None:
    start = f"{head}\n    def twice():\n        return 2\n"
    assert accepts(f"{start}    x = twice()\n1\n", Constraint("text: str\n"))
    assert refused_at(f"{start}x = twice()\n1\n", Constraint("text: str\n")) == f"{start}x = t"


def test_a_line_in_a_function_that_uses_the_function_is_judged_with_all_of_it() -> None:
    """What the function gives is not known before its end, and the loop binds one of its parameters to that."""
    matcher = Matcher(Constraint("text: str\n", STR), BYTES, 1_000)
    for byte in b"def g(x, n: int = 1):\n    for x in g(unsupported":
        if not matcher.allows(byte):
            break
        matcher.commit(byte)
        check(Source(matcher.constraint.program + matcher.text + matcher.closing_text()), STR)
    assert "for x in g(" in matcher.text


@pytest.mark.parametrize(
    "text",
    [
        "numbers: list[int]\ndef f(x: str):\n    numbers.append(1)\n\nm = repair_until(f",
        "def g(x):\n    print()\n\nprint",
        "for x in [1]:\n    len([2])\n    len",
        "for x in [1]:\n    from re import ASCII\n    def f(x: int) -> int:\n        ASCII",
    ],
    ids=["a function that changes", "a built-in that is bound", "a built-in in a loop", "an import in a loop"],
)
def test_what_other_lines_matter_to_is_completed_as_they_allow(text: str) -> None:
    matcher = Matcher(Constraint(), BYTES, 1_000)
    for byte in text.encode():
        matcher.commit(byte)
    check(Source(matcher.text + matcher.closing_text()))


def test_nothing_follows_a_program_whose_end_is_never_reached() -> None:
    with pytest.raises(UsageError) as caught:
        Matcher(Constraint("assert 1 is None\n"), BYTES, 100)
    assert caught.value.first.code == "E607"


def test_a_program_may_be_a_function() -> None:
    assert accepts("def f(x: int) -> int:\n    return x\n", Constraint("", INT))
    assert not accepts("def f(x: str) -> str:\n    return x\n", Constraint("", INT))
    assert not accepts("def f(x: int) -> int:\n    return x\n", Constraint("y = 1\n", INT))


WORDS = [
    "    ", "if", "for", "while", "print", "import", "return", "text", "in", "dex", "mat", "n", "ant", " text", "(", "s",
    " = 1\n", " n", ":\n        ", "\n    ", "\n\n", "\n        ", "pass", "else", "elif", "x", " += 1\n    ", "# note\n",
]  # fmt: skip
TOKENS = [*(bytes([i]) for i in range(256)), *(text.encode() for text in WORDS)]
WORDY = Vocabulary([*TOKENS, None], [len(TOKENS)], lambda text: list(text.encode()))


def written(*words: str) -> Matcher:
    matcher = Matcher(Constraint(HEAD.replace("n: int", "n: int, important: int"), within=True), WORDY, 10_000)
    for word in words:
        matcher.commit(TOKENS.index(word.encode()))
    return matcher


@pytest.mark.parametrize(
    ("words", "following", "allowed"),
    [
        (("    ", "if"), "n", False),
        (("    ", "if"), " text", True),
        (("    ", "for"), "mat", False),
        (("    ", "f", "o", "r"), "mat", True),
        (("    ", "print"), "s", False),
        (("    ", "print"), "(", True),
        (("    ", "text"), "s", True),
        (("    ", "import"), "ant", True),  # a name in scope
        (("    ", "import"), "s", False),
        (("    ", "in"), "dex", True),  # no statement begins with `in`
    ],
)
def test_a_whole_word_of_the_language_is_no_beginning_of_a_new_name(
    words: tuple[str, ...], following: str, allowed: bool
) -> None:
    matcher = written(*words)
    token = TOKENS.index(following.encode())
    assert matcher.allows(token) is allowed
    assert bool(matcher.mask()[token]) is allowed


@pytest.mark.parametrize("number", [0, 1, 5])
def test_the_mask_and_single_tests_agree_between_lines(number: int) -> None:
    matcher = Matcher(BODY, WORDY, 10_000)
    for place, byte in enumerate(BODIES[number].encode()):
        if place % 3 == 0 or byte in b"\n :":
            mask = matcher.mask()
            assert [bool(allowed) for allowed in mask] == [matcher.allows(token) for token in range(len(mask))], (
                matcher.text
            )
        matcher.commit(byte)


@pytest.mark.parametrize("seed", range(6))
def test_random_bodies_check(seed: int) -> None:
    sample = sample_program(BODY, BYTES, seed, 60)
    check(Source(sample.program))
    assert sample.tokens <= 60


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_many_random_bodies_check(part: int) -> None:
    for seed in range(part * 50, part * 50 + 50):
        check(Source(sample_program(BODY, BYTES, seed, 200).program))
