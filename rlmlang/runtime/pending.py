"""Values that are not there yet: how independent CALLs run together with no syntax for it.

Evaluation never stops at a CALL. It goes on with a `Pending` in the answer's place, and
only work that looks at the value waits for it. A list, tuple, dict or record that is made
while some of its parts are pending is a `Partial`: its shape is known, so that it can be
iterated over, indexed and measured before its parts arrive.

No plain container ever holds a pending part; whoever makes one calls `build`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rlmlang.runtime.values import RecordValue, Value

Action = Callable[[], None]


class Place:
    """A point in the serial order of evaluation, by which the first of several failures is told.

    `turn` counts the iterations at one `site` (an offset in the source) of the `outer` place.
    """

    __slots__ = ("outer", "site", "turn")

    def __init__(self, outer: Place | None, site: int, turn: int = 0) -> None:
        self.outer = outer
        self.site = site
        self.turn = turn

    def path(self) -> list[tuple[int, int]]:
        steps: list[tuple[int, int]] = []
        place: Place | None = self
        while place is not None:
            steps.append((place.site, place.turn))
            place = place.outer
        return steps[::-1]

    def __lt__(self, other: Place) -> bool:
        return self.path() < other.path()


class Pending:
    """One value that is not there yet. Once `done`, `value` is plain or a Partial."""

    __slots__ = ("done", "value", "waiters")

    def __init__(self) -> None:
        self.done = False
        self.value: Value = None
        self.waiters: list[Action | Pending] | None = None

    def when(self, action: Action) -> None:
        """Do it once the value is there, at once if it is."""
        if self.done:
            action()
        elif self.waiters is None:
            self.waiters = [action]
        else:
            self.waiters.append(action)

    def resolve(self, value: Value) -> None:
        """Give it its value; a value that is itself pending is waited for."""
        if value.__class__ is Pending:
            if not value.done:
                value.waiters = value.waiters or []
                value.waiters.append(self)
                return
            value = value.value
        ready = [self]
        for pending in ready:  # chains of values that wait for each other do not nest
            pending.done, pending.value = True, value
            waiters, pending.waiters = pending.waiters, None
            for waiter in waiters or ():
                if isinstance(waiter, Pending):
                    ready.append(waiter)
                else:
                    waiter()


class Partial:
    """A container of known shape, some of whose parts are late. `parts` holds them as they are."""

    __slots__ = ("_full", "_plain", "_seen", "parts", "remake")

    def __init__(self, parts: list[Value], remake: Callable[[list[Value]], Value]) -> None:
        self.parts = parts
        self.remake = remake
        """Makes the plain container of plain parts, or of late ones through `build`."""
        self._seen = 0
        self._plain: Value = None
        self._full: Pending | None = None

    def plain(self) -> Value:
        """The plain container, or the Partial itself while a part is missing."""
        while self._seen < len(self.parts):  # each part is looked at once, however often one asks
            part = settle(self.parts[self._seen])
            if part.__class__ in LATE:
                return self
            self.parts[self._seen] = part
            self._seen += 1
        if self._plain is None:
            self._plain = self.remake(self.parts)
        return self._plain

    def when(self, action: Action) -> None:
        """Do it once every part is there."""
        if self._full is None:
            self._full = full = Pending()
            when_settled(self.parts, lambda: full.resolve(None))
        self._full.when(action)


LATE = frozenset({Pending, Partial})
"""The classes of values that are not there yet: test `value.__class__ in LATE`."""


def settle(value: Value) -> Value:
    """The plain value if all of it is there, else the most that is known of it."""
    if value.__class__ is Pending and value.done:
        value = value.value
    if value.__class__ is Partial:
        return value.plain()
    return value


def when_settled(values: Iterable[Value], action: Action) -> None:
    """Do it once all of every value is there."""
    missing = 1

    def arrived() -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            action()

    def follow(value: Value) -> Action:
        def look() -> None:
            known = settle(value)
            if known.__class__ is Partial:
                known.when(arrived)
            else:
                arrived()

        return look

    for value in values:
        known = settle(value)
        if known.__class__ is Pending:
            missing += 1
            known.when(follow(known))
        elif known.__class__ is Partial:
            missing += 1
            known.when(arrived)
    arrived()


def _is_late(parts: Iterable[Value]) -> bool:
    return any(part.__class__ in LATE for part in parts)


def build_list(parts: list[Value]) -> Value:
    return Partial(parts, list) if _is_late(parts) else parts


def build_tuple(parts: Iterable[Value]) -> Value:
    items = tuple(parts)
    return Partial(list(items), tuple) if _is_late(items) else items


def build_dict(keys: list[str], values: list[Value]) -> Value:
    """A dict of known keys; of equal keys the last counts, as in Python."""
    items = dict(zip(keys, values))
    if not _is_late(items.values()):
        return items
    names = list(items)
    return Partial(list(items.values()), lambda parts: dict(zip(names, parts)))


def build_record(type_: Any, values: list[Value]) -> Value:
    if not _is_late(values):
        return RecordValue(type_, tuple(values))
    return Partial(values, lambda parts: RecordValue(type_, tuple(parts)))


def wrap(value: Value, levels: int) -> Value:
    """What a built-in made of late parts that it did not look at, as so many levels of containers."""
    if levels and isinstance(value, list):
        return build_list([wrap(item, levels - 1) for item in value])
    if levels and isinstance(value, tuple):
        return build_tuple(wrap(item, levels - 1) for item in value)
    return value


def shape(value: Value) -> Value:
    """The container with its parts as they are, late or not; Pending if not even that is known."""
    value = settle(value)
    if value.__class__ is Partial:
        return value.remake(value.parts)
    return value
