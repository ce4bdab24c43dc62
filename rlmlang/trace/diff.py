"""Two runs side by side: which calls were asked, answered and spent differently."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from difflib import unified_diff
from typing import Any

from attrs import asdict, define, field

from rlmlang.trace.history import Call, History

Pair = tuple[Call, Call]


@define(eq=False)
class Comparison:
    """What differs between the runs `a` and `b`. A pair of calls may be in several lists."""

    a: History
    b: History
    only_a: list[Call] = field(factory=list)
    only_b: list[Call] = field(factory=list)
    asked: list[Pair] = field(factory=list)
    """Calls of one place that do not ask the same."""
    answered: list[Pair] = field(factory=list)
    spent: list[Pair] = field(factory=list)
    """Calls with other numbers of generations or tokens, such as one that the store answered."""
    same: int = 0

    def settings(self) -> list[tuple[str, str, str]]:
        """What runs were given and gave, where it differs: name, in `a`, in `b`."""
        before, after = dict(_settings(self.a)), dict(_settings(self.b))
        names = dict.fromkeys([*before, *after])
        values = [(name, before.get(name, "–"), after.get(name, "–")) for name in names]
        return [row for row in values if row[1] != row[2]]

    def program(self) -> list[str]:
        """The lines of a unified diff of the program texts."""
        old, new = self.a.run, self.b.run
        return list(unified_diff(old.text.splitlines(), new.text.splitlines(), old.program, new.program, lineterm=""))

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON data. Calls are told by their ids."""
        return {
            "runs": [self.a.run.id, self.b.run.id],
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


def _settings(history: History) -> Iterator[tuple[str, str]]:
    run, end = history.run, history.end
    yield from (("command", run.command), ("model", run.model), ("writing", run.writing))
    yield from ((f"limit {name}", str(value)) for name, value in run.limits.items())
    yield from ((f"version of {name}", version) for name, version in run.versions.items())
    for each in run.inputs:
        yield f"input {each.name}", f"{each.type}, {each.size:,}: {each.preview}"
    yield "status", history.status
    if end and end.value is not None:
        yield "value", end.value
    if end and end.error:
        yield "error", f"{end.error.code}: {end.error.message}"


def compare(a: History, b: History) -> Comparison:
    """Match the calls of two runs: by key, then by place, instruction and arguments, then without the arguments."""
    found = Comparison(a, b)
    left, right = a.calls, b.calls
    for rule in (_key, _question, _place):
        pairs, left, right = _match(left, right, rule)
        for pair in pairs:
            _note(found, *pair)
    found.only_a, found.only_b = left, right
    for pairs in (found.asked, found.answered, found.spent):
        pairs.sort(key=lambda pair: pair[0].id)
    return found


def _key(call: Call) -> Hashable:
    return call.key


def _question(call: Call) -> Hashable:
    return (*_place(call), call.arguments)


def _place(call: Call) -> tuple[Hashable, ...]:
    return call.source, call.line, call.instruction


def _match(
    left: Iterable[Call], right: Iterable[Call], rule: Callable[[Call], Hashable]
) -> tuple[list[Pair], list[Call], list[Call]]:
    """Pairs of calls of which a rule says the same, but for None, in order; and what is left of both."""
    waiting: dict[Hashable, list[Call]] = {}
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


def _note(found: Comparison, a: Call, b: Call) -> None:
    asked = a.key != b.key
    answered = (a.answer, a.error and a.error.code) != (b.answer, b.error and b.error.code)
    spent = a.own != b.own
    for differs, pairs in ((asked, found.asked), (answered, found.answered), (spent, found.spent)):
        if differs:
            pairs.append((a, b))
    found.same += not (asked or answered or spent)
