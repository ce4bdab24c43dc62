"""Lists: sorting, and problems on sequences by dynamic programming, which the memo makes of the recursion."""

from __future__ import annotations

from rlmlang.nano.tasks.base import BIT, DIGITS, LIST, MANY, NONE, NUMBER, ORDER, TEXTS, task


@task(LIST, gives=TEXTS)
def sort(xs: str) -> str:
    """Numbers from the smallest to the largest."""
    if xs != MANY:
        return "arg1"
    return 'CALL[list[str]]("merge", CALL[list[str]]("sort", arg1[::2]), CALL[list[str]]("sort", arg1[1::2]))'


@task(LIST, LIST, gives=TEXTS)
def merge(xs: str, ys: str) -> str:
    """Two sorted lists as one."""
    if NONE in (xs, ys):
        return "arg1" if ys == NONE else "arg2"
    return 'CALL[list[str]]("choose", CALL("compare", arg1[0], arg2[0]), arg1, arg2)'


@task(ORDER, LIST[1:], LIST[1:], gives=TEXTS)
def choose(order: str, xs: str, ys: str) -> str:
    """The same, with how their first elements compare."""
    if order == '">"':
        return 'arg3[:1] + CALL[list[str]]("merge", arg2, arg3[1:])'
    return 'arg2[:1] + CALL[list[str]]("merge", arg2[1:], arg3)'


# Comparing two -----------------------------------------------------------------


@task(NUMBER[1:], NUMBER[1:])
def larger(x: str, y: str) -> str:
    """The larger of two numbers."""
    return 'CALL("pick", CALL("compare", arg2, arg1), arg1, arg2)'


@task(NUMBER[1:], NUMBER[1:])
def smaller(x: str, y: str) -> str:
    """The smaller of two numbers."""
    return 'CALL("pick", CALL("compare", arg1, arg2), arg1, arg2)'


@task(ORDER, NUMBER[1:], NUMBER[1:])
def pick(order: str, x: str, y: str) -> str:
    """The first of two numbers for "<", else the second."""
    return "arg2" if order == '"<"' else "arg3"


# Subsequences, of lists of characters: how long they are ----------------------------


CHARACTERS = (*(f'"{letter}"' for letter in "abcdefghijklmnopqrstuvwxyz+-"), *DIGITS)


@task(CHARACTERS, CHARACTERS, fact=True)
def same(a: str, b: str) -> str:
    """Whether two characters are the same."""
    return '"1"' if a == b else '"0"'


@task(LIST, LIST)
def lcs(xs: str, ys: str) -> str:
    """How long the longest subsequence of two lists of characters is."""
    return '"0"' if NONE in (xs, ys) else 'CALL("lcs_last", CALL("same", arg1[-1], arg2[-1]), arg1, arg2)'


@task(BIT, LIST[1:], LIST[1:])
def lcs_last(equal: str, xs: str, ys: str) -> str:
    """The same, with whether their last characters are the same."""
    if equal == '"1"':
        return 'CALL("add", CALL("lcs", arg2[:-1], arg3[:-1]), "1", "0")'
    return 'CALL("larger", CALL("lcs", arg2[:-1], arg3), CALL("lcs", arg2, arg3[:-1]))'


@task(LIST)
def lps(xs: str) -> str:
    """How long the longest palindrome among the subsequences of a list of characters is."""
    if xs == MANY:
        return 'CALL("lps_ends", CALL("same", arg1[0], arg1[-1]), arg1)'
    return '"0"' if xs == NONE else '"1"'


@task(BIT, (MANY,))
def lps_ends(equal: str, xs: str) -> str:
    """The same, with whether the characters at the ends are the same."""
    if equal == '"1"':
        return 'CALL("add", CALL("lps", arg2[1:-1]), "2", "0")'
    return 'CALL("larger", CALL("lps", arg2[1:]), CALL("lps", arg2[:-1]))'


# Knapsacks ---------------------------------------------------------------------------


@task(LIST, LIST, NUMBER[1:])
def knapsack(weights: str, values: str, room: str) -> str | None:
    """The highest value of things with weights and values that fit into a capacity."""
    if weights != values:
        return None
    return '"0"' if weights == NONE else 'CALL("knapsack_first", CALL("compare", arg1[0], arg3), arg1, arg2, arg3)'


@task(ORDER, LIST[1:], LIST[1:], NUMBER[1:])
def knapsack_first(order: str, weights: str, values: str, room: str) -> str | None:
    """The same, with how the weight of the first thing compares with the capacity."""
    if weights != values:
        return None
    without = 'CALL("knapsack", arg2[1:], arg3[1:], arg4)'
    if order == '">"':
        return without
    rest = 'CALL("knapsack", arg2[1:], arg3[1:], CALL("subtract", arg4, arg2[0]))'
    return f'CALL("larger", {without}, CALL("add", {rest}, arg3[0], "0"))'


# Chains of matrices ------------------------------------------------------------------


@task((MANY,))
def chain(sizes: str) -> str:
    """How many multiplications a product of matrices takes; neighbours share a size."""
    return 'CALL("chain_of", arg1, arg1[2:])'


@task((MANY,), LIST)
def chain_of(sizes: str, rest: str) -> str:
    """The same, with the sizes after the first matrix; one alone takes none."""
    return '"0"' if rest == NONE else 'CALL("split", arg1[:2], arg1[1:], arg2[1:])'


@task((MANY,), (MANY,), LIST)
def split(left: str, right: str, rest: str) -> str:
    """The fewest for products that are split here or further on; the rest is that of `right`, as above."""
    here = 'CALL("joined", arg1, arg2)'
    if rest == NONE:
        return here
    return f'CALL("smaller", {here}, CALL("split", arg1 + arg2[1:2], arg2[1:], arg3[1:]))'


@task((MANY,), (MANY,))
def joined(left: str, right: str) -> str:
    """How many a product takes that is made of two."""
    both = 'CALL("add", CALL("chain", arg1), CALL("chain", arg2), "0")'
    return f'CALL("add", {both}, CALL("multiply", CALL("multiply", arg1[0], arg2[0]), arg2[-1]), "0")'
