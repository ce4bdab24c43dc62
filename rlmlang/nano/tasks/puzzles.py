"""Puzzles of five houses: which value of each attribute belongs to which house?

A state has for each of the 25 values `a` to `y`, five for each attribute, the houses that it may belong to.
Clues leave fewer of them; where none leaves one alone, a case is tried for each.
"""

from __future__ import annotations

from rlmlang.nano.tasks.base import BIT, DIGITS, EMPTY, LIST, LONG, MANY, NONE, TEXTS, digit, task

ALPHABET = "abcdefghijklmnopqrstuvwxy"
VALUES = tuple(f'"{letter}"' for letter in ALPHABET)
HOUSES = DIGITS[1:6]
SOME = (EMPTY, *HOUSES, LONG)
"""Houses that a value may belong to."""
STATE, CLUES = (MANY,), LIST
RELATIONS = tuple(f'"{sign}"' for sign in "=!<>,{}:;")


@task(CLUES, STATE, gives=TEXTS)
def arrange(clues: str, state: str) -> str:
    """The state with one house for each value, or [] if there is none."""
    spread = f'{_C}("spread", {_C}("propagate", arg1, arg2))'
    return f'{_C}("inspect", {spread}, arg1)'


_C = "CALL[list[str]]"


# Clues ------------------------------------------------------------------------------


@task(CLUES, STATE, gives=TEXTS)
def propagate(clues: str, state: str) -> str:
    """What clues leave of a state."""
    return "arg2" if clues == NONE else f'{_C}("propagate", arg1[1:], {_C}("narrow", arg1[0], arg2))'


@task((LONG,), STATE, gives=TEXTS)
def narrow(clue: str, state: str) -> str:
    """What a clue leaves of a state: of the first of its values, seen from the second."""
    left = 'CALL("restrict", arg1[0], CALL("get", arg1[1], arg2), CALL("get", arg1[2], arg2))'
    return f'{_C}("put", arg1[1], arg2, {left})'


@task((*VALUES, *HOUSES), STATE)
def get(value: str, state: str) -> str:
    """The houses of a value; a house is itself."""
    return value if value in HOUSES else f"arg2[{VALUES.index(value)}]"


@task(VALUES, STATE, SOME, gives=TEXTS)
def put(value: str, state: str, houses: str) -> str:
    """A state with other houses for a value."""
    at = VALUES.index(value)
    before, behind = f"arg2[:{at}] + " if at else "", f" + arg2[{at + 1}:]" if at + 1 < len(VALUES) else ""
    return f"{before}[arg3]{behind}"


@task(RELATIONS, SOME, SOME)
def restrict(relation: str, xs: str, ys: str) -> str:
    """The houses that are related to one of others."""
    if xs == EMPTY:
        return EMPTY
    if xs == LONG:
        return 'CALL("restrict", arg1, arg2[0], arg3) + CALL("restrict", arg1, arg2[1:], arg3)'
    return 'CALL("only", CALL("some", arg1, arg2, arg3), arg2)'


@task(BIT, HOUSES)
def only(holds: str, house: str) -> str:
    """A house, if something holds."""
    return "arg2" if holds == '"1"' else EMPTY


@task(RELATIONS, HOUSES, SOME)
def some(relation: str, x: str, ys: str) -> str:
    """Whether a house is related to one of others."""
    if ys == EMPTY:
        return '"0"'
    if ys == LONG:
        return 'CALL("gate", "|", CALL("some", arg1, arg2, arg3[0]), CALL("some", arg1, arg2, arg3[1:]))'
    return 'CALL("related", arg1, arg2, arg3)'


@task(RELATIONS, HOUSES, HOUSES, fact=True)
def related(relation: str, x: str, y: str) -> str:
    """Whether houses are the same, others, directly left, right or either, left, right, or one or two between."""
    by = digit(y) - digit(x)
    holds = (by == 0, by != 0, by == 1, by == -1, abs(by) == 1, by > 0, by < 0, abs(by) == 2, abs(by) == 3)
    return '"1"' if dict(zip(RELATIONS, holds))[relation] else '"0"'


# Houses that are taken ---------------------------------------------------------------


@task(STATE, gives=TEXTS)
def spread(state: str) -> str:
    """A state in which a house that belongs to one value of an attribute is left to no other."""
    parts = ("arg1[:5]", "arg1[5:10]", "arg1[10:15]", "arg1[15:20]", "arg1[20:]")
    return " + ".join(f'{_C}("distinct", [], {part})' for part in parts)


@task(LIST, LIST, gives=TEXTS)
def distinct(done: str, rest: str) -> str:
    """The same for one attribute; some of its values are done."""
    return "arg1" if rest == NONE else f'{_C}("settle", arg2[0], arg1, arg2[1:])'


@task(SOME, LIST, LIST, gives=TEXTS)
def settle(houses: str, done: str, rest: str) -> str:
    """The same, with the houses of the next value apart."""
    if houses in HOUSES:
        return f'{_C}("distinct", {_C}("without", arg2, arg1) + [arg1], {_C}("without", arg3, arg1))'
    return f'{_C}("distinct", arg2 + [arg1], arg3)'


@task(LIST, HOUSES, gives=TEXTS)
def without(values: str, house: str) -> str:
    """The houses of values without one."""
    return "arg1" if values == NONE else f'[CALL("drop", arg1[0], arg2)] + {_C}("without", arg1[1:], arg2)'


@task(SOME, HOUSES)
def drop(houses: str, house: str) -> str:
    """Houses without one."""
    if houses == LONG:
        return 'CALL("drop", arg1[0], arg2) + CALL("drop", arg1[1:], arg2)'
    return EMPTY if houses == house else "arg1"


# Cases ---------------------------------------------------------------------------------


@task(STATE, CLUES, gives=TEXTS)
def inspect(state: str, clues: str) -> str:
    """A state if it is a solution, or else that of a case, or [] if there is none."""
    return f'{_C}("scan", "{ALPHABET}", arg1, arg1, arg2)'


NAMES = (EMPTY, VALUES[-1], LONG)


@task(NAMES, LIST, STATE, CLUES, gives=TEXTS)
def scan(names: str, rest: str, state: str, clues: str) -> str | None:
    """The same, where only the houses of some values have not been looked at."""
    if NAMES.index(names) != LIST.index(rest):
        return None
    if rest == NONE:
        return f'{_C}("sound", {_C}("spread", {_C}("propagate", arg4, arg3)), arg3)'
    return f'{_C}("cell", arg2[0], arg1, arg2[1:], arg3, arg4)'


@task(SOME, NAMES[1:], LIST, STATE, CLUES, gives=TEXTS)
def cell(houses: str, names: str, rest: str, state: str, clues: str) -> str | None:
    """The same, with the houses of the next value apart."""
    if (names == LONG) == (rest == NONE):
        return None
    if houses == EMPTY:
        return "[]"
    if houses == LONG:
        return f'{_C}("guess", arg1, arg2, arg4, arg5)'
    return f'{_C}("scan", arg2[1:], arg3, arg4, arg5)'


@task(LIST, STATE, gives=TEXTS)
def sound(left: str, state: str) -> str:
    """A state if something is left of each of its values, else []."""
    return "arg2" if left == NONE else f'{_C}("kept", arg1[0], arg1[1:], arg2)'


@task(SOME[:-1], LIST, STATE, gives=TEXTS)
def kept(houses: str, left: str, state: str) -> str:
    """The same, with what is left of the first value apart."""
    return "[]" if houses == EMPTY else f'{_C}("sound", arg2, arg3)'


@task(SOME, NAMES[1:], STATE, CLUES, gives=TEXTS)
def guess(houses: str, names: str, state: str, clues: str) -> str:
    """The solution with one of some houses for the first of the names, or []."""
    if houses == EMPTY:
        return "[]"
    case = f'{_C}("arrange", arg4, {_C}("put", arg2[0], arg3, arg1[0]))'
    return f'{_C}("outcome", {case}, arg1, arg2, arg3, arg4)'


@task((NONE, MANY), SOME[1:], NAMES[1:], STATE, CLUES, gives=TEXTS)
def outcome(found: str, houses: str, names: str, state: str, clues: str) -> str:
    """The same, with the solution of the first case."""
    return "arg1" if found == MANY else f'{_C}("guess", arg2[1:], arg3, arg4, arg5)'
