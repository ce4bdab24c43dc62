"""A word of the language that one token has written is not made the beginning of a new name."""

from __future__ import annotations

import random

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import WORDS, Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.check import check
from rlmlang.language.source import Source

pytestmark = pytest.mark.heavy

AFTER = ["ed", "ed(", "ty", "ty(", "ty\n", "ty =", "tyx", "t(", "t", "_ok", "put(", "s = ", "x\n", "1,"]
"""What may be put after a word."""

PIECES = [*sorted(WORDS), *(f" {word}" for word in sorted(WORDS)), "(not", "\nif", "[print", "\n    ", *AFTER]
TOKENS = Vocabulary(
    [*(bytes([i]) for i in range(256)), None, *(piece.encode() for piece in PIECES)],
    [256],
    lambda text: list(text.encode()),
)
SCOPE = "notes = ['a']\nifty = 3\nforty = 4\nprinted = 'x'\n"


def written(vocabulary: Vocabulary, tokens: list[int], program: str = "") -> str:
    """Return what is written by some tokens up to the first that is refused."""
    matcher = Matcher(Constraint(program), vocabulary, 10_000)
    for token in tokens:
        if not matcher.allows(token):
            break
        matcher.commit(token)
    return matcher.text


def tokens_of(text: str) -> list[int]:
    """Return the tokens of a text with a bar between every two of them, but for single characters."""
    parts = text.split("|")
    return [
        token
        for part in parts
        for token in ([257 + PIECES.index(part)] if part in PIECES else [ord(character) for character in part])
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if|x", "if"),
        ("while|ed", "while"),
        ("print|_ok", "print"),
        ("print|ed(", "print"),
        ("not|1,", "not"),
        ("x =| not|x", "x = not"),
        ("x = 1|\nif|ty", "x = 1\nif"),
        ("x = |[print|ed", "x = [print"),
        ("x = |(not|s = ", "x = (not"),
    ],
)
def test_a_word_is_not_made_a_new_name(text: str, expected: str) -> None:
    assert written(TOKENS, tokens_of(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "if|ty + 1",  # a name that is known
        "if|t|y + 1",
        "print|ed.upper()",
        "x = 2 if 3| not| in| [",
        "def| not|_ok(",  # no word of the language can stand there
        "for| print|ed in notes:",
        "[x for| if|x in notes",
        "i|f|x = 1",  # letter by letter
        "'if|x'",
        "#if|x",
    ],
)
def test_other_names_may_begin_like_words(text: str) -> None:
    assert written(TOKENS, tokens_of(text), SCOPE) == text.replace("|", "")


@pytest.mark.parametrize("seed", range(3))
def test_masks_and_single_tests_agree_after_words(seed: int) -> None:
    rng = random.Random(seed)
    matcher = Matcher(Constraint(SCOPE), TOKENS, 10_000)
    for _ in range(8):
        mask = matcher.mask()
        assert [token for token in range(TOKENS.size) if mask[token] != matcher.allows(token)] == [], matcher.text
        allowed = [int(token) for token in mask.nonzero()[0] if token > 256] or mask.nonzero()[0].tolist()
        matcher.commit(rng.choice(allowed))
        check(Source(SCOPE + matcher.text + matcher.closing_text()))


def test_names_in_the_tokens_of_smollm2(smollm2: Vocabulary) -> None:
    for text, expected in [
        ("ifn = 2\n", "if"),
        ("whileb = 1\n", "while"),
        ("printx = 1\n", "print"),
        ("x = notx\n", "x = not"),
        ("notes = 1\nindex = 2\nclasses = 3\norder = 4\n", ""),
        ("delimiter = 1\n", ""),  # `del` cannot go on without a variable
        ("ifn = 2\n", ""),
    ]:
        program = "ifn = 1\n" if not expected else ""
        assert written(smollm2, smollm2.encode(text), program) == (expected or text)
