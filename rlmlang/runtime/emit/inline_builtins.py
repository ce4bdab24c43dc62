"""Emit the built-ins that programs apply most often without a call, charging just what their rows charge."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.language.check.checked import NativeTarget
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import Emitter
from rlmlang.runtime.emit.facts import INDEX_BITS, Emitted
from rlmlang.runtime.emit.metering import KEYS, charge, charge_key

Inline = Callable[[Emitter, nodes.Apply, list[Emitted]], "Emitted | None"]


def row(e: Emitter, node: nodes.Apply, target: NativeTarget, values: list[Emitted]) -> Emitted | None:
    """Emit the application of a built-in that has code here; None if it has not, or not for such arguments."""
    special = _INLINE.get(target.builtin)
    return None if special is None or target.keywords else special(e, node, values)


def known(target: NativeTarget, values: list[Emitted]) -> tuple[int | None, int | None]:
    """Return what is known of the result of a built-in: the bits of an int, the characters of a text."""
    return _KNOWN.get(target.builtin.name, (None, None))


_KNOWN: dict[str, tuple[int | None, int | None]] = {
    "len": (INDEX_BITS, None), "count": (INDEX_BITS, None), "find": (INDEX_BITS, None), "index": (INDEX_BITS, None),
    "ord": (21, None), "chr": (None, 1),
}  # fmt: skip


def length(e: Emitter, node: nodes.Apply, values: list[Emitted]) -> Emitted:
    value = values[0].code
    if not python.is_simple(value):
        value = e.temporary(value)
    charge(e, 1, node.span)
    return Emitted(python.call("len", python.again(value)), bits=INDEX_BITS)


def get(e: Emitter, node: nodes.Apply, values: list[Emitted]) -> Emitted | None:
    """Emit `d.get(key, default)`, whose cost depends on the length of the key."""
    given = [value.code for value in e.in_order([partial(e.simple, value) for value in values])]
    reference = e.helper(METHODS["dict"]["get"].code, *map(python.again, given), span=node.span)
    kind = e.kind(node.args[0])
    if e.fast is not None and not (kind in KEYS or values[1].is_short):
        return None
    if not charge_key(e, values[1], kind, reference):
        return None
    return Emitted(python.call(python.attribute(given[0], "get"), *map(python.again, given[1:])))


_INLINE: dict[object, Inline] = {
    BUILTINS["len"]: length,
    METHODS["dict"]["get"]: get,
}
