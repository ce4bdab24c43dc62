"""Names of what statements do that the grammar gives as applications: `del xs[i]`, `xs[i:j] = ys`, `a, *b = xs`.

No program can write these names. What they mean is in the table of built-ins.
"""

from __future__ import annotations

DELETE = "del []"
"""The method that `del xs[i]` and `del d[k]` apply."""

DELETE_SLICE = "del [:]"
"""The method that `del xs[i:j]` applies."""

SET_SLICE = "[:] ="
"""The method that `xs[i:j] = ys` applies."""

MERGED = "{**}"
"""The function that `{**a, k: v}` applies."""

MATCHES = "sub matches"
"""The function that finds what `re.sub` with a function puts texts for."""

SUBSTITUTED = "sub texts"
"""The function that puts in the texts which that function gives."""

WHOLE = "-> int"
"""The function that makes sure of a result that it is an int."""

OF_NOTHING = "of nothing"
"""The function that is applied for methods of an element of an empty container, so that what fails is that."""

_ENDED = "ended "
"""How the names of variables begin that say whether a loop, or the body of a `try`, came to its end."""


def ended(place: int) -> str:
    """Return the variable that says whether what ends at a place of the text came to its end."""
    return f"{_ENDED}{place}"


def is_hidden(name: str) -> bool:
    """Return whether a variable is one that the text of a program does not name."""
    return name.startswith(_ENDED)


MOST_TARGETS = 6
"""How many targets there may be if one is starred."""


def unpacking(before: int, after: int) -> str | None:
    """Return the name of the function that `a, *b, c = xs` applies, from the number of targets before and after the
    starred one; None if they are too many."""
    return f"{before}*{after}" if before + after < MOST_TARGETS else None


def exactly(count: int) -> str:
    """Return the name of the function that takes apart what has exactly so many elements."""
    return f"*{count}="


def places_of(name: str) -> tuple[int, int] | None:
    """Return how many targets are before and after the starred one, from the name of the function."""
    before, star, after = name.partition("*")
    return (int(before), int(after)) if star else None
