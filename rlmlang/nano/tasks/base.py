"""What a task is, and what is visible to it (decision 87).

An argument is visible when it is one character long or empty; of a longer one nano knows only that it
is longer: `str[]`, whatever its length. Of a list it knows whether it has none, one or more elements.
So a task has finitely many contexts, and `contexts` lists them all. A program either says a fact about
what is visible, or splits the arguments and calls itself. It never calculates: it has slices, `+` of
texts and lists, lists of one element, and `CALL`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from attrs import frozen

from rlmlang.runtime.values import Value

EMPTY, LONG = '""', "str[]"
NONE, ONE, MANY = "[]", "[.]", "list[]"

DIGITS = tuple(f'"{digit}"' for digit in "0123456789")
NUMBER = (EMPTY, *DIGITS, LONG)
BIT = DIGITS[:2]
ORDER = ('"<"', '"="', '">"')
POSITIVE = NUMBER[2:]
LIST = (NONE, ONE, MANY)
STR, TEXTS = "str", "list[str]"

Kind = tuple[str, ...]
"""What can be visible of an argument."""


@frozen
class Task:
    name: str
    about: str
    kinds: tuple[Kind, ...]
    """What can be visible of each argument."""
    gives: str
    """The type of the answer: `str` or `list[str]`."""
    fact: bool
    """Whether its answers say something about what is visible, and make no call."""
    program: Callable[..., str | None]
    """The program of a context; None for one that cannot come about."""

    def takes(self, argument: int) -> str:
        """The type of an argument."""
        return TEXTS if self.kinds[argument][-1] in LIST else STR


TASKS: dict[str, Task] = {}


def visible(value: Value) -> str:
    """How an argument is shown: a text or list of texts."""
    if isinstance(value, list):
        return LIST[min(len(value), 2)]
    return f'"{value}"' if len(value) < 2 else LONG


def contexts(tasks: Mapping[str, Task] = TASKS) -> Iterator[tuple[Task, tuple[str, ...], str]]:
    """Every task with everything that can be visible to it, and the program that answers."""
    for task in tasks.values():
        for shown in product(*task.kinds):
            text = task.program(*shown)
            if text is not None:
                yield task, shown, text


def prompt(name: str, shown: Sequence[str]) -> str:
    """What nano reads."""
    return ", ".join([f'"{name}"', *shown]) + "\n"


def task(*kinds: Kind, gives: str = STR, fact: bool = False) -> Callable[[Callable[..., str | None]], None]:
    """Enter a function among the `TASKS`, where it is found from then on."""

    def enter(program: Callable[..., str | None]) -> None:
        name = program.__name__
        TASKS[name] = Task(name, program.__doc__ or "", kinds, gives, fact, program)

    return enter


def digit(shown: str) -> int:
    """A digit that is visible."""
    return int(shown.strip('"'))
