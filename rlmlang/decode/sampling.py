"""Draw random programs with the token masks, without a model."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from attrs import frozen

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.position import Position
from rlmlang.decode.recognizer import tables
from rlmlang.decode.spacing import is_usual
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, Builtin
from rlmlang.language.check.scope import ModuleEntry
from rlmlang.language.garbage_collection import paused_collector


@frozen
class Sample:
    """A program drawn at random, and the number of its tokens."""

    program: str
    tokens: int


@paused_collector
def sample_program(constraint: Constraint, vocabulary: Vocabulary, seed: int, max_tokens: int = 400) -> Sample:
    """Draw a program token by token; it begins with `constraint.program`.

    Drawn uniformly, programs would consist of long strings, since most tokens fit nowhere else. So texts are drawn
    more often that are likely where they stand: names and words that may follow, above all those of the program, what
    follows names and values, starts of statements and of values, and the ends of strings. A text is followed as far as
    it is allowed.
    """
    rng = random.Random(seed)
    matcher = Matcher(constraint, vocabulary, max_tokens)
    count = 0
    rest: list[int] = []
    while not matcher.done:
        found = matcher.best(rest[:1])
        if found:
            rest = rest[1:] if rest[:1] == found else []
        else:
            found = rest = _draw(matcher, vocabulary, rng)
            rest = rest[1:]
        matcher.commit(found[0])
        count += found[0] not in vocabulary.eos
    return Sample(constraint.program + matcher.text, count)


MAX_DRAWS = 500
"""Texts that are drawn and refused before the whole mask is computed."""

MANY_DRAWS = 20
"""Texts that are drawn and refused before what ends the line is likely."""

AFTER_NAMES = ("(", ".", "[", " ", ",", ")", "]", ":", " =", " +", " if", " for", " in", "\n")
"""What often follows a name."""

AFTER_VALUES = (".", ".", ".", "[0]", "[1:2]", "\n", " + ", " == ", " and ", " or ", " in ", " not in ", " is None",
                " if True else ", ",", ")", "]", " for x in ")  # fmt: skip
"""What often follows a value that is whole."""

F_STRINGS = ('f"', "f'")

STATEMENTS = (
    "return ", "if ", "elif ", "else:", "for ", "while ", "break", "continue", "pass", "x = ", "y = ", "xs = [",
    "d = {", "assert ", "raise ", "raise ValueError(", "try:", "except", "except ValueError:", "except Exception as e:",
    "def ", "def f(", "import ", "from ", "print(", "a, b = ", "x += ", "xs.append(", "class ", "del ", "# ",
    "for i in range(", "for x in ", "if x ", "x: int | None = ", 'kind: Literal["a", "b"] = ',
    "def f(g: Callable[[str], int], x: int) -> int:", "def g(x, n: int = 1):", 'CALL("', "CALL[int](",
)  # fmt: skip
"""How lines begin."""

LINES = (
    "xs = [3, 1]\n", 'd = {"a": 1}\n', "s = {1, 2}\n", "t = (1, text)\n", "f = 1.5\n", 'd["a"] += 1\n', "xs[0] = 2\n",
    "from collections import deque\nq = deque([1])\nq.", 'from collections import Counter\nc = Counter("ab")\nx = c.',
    "from collections import defaultdict\ng = defaultdict(list)\ng.", "class P:\n    x: int\np = P(",
    'import re\nm = re.match("a", "ab")\nassert m is not None\nx = m.', "xs.", "d.", "s.",
)  # fmt: skip
"""Whole lines, after which more can be written."""

OPERANDS = (
    "[3, 1].", '{"a": 1}.', "{1, 2}.", '"ab".', "0", "1", "2", "-1", "1.5", "True", "None", "[x for x in ",
    '[x for x in "a" if x', "{x: 1 for x in ", "(lambda x, y: x", "lambda x: x", 'f"{count', '[x for x in ["a"]]',
    "not ", "str.", "int.", "sorted([2, 1], reverse=True)", "sorted([2, 1], key=",
)  # fmt: skip
"""Starts of values."""


RECEIVERS = {"str": '"ab"', "list": "[3, 1]", "dict": '{"a": 1}', "set": "{1, 2}", "tuple": "(1, 2)"}
"""By type, a value that has its methods."""

MAKERS = {
    "deque": "from collections import deque\nv = deque([1])\n",
    "Counter": 'from collections import Counter\nv = Counter("ab")\n',
    "Match": 'import re\nv = re.match("a", "ab")\nassert v is not None\n',
    "Pattern": 'import re\nv = re.compile("a")\n',
}
"""By type, lines that make a value of it."""


MEMBERS = [(module, name) for module, members in sorted(MODULES.items()) for name in sorted(members)]
METHODS_OF_TYPES = [(type_, name) for type_, methods in sorted(METHODS.items()) for name in sorted(methods)]


def _draw(matcher: Matcher, vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    """Return the tokens of a text of which the first one may follow."""
    kinds = _kinds(vocabulary)
    refused: set[int] = set()
    for count in range(MAX_DRAWS):
        if count >= MANY_DRAWS and count % 4 == 0:
            text = _towards_the_end(matcher.position)
        else:
            text = _likely(matcher.position, rng) if rng.random() < 0.9 else ""
        tokens = vocabulary.encode(text) if text else [_rarer(vocabulary, kinds, rng)]
        if tokens[0] not in refused:
            if matcher.best(tokens[:1]):
                return tokens
            refused.add(tokens[0])
    return [int(rng.choice(matcher.mask().nonzero()[0]))]


_RUN = re.compile(r"([-+~#.=])\1\1")


def _rarer(vocabulary: Vocabulary, kinds: list[list[int]], rng: random.Random) -> int:
    """Return any token; seldom one of comments, empty lines or `-----`."""
    while True:
        token = rng.choice(rng.choice(kinds))
        text = vocabulary.texts[token] or ""
        if not (text.lstrip(" ").startswith(("#", "\n")) or _RUN.search(text)) or rng.random() < 0.1:
            return token


def _likely(position: Position, rng: random.Random) -> str:
    """Return a likely continuation of a position, which may turn out not to be allowed."""
    partial, prefix = position.partial, position.prefix
    if partial[:1] in ("\n", "#") and prefix.frame is None:
        return _line_start(position, rng)
    names = prefix.names.candidates
    if partial.startswith("#"):
        return "\n"
    if partial in ('""', "''"):
        return rng.choice(AFTER_VALUES)
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
        applied = prefix.last == "." or partial in BUILTINS
        return "(" if applied and rng.random() < 0.7 else rng.choice(AFTER_NAMES)
    if partial and not partial.isidentifier():
        return ""
    if not partial and not prefix.takes_operand and prefix.last[-1:] in (")", "]", "}", '"', "'"):
        return rng.choice(AFTER_VALUES)
    space = " " if not partial and not position.spaces and rng.random() < 0.5 else ""
    if not partial and prefix.takes_operand and rng.random() < 0.4:
        return space + _operand(position, rng)
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
    return space + rng.choice(ends) if ends else ""


def _operand(position: Position, rng: random.Random) -> str:
    """Return the start of a value: an application of a built-in, of a member of a module or of a method, or another."""
    entries = position.prefix.environment.entries
    imported = [name for name, entry in entries.items() if isinstance(entry, (ModuleEntry, Builtin))]
    match rng.randrange(4):
        case 0:
            return f"{rng.choice(sorted(BUILTINS))}("
        case 1 if imported:
            return _use(rng.choice(imported), entries, rng)
        case 2 if entries:
            return f"{rng.choice(list(entries))}."
        case 3:
            type_ = rng.choice(sorted(RECEIVERS))
            return f"{RECEIVERS[type_]}.{rng.choice(sorted(METHODS[type_]))}("
    return rng.choice(OPERANDS)


def _method_line(rng: random.Random) -> str:
    """Return lines that apply a method to a variable, or to what a module makes."""
    type_, name = rng.choice(METHODS_OF_TYPES)
    begin = MAKERS.get(type_, f"v = {RECEIVERS.get(type_, 'text')}\n")
    return begin + rng.choice((f"v.{name}(", f"x = v.{name}("))


def _use(name: str, entries: Mapping[str, object], rng: random.Random) -> str:
    """Return the start of what is done with a name of the program."""
    match entries[name]:
        case ModuleEntry(name=module):
            return f"{name}.{rng.choice(sorted(MODULES[module]))}("
        case Builtin():
            return f"{name}("
    return name + rng.choice((".", ".", ".", " = ", " += ", "[", "("))


def _line_start(position: Position, rng: random.Random) -> str:
    """Return the indentation of a line, or how it begins."""
    ending = position.prefix.ending
    margin = len(position.partial) - len(position.partial.rstrip(" "))
    if ending is None or not ending.levels or "#" in position.partial.rpartition("\n")[2]:
        return "\n"
    level = rng.choice(ending.levels)
    if 4 * level > margin:
        return " " * (4 * level - margin)
    if margin % 4:
        return " "
    point = ending.at(margin // 4)
    entries = point.environment.entries if point is not None and point.environment is not None else {}
    draw = rng.random()
    if draw < 0.2:
        module, name = rng.choice(MEMBERS)
        return rng.choice(
            (
                f"from {module} import {name}\nx = {name}(",
                f"import {module}\nx = {module}.{name}(",
                f"import {module}\n",
            )
        )
    if draw < 0.35:
        return rng.choice(LINES) if draw < 0.25 else _method_line(rng)
    if entries and draw < (0.6 if level else 0.45):  # a value ends a program
        return _use(rng.choice(list(entries)), entries, rng)
    return rng.choice(STATEMENTS)


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
