"""The meter that counts the steps of pure work and bounds the size of values."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rlmlang.errors import BudgetError, RunError
from rlmlang.runtime.values import DICTS, MAX_INT_BITS, RecordValue, SetValue, Value

FEW_KEYS = 64
"""In so few elements, equal hashes cost nothing that matters."""

MAX_ALIKE = 64
"""How many different keys may have the same hash."""

HASHED_AS_IS = 2**61 - 1
"""Of integers below this one, positive or negative, no two have the same hash but -1 and -2."""

KNOWN_PATTERNS = 64
"""So many regular expressions that were used before need not be compiled again."""


class Meter:
    """The meter of a run: it counts steps and bounds the size of values, so that pure work always ends.

    A step is about the work of one operation on small values; work that grows with its
    operands costs in proportion. The limits are `max_steps` in all and `max_bytes` for any one
    value (one byte per character of text, eight per element).
    Raises BudgetError: E506 for steps, E507 for a value too large.
    """

    __slots__ = ("_alike", "largest", "max_bytes", "max_steps", "patterns", "steps")

    def __init__(self, max_steps: int, max_bytes: int) -> None:
        self.max_steps = max_steps
        self.max_bytes = max_bytes
        self.steps = 0
        self.largest = 0
        """Bytes of the largest value so far."""
        self._alike: dict[int, Value] = {}
        """Tuples and large integers that are keys, by their hashes: one, or a list of several with the same hash."""
        self.patterns: Mapping[object, None] = {}
        """The regular expressions that were compiled last."""

    def charge(self, steps: int) -> None:
        """Count steps. Raises BudgetError E506."""
        self.steps += steps
        if self.steps > self.max_steps:
            raise BudgetError.of(
                "E506",
                f"the program takes more than {self.max_steps:,} steps of pure work",
                hint="raise max_steps, or give a model less to compute",
            )

    def owe(self, steps: int) -> None:
        """Count steps at a moment at which nothing can fail; the next charge does if they are too many."""
        self.steps += steps

    def text(self, length: int) -> None:
        """Charge for a text of `length` characters, before it is made."""
        self._size(length)
        self.charge(1 + length // 16)

    def items(self, count: int) -> None:
        """Charge for a list or dict of `count` elements, before it is made."""
        self._size(count * 8)
        self.charge(1 + count)

    def times(self, count: int) -> int:
        """Return how often a sequence that is repeated `count` times is there, at least 0.

        Raises RunError E306 where CPython raises OverflowError: a count of more than 64 bits, below 0 too.
        """
        if not -(2**63) <= count < 2**63:
            raise RunError.of("E306", f"a repetition of {count.bit_length():,} bits; at most 63 fit")
        return max(count, 0)

    def grow(self, count: int) -> None:
        """Charge for one more element of a container, which then has `count`."""
        if count * 8 > self.largest:
            self._size(count * 8)
        self.charge(1)

    def key(self, key: Value) -> None:
        """Charge for looking up a key of a dict or an element of a set."""
        kind = key.__class__
        if kind is str:
            self.charge(1 + len(key) // 16)
        elif kind is tuple:
            self.walk(key)
        else:
            self.charge(1)

    def put(self, key: Value, count: int) -> None:
        """Record a key that is put into a dict or set of `count` elements.

        Python hashes numbers and tuples without a secret, so that many could be chosen to collide; each search for one
        of them would look at all the others. Raises RunError E306.
        """
        if count >= FEW_KEYS:
            self._put(key)

    def put_all(self, keys: Collection[Value], count: int = 0) -> None:
        """Record keys that are put into a dict or set of `count` elements. Raises RunError E306."""
        if len(keys) + count < FEW_KEYS:
            return
        if not isinstance(next(iter(keys), None), str):
            for key in keys:
                self._put(key)

    def _put(self, key: Value) -> None:
        kind = key.__class__
        if kind is not tuple and (kind is not int or -HASHED_AS_IS < key < HASHED_AS_IS):
            return
        known = self._alike.setdefault(hash(key), key)
        if known is key or known == key:
            return
        if known.__class__ is not list:
            self._alike[hash(key)] = [known, key]
        elif key not in known:
            if len(known) >= MAX_ALIKE:
                raise RunError.of(
                    "E306",
                    f"more than {MAX_ALIKE} keys have the same hash, so that they could not be found quickly",
                    hint="make texts of them: `str(key)`",
                )
            known.append(key)

    def pattern(self, pattern: object, steps: int) -> None:
        """Charge for compiling a regular expression, unless it was used before. Raises BudgetError E506."""
        if pattern not in self.patterns:
            self.charge(steps)
            self.patterns = dict.fromkeys([*self.patterns, pattern][-KNOWN_PATTERNS:])

    def _size(self, size: int) -> None:
        if size <= self.largest:
            return
        if size > self.max_bytes:
            raise BudgetError.of(
                "E507",
                f"a value of {size:,} bytes; the limit is {self.max_bytes:,}",
                hint="raise max_bytes, or work on parts with chunk, take or a slice",
            )
        self.largest = size

    def number(self, value: int) -> int:
        """Return an integer that was made, if it is not too large; a large one costs as much as it is long.

        Raises RunError E306, BudgetError E506.
        """
        if -MAX_INT_BITS <= value <= MAX_INT_BITS:
            return value
        bits = value.bit_length()
        if bits > MAX_INT_BITS:
            raise RunError.of("E306", f"an integer of {bits:,} bits; the limit is {MAX_INT_BITS:,}")
        if bits >= 256:
            self.charge(bits // 256)
        return value

    def product(self, value: int) -> int:
        """Return an integer that was made by multiplying, as `number` does; it costs as many steps as that takes."""
        words = self.number(value).bit_length() // 64
        if words >= 8:
            self.charge(words * words // 64)
        return value

    def division(self, a: int, b: int) -> None:
        """Charge for the division of integers, whose work is that of multiplying the quotient and the divisor."""
        words = (b.bit_length() - 1) // 64
        if words > 0:
            self.charge(max(0, a.bit_length() // 64 - words) * words // 32)

    def walk(self, *values: Value) -> int:
        """Charge for every part of nested values, shared parts as often as they occur.

        Call it before anything that looks at whole values (`==`, `str`, JSON): parts can
        be shared, so that what is small in memory may be huge when written out.
        Returns the number of characters and elements met.
        """
        total = 0
        stack: list[Collection[Value]] = [values]
        while stack:
            items = stack.pop()
            count = len(items)
            total += count
            self.charge(2 * count)
            for value in items:
                kind = value.__class__
                if kind is str:
                    total += len(value)
                    if len(value) >= 16:
                        self.charge(len(value) // 16)
                elif kind is list or kind is tuple:
                    stack.append(value)
                elif kind is int:
                    if not -(2**64) < value < 2**64:  # so many digits, made in quadratic time
                        digits = value.bit_length() // 3
                        total += digits
                        self.charge(digits // 8)
                elif kind is RecordValue:
                    total += sum(len(name) for name, _ in value.type.fields)
                    stack.append(value.values)
                elif kind in DICTS:
                    if type(next(iter(value), "")) is str:
                        total += sum(map(len, value))
                        self.charge(len(value))
                    else:
                        stack.append(value.keys())
                    stack.append(value.values())
                elif kind is SetValue:
                    stack.append(tuple(value.unordered()))
        self._size(total)
        return total
