"""Problems of any size, each with a solution in Python: for benchmarks and tests."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

from attrs import frozen

import rlmlang
from rlmlang.nano.tasks.puzzles import ALPHABET, RELATIONS
from rlmlang.runtime.values import Value


@frozen
class Problem:
    """A function of `stdlib/nano.rlm`, with random inputs."""

    function: str
    types: tuple[str, ...]
    """The types of the inputs."""
    solve: Callable[..., Value]
    inputs: Callable[[random.Random, int], Sequence[Value]]
    """Returns random inputs of a size."""
    size: str
    """What the size counts."""

    def compiled(self) -> rlmlang.Program:
        """Return a program that applies the function to its inputs."""
        names = "abc"[: len(self.types)]
        declared = "".join(f"{name}: {type_}\n" for name, type_ in zip(names, self.types))
        return rlmlang.compile(f"{declared}{self.function}({', '.join(names)})\n")


TEXT, TEXTS = "str", "list[str]"


# Numbers -------------------------------------------------------------------------------


def number(draw: random.Random, digits: int) -> str:
    """Return a random number with some number of digits."""
    return str(draw.randrange(10 ** (digits - 1), 10**digits))


def _two(draw: random.Random, size: int) -> Sequence[Value]:
    return number(draw, size), number(draw, size)


def _larger_and_smaller(draw: random.Random, size: int) -> Sequence[Value]:
    return number(draw, size), number(draw, max(1, size // 2))


def _three(draw: random.Random, size: int) -> Sequence[Value]:
    return number(draw, size), number(draw, size), number(draw, size)


def _list(draw: random.Random, size: int) -> Sequence[Value]:
    return ([number(draw, 2) for _ in range(size)],)


def _fibonacci(place: str) -> str:
    a, b = 0, 1
    for _ in range(int(place)):
        a, b = b, a + b
    return str(a)


# Sequences -----------------------------------------------------------------------------


def _letters(draw: random.Random, size: int) -> str:
    return "".join(draw.choices("abcd", k=size))


def _lcs(a: str, b: str) -> str:
    row = [0] * (len(b) + 1)
    for x in a:
        above, row = row, [0]
        for j, y in enumerate(b):
            row.append(above[j] + 1 if x == y else max(above[j + 1], row[j]))
    return str(row[-1])


def _things(draw: random.Random, size: int) -> Sequence[Value]:
    weights, values = ([str(draw.randrange(1, 16)) for _ in range(size)] for _ in range(2))
    return weights, values, str(sum(map(int, weights)) // 2)


def _knapsack(weights: list[str], values: list[str], room: str) -> str:
    best = [0] * (int(room) + 1)
    for weight, value in zip(map(int, weights), map(int, values)):
        for left in range(len(best) - 1, weight - 1, -1):
            best[left] = max(best[left], best[left - weight] + value)
    return str(best[-1])


def _matrices(draw: random.Random, size: int) -> Sequence[Value]:
    return ([str(draw.randrange(1, 31)) for _ in range(size + 1)],)


def _matrix_chain(sizes: list[str]) -> str:
    d = list(map(int, sizes))

    @cache
    def best(i: int, j: int) -> int:
        return min((best(i, k) + best(k, j) + d[i] * d[k] * d[j] for k in range(i + 1, j)), default=0)

    return str(best(0, len(d) - 1))


# Logic ---------------------------------------------------------------------------------


def _expression(draw: random.Random, operators: int) -> str:
    if not operators:
        return draw.choice(("0", "1", "!0", "!1"))
    left = draw.randrange(operators)
    sign = draw.choice("&|^>=")
    whole = f"({_expression(draw, left)}{sign}{_expression(draw, operators - 1 - left)})"
    return "!" + whole if draw.random() < 0.2 else whole


def _boolean(expression: str) -> str:
    return "1" if _value_of(expression, 0)[0] else "0"


def _value_of(text: str, at: int) -> tuple[bool, int]:
    """Return the value of the expression that starts at a position, and the position after it."""
    if text[at] == "!":
        value, end = _value_of(text, at + 1)
        return not value, end
    if text[at] != "(":
        return text[at] == "1", at + 1
    a, middle = _value_of(text, at + 1)
    b, end = _value_of(text, middle + 1)
    return {"&": a and b, "|": a or b, "^": a != b, ">": a <= b, "=": a == b}[text[middle]], end + 1


def _clauses(draw: random.Random, size: int, ratio: float) -> list[str]:
    names = ALPHABET[:size]
    chosen = (draw.sample(names, min(3, size)) for _ in range(round(size * ratio)))
    return ["".join(draw.choice("+-") + name for name in each) for each in chosen]


def _formula(draw: random.Random, size: int) -> Sequence[Value]:
    return (_clauses(draw, size, 4.3),)


def _quantified(draw: random.Random, size: int) -> Sequence[Value]:
    return "".join(draw.choice("EA") + name for name in ALPHABET[:size]), _clauses(draw, size, 1.5)


def _qbf(variables: str, clauses: list[str]) -> str:
    def holds(at: int, true: frozenset[str]) -> bool:
        if at == len(variables):
            return all(any(clause[i : i + 2] in true for i in range(0, len(clause), 2)) for clause in clauses)
        cases = (holds(at + 2, true | {sign + variables[at + 1]}) for sign in "+-")
        return any(cases) if variables[at] == "E" else all(cases)

    return "1" if holds(0, frozenset()) else "0"


def _sat(clauses: list[str]) -> str:
    return _qbf("".join("E" + name for name in sorted({*"".join(clauses)} - {*"+-"})), clauses)


# Puzzles -------------------------------------------------------------------------------


_HOLDS: dict[str, Callable[[int], bool]] = dict(
    zip(
        (relation.strip('"') for relation in RELATIONS),
        (
            lambda by: by == 0, lambda by: by != 0, lambda by: by == 1, lambda by: by == -1, lambda by: abs(by) == 1,
            lambda by: by > 0, lambda by: by < 0, lambda by: abs(by) == 2, lambda by: abs(by) == 3,
        ),
    )
)  # fmt: skip


def _puzzle(draw: random.Random, size: int) -> Sequence[Value]:
    """Return clues with exactly one solution, for some number of houses and attributes."""
    houses = list(range(1, size + 1))
    truth: dict[str, str] = {}
    for i in range(size):
        truth |= zip(ALPHABET[5 * i : 5 * i + size], map(str, draw.sample(houses, size)))
    unused = [f"={each}{i % 5 + 1}" for i, each in enumerate(ALPHABET) if each not in truth]
    known = truth | {str(house): str(house) for house in houses}
    clues_of: dict[str, list[str]] = {
        relation: [
            relation + x + y
            for x, y in product(truth, known)
            if x != y and holds(int(known[y]) - int(known[x])) and (y.isalpha() or relation in "=!")
        ]
        for relation, holds in _HOLDS.items()
    }
    kept = list(unused)
    while len(_solutions(kept)) > 1:
        clues = clues_of[draw.choice([relation for relation in clues_of if clues_of[relation]])]
        kept.append(clues.pop(draw.randrange(len(clues))))
    return (kept,)


def _solutions(clues: Sequence[str]) -> list[list[str]]:
    """Return the solutions of some clues, two at most."""
    every = [frozenset(range(1, 6))] * 25
    found: list[list[str]] = []

    def houses(name: str, state: list[frozenset[int]]) -> frozenset[int]:
        return state[ALPHABET.index(name)] if name in ALPHABET else frozenset([int(name)])

    def search(state: list[frozenset[int]]) -> None:
        before: list[frozenset[int]] = []
        while state != before:
            before, state = state, list(state)
            for clue in clues:
                x, y = clue[1], clue[2]
                holds, xs, ys = _HOLDS[clue[0]], houses(x, state), houses(y, state)
                for name, left in (
                    (x, {a for a in xs if any(holds(b - a) for b in ys)}),
                    (y, {b for b in ys if any(holds(b - a) for a in xs)}),
                ):
                    if name in ALPHABET:
                        state[ALPHABET.index(name)] = frozenset(left)
            for i, taken in enumerate(state):
                for j in range(i // 5 * 5, i // 5 * 5 + 5):
                    if i != j and len(taken) == 1:
                        state[j] -= taken
        unsettled = [i for i, left in enumerate(state) if len(left) != 1]
        if not unsettled:
            found.append([str(min(left)) for left in state])
            return
        at = min(unsettled, key=lambda i: len(state[i]))
        for house in state[at]:
            if len(found) < 2:
                search([*state[:at], frozenset([house]), *state[at + 1 :]])

    search(every)
    return found[:2]


def _order(a: str, b: str) -> str:
    return "<=>"[(int(a) > int(b)) - (int(a) < int(b)) + 1]


def _divided(a: str, b: str) -> tuple[str, str]:
    return str(int(a) // int(b)), str(int(a) % int(b))


PROBLEMS = {
    problem.function: problem
    for problem in (
        Problem("add", (TEXT, TEXT), lambda a, b: str(int(a) + int(b)), _two, "digits"),
        Problem("sub", (TEXT, TEXT), lambda a, b: str(int(a) - int(b)), _two, "digits"),
        Problem("mul", (TEXT, TEXT), lambda a, b: str(int(a) * int(b)), _two, "digits"),
        Problem("div", (TEXT, TEXT), _divided, _larger_and_smaller, "digits, by half as many"),
        Problem("gcd", (TEXT, TEXT), lambda a, b: str(math.gcd(int(a), int(b))), _two, "digits"),
        Problem("compare", (TEXT, TEXT), _order, _two, "digits"),
        Problem("total", (TEXTS,), lambda xs: str(sum(map(int, xs))), _list, "numbers of two digits"),
        Problem("modpow", (TEXT,) * 3, lambda a, b, c: str(pow(int(a), int(b), int(c))), _three, "digits of each"),
        Problem("fibonacci", (TEXT,), _fibonacci, lambda draw, size: (str(size),), "place"),
        Problem("sort", (TEXTS,), lambda xs: sorted(xs, key=int), _list, "numbers of two digits"),
        Problem("lcs", (TEXT, TEXT), _lcs, lambda draw, size: (_letters(draw, size), _letters(draw, size)), "letters"),
        Problem("lps", (TEXT,), lambda a: _lcs(a, a[::-1]), lambda draw, size: (_letters(draw, size),), "letters"),
        Problem("knapsack", (TEXTS, TEXTS, TEXT), _knapsack, _things, "things"),
        Problem("matrix_chain", (TEXTS,), _matrix_chain, _matrices, "matrices"),
        Problem("boolean", (TEXT,), _boolean, lambda draw, size: (_expression(draw, size),), "operators"),
        Problem("sat", (TEXTS,), _sat, _formula, "variables, 4.3 clauses each"),
        Problem("qbf", (TEXT, TEXTS), _qbf, _quantified, "variables, 1.5 clauses each"),
        Problem("zebra", (TEXTS,), lambda clues: _solutions(clues)[0], _puzzle, "houses and attributes"),
    )
}
