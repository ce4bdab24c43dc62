"""Break deadlocks: calls of different runs that wait for each other in a circle, which would never end.

A call of one run may wait for a call that another run makes, and that for a third. Such a circle is broken where it is
entered last, in a fixed order: the run that waits for its greatest key makes that call itself. So each run comes to
what it would have come to alone: if its calls do need each other, they get too deep (E502); if another program was
written for one of them, there is an answer (decision 140).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rlmlang.storage.batches import Edge


def keys_to_free(edges: Iterable[Edge], own: Collection[Edge]) -> set[bytes]:
    """Return the keys that a run must not wait for any longer, given all edges that its own lead to."""
    needs: dict[bytes, set[bytes]] = {}
    for key, needed in (*edges, *own):
        needs.setdefault(key, set()).add(needed)
    found = set()
    for key, needed in own:
        if key in (behind := _reachable(needed, needs)):
            circle = {each for each in behind if needed in _reachable(each, needs)}
            if needed == max(circle | {needed}):
                found.add(needed)
    return found


def _reachable(key: bytes, needs: dict[bytes, set[bytes]]) -> set[bytes]:
    """Return the keys that a call waits for, directly or not."""
    found: set[bytes] = set()
    rest = [key]
    while rest:
        for each in needs.get(rest.pop(), ()):
            if each not in found:
                found.add(each)
                rest.append(each)
    return found
