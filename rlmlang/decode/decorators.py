"""The lines above definitions that a mask writes, such as `@lru_cache(maxsize=None)`.

They mean nothing to what is written before the definition, so each is one of a few texts (decision 145). The
checker takes any arguments; those here are the ones that Python takes.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from rlmlang.decode.partial import NOWHERE, Environment
from rlmlang.decode.placeholders import FREE_INT, HOLE
from rlmlang.decode.recognizer import tables
from rlmlang.language import nodes
from rlmlang.language.check import imports
from rlmlang.language.check.scope import ModuleEntry

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "cache": ("",),
    "lru_cache": ("", "( )", "( maxsize = None )", f"( maxsize = {FREE_INT} )"),
    "dataclass": ("", "( )", "( frozen = True )"),
}
"""By decorator, what may be written behind it; an integer is written as the one that may be any."""

IMPORTED = {"functools": imports.DECORATORS["functools"], "dataclasses": ("dataclass", "field")}
"""By module, what can be imported and is no value."""

FACTORIES = ("list", "dict", "set")
"""What makes the default of a field: `field(default_factory=list)`."""

_WORDS = {"functools": "def", "dataclasses": "class"}
"""By module, the word that begins the definition below its decorators."""

_FUNCTION = nodes.Function(nodes.Name(HOLE, span=NOWHERE), (), None, (), span=NOWHERE)


def rests(environment: Environment, written: tuple[str, ...], below: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return what may follow the start of such a line, in lexemes; `below` are the words that may begin the next line.

    The integers in `written` are read as any.
    """
    written = tuple(str(FREE_INT) if tables().terminal(each) == "INT" else each for each in written)
    lines = [line for word, line in _lines(environment) if word in below]
    return [line[len(written) :] for line in lines if line[: len(written)] == written]


def _lines(environment: Environment) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each line that may be written, after the word that begins the definition below it."""
    for module, word in _WORDS.items():
        for decorator in imports.DECORATORS[module]:
            names = [name for name, meant in environment.typing.items() if meant == f"{module}.{decorator}"]
            names += [f"{name} . {decorator}" for name in _modules(environment, module)]
            for name in names:
                yield from ((word, ("@", *f"{name} {more}".split())) for more in _ARGUMENTS[decorator])


def _modules(environment: Environment, module: str) -> Iterator[str]:
    """Yield the names of a module in scope."""
    if f"{module}." in environment.typing:
        yield module
    for name, entry in environment.entries.items():
        if isinstance(entry, ModuleEntry) and entry.name == module:
            yield name


def word_below(environment: Environment, decorator: nodes.Expr) -> str:
    """Return the word that begins the definition below a decorator; empty if there is none."""
    for module, word in _WORDS.items():
        checker = environment.checker()
        imports.decorators(checker, evolve(_FUNCTION, decorators=(decorator,)), module)
        if not checker.problems:
            return word
    return ""


def made_by_field() -> Iterator[tuple[str, ...]]:
    """Yield what may follow that function."""
    yield from (("(", "default_factory", "=", name, ")") for name in FACTORIES)


def is_field(environment: Environment, name: str) -> bool:
    """Return whether a name is the function that says how the default of a field is made."""
    return environment.record is not None and environment.typing.get(name) == "dataclasses.field"


def defaults(environment: Environment) -> Iterator[tuple[str, ...]]:
    """Yield the ends of the line of a field that has a default."""
    yield ("=", HOLE)
    for name in environment.typing:
        if is_field(environment, name):
            yield from (("=", name, *made) for made in made_by_field())
