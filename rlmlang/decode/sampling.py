"""Draw random programs with the token masks, without a model."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache

from attrs import frozen

from rlmlang.decode.closings.operands import constant_type
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import MAX_GROWTH, Matcher
from rlmlang.decode.position import Position
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.spacing import joined
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, STATIC, Builtin, ModuleConstant
from rlmlang.language.check.scope import ModuleEntry, Variable
from rlmlang.language.garbage_collection import paused_collector


@frozen
class Sample:
    """A program drawn at random, and the number of its tokens."""

    program: str
    tokens: int


@paused_collector
def sample_program(constraint: Constraint, vocabulary: Vocabulary, seed: int, max_tokens: int = 400) -> Sample:
    """Draw a program token by token; it begins with `constraint.program`.

    Drawn uniformly, programs would consist of long strings, since most tokens fit nowhere else. So texts are drawn that
    are likely where they stand: starts of statements, uses of built-ins, names of the program, what follows names and
    values, and what ends the line. A text is followed as far as it is allowed, or left before its end.
    """
    rng = random.Random(seed)
    matcher = Matcher(constraint, vocabulary, max_tokens)
    count = 0
    rest: list[int] = []
    while not matcher.done:
        found = matcher.best(rest[:1])
        if not found or found != rest[:1]:
            rest = found or _draw(matcher, vocabulary, rng)
        token, *rest = rest
        matcher.commit(token)
        count += token not in vocabulary.eos
    return Sample(constraint.program + matcher.text, count)


MAX_REFUSED = 8
"""How many texts may be refused before what ends the program is written."""

WHOLE_MASKS = 0.01
"""How often a token is drawn from the whole mask."""

LEFT = 0.1
"""How often a text is left before its end."""

AFTER_VALUES = tuple(
    tuple(text.split(" "))
    for text in ("(", ".", ".", ".", "[", "[ 0 ]", "[ 1 : 2 ]", "\n", "+", "*", "==", "<", "and", "or", "in", "not in",
                 "is None", "if True else", "if", "for x in", ",", ":", "=", ")", "]", "}")
)  # fmt: skip
"""What often follows a name or another value, as lexemes."""

STATEMENTS = (
    "return ", "if ", "elif ", "else:", "for ", "while ", "break", "continue", "pass", "x = ", "y = ", "xs = [",
    "d = {", "assert ", "raise ", "raise ValueError(", "try:", "except", "except ValueError:", "except Exception as e:",
    "def ", "def f(", "import ", "from ", "print(", "a, b = ", "x += ", "xs.append(", "class ", "del ", "# ",
    "for i in range(", "for x in ", "if x ", "x: int | None = ", 'kind: Literal["a", "b"] = ',
    "def f(g: Callable[[str], int], x: int) -> int:", "def g(x, n: int = 1):", "class P:\n    x: int\np = P(",
    'd["a"] += 1\n', "xs[0] = 2\n", "xs = [3, 1]\n", 'd = {"a": 1}\n', "t = (1, text)\n", 'CALL("', "CALL[int](",
    "from functools import cache\n@cache\ndef f(x",
)  # fmt: skip
"""How lines begin."""

OPERANDS = (
    "(", "[", "{", "[3, 1]", '{"a": 1}', "{1, 2}", '"ab"', "0", "2", "-1", "1.5", "True", "None", "not ", "lambda x: ",
    "[x for x in ", '[x for x in "a" if x', "{x: 1 for x in ", '[x for x in ["a"]]', "(lambda x, y: x", 'f"', "f'", "*",
)  # fmt: skip
"""Starts of values."""

STRING = re.compile(r"[fr]?(\"\"\"|[\"'])|}")
"""How a string begins, or the text after a value in an f-string."""


def _draw(matcher: Matcher, vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    """Return the tokens of a text of which the first one may follow."""
    if matcher.left > MAX_GROWTH and rng.random() < WHOLE_MASKS:  # near the limit a mask has the closing alone
        return [_from_mask(matcher, vocabulary, rng)]
    for _ in range(MAX_REFUSED):
        text = _likely(matcher.position, rng)
        if rng.random() < LEFT:
            text = text[: rng.randint(0, len(text))]
        tokens = vocabulary.encode(text) if text else [rng.randrange(vocabulary.size)]
        if matcher.best(tokens[:1]):
            return tokens
    return matcher.closing_tokens()[:1] or [min(vocabulary.eos)]


def _from_mask(matcher: Matcher, vocabulary: Vocabulary, rng: random.Random) -> int:
    """Return a token that is allowed, of each first character as often as of any other."""
    allowed: dict[str, list[int]] = {}
    for token in map(int, matcher.mask().nonzero()[0]):
        text = (vocabulary.texts[token] or "").strip(" ")
        allowed.setdefault("a" if text.isalpha() else text[:1], []).append(token)
    return rng.choice(rng.choice(list(allowed.values())))


def _likely(position: Position, rng: random.Random) -> str:
    """Return a likely continuation of a position, which may turn out not to be allowed; empty for any token."""
    partial, prefix = position.partial, position.prefix
    if partial[:1] == "#" or "\n#" in partial:
        return rng.choice(("", "\n"))
    if partial[:1] == "\n" and prefix.frame is None:
        return _line_start(position, rng)
    if (begin := STRING.match(partial)) is not None and partial not in ('""', "''"):
        quote = begin[1] or (prefix.inside.quote if prefix.inside is not None else '"')
        return rng.choice((quote, quote, quote, "", "{" if partial[0] in "f}" else quote))
    if partial.isidentifier():
        names = [name for name in prefix.names.candidates if name.startswith(partial) and name != partial]
        if names and (partial not in prefix.names.candidates or rng.random() < 0.1):
            return rng.choice(names)[len(partial) :]
    after = prefix.child(partial) if partial else prefix
    if after is None or rng.random() < 0.03:
        return ""
    spaced = bool(position.spaces) and not partial
    if after.takes_operand and rng.random() > min(0.2 + 0.03 * prefix.size, 0.9):
        return (" " if not spaced and rng.random() < 0.5 else "") + _operand(after, rng)
    return _after_value(after, rng, spaced)


def _after_value(prefix: Prefix, rng: random.Random, spaced: bool) -> str:
    """Return what the grammar allows after a value, or what ends the line; `spaced` says whether a space is written."""
    if not prefix.takes_operand and rng.random() > min(0.2 + 0.03 * prefix.size, 0.9):
        for lexemes in rng.sample(AFTER_VALUES, 5):
            if prefix.further(lexemes) is not None:
                return joined(prefix, lexemes, spaced)
    return joined(prefix, prefix.closing[:1], spaced).rstrip(" ")


def _operand(prefix: Prefix, rng: random.Random) -> str:
    """Return a name of the program, a value that an example of a built-in has, or the start of another value."""
    entries = prefix.environment.entries
    draw = rng.random()
    if draw < 0.4 and entries:
        usual = constant_type(prefix.closing[0]) if prefix.closing else None
        of_type = [name for name, each in entries.items() if isinstance(each, Variable) and each.type == usual]
        return rng.choice(of_type if of_type and rng.random() < 0.7 else list(entries))
    if draw < 0.8:
        use = rng.choice(rng.choice(uses()))
        known = all(isinstance(entries.get(line.split()[1]), ModuleEntry) for line in use[:-1] if "import" in line)
        if known and not any("=" in line for line in use[:-1]):
            return _value_of(use[-1], rng)
    return rng.choice(OPERANDS)


def _line_start(position: Position, rng: random.Random) -> str:
    """Return the indentation of a line, or how it begins."""
    ending = position.prefix.ending
    margin = len(position.partial) - len(position.partial.rstrip(" "))
    if ending is None or not ending.levels:
        return "\n"
    level = rng.choice(ending.levels)
    if 4 * level > margin:
        return " " * (4 * level - margin)
    if margin % 4:
        return " "
    point = ending.at(margin // 4)
    entries = point.environment.entries if point is not None and point.environment is not None else {}
    draw = rng.random()
    if draw < 0.5:
        text = _use_of_a_builtin(rng)
    elif entries and draw < (0.65 if level else 0.55):  # a value ends a program
        text = _use(rng.choice(list(entries)), entries, rng)
    else:
        text = rng.choice(STATEMENTS)
    return text.replace("\n", "\n" + " " * margin)


def _use(name: str, entries: Mapping[str, object], rng: random.Random) -> str:
    """Return the start of what is done with a name of the program."""
    match entries[name]:
        case ModuleEntry(name=module):
            return f"x = {name}.{rng.choice(sorted(MODULES[module]))}"
        case Builtin():
            return f"{name}("
    return name + rng.choice((".", ".", ".", " = ", " += ", "[", "("))


@cache
def uses() -> Sequence[Sequence[Sequence[str]]]:
    """Return for each row in the table of built-ins the examples of it, each as lines, the last one an expression."""
    tables: list[tuple[str, Mapping[str, Builtin | ModuleConstant]]] = [*MODULES.items()]
    tables += [("", table) for table in (BUILTINS, *METHODS.values(), *STATIC.values())]
    rows = ((module, name, row) for module, table in tables for name, row in table.items())
    return [[_with_imports(text, module, name) for text in _examples(row)] for module, name, row in rows]


def _examples(row: Builtin | ModuleConstant) -> Sequence[str]:
    return row.examples if isinstance(row, Builtin) else (f"{row.module}.{row.name}",)


def _with_imports(text: str, module: str, name: str) -> Sequence[str]:
    """Return the lines of an example of a member of a module, if it is one, after those that import what it uses."""
    whole = [f"import {each}" for each in MODULES if re.search(rf"\b{each}\.", text)]
    alone = [("collections", each) for each in MODULES["collections"] if re.search(rf"(?<![.\w]){each}\(", text)]
    if module and f"{module}." not in text:
        alone.append((module, name))
    return [*whole, *(f"from {source} import {each}" for source, each in alone), *text.split("\n")]


def _use_of_a_builtin(rng: random.Random) -> str:
    """Return lines that use a row of the table of built-ins, of which each is as likely as any other."""
    *before, last = rng.choice(rng.choice(uses()))
    begin = rng.choice(("x = ", "x = ", "assert ", "if ", "print(", "return ", "for x in ", ""))
    text = "\n".join([*before, begin + _value_of(last, rng)])
    if (match := re.match(r"import (\w+)\n", text)) is not None and rng.random() < 0.5:
        module = match[1]
        names = dict.fromkeys(re.findall(rf"\b{module}\.(\w+)", text))
        text = f"from {module} import {', '.join(names)}\n" + text[match.end() :].replace(f"{module}.", "")
    return text + ("\n" if rng.random() < 0.5 else "")


def _value_of(example: str, rng: random.Random) -> str:
    """Return an expression that is true, or the value that it compares."""
    return (example.rpartition(" == ")[0] or example) if rng.random() < 0.7 else example
