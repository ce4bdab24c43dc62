"""Draw random programs with the token masks, without a model."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import chain

from attrs import frozen

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.position import Position
from rlmlang.decode.recognizer import tables
from rlmlang.decode.spacing import is_usual
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES


@frozen
class Sample:
    """A program drawn at random, and the number of its tokens."""

    program: str
    tokens: int


def sample_program(constraint: Constraint, vocabulary: Vocabulary, seed: int, max_tokens: int = 400) -> Sample:
    """Draw a program token by token; it begins with `constraint.program`.

    Drawn uniformly, programs would consist of long strings, since most tokens fit nowhere else. So some tokens are
    drawn more often: names that may follow, above all words of the language, what follows names, operators,
    f-strings, and the ends of strings. Some idioms are followed as far as they are allowed.
    """
    rng = random.Random(seed)
    matcher = Matcher(constraint, vocabulary, max_tokens)
    count = 0
    idiom: list[int] = []
    while not matcher.done:
        if not idiom and rng.random() < 0.3:
            idiom = vocabulary.encode(_idiom(rng))
        token = next(iter(matcher.best(chain(idiom[:1], _order(matcher, vocabulary, rng)))), None)
        if token is None:
            token = int(rng.choice(matcher.mask().nonzero()[0]))
        idiom = idiom[1:] if idiom[:1] == [token] else []
        matcher.commit(token)
        count += token not in vocabulary.eos
    return Sample(constraint.program + matcher.text, count)


MAX_DRAWS = 500
"""Tokens that are drawn and refused before the whole mask is computed."""

AFTER_NAMES = ("(", ".", "[", " ", ",", ")", "]", ":", " =", " +", " if", " for", " in", "\n")
"""What often follows a name."""

F_STRINGS = ('f"', "f'")

STATEMENTS = (
    "return ", "if ", "elif ", "else:", "for ", "while ", "break", "continue", "pass", "x = ", "y = ", "xs = [",
    "d = {", "assert ", "raise ", "try:", "except", "def ", "import ", "from ", "print(", "a, b = ", "x += ",
    "xs.append(", "class ",
)  # fmt: skip
"""How lines begin."""

IDIOMS = (
    "def f(g: Callable[[str], int], x: int) -> int:",
    "for i in range(",
    "for x in xs:",
    " += 1",
    "[0] = ",
    '[x for x in "a" if x',
    '{x: 1 for x, y in [("a", 1)] if y',
    "(lambda x, y: x",
    'f"{count',
    " if True else ",
    " is None",
    " not in ",
    "[1:2",
    ".strip()",
)
"""Starts of forms that would be rare otherwise, as many tokens have to fit by chance."""


def _idiom(rng: random.Random) -> str:
    """Return the start of a form, or of an application of a built-in, a method or a function of a module."""
    match rng.randrange(4):
        case 0:
            return rng.choice(IDIOMS)
        case 1:
            return f"{rng.choice(sorted(BUILTINS))}("
        case 2:
            return f".{rng.choice(sorted(METHODS[rng.choice(sorted(METHODS))]))}("
    module = rng.choice(sorted(MODULES))
    name = rng.choice(sorted(MODULES[module]))
    return rng.choice((f"{name}(", f"{module}.{name}(", f"from {module} import {name}\n", f"import {module}\n"))


_RUN = re.compile(r"([-+~#.=])\1\1")


def _order(matcher: Matcher, vocabulary: Vocabulary, rng: random.Random) -> Iterator[int]:
    kinds = _kinds(vocabulary)
    for _ in range(MAX_DRAWS):
        text = _likely(matcher.position, rng) if rng.random() < 0.9 else ""
        if text:
            yield from vocabulary.encode(text)[:1]
        else:
            token = rng.choice(rng.choice(kinds))
            text = vocabulary.texts[token] or ""
            rare = text.lstrip(" ").startswith(("#", "\n")) or _RUN.search(text)  # comments, empty lines, `-----`
            if not rare or rng.random() < 0.1:
                yield token


def _likely(position: Position, rng: random.Random) -> str:
    """Return a likely continuation of a position, which may turn out not to be allowed."""
    partial, prefix = position.partial, position.prefix
    if partial[:1] in ("\n", "#") and prefix.frame is None:
        return _line_start(position, rng)
    names = prefix.names.candidates
    if partial.startswith("#"):
        return "\n"
    piece = partial[:2] in F_STRINGS or partial[:1] == "}"
    if piece and partial[-1] == "{":
        return rng.choice(names)
    if piece or partial[:1] in ('"', "'"):
        inside = prefix.inside
        quote = partial[1] if partial[:2] in F_STRINGS else inside.quote if piece and inside else partial[0]
        return rng.choice((quote, quote + rng.choice(",)].+"), "{" if piece else quote))
    if prefix.inside is not None and rng.random() < 0.3:
        return "}"
    if rng.random() < min(0.2 + 0.03 * prefix.size, 0.9) and (end := _towards_the_end(position)):
        return end
    if partial in names or (partial and prefix.names.fresh):
        return rng.choice(AFTER_NAMES)
    if partial and not partial.isidentifier():
        return ""
    ends = [name[len(partial) :] for name in names if name.startswith(partial)]
    own = [name for name in ends if partial + name in prefix.environment.entries]
    words = [name for name in ends if partial + name in tables().fixed]
    draw = rng.random()
    if not partial and draw < 0.1:
        ends = list(F_STRINGS)
    elif words and draw < 0.3:
        ends = words
    elif own and draw < 0.7:
        ends = own
    space = " " if not partial and not position.spaces and rng.random() < 0.5 else ""
    return space + rng.choice(ends) if ends else ""


def _line_start(position: Position, rng: random.Random) -> str:
    """Return the indentation of a line, or how it begins."""
    ending = position.prefix.ending
    margin = len(position.partial) - len(position.partial.rstrip(" "))
    if ending is None or not ending.levels or "#" in position.partial.rpartition("\n")[2]:
        return "\n"
    level = rng.choice(ending.levels)
    if 4 * level > margin:
        return " " * (4 * level - margin)
    point = ending.at(margin // 4)
    own = list(point.environment.entries) if point is not None and point.environment is not None else []
    return rng.choice((*STATEMENTS, *own, *own)) if margin % 4 == 0 else " "


def _towards_the_end(position: Position) -> str:
    """Return what ends the line soon."""
    prefix, partial = position.prefix, position.partial
    if partial:
        after = prefix.child(partial) if partial.isidentifier() else None
        if after is None or after.ended or not after.closing:
            return ""
        prefix = after
    if prefix.ended or not prefix.closing:
        return ""
    lexeme = prefix.closing[0]
    space = " " if is_usual(prefix, lexeme) and not (position.spaces and not partial) else ""
    return "\n" if lexeme[0] == "\n" else space + lexeme


def _kinds(vocabulary: Vocabulary) -> list[list[int]]:
    """Return the tokens by kind: first sign, short and long words, digits, other text."""
    known = vocabulary.__dict__.get("kinds")
    if known is None:
        found: dict[str, list[int]] = {}
        for token, text in enumerate(vocabulary.texts):
            if text is not None or token in vocabulary.eos:
                found.setdefault(_kind(text), []).append(token)
        known = vocabulary.__dict__["kinds"] = list(found.values())
    return known


def _kind(text: str | None) -> str:
    if text is None:
        return "end"
    bare = text.strip(" ")
    if not bare:
        return "space"
    if bare[0].isalpha():
        return "long word" if len(bare) > 3 else "word"
    if bare[0].isdigit():
        return "digit"
    return bare[0] if bare[0].isascii() else "text"
