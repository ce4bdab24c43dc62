"""The history of a run: its calls as a tree, what they cost, and what the end of the run waited for."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from itertools import chain
from typing import Any

from attrs import define, field

from rlmlang.trace.codec import from_data
from rlmlang.trace.events import (
    VERSION,
    CallEvent,
    EndEvent,
    GenerationEvent,
    HitEvent,
    PrintEvent,
    RunEvent,
    TextEvent,
)
from rlmlang.trace.log import not_a_trace

_NO_HITS: Counter[tuple[str, int]] = Counter()


@define
class Spent:
    """What something took; `cost` is None if no price is known."""

    generations: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def add(self, other: Spent) -> None:
        self.generations += other.generations
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        if other.cost is not None:
            self.cost = (self.cost or 0.0) + other.cost

    def add_generation(self, generation: GenerationEvent) -> None:
        tokens = generation.prompt_tokens, generation.completion_tokens
        self.add(Spent(1, *tokens, generation.cost))


@define(kw_only=True, eq=False)
class LoggedCall(CallEvent):
    """A call of a run: its event, with everything else that the log says about it."""

    own: Spent = field(factory=Spent, init=False)
    """What its generations took."""
    total: Spent = field(factory=Spent, init=False)
    """What it took with all calls below it."""
    generations: list[GenerationEvent] = field(factory=list, init=False)
    hits: Counter[tuple[str, int]] = field(default=_NO_HITS, init=False)
    """How many equal calls it answered, by the source and line of those."""
    origin: LoggedCall | None = field(default=None, init=False, repr=False)
    """The call, earlier in the log, whose answer a stored call has."""
    children: list[LoggedCall] = field(factory=list, init=False, repr=False)

    @property
    def seconds(self) -> float:
        return self.finished - self.started

    @property
    def shown_generations(self) -> list[GenerationEvent]:
        """Its generations; if it was stored, those of its origin."""
        return self.generations or (self.origin.generations if self.origin else [])

    def contains(self, text: str) -> bool:
        """Return whether a case-folded text occurs in what is the call's own, which prompts that many share are not."""
        parts = [self.instruction, self.answer or "", self.program or ""]
        parts += [each.preview for each in self.arguments]
        parts += [self.error.code, self.error.message] if self.error else []
        for generation in self.shown_generations:
            parts.append(generation.output or "")
            parts += [message.text for message in generation.prompt if message.digest is None]
        return any(text in part.casefold() for part in parts)


@define(eq=False)
class LineTotals:
    """What the calls of a line took, including all calls below them."""

    source: str
    number: int
    calls: int = 0
    hits: int = 0
    spent: Spent = field(factory=Spent)
    seconds: float = 0.0
    """The sum over its calls."""


@define(eq=False, repr=False)
class History:
    """A run as its log describes it. Times are seconds since it began, or was resumed for the last time."""

    run: RunEvent
    """How it began, the last time if it was resumed."""
    resumptions: int
    """How many times it was resumed."""
    calls: list[LoggedCall]
    """In the order of asking."""
    end: EndEvent | None
    """None if the run has not ended, or was killed."""
    before: Spent
    """What was spent before the run was resumed for the last time."""
    printed: dict[int | None, str] = field(factory=dict)
    """What programs printed, by the id of the call that they answer; None for the program of the run."""
    roots: list[LoggedCall] = field(factory=list)
    spent: Spent = field(factory=Spent)

    @property
    def status(self) -> str:
        """How the run ended: `done`, `failed` or `interrupted`, else `unfinished`."""
        return self.end.status if self.end else "unfinished"

    @property
    def seconds(self) -> float:
        """How long the run took, as far as the log shows."""
        last = max((call.finished for call in self.calls), default=0.0)
        return max(last, self.end.time) if self.end else last

    def counts(self) -> Counter[str]:
        """Return how many calls have each status, and under `hits` how many equal calls they answered."""
        found: Counter[str] = Counter(call.status for call in self.calls)
        found["hits"] = sum(call.hits.total() for call in self.calls)
        return found

    def by_model(self) -> dict[str, Spent]:
        """Return what the generations of each model took, by its name, as far as the log says who answered."""
        found: dict[str, Spent] = {}
        for call in self.calls:
            if call.model and call.generations:
                found.setdefault(call.model, Spent()).add(call.own)
        return found

    def critical_path(self) -> list[LoggedCall]:
        """Return the chain of calls that the end of the run waited for, in the order of time (decision 79).

        Each call could be asked only once the call before it in the chain was answered. A call answered by a program
        comes before the calls of that program.
        """
        found: list[LoggedCall] = []
        waiting: list[LoggedCall | tuple[list[LoggedCall], int]] = [_by_end(self.roots)]
        while waiting:  # backwards in time: calls of the chain, and siblings with how many of them ended early enough
            item = waiting.pop()
            if isinstance(item, LoggedCall):
                found.append(item)
                continue
            siblings, count = item
            if count:
                call = siblings[count - 1]
                before = bisect_right(siblings, call.asked, hi=count - 1, key=lambda each: each.finished)
                waiting += [(siblings, before), call, _by_end(call.children)]
        return found[::-1]

    def lanes(self) -> list[int]:
        """Return a lane for each call, so that calls in one lane do not overlap, with as few lanes as possible."""
        free: list[int] = []
        busy: list[tuple[float, int]] = []
        found = [0] * len(self.calls)
        count = 0
        for at in sorted(range(len(self.calls)), key=lambda at: (self.calls[at].started, at)):
            call = self.calls[at]
            while busy and busy[0][0] <= call.started:
                heappush(free, heappop(busy)[1])
            if free:
                found[at] = heappop(free)
            else:
                found[at], count = count, count + 1
            heappush(busy, (call.finished, found[at]))
        return found

    def lines(self) -> list[LineTotals]:
        """Return the totals of the lines of the program, by source and number. They add up to the whole run."""
        found: dict[tuple[str, int], LineTotals] = {}

        def at(source: str, number: int) -> LineTotals:
            return found.setdefault((source, number), LineTotals(source, number))

        for call in self.roots:
            line = at(call.source, call.line)
            line.calls += 1
            line.spent.add(call.total)
            line.seconds += call.seconds
        for call in self.calls:
            for (source, number), count in call.hits.items():
                if source != "<answer>":
                    at(source, number).hits += count
        return sorted(found.values(), key=lambda line: (line.source != self.run.program.name, line.source, line.number))


def _by_end(calls: list[LoggedCall]) -> tuple[list[LoggedCall], int]:
    """Return the calls that something may have waited for, in the order in which they ended, and their number."""
    found = sorted((call for call in calls if call.status != "stored"), key=lambda call: call.finished)
    return found, len(found)


# From events -----------------------------------------------------------------------


def history_of(events: Iterable[Mapping[str, Any]]) -> History:
    """Return the run that a log describes. Raises UsageError E609, with the line and the field that are wrong."""
    builder = _HistoryBuilder()
    for number, event in enumerate(events, 1):
        try:
            builder.add(event)
        except ValueError as error:
            raise not_a_trace(f"line {number} of the trace: {error}") from None
    if builder.run is None:
        raise not_a_trace("the trace is empty")
    return builder.history(builder.run)


@define
class _HistoryBuilder:
    """Builds a history from the events of a log, one by one. Raises ValueError if one is wrong."""

    run: RunEvent | None = None
    resumptions: int = -1
    end: EndEvent | None = None
    before: Spent = field(factory=Spent)
    calls: dict[int, LoggedCall] = field(factory=dict)
    generations: dict[int, list[GenerationEvent]] = field(factory=dict)
    """The generations of calls that have not ended."""
    hits: dict[int, Counter[tuple[str, int]]] = field(factory=dict)
    answers: dict[str, LoggedCall] = field(factory=dict)
    """The calls that the model answered, by key, including those before the run was resumed."""
    texts: dict[str, str] = field(factory=dict)
    printed: dict[int | None, str] = field(factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        kind = event.get("kind")
        if kind == "run":
            self._add_run(event)
        elif self.run is None:
            raise ValueError("the trace does not begin with a run")
        elif kind == "text":
            text = from_data(event, TextEvent)
            self.texts[text.digest] = text.text
        elif kind == "generation":
            self._add_generation(from_data(event, GenerationEvent))
        elif kind == "hit":
            hit = from_data(event, HitEvent)
            self.hits.setdefault(hit.of, Counter())[hit.source, hit.line] += 1
        elif kind == "call":
            self._add_call(from_data(event, LoggedCall))
        elif kind == "print":
            shown = from_data(event, PrintEvent)
            self.printed[shown.call] = self.printed.get(shown.call, "") + shown.text
        elif kind == "end":
            self.end = from_data(event, EndEvent)

    def _add_run(self, event: Mapping[str, Any]) -> None:
        version = event.get("version")
        if type(version) is int and version != VERSION:
            raise ValueError(f"the trace has version {str(version)[:20]}, and this rlmlang reads version {VERSION}")
        self.run = from_data(event, RunEvent)
        self.resumptions += 1
        ended = (call.generations for call in self.calls.values())
        for generation in chain.from_iterable([*ended, *self.generations.values()]):
            self.before.add_generation(generation)
        self.calls, self.generations, self.hits, self.printed, self.end = {}, {}, {}, {}, None

    def _add_generation(self, generation: GenerationEvent) -> None:
        for message in generation.prompt:
            if message.digest is not None:
                missing = f"(the trace does not hold the text {message.digest})"
                message.content = self.texts.get(message.digest, missing)
        self.generations.setdefault(generation.call, []).append(generation)

    def _add_call(self, call: LoggedCall) -> None:
        if call.parent is not None and call.parent >= call.id:
            raise ValueError(f"call {call.id} was asked before its parent {call.parent}")
        before = self.calls[call.id].generations if call.id in self.calls else []  # the last event of a call counts
        call.generations = [*before, *self.generations.pop(call.id, [])]
        call.own = Spent(len(call.generations), call.prompt_tokens, call.completion_tokens, call.cost)
        call.finished = max(call.finished, call.started)
        self.calls[call.id] = call
        if call.status == "stored" and not call.generations:
            call.origin = self.answers.get(call.key or "")
        elif call.key and call.status == "done":
            self.answers[call.key] = call

    def history(self, run: RunEvent) -> History:
        self._add_unfinished()
        calls = [self.calls[id] for id in sorted(self.calls)]
        history = History(run, self.resumptions, calls, self.end, self.before, self.printed)
        for call in reversed(calls):  # calls come after their parents
            call.total.add(call.own)
            above = history.spent if call.parent is None else self.calls[call.parent].total
            above.add(call.total)
        for call in calls:
            call.hits = self.hits.get(call.id, call.hits)
            (history.roots if call.parent is None else self.calls[call.parent].children).append(call)
        return history

    def _add_unfinished(self) -> None:
        """Add the calls of which the log has no `call` event: those of generations, hits and children."""
        below: dict[int, list[LoggedCall]] = {}
        for call in self.calls.values():
            if call.parent is not None and call.parent not in self.calls:
                below.setdefault(call.parent, []).append(call)
        for id in {*self.generations, *self.hits, *below} - self.calls.keys():
            generations, children = self.generations.get(id, []), below.get(id, [])
            begun = [*(each.started for each in generations), *(call.asked for call in children)]
            ended = [*(each.finished for each in generations), *(call.finished for call in children)]
            call = self.calls[id] = LoggedCall(id=id, form="program" if children else "leaf")
            call.generations = generations
            call.asked = call.started = min(begun, default=0.0)
            call.finished = max([call.started, *ended])
            for generation in generations:
                call.own.add_generation(generation)
