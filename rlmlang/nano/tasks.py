"""The tasks, and for each the program that answers it, as a function of what is visible.

An argument is visible when it is one character long or empty; of a longer one nano knows only that it
is longer: `str[]`, whatever its length. Of a list it knows whether it has none, one or more elements.
So a task has finitely many contexts, and `contexts` lists them all. A program either says a fact about
what is visible, or splits the arguments and calls itself. It never calculates: it has slices, `+` of
texts and lists, and `CALL`.

Numbers are texts of digits without zeros in front; zero is "0", and within a recursion also "".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from attrs import frozen

from rlmlang.values import Value

EMPTY, LONG = '""', "str[]"
NONE, ONE, MANY = "[]", "[.]", "list[]"

DIGITS = tuple(f'"{digit}"' for digit in "0123456789")
NUMBER = (EMPTY, *DIGITS, LONG)
BIT = DIGITS[:2]
ORDER = ('"<"', '"="', '">"')
LIST = (NONE, ONE, MANY)

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
        return "list[str]" if self.kinds[argument][-1] == MANY else "str"


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


def _task(*kinds: Kind, gives: str = "str", fact: bool = False) -> Callable[[Callable[..., str | None]], None]:
    """Enter a function among the `TASKS`, where it is found from then on."""

    def enter(program: Callable[..., str | None]) -> None:
        name = program.__name__
        TASKS[name] = Task(name, program.__doc__ or "", kinds, gives, fact, program)

    return enter


# Facts ---------------------------------------------------------------------------


def _digit(shown: str) -> int:
    return int(shown.strip('"'))


def _two(number: int) -> str:
    """A number below 100 in two digits."""
    return f'"{number // 10}" + "{number % 10}"'


@_task(DIGITS, DIGITS, BIT, fact=True)
def sum(a: str, b: str, carry: str) -> str:
    """Two digits and a carry: the next carry, and the digit of the sum."""
    return _two(_digit(a) + _digit(b) + _digit(carry))


@_task(DIGITS, DIGITS, BIT, fact=True)
def less(a: str, b: str, borrow: str) -> str:
    """A digit less another and a borrow: the next borrow, and the digit of the difference."""
    left = _digit(a) - _digit(b) - _digit(borrow)
    return _two(left if left >= 0 else left + 20)


@_task(DIGITS, DIGITS[1:], DIGITS[:9], fact=True)
def times(a: str, b: str, carry: str) -> str:
    """A digit times another and a carry: the next carry, and the digit of the product."""
    return _two(_digit(a) * _digit(b) + _digit(carry))


# Numbers -------------------------------------------------------------------------


def _last(name: str, shown: str) -> tuple[str, str]:
    """What stands before the last digit of an argument, and the digit; a 0 where there is none."""
    return (EMPTY, '"0"') if shown == EMPTY else (f"{name}[:-1]", f"{name}[-1]")


def _by_columns(task: str, fact: str, x: str, y: str) -> str:
    """The last digits are worked out by a fact, which also gives what is carried to those before them."""
    (before_x, x), (before_y, y) = _last("arg1", x), _last("arg2", y)
    return f'd = CALL("{fact}", {x}, {y}, arg3)\nCALL("{task}", {before_x}, {before_y}, d[0]) + d[1]'


@_task(NUMBER, NUMBER, BIT)
def add(x: str, y: str, carry: str) -> str:
    """The sum of two numbers and a carry; "" for nothing."""
    if carry == '"0"' and EMPTY in (x, y):
        return "arg1" if y == EMPTY else "arg2"
    return carry if x == y == EMPTY else _by_columns("add", "sum", x, y)


@_task(NUMBER, NUMBER)
def compare(x: str, y: str) -> str:
    """How two numbers compare: "<", "=" or ">"."""
    if x == y == LONG:
        return 'CALL("first", CALL("compare", arg1[:-1], arg2[:-1]), CALL("compare", arg1[-1], arg2[-1]))'
    return next(order for order in ORDER if _may_compare(order, x, y))


@_task(ORDER, ORDER)
def first(a: str, b: str) -> str:
    """The first of two comparisons, unless it is undecided."""
    return "arg2" if a == '"="' else "arg1"


def _may_compare(order: str, x: str, y: str) -> bool:
    """Whether two numbers may compare so: what is longer is larger."""
    a, b = NUMBER.index(x), NUMBER.index(y)
    return x == y == LONG or order == ORDER[(a > b) - (a < b) + 1]


@_task(NUMBER[1:], NUMBER[1:])
def subtract(x: str, y: str) -> str:
    """A number less another, with a "-" in front if it is below zero."""
    return 'CALL("difference", CALL("compare", arg1, arg2), arg1, arg2)'


@_task(ORDER, NUMBER[1:], NUMBER[1:])
def difference(order: str, x: str, y: str) -> str | None:
    """The same, with how they compare."""
    if not _may_compare(order, x, y):
        return None
    if order == '"="':
        return '"0"'
    if order == '">"':
        return 'CALL("strip", CALL("minus", arg2, arg3, "0"))'
    return '"-" + CALL("strip", CALL("minus", arg3, arg2, "0"))'


@_task(NUMBER, NUMBER, BIT)
def minus(x: str, y: str, borrow: str) -> str | None:
    """A number less one that is no larger and a borrow, perhaps with zeros in front."""
    if y == EMPTY and borrow == '"0"':
        return "arg1"
    return _by_columns("minus", "less", x, y) if x == LONG or (x != EMPTY and y != LONG) else None


@_task(NUMBER[1:])
def strip(x: str) -> str:
    """A number without the zeros in front of it."""
    return 'CALL("trim", arg1[0], arg1[1:])' if x == LONG else "arg1"


@_task(DIGITS, NUMBER[1:])
def trim(digit: str, rest: str) -> str:
    """The same, with the first digit apart."""
    return 'CALL("strip", arg2)' if digit == '"0"' else "arg1 + arg2"


@_task(NUMBER[1:], NUMBER[1:])
def multiply(x: str, y: str) -> str:
    """The product of two numbers."""
    if '"0"' in (x, y):
        return '"0"'
    row = 'CALL("scale", arg1, arg2[-1], "0")'
    return row if y != LONG else f'CALL("add", CALL("multiply", arg1, arg2[:-1]) + "0", {row}, "0")'


@_task(NUMBER, DIGITS, DIGITS[:9])
def scale(x: str, digit: str, carry: str) -> str | None:
    """The product of a number and a digit, and a carry; "" for nothing."""
    if digit == '"0"':
        return EMPTY if carry == '"0"' and x != EMPTY else None
    if x == EMPTY:
        return EMPTY if carry == '"0"' else carry
    return 'd = CALL("times", arg1[-1], arg2, arg3)\nCALL("scale", arg1[:-1], arg2, d[0]) + d[1]'


_POSITIVE = NUMBER[2:]


@_task(DIGITS[:9], fact=True)
def after(digit: str) -> str:
    """The digit after another."""
    return f'"{_digit(digit) + 1}"'


@_task(NUMBER[1:], _POSITIVE)
def divide(x: str, y: str) -> str:
    """How often a number holds another."""
    return 'CALL("strip", CALL("quotient", arg1, arg2))'


@_task(NUMBER[1:], _POSITIVE)
def modulo(x: str, y: str) -> str:
    """What is left of a number when it is divided by another."""
    return 'CALL("zero", CALL("remainder", arg1, arg2))'


@_task(NUMBER)
def zero(x: str) -> str:
    """A number, with "0" for nothing."""
    return '"0"' if x == EMPTY else "arg1"


@_task(NUMBER, _POSITIVE)
def quotient(x: str, y: str) -> str:
    """How often a number holds another, perhaps with zeros in front: digit by digit, as by hand."""
    if x == EMPTY:
        return EMPTY
    return 'CALL("quotient", arg1[:-1], arg2) + CALL("hold", CALL("remainder", arg1[:-1], arg2) + arg1[-1], arg2)'


@_task(NUMBER, _POSITIVE)
def remainder(x: str, y: str) -> str:
    """What is left of a number; "" for nothing."""
    return EMPTY if x == EMPTY else 'CALL("rest", CALL("remainder", arg1[:-1], arg2) + arg1[-1], arg2)'


@_task(NUMBER[1:], _POSITIVE)
def hold(x: str, y: str) -> str:
    """How often a number holds another, less than ten times."""
    return 'CALL("held", CALL("compare", arg1, arg2), arg1, arg2)'


@_task(NUMBER[1:], _POSITIVE)
def rest(x: str, y: str) -> str:
    """What is left of a number that holds another less than ten times; "" for nothing."""
    return EMPTY if x == '"0"' else 'CALL("left", CALL("compare", arg1, arg2), arg1, arg2)'


_LESS = 'CALL("strip", CALL("minus", arg2, arg3, "0"))'


@_task(ORDER, NUMBER[1:], _POSITIVE)
def held(order: str, x: str, y: str) -> str | None:
    """How often a number holds another, with how they compare."""
    if not _may_compare(order, x, y):
        return None
    return {'"<"': '"0"', '"="': '"1"', '">"': f'CALL("after", CALL("hold", {_LESS}, arg3))'}[order]


@_task(ORDER, NUMBER[2:], _POSITIVE)
def left(order: str, x: str, y: str) -> str | None:
    """What is left of a number, with how they compare."""
    if not _may_compare(order, x, y):
        return None
    return {'"<"': "arg2", '"="': EMPTY, '">"': f'CALL("rest", {_LESS}, arg3)'}[order]


@_task(NUMBER, NUMBER)
def gcd(x: str, y: str) -> str | None:
    """The largest number that divides two others."""
    if x == EMPTY:
        return None
    return "arg1" if y in (EMPTY, '"0"') else 'CALL("gcd", arg2, CALL("remainder", arg1, arg2))'


# Lists ---------------------------------------------------------------------------

_LISTS = "list[str]"


@_task(LIST, gives=_LISTS)
def sort(xs: str) -> str:
    """Numbers from the smallest to the largest."""
    if xs != MANY:
        return "arg1"
    return 'CALL[list[str]]("merge", CALL[list[str]]("sort", arg1[::2]), CALL[list[str]]("sort", arg1[1::2]))'


@_task(LIST, LIST, gives=_LISTS)
def merge(xs: str, ys: str) -> str:
    """Two sorted lists as one."""
    if NONE in (xs, ys):
        return "arg1" if ys == NONE else "arg2"
    return 'CALL[list[str]]("choose", CALL("compare", arg1[0], arg2[0]), arg1, arg2)'


@_task(ORDER, LIST[1:], LIST[1:], gives=_LISTS)
def choose(order: str, xs: str, ys: str) -> str:
    """The same, with how their first elements compare."""
    if order == '">"':
        return 'arg3[:1] + CALL[list[str]]("merge", arg2, arg3[1:])'
    return 'arg2[:1] + CALL[list[str]]("merge", arg2[1:], arg3)'
