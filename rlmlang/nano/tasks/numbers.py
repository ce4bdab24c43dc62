"""Arithmetic of numbers of any length: texts of digits without leading zeros.

Zero is "0", and within a recursion also "".
"""

from __future__ import annotations

from rlmlang.nano.tasks.base import BIT, DIGITS, EMPTY, LIST, LONG, MANY, NONE, NUMBER, ORDER, POSITIVE, digit, task

# Facts ---------------------------------------------------------------------------


def _two(number: int) -> str:
    """Return a number below 100 in two digits."""
    return f'"{number // 10}" + "{number % 10}"'


@task(DIGITS, DIGITS, BIT, fact=True)
def sum(a: str, b: str, carry: str) -> str:
    """Two digits and a carry: the next carry, and the digit of the sum."""
    return _two(digit(a) + digit(b) + digit(carry))


@task(DIGITS, DIGITS, BIT, fact=True)
def less(a: str, b: str, borrow: str) -> str:
    """A digit less another and a borrow: the next borrow, and the digit of the difference."""
    left = digit(a) - digit(b) - digit(borrow)
    return _two(left if left >= 0 else left + 20)


@task(DIGITS, DIGITS[1:], DIGITS[:9], fact=True)
def times(a: str, b: str, carry: str) -> str:
    """A digit times another and a carry: the next carry, and the digit of the product."""
    return _two(digit(a) * digit(b) + digit(carry))


# Numbers -------------------------------------------------------------------------


def _last(name: str, shown: str) -> tuple[str, str]:
    """Return what precedes the last digit of an argument, and the digit; a 0 if there is none."""
    return (EMPTY, '"0"') if shown == EMPTY else (f"{name}[:-1]", f"{name}[-1]")


def _by_columns(task: str, fact: str, x: str, y: str) -> str:
    """The last digits are worked out by a fact, which also gives what is carried to those before them."""
    (before_x, x), (before_y, y) = _last("arg1", x), _last("arg2", y)
    return f'd = CALL("{fact}", {x}, {y}, arg3)\nCALL("{task}", {before_x}, {before_y}, d[0]) + d[1]'


@task(NUMBER, NUMBER, BIT)
def add(x: str, y: str, carry: str) -> str:
    """The sum of two numbers and a carry; "" for nothing."""
    if carry == '"0"' and EMPTY in (x, y):
        return "arg1" if y == EMPTY else "arg2"
    return carry if x == y == EMPTY else _by_columns("add", "sum", x, y)


@task(NUMBER, NUMBER)
def compare(x: str, y: str) -> str:
    """How two numbers compare: "<", "=" or ">"."""
    if x == y == LONG:
        return 'CALL("first", CALL("compare", arg1[:-1], arg2[:-1]), CALL("compare", arg1[-1], arg2[-1]))'
    return next(order for order in ORDER if _may_compare(order, x, y))


@task(ORDER, ORDER)
def first(a: str, b: str) -> str:
    """The first of two comparisons, unless it is undecided."""
    return "arg2" if a == '"="' else "arg1"


def _may_compare(order: str, x: str, y: str) -> bool:
    """Return whether two numbers may compare so: the longer one is larger."""
    a, b = NUMBER.index(x), NUMBER.index(y)
    return x == y == LONG or order == ORDER[(a > b) - (a < b) + 1]


@task(NUMBER[1:], NUMBER[1:])
def subtract(x: str, y: str) -> str:
    """A number less another, with a leading "-" if it is below zero."""
    return 'CALL("difference", CALL("compare", arg1, arg2), arg1, arg2)'


@task(ORDER, NUMBER[1:], NUMBER[1:])
def difference(order: str, x: str, y: str) -> str | None:
    """The same, with how they compare."""
    if not _may_compare(order, x, y):
        return None
    if order == '"="':
        return '"0"'
    if order == '">"':
        return 'CALL("strip", CALL("minus", arg2, arg3, "0"))'
    return '"-" + CALL("strip", CALL("minus", arg3, arg2, "0"))'


@task(NUMBER, NUMBER, BIT)
def minus(x: str, y: str, borrow: str) -> str | None:
    """A number less one that is no larger and a borrow, perhaps with leading zeros."""
    if y == EMPTY and borrow == '"0"':
        return "arg1"
    return _by_columns("minus", "less", x, y) if x == LONG or (x != EMPTY and y != LONG) else None


@task(NUMBER[1:])
def strip(x: str) -> str:
    """A number without leading zeros."""
    return 'CALL("trim", arg1[0], arg1[1:])' if x == LONG else "arg1"


@task(DIGITS, NUMBER[1:])
def trim(digit: str, rest: str) -> str:
    """The same, with the first digit apart."""
    return 'CALL("strip", arg2)' if digit == '"0"' else "arg1 + arg2"


@task(NUMBER[1:], NUMBER[1:])
def multiply(x: str, y: str) -> str:
    """The product of two numbers."""
    if '"0"' in (x, y):
        return '"0"'
    row = 'CALL("scale", arg1, arg2[-1], "0")'
    return row if y != LONG else f'CALL("add", CALL("multiply", arg1, arg2[:-1]) + "0", {row}, "0")'


@task(NUMBER, DIGITS, DIGITS[:9])
def scale(x: str, digit: str, carry: str) -> str | None:
    """The product of a number and a digit, and a carry; "" for nothing."""
    if digit == '"0"':
        return EMPTY if carry == '"0"' and x != EMPTY else None
    if x == EMPTY:
        return EMPTY if carry == '"0"' else carry
    return 'd = CALL("times", arg1[-1], arg2, arg3)\nCALL("scale", arg1[:-1], arg2, d[0]) + d[1]'


@task(DIGITS[:9], fact=True)
def after(before: str) -> str:
    """The digit after another."""
    return f'"{digit(before) + 1}"'


@task(NUMBER[1:], POSITIVE)
def divide(x: str, y: str) -> str:
    """The quotient of two numbers."""
    return 'CALL("strip", CALL("quotient", arg1, arg2))'


@task(NUMBER[1:], POSITIVE)
def modulo(x: str, y: str) -> str:
    """The remainder of a number divided by another."""
    return 'CALL("zero", CALL("remainder", arg1, arg2))'


@task(NUMBER)
def zero(x: str) -> str:
    """A number, with "0" for nothing."""
    return '"0"' if x == EMPTY else "arg1"


@task(NUMBER, POSITIVE)
def quotient(x: str, y: str) -> str:
    """The quotient of two numbers, perhaps with leading zeros: digit by digit, as by hand."""
    if x == EMPTY:
        return EMPTY
    return 'CALL("quotient", arg1[:-1], arg2) + CALL("hold", CALL("remainder", arg1[:-1], arg2) + arg1[-1], arg2)'


@task(NUMBER, POSITIVE)
def remainder(x: str, y: str) -> str:
    """The remainder; "" for zero."""
    return EMPTY if x == EMPTY else 'CALL("rest", CALL("remainder", arg1[:-1], arg2) + arg1[-1], arg2)'


@task(NUMBER[1:], POSITIVE)
def hold(x: str, y: str) -> str:
    """The quotient of two numbers, less than ten."""
    return 'CALL("held", CALL("compare", arg1, arg2), arg1, arg2)'


@task(NUMBER[1:], POSITIVE)
def rest(x: str, y: str) -> str:
    """The remainder where the quotient is less than ten; "" for zero."""
    return EMPTY if x == '"0"' else 'CALL("left", CALL("compare", arg1, arg2), arg1, arg2)'


_LESS = 'CALL("strip", CALL("minus", arg2, arg3, "0"))'


@task(ORDER, NUMBER[1:], POSITIVE)
def held(order: str, x: str, y: str) -> str | None:
    """The quotient of two numbers, given how they compare."""
    if not _may_compare(order, x, y):
        return None
    return {'"<"': '"0"', '"="': '"1"', '">"': f'CALL("after", CALL("hold", {_LESS}, arg3))'}[order]


@task(ORDER, NUMBER[2:], POSITIVE)
def left(order: str, x: str, y: str) -> str | None:
    """The remainder, given how the numbers compare."""
    if not _may_compare(order, x, y):
        return None
    return {'"<"': "arg2", '"="': EMPTY, '">"': f'CALL("rest", {_LESS}, arg3)'}[order]


@task(NUMBER, NUMBER)
def gcd(x: str, y: str) -> str | None:
    """The largest number that divides two others."""
    if x == EMPTY:
        return None
    return "arg1" if y in (EMPTY, '"0"') else 'CALL("gcd", arg2, CALL("remainder", arg1, arg2))'


@task(LIST)
def total(xs: str) -> str:
    """The sum of numbers."""
    if xs != MANY:
        return '"0"' if xs == NONE else "arg1[0]"
    return 'CALL("add", CALL("total", arg1[::2]), CALL("total", arg1[1::2]), "0")'


# Modular powers: the base and the modulus are elements of a list, as it does not matter what they are.


@task(NUMBER, (MANY,))
def power(e: str, by: str) -> str:
    """A power of the first of two numbers, modulo the second."""
    if e == EMPTY:
        return 'CALL("modulo", "1", arg2[1])'
    if e != LONG:
        return 'CALL("low", arg1, arg2)'
    return 'CALL("times_mod", CALL("tenth", CALL("power", arg1[:-1], arg2), arg2), CALL("low", arg1[-1], arg2), arg2)'


@task(DIGITS, (MANY,))
def low(e: str, by: str) -> str:
    """A power below the tenth of the first of two numbers, modulo the second."""
    exponent = digit(e)
    if exponent == 0:
        return 'CALL("modulo", "1", arg2[1])'
    if exponent == 1:
        return 'CALL("modulo", arg2[0], arg2[1])'
    if exponent % 2:
        return f'CALL("times_mod", CALL("low", "{exponent - 1}", arg2), arg2[0], arg2)'
    return f'CALL("square_mod", CALL("low", "{exponent // 2}", arg2), arg2)'


@task(NUMBER[1:], (MANY,))
def tenth(x: str, by: str) -> str:
    """The tenth power of a number, modulo the second of two."""
    fifth = 'CALL("times_mod", CALL("square_mod", CALL("square_mod", arg1, arg2), arg2), arg1, arg2)'
    return f'CALL("square_mod", {fifth}, arg2)'


@task(NUMBER[1:], NUMBER[1:], (MANY,))
def times_mod(x: str, y: str, by: str) -> str:
    """The product of two numbers, modulo the second of two others."""
    return 'CALL("modulo", CALL("multiply", arg1, arg2), arg3[1])'


@task(NUMBER[1:], (MANY,))
def square_mod(x: str, by: str) -> str:
    """The square of a number, modulo the second of two others."""
    return 'CALL("modulo", CALL("multiply", arg1, arg1), arg2[1])'


# Fibonacci numbers, from those at half the place.


@task(DIGITS, BIT, fact=True)
def half(x: str, carry: str) -> str:
    """Half of a digit with a carry before it, and the remainder."""
    return "{} + {}".format(*(f'"{part}"' for part in divmod(10 * digit(carry) + digit(x), 2)))


@task(DIGITS, fact=True)
def parity(x: str) -> str:
    """The remainder of a digit halved."""
    return f'"{digit(x) % 2}"'


@task(NUMBER, BIT)
def halve(x: str, carry: str) -> str:
    """Half of a number with a carry before it, perhaps with leading zeros."""
    return EMPTY if x == EMPTY else 'd = CALL("half", arg1[0], arg2)\nd[0] + CALL("halve", arg1[1:], d[1])'


@task(NUMBER[1:])
def fib(n: str) -> str:
    """The Fibonacci number at a place."""
    if n == LONG:
        return 'CALL("doubled", CALL("parity", arg1[-1]), CALL("strip", CALL("halve", arg1, "0")))'
    known = (0, 1, 1, 2, 3, 5, 8, 13, 21, 34)[digit(n)]
    return " + ".join(f'"{each}"' for each in str(known))


@task(BIT, NUMBER[1:])
def doubled(odd: str, k: str) -> str:
    """The Fibonacci number at twice a place, or at the one after that."""
    after = 'CALL("fib", CALL("add", arg2, "1", "0"))'
    if odd == '"1"':
        return f'CALL("add", CALL("square", CALL("fib", arg2)), CALL("square", {after}), "0")'
    return f'd = CALL("fib", arg2)\nCALL("multiply", d, CALL("subtract", CALL("twice", {after}), d))'


@task(NUMBER)
def twice(x: str) -> str:
    """Twice a number."""
    return 'CALL("add", arg1, arg1, "0")'


@task(NUMBER)
def square(x: str) -> str:
    """The square of a number."""
    return 'CALL("multiply", arg1, arg1)'
