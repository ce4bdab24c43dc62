"""Tasks, and what is visible of their arguments (decision 87).

A text of one character or none is visible; a longer one appears as `str[]`, whatever its length. Of a list it is
visible whether it has no, one or more elements. So a task has finitely many contexts, and `contexts` lists them all. A
program either states a fact about what is visible, or splits the arguments and calls itself. It never calculates: it
has slices, `+` of texts and lists, lists of one element, and `CALL`.
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
"""The visible forms that an argument may have."""


@frozen
class Task:
    """Something that nano can do: the instruction of a call, and the program that answers it in each context."""

    name: str
    about: str
    kinds: tuple[Kind, ...]
    """The visible forms of each argument."""
    gives: str
    """The type of the answer: `str` or `list[str]`."""
    fact: bool
    """Whether its programs state a fact about what is visible, without a call."""
    program: Callable[..., str | None]
    """Returns the program of a context; None for a context that cannot occur."""

    def takes(self, argument: int) -> str:
        """Return the type of an argument."""
        return TEXTS if self.kinds[argument][-1] in LIST else STR


TASKS: dict[str, Task] = {}


def visible(value: Value) -> str:
    """Return the visible form of a text or list of texts."""
    if isinstance(value, list):
        return LIST[min(len(value), 2)]
    return f'"{value}"' if len(value) < 2 else LONG


def contexts(tasks: Mapping[str, Task] = TASKS) -> Iterator[tuple[Task, tuple[str, ...], str]]:
    """Yield every task with each of its contexts, and the program that answers there."""
    for task in tasks.values():
        for shown in product(*task.kinds):
            text = task.program(*shown)
            if text is not None:
                yield task, shown, text


def prompt(name: str, shown: Sequence[str]) -> str:
    """Return the prompt of a task with these visible arguments."""
    return ", ".join([f'"{name}"', *shown]) + "\n"


def task(*kinds: Kind, gives: str = STR, fact: bool = False) -> Callable[[Callable[..., str | None]], None]:
    """Register a function in `TASKS` as the programs of a task, under its own name."""

    def register(program: Callable[..., str | None]) -> None:
        name = program.__name__
        TASKS[name] = Task(name, program.__doc__ or "", kinds, gives, fact, program)

    return register


def digit(shown: str) -> int:
    """Return a visible digit as a number."""
    return int(shown.strip('"'))
