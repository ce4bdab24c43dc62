"""The variables of a program that is followed before its run, in branches of which only one will be taken."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from rlmlang.runtime.estimate.intervals import PERHAPS_UNBOUND, UNKNOWN, UnknownValue, bounds_of, copy_of, either, plain
from rlmlang.runtime.values import Value


@define(eq=False)
class Env:
    """The variables of one application, turn or program.

    Where ways part on what only the run decides, each goes on with a copy. The containers in it are shared by
    all copies until one changes them.
    """

    variables: dict[str, Value]
    outer: Env | None = None
    owner: int | None = None
    """The `node_id` of the name of the function whose application it is, PROGRAM for the program; None for a turn of a
    comprehension or an application of a lambda."""
    binds: frozenset[str] = frozenset()
    """The names that the function binds, so that none of them is one of a variable around it."""
    seen: dict[str, Value] | None = None
    """In a `try`, what is known of each variable that was bound in it, whichever of its values it has."""
    _own: dict[int, Value] = field(factory=dict)
    """The containers that no other environment holds, by their `id`."""

    def holder(self, name: str) -> Env | None:
        """Return the environment that has a variable: this one or one around it, None if it is not bound."""
        env: Env | None = self
        while env is not None and name not in env.variables:
            env = None if name in env.binds else env.outer
        return env

    def of(self, owner: int) -> Env | None:
        """Return the environment of a function around this one, or of the program."""
        env: Env | None = self
        while env is not None and env.owner != owner:
            env = env.outer
        return env

    def bind(self, name: str, value: Value) -> None:
        """Give a variable a value."""
        if self.seen is not None:
            self.see(name, value)
        self.variables[name] = value

    def see(self, name: str, value: Value) -> None:
        """Note, in a `try`, a value that a variable has at some time. It is called before the variable has another."""
        if self.seen is not None:
            before = self.seen[name] if name in self.seen else _settled(self.variables.get(name, PERHAPS_UNBOUND))
            self.seen[name] = either(before, _settled(value))

    def widen(self, names: Iterable[str]) -> None:
        """Forget the values of variables that a loop may bind or change."""
        for name in names:
            self.bind(name, UNKNOWN if name in self.variables else PERHAPS_UNBOUND)

    def fork(self) -> Env:
        """Return a copy for another way that may be taken instead."""
        self._own = {}
        return Env(dict(self.variables), self.outer, self.owner, self.binds, self.seen)

    def leave(self) -> Env:
        """Return the variables as they are where a way leaves this environment, which does not go on with them."""
        return Env(self.variables, self.outer, self.owner, self.binds, self.seen, self._own)

    def become(self, other: Env) -> None:
        """Go on with the variables of another way."""
        self.variables, self._own = other.variables, other._own

    def changeable(self, value: Value) -> Value:
        """Return a container, or a copy of it if another environment may hold it."""
        if id(plain(value)) in self._own:
            return value
        value = copy_of(value)
        self._own[id(plain(value))] = plain(value)
        return value


def join(a: Env | None, b: Env | None) -> Env | None:
    """Return the environment where two ways meet, of which one was taken; None if neither comes there."""
    if a is None or b is None or a is b:
        return a or b
    variables, others = a.variables, b.variables
    for name, value in others.items():
        if name not in variables:
            variables[name] = _perhaps_unbound(value)
        elif variables[name] is not value:
            variables[name] = either(variables[name], value)
    for name in variables.keys() - others.keys():
        variables[name] = _perhaps_unbound(variables[name])
    a._own |= b._own
    return a


def _perhaps_unbound(value: Value) -> Value:
    return UnknownValue(*bounds_of(value), unbound=True)


def _settled(value: Value) -> Value:
    """Return what later changes of a container leave true."""
    return UnknownValue(*bounds_of(value)) if isinstance(plain(value), (list, dict, set)) else value
