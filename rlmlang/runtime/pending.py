"""Pending values, which let independent CALLs run at the same time without any syntax for it.

Evaluation never stops at a CALL. It continues with a `Pending` in place of the answer, and
only work that looks at the value waits for it. A list, tuple, dict or record that is made
while some of its parts are pending is a `Partial`: its length and keys are known, so that a program can
iterate over it, index it and take its length before its parts are resolved.

A plain container never has an unresolved part; code that makes one calls one of the `build` functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rlmlang.runtime.lazy_rows import LazyRows, RowCursor
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import RecordValue, SetValue, Value

Action = Callable[[], None]


class Pending:
    """A value that is not known yet. Once it is `done`, `value` is plain or a Partial (decision 26)."""

    __slots__ = ("done", "value", "waiters")

    def __init__(self) -> None:
        self.done = False
        self.value: Value = None
        self.waiters: list[Action | Pending] | None = None

    def when(self, action: Action) -> None:
        """Run an action once the value is resolved, at once if it is already."""
        if self.done:
            action()
        elif self.waiters is None:
            self.waiters = [action]
        else:
            self.waiters.append(action)

    def resolve(self, value: Value) -> None:
        """Set the value, or wait for it if it is pending itself. What waits for this one runs now."""
        if value.__class__ is Pending:
            if not value.done:
                value.waiters = value.waiters or []
                value.waiters.append(self)
                return
            value = value.value
        ready = [self]
        for pending in ready:  # a loop, since chains of values that wait for each other may be long
            pending.done, pending.value = True, value
            waiters, pending.waiters = pending.waiters, None
            for waiter in waiters or ():
                if isinstance(waiter, Pending):
                    ready.append(waiter)
                else:
                    waiter()


def leads_to(value: Pending, other: Pending) -> bool:
    """Return whether another pending value gets this one as it is, once it is resolved."""
    found = [value]
    for each in found:
        if each is other:
            return True
        found += [waiter for waiter in each.waiters or () if isinstance(waiter, Pending)]
    return False


class Unsure:
    """The value of a variable that may turn out to be not bound: then `pending` is resolved to `UNBOUND`."""

    __slots__ = ("pending",)

    def __init__(self, pending: Pending) -> None:
        self.pending = pending


UNBOUND = object()


class Partial:
    """A container some of whose parts are unresolved; `parts` has all of them, resolved or not (decision 28).

    The parts of a list or dict are a list or dict themselves, which grows while the container is put together.
    """

    __slots__ = ("_full", "_open", "_plain", "parts", "remake")

    def __init__(self, parts: Any, remake: Callable[[list[Value]], Value] | None = None, plain: bool = False) -> None:
        """Make the container of parts; if they are all `plain`, an unresolved one is put in next."""
        self.parts = parts
        self.remake = remake
        """Makes the container of the list of its parts; None if `parts` is the container."""
        self._open: list[Value] = []
        """The keys or indexes of the parts that may be unresolved, if they are still there."""
        self._plain: Value = None
        self._full: Pending | None = None
        if not plain:
            self.look()

    def look(self) -> None:
        """Record the parts that are unresolved now, after others were put in, moved or taken out."""
        self._plain = self._full = None
        keyed = self.parts.items() if isinstance(self.parts, dict) else enumerate(self.parts)
        self._open = [key for key, part in keyed if part.__class__ in UNRESOLVED]

    def came(self, key: Value) -> None:
        """Record a part that was put in at a key, or at an index from 0 on."""
        self._plain = self._full = None
        if self.parts[key].__class__ in UNRESOLVED:
            self._open.append(key)

    def took(self) -> None:
        """Record that parts were taken out, and that no others have moved."""
        self._plain = self._full = None

    def plain(self) -> Value:
        """Return the plain container, or the Partial itself while a part is unresolved."""
        open_ = self._open
        while open_:  # each part is resolved once, however often this is called
            key = open_[-1]
            if self._has(key):
                part = resolved(self.parts[key])
                if part.__class__ in UNRESOLVED:
                    return self
                self.parts[key] = part
            open_.pop()
        if self.remake is None:
            return self.parts
        if self._plain is None:
            self._plain = self.remake(self.parts)
        return self._plain

    def _has(self, key: Value) -> bool:
        return key in self.parts if isinstance(self.parts, dict) else key < len(self.parts)

    def container(self) -> Value:
        """Return the container with its parts as they are, resolved or not."""
        return self.parts if self.remake is None else self.remake(self.parts)

    def when(self, action: Action) -> None:
        """Run an action once every part is resolved."""
        if self._full is None:
            self._full = full = Pending()
            when_resolved([self.parts[key] for key in self._open if self._has(key)], lambda: full.resolve(None))
        self._full.when(action)

    def copied(self, levels: int, meter: Meter) -> Partial:
        """Return a copy, for which see `copied`."""
        parts = self.parts
        if isinstance(parts, dict):
            return Partial({key: copied(part, levels - 1, meter) for key, part in parts.items()}, self.remake)
        return Partial([copied(part, levels - 1, meter) for part in parts], self.remake)


UNRESOLVED = frozenset({Pending, Partial})
"""The classes of values that are not fully known yet: test `value.__class__ in UNRESOLVED`."""


def resolved(value: Value) -> Value:
    """Return the plain value if all of it is resolved, else as much as is known: a Partial or a Pending."""
    if value.__class__ is Pending and value.done:
        value = value.value
    if value.__class__ is Partial:
        return value.plain()
    return value


class _Countdown:
    """Runs an action when it has been called as often as there are values to wait for.

    Objects of classes like this one are less to make and to collect than closures, and long loops make many.
    """

    __slots__ = ("action", "missing")

    def __init__(self, missing: int, action: Action) -> None:
        self.missing = missing
        self.action = action

    def __call__(self) -> None:
        self.missing -= 1
        if self.missing == 0:
            self.action()


class _Whole:
    """Runs an action once a value, which is known when this is called, is resolved in all its parts."""

    __slots__ = ("action", "value")

    def __init__(self, value: Pending, action: Action) -> None:
        self.value = value
        self.action = action

    def __call__(self) -> None:
        known = resolved(self.value)
        if known.__class__ is Partial:
            known.when(self.action)
        else:
            self.action()


def when_resolved(values: Iterable[Value], action: Action) -> None:
    """Run an action once every value is resolved in all its parts."""
    missing: list[Any] = [value for value in map(resolved, values) if value.__class__ in UNRESOLVED]
    if not missing:
        action()
        return
    if len(missing) > 1:
        action = _Countdown(len(missing), action)
    for value in missing:
        value.when(_Whole(value, action) if value.__class__ is Pending else action)


def when_known(values: Iterable[Value], action: Action) -> None:
    """Run an action once no value is pending; containers may have parts that are."""
    missing = [value for value in values if value.__class__ is Pending and not value.done]
    if not missing:
        action()
        return
    if len(missing) > 1:
        action = _Countdown(len(missing), action)
    for value in missing:
        value.when(action)


def _any_unresolved(parts: Iterable[Value]) -> bool:
    return any(part.__class__ in UNRESOLVED for part in parts)


def build_list(parts: list[Value]) -> Value:
    return Partial(parts) if _any_unresolved(parts) else parts


def build_tuple(parts: Iterable[Value]) -> Value:
    items = tuple(parts)
    return Partial(list(items), tuple) if _any_unresolved(items) else items


def build_dict(keys: list[Value], values: list[Value]) -> Value:
    """Make a dict of known keys; of equal keys the last counts, as in Python."""
    items = dict(zip(keys, values))
    return Partial(items) if _any_unresolved(items.values()) else items


def build_record(type_: Any, values: list[Value]) -> Value:
    if not _any_unresolved(values):
        return RecordValue(type_, tuple(values))
    return Partial(values, lambda parts: RecordValue(type_, tuple(parts)))


def wrap(value: Value, levels: int) -> Value:
    """Make Partials of the containers in which a built-in has put unresolved elements without looking at them.

    `levels` is the number of levels of containers that it made around the elements.
    """
    if levels and isinstance(value, list):
        return build_list([wrap(item, levels - 1) for item in value])
    if levels and isinstance(value, tuple):
        return build_tuple(wrap(item, levels - 1) for item in value)
    return value


def truth(value: Value) -> bool:
    """Return whether a value counts as true, of a container also while some of its parts are unresolved."""
    return bool(value.container() if value.__class__ is Partial else value)


def as_container(value: Value) -> Value:
    """Return a container with its parts as they are, resolved or not; a Pending if not even the container is known."""
    value = resolved(value)
    return value.container() if value.__class__ is Partial else value


def copied(value: Value, levels: int, meter: Meter) -> Value:
    """Return a copy in which no later change of a value shows. `levels` is how deep lists, dicts and sets are in it.

    A pending value is copied at the moment it is there, before anything can change it. A step is owed for 16 elements.
    """
    if levels == 0:
        return value
    value = resolved(value)
    kind = value.__class__
    if kind is Pending:
        copy = Pending()
        value.when(lambda: copy.resolve(copied(value, levels, meter)))
        return copy
    if kind is Partial:
        meter.owe(1 + len(value.parts) // 16)
        return value.copied(levels, meter)
    if kind is LazyRows or kind is RowCursor:  # which nothing can change, and which cost what a list does
        meter.owe(1 + len(value) // 16)
        return value
    if kind is list or kind is tuple:
        meter.owe(1 + len(value) // 16)
        return value[:] if levels == 1 else kind([copied(part, levels - 1, meter) for part in value])
    if isinstance(value, dict):
        meter.owe(1 + len(value) // 16)
        return value.copy() if levels == 1 else {key: copied(part, levels - 1, meter) for key, part in value.items()}
    if kind is SetValue:
        meter.owe(1 + len(value) // 16)
        return value.copy()
    if kind is RecordValue:
        return RecordValue(value.type, tuple(copied(part, levels - 1, meter) for part in value.values))
    if kind is Unsure:
        inner = copied(value.pending, levels, meter)
        return Unsure(inner) if inner.__class__ is Pending else value if inner is UNBOUND else inner
    return value
