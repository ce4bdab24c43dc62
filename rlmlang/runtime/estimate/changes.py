"""Follow what gives variables values before a run: targets, and changes of the containers that variables hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Union

from rlmlang.errors import RunError
from rlmlang.language import nodes
from rlmlang.language.builtins import Bounds
from rlmlang.language.check.checked import NativeTarget, Tables
from rlmlang.language.paths import root_of, roots_of
from rlmlang.language.types import DefaultDictType, RecordType
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.intervals import (
    UNKNOWN,
    Mixed,
    UnknownValue,
    all_known,
    bounds_of,
    build,
    elements_of,
    plain,
)
from rlmlang.runtime.operators import index_into, set_item
from rlmlang.runtime.values import RecordValue, Value

FollowedChange = Callable[[Value], Value]
"""Returns the changed value in the place of a value, of which it may change the container."""

Key = tuple[Union[nodes.Expr, nodes.AugmentedAssign], Value]
"""A part of a container: what is to blame if there is none, and its index, or its place among the fields."""


def assign(follower: Follower, target: nodes.Target, value: Value, env: Env) -> None:
    """Follow binding a value to a target."""
    match target:
        case nodes.Name():
            env.bind(target.id, value)
        case nodes.Index():
            ChangedPlace(follower, target, env).change(lambda _: value, reads=False)
        case nodes.TupleTarget():
            unpack(follower, target, value, env)


def unpack(follower: Follower, target: nodes.TupleTarget, value: Value, env: Env) -> None:
    count = len(target.items)
    low, high = bounds_of(value)
    if isinstance(value, UnknownValue):
        follower.may_fail()
        parts: list[Value] = [UNKNOWN] * count
    else:
        parts = elements_of(value)
    if not low <= count <= high:
        if follower.sure:
            raise RunError.of("E304", f"{count} targets for {len(parts)} elements", target.span)
        follower.may_fail()
        parts = [UNKNOWN] * count
    for item, part in zip(target.items, parts):
        assign(follower, item, part, env)


class ChangedPlace:
    """A variable, or a part of the container in one, that a statement or method changes."""

    def __init__(
        self, follower: Follower, node: nodes.Expr, env: Env, whole: nodes.Expr | nodes.AugmentedAssign | None = None
    ) -> None:
        self.follower = follower
        self.whole = whole = node if whole is None else whole
        """What changes it, where failures are placed."""
        self.env = env
        self.keys: list[Key] = []
        is_followed = False
        """Whether a `setdefault` has put there what is missing, so that the path before it was followed already."""

        def key_of(index: nodes.Expr) -> Value:
            if not is_followed:
                return follower.value(index, env)
            if follower.fact(changed_names, index, follower.tables):
                return UNKNOWN
            with follower.maybe(0):
                return follower.value(index, env)

        starts_from_name = isinstance(root_of(node), nodes.Name)
        while True:
            match node:
                case nodes.Index(value=inner, index=index):
                    self.keys.append((whole, key_of(index)))
                case nodes.Attribute(value=inner, name=field) if isinstance(
                    type_ := follower.tables.types[inner.node_id], RecordType
                ):
                    self.keys.append((whole, [name for name, _ in type_.fields].index(field)))
                case nodes.Apply(callee=nodes.Attribute(value=inner, name="setdefault")) if starts_from_name:
                    if not is_followed:
                        follower.value(node, env)
                    is_followed = True
                    self.keys.append((whole, key_of(node.args[0])))
                case _:  # an attribute that is no field is of an element of an empty container, which cannot be
                    break
            node = inner
        self.keys.reverse()
        self.name = node.id if isinstance(node, nodes.Name) else None
        self.root = follower.value(node, env)

    def value(self) -> Value:
        """Return what is known of the value at the place."""
        value = self.root
        for node, key in self.keys:
            value = part_of(self.follower, node, value, key)
        return value

    def change(self, work: FollowedChange, reads: bool = True) -> None:
        """Put there what `work` returns for the value that is there.

        Without `reads`, the last key need not be there yet, and `work` is given anything.
        """
        holder = None if self.name is None else self.env.holder(self.name)
        if holder is None or self.name is None:  # a value that nothing else holds
            _changed(self.follower, self.env, self.root, self.keys, work, reads)
            return
        value = holder.variables[self.name]  # what was evaluated since may have changed it
        holder.see(self.name, value)
        holder.bind(self.name, _changed(self.follower, holder, value, self.keys, work, reads))


def part_of(follower: Follower, node: nodes.Expr | nodes.AugmentedAssign, value: Value, key: Value) -> Value:
    """Return what is known of the part with a key of a container. Raises RunError if that fails in any case."""
    container = plain(value)
    if isinstance(container, UnknownValue) or not all_known(key):
        follower.may_fail()
        return UNKNOWN
    if isinstance(container, RecordValue):
        return container.values[key]
    if isinstance(container, defaultdict) and key not in container and container.default_factory is not None:
        return container.default_factory()  # without keeping it: that is a change, of which `_changed` is capable
    return follower.pure(node, index_into, container, key)


def _changed(follower: Follower, env: Env, value: Value, keys: list[Key], work: FollowedChange, reads: bool) -> Value:
    if not keys:
        return work(value)
    (node, key), rest = keys[0], keys[1:]
    container = plain(value)
    if isinstance(container, UnknownValue) or not all_known(key):
        follower.may_fail()
        _changed(follower, env, UNKNOWN, rest, work, reads)
        low, high = bounds_of(value)
        return UnknownValue(max(low, 1), high + 1)  # a key of a dict may be new
    old: Value = UNKNOWN
    if reads or rest:
        old = part_of(follower, node, value, key)
    new = _changed(follower, env, old, rest, work, reads)
    if isinstance(container, (tuple, RecordValue)):
        parts = elements_of(value)
        parts[key] = new
        if isinstance(container, tuple):
            return build(parts, tuple)
        return build(parts, lambda parts: RecordValue(container.type, tuple(parts)))
    value = env.changeable(value)
    container = plain(value)
    if not reads and not rest:
        follower.pure(node, set_item, container, key, new)
    elif isinstance(container, dict) or -len(container) <= key < len(container):
        container[key] = new
    return value if all_known(new) or isinstance(value, Mixed) else Mixed(container)


# What a loop may change


def changed_names(node: nodes.Node, tables: Tables) -> frozenset[str]:
    """Return the variables that a statement or expression may bind or change."""
    names: set[str] = set()
    for part in nodes.nodes_in(node, outside_of=nodes.Function):
        match part:
            case nodes.Assign(targets=targets):
                names.update(name.id for target in targets for name in roots_of(target))
            case nodes.AugmentedAssign(target=target) | nodes.For(target=target):
                names.update(name.id for name in roots_of(target))
            case nodes.Index(value=container) if isinstance(tables.types.get(container.node_id), DefaultDictType):
                names.update(name.id for name in roots_of(container))
            case nodes.AnnotatedAssign(name=name, value=value) if value is not None:
                names.add(name.id)
            case nodes.Handler(name=nodes.Name(id=caught)):
                names.add(caught)
            case nodes.Apply():
                match tables.targets.get(part.node_id):
                    case NativeTarget(builtin=builtin, args=args) if builtin.changes:
                        names.update(name.id for name in roots_of(args[0]))
    return frozenset(names)


def forget_changes(follower: Follower, node: nodes.Node, env: Env) -> None:
    """Forget the values of variables that an expression may change."""
    for name in follower.fact(changed_names, node, follower.tables):
        if (holder := env.holder(name)) is not None:
            holder.widen([name])


@contextmanager
def unsure_changes(follower: Follower, node: nodes.Node, env: Env) -> Iterator[None]:
    """Follow an expression once for each number of times that it may be evaluated."""
    forget_changes(follower, node, env)
    yield
    forget_changes(follower, node, env)


# Methods that change their receiver

_GROWTH: dict[str, Callable[[Bounds, Bounds], Bounds]] = {
    "append": lambda size, _: (size[0] + 1, size[1] + 1),
    "insert": lambda size, _: (size[0] + 1, size[1] + 1),
    "extend": lambda size, more: (size[0] + max(more[0], 0), size[1] + more[1]),
    "pop": lambda size, _: (max(size[0] - 1, 0), size[1]),
    "popitem": lambda size, _: (max(size[0] - 1, 0), size[1]),
    "remove": lambda size, _: (max(size[0] - 1, 0), size[1]),
    "discard": lambda size, _: (max(size[0] - 1, 0), size[1]),
    "clear": lambda size, _: (0, 0),
    "sort": lambda size, _: size,
    "reverse": lambda size, _: size,
    "add": lambda size, _: (max(size[0], 1), size[1] + 1),
    "setdefault": lambda size, _: (max(size[0], 1), size[1] + 1),
    "update": lambda size, more: (size[0], size[1] + more[1]),
    "difference_update": lambda size, _: (0, size[1]),
    "intersection_update": lambda size, _: (0, size[1]),
}
"""The length of a container after a change of it, by its length before and that of the first argument."""


def changed_length(target: NativeTarget, sizes: list[Bounds]) -> Bounds:
    """Return the bounds on the length of a container after a method has changed it, by those of the arguments."""
    growth = _GROWTH.get(target.builtin.name)
    (low, high), *others = sizes
    if growth is None or (target.builtin.name == "update" and (len(others) != 1 or target.keywords)):
        return 0, inf
    return growth((max(low, 0), high), others[0] if others else (0, 0))
