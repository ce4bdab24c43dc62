"""Boolean expressions, and formulas: is there, or for all, a way to set the variables?"""

from __future__ import annotations

from rlmlang.nano.tasks.base import BIT, EMPTY, LIST, LONG, NONE, task

# Expressions, read from left to right with a stack -------------------------------------


OPERATORS = tuple(f'"{sign}"' for sign in "&|^>=")
OPEN, CLOSE, NOT = '"("', '")"', '"!"'


@task((EMPTY, *BIT, CLOSE, LONG), (EMPTY, OPEN, NOT, *BIT, LONG))
def boolean(rest: str, stack: str) -> str | None:
    """The value of an expression of which a part is read."""
    if rest == EMPTY:
        return "arg2" if stack in BIT else None
    return None if stack in BIT else 'CALL("shift", arg1[0], arg1[1:], arg2)'


@task((OPEN, NOT, CLOSE, *OPERATORS, *BIT), (EMPTY, *BIT, CLOSE, LONG), (EMPTY, OPEN, NOT, LONG))
def shift(sign: str, rest: str, stack: str) -> str | None:
    """The same, with the next character apart."""
    if sign in BIT:
        return 'CALL("reduce", arg1, arg3[-1:], arg2, arg3)'
    if sign != CLOSE:
        return None if rest == EMPTY else 'CALL("boolean", arg2, arg3 + arg1)'
    return 'CALL("reduce", CALL("gate", arg3[-2], arg3[-3], arg3[-1]), arg3[-5:-4], arg2, arg3[:-4])'


@task(BIT, (EMPTY, OPEN, NOT, *OPERATORS), (EMPTY, CLOSE, LONG), (EMPTY, OPEN, NOT, LONG))
def reduce(value: str, top: str, rest: str, stack: str) -> str | None:
    """The same, with a value apart that is not on the stack yet, and what is on top of it."""
    if stack != LONG and top != stack:
        return None
    if top == NOT:
        flipped = '"0"' if value == '"1"' else '"1"'
        return f'CALL("reduce", {flipped}, arg4[-2:-1], arg3, arg4[:-1])'
    return 'CALL("boolean", arg3, arg4 + arg1)'


@task(OPERATORS, BIT, BIT, fact=True)
def gate(operator: str, a: str, b: str) -> str:
    """What an operator makes of two values: and, or, either-or, implies, equals."""
    one, other = a == '"1"', b == '"1"'
    values = (one and other, one or other, one != other, not one or other, one == other)
    return '"1"' if dict(zip(OPERATORS, values))[operator] else '"0"'


# Formulas: lists of clauses, of which one literal each has to hold, such as "+a-b+c" ------


EXISTS, ALL = '"E"', '"A"'
CLAUSE = (EMPTY, LONG)
RESULT = (EMPTY, '"1"', LONG)
"""What a literal makes of a clause: nothing can make it hold any more, it holds, or what is left of it."""


@task(LIST, CLAUSE)
def qbf(clauses: str, variables: str) -> str | None:
    """Whether a formula holds, with its variables and whether it is to hold for one value of each or for all."""
    if clauses == NONE:
        return '"1"'
    if variables == EMPTY:
        return None
    first = 'CALL("assign", arg1, [], "+" + arg2[1], arg2[2:])'
    return f'CALL("other", {first}, arg2[0], arg1, arg2)'


@task(BIT, (EXISTS, ALL), LIST[1:], (LONG,))
def other(holds: str, quantifier: str, clauses: str, variables: str) -> str:
    """The same, with whether it holds when the first variable is true."""
    if (holds, quantifier) in (('"1"', EXISTS), ('"0"', ALL)):
        return "arg1"
    return 'CALL("assign", arg3, [], "-" + arg4[1], arg4[2:])'


@task(LIST, LIST, (LONG,), CLAUSE)
def assign(clauses: str, done: str, literal: str, variables: str) -> str:
    """Whether a formula holds when a literal does; of some clauses it is known already what is left."""
    if clauses == NONE:
        return 'CALL("qbf", arg2, arg4)'
    return 'CALL("assigned", CALL("left_of", arg1[0], arg3), arg1[1:], arg2, arg3, arg4)'


@task(RESULT, LIST, LIST, (LONG,), CLAUSE)
def assigned(result: str, clauses: str, done: str, literal: str, variables: str) -> str:
    """The same, with what is left of the first clause apart."""
    if result == EMPTY:
        return '"0"'
    done = "arg3 + [arg1]" if result == LONG else "arg3"
    return f'CALL("assign", arg2, {done}, arg4, arg5)'


@task(CLAUSE, (LONG,))
def left_of(clause: str, literal: str) -> str:
    """What is left of a clause when a literal holds; "1" if nothing has to."""
    if clause == EMPTY:
        return EMPTY
    return 'CALL("literal", CALL("same", arg1[1], arg2[1]), CALL("same", arg1[0], arg2[0]), arg1, arg2)'


@task(BIT, BIT, (LONG,), (LONG,))
def literal(variable: str, sign: str, clause: str, holds: str) -> str:
    """The same, with whether the first literal of the clause has the same variable, and the same sign."""
    if variable == '"0"':
        return 'CALL("keep", CALL("left_of", arg3[2:], arg4), arg3)'
    return '"1"' if sign == '"1"' else 'CALL("left_of", arg3[2:], arg4)'


@task(RESULT, (LONG,))
def keep(result: str, clause: str) -> str:
    """What is left of a clause without its first literal, and that literal."""
    return "arg1" if result == '"1"' else "arg2[:2] + arg1"
