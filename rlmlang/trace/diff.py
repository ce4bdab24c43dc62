"""Compare two runs: which calls were asked, answered or cost differently."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from difflib import unified_diff
from typing import Any, get_type_hints

from attrs import asdict, define, field

from rlmlang.trace.events import RunEvent, Version
from rlmlang.trace.history import History, LoggedCall

Pair = tuple[LoggedCall, LoggedCall]


@define(eq=False)
class Comparison:
    """The differences between two runs, `a` and `b`. A pair of calls may be in several lists."""

    a: History
    b: History
    only_a: list[LoggedCall] = field(factory=list)
    only_b: list[LoggedCall] = field(factory=list)
    asked: list[Pair] = field(factory=list)
    """Pairs of calls at the same place that do not ask the same."""
    answered: list[Pair] = field(factory=list)
    """Pairs of calls with different answers or errors."""
    spent: list[Pair] = field(factory=list)
    """Pairs of calls with different numbers of generations or tokens, such as one that the store answered."""
    same: int = 0

    def settings(self) -> list[tuple[str, str, str]]:
        """Return the settings, inputs and results that differ: name, value in `a`, value in `b`."""
        before, after = dict(_settings(self.a)), dict(_settings(self.b))
        names = dict.fromkeys([*before, *after])
        values = [(name, before.get(name, "–"), after.get(name, "–")) for name in names]
        return [row for row in values if row[1] != row[2]]

    def program(self) -> list[str]:
        """Return the lines of a unified diff of the program texts."""
        old, new = self.a.run.program, self.b.run.program
        return list(unified_diff(old.text.splitlines(), new.text.splitlines(), old.name, new.name, lineterm=""))

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON data, with calls by their ids."""
        return {
            "runs": [self.a.run.run, self.b.run.run],
            "settings": {name: [a, b] for name, a, b in self.settings()},
            "program": self.program(),
            "spent_in_all": [asdict(self.a.spent), asdict(self.b.spent)],
            "same": self.same,
            "only_a": [call.id for call in self.only_a],
            "only_b": [call.id for call in self.only_b],
            "asked": [[a.id, b.id] for a, b in self.asked],
            "answered": [[a.id, b.id] for a, b in self.answered],
            "spent": [[a.id, b.id] for a, b in self.spent],
        }


_OF_ONE_RUN = ("run", "started", "resumed", "version", "identity", "leaf_identity")
"""Fields of runs that are not compared: they always differ, or repeat others at length."""


def _settings(history: History) -> Iterator[tuple[str, str]]:
    run, end = history.run, history.end
    types = get_type_hints(RunEvent, include_extras=True)
    names = [name for name in types if isinstance(getattr(run, name), str | int | None) and name not in _OF_ONE_RUN]
    versions = [name for name in names if types[name] == Version]
    yield from ((name, _shown(getattr(run, name))) for name in names if name not in versions)
    yield from ((f"limit {name}", str(value)) for name, value in run.limits.items())
    yield from ((f"version of {name}", _shown(getattr(run, name))) for name in versions)
    for name, each in run.inputs.items():
        yield f"input {name}", f"{each.type}, {each.size or 0:,}: {each.preview}"
    yield "status", history.status
    if end and end.value is not None:
        yield "value", end.value
    if end and end.error:
        yield "error", f"{end.error.code}: {end.error.message}"


def _shown(value: str | int | None) -> str:
    return "" if value is None else str(value)


def compare(a: History, b: History) -> Comparison:
    """Compare two runs. Calls are matched by key, then by place, instruction and arguments, then without arguments."""
    found = Comparison(a, b)
    left, right = a.calls, b.calls
    for rule in (_key, _question, _place):
        pairs, left, right = _match(left, right, rule)
        for pair in pairs:
            _add_pair(found, *pair)
    found.only_a, found.only_b = left, right
    for pairs in (found.asked, found.answered, found.spent):
        pairs.sort(key=lambda pair: pair[0].id)
    return found


def _key(call: LoggedCall) -> Hashable:
    return call.key


def _question(call: LoggedCall) -> Hashable:
    return (*_place(call), *((each.name, each.preview) for each in call.arguments))


def _place(call: LoggedCall) -> tuple[Hashable, ...]:
    return call.source, call.line, call.instruction


def _match(
    left: Iterable[LoggedCall], right: Iterable[LoggedCall], rule: Callable[[LoggedCall], Hashable]
) -> tuple[list[Pair], list[LoggedCall], list[LoggedCall]]:
    """Return the pairs of calls for which a rule returns the same, other than None, and the unmatched calls of both."""
    waiting: dict[Hashable, list[LoggedCall]] = {}
    for call in right:
        waiting.setdefault(rule(call), []).append(call)
    for calls in waiting.values():
        calls.reverse()
    pairs, rest = [], []
    for call in left:
        same = rule(call)
        if same is not None and waiting.get(same):
            pairs.append((call, waiting[same].pop()))
        else:
            rest.append(call)
    others = sorted((call for calls in waiting.values() for call in calls), key=lambda call: call.id)
    return pairs, rest, others


def _add_pair(found: Comparison, a: LoggedCall, b: LoggedCall) -> None:
    asked = a.key != b.key
    answered = (a.answer, a.error and a.error.code) != (b.answer, b.error and b.error.code)
    spent = a.own != b.own
    for differs, pairs in ((asked, found.asked), (answered, found.answered), (spent, found.spent)):
        if differs:
            pairs.append((a, b))
    found.same += not (asked or answered or spent)
