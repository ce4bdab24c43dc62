"""Follow the progress of a run: counts of its calls, and estimates of the time to its end."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from decimal import Decimal
from time import perf_counter
from weakref import WeakKeyDictionary

from attrs import define, field

from rlmlang.calls.prices import money
from rlmlang.trace.recorder import CallRecord, Trace

WINDOW = 30.0
"""The latest seconds, over which the pace is measured."""

PLACES = 40  # decision 75
"""How many lines of programs are counted separately; programs that models write may have any number of lines."""


@define(eq=False)
class Subtree:
    """The calls that one line of a program makes, below another branch or the program itself."""

    within: str | None
    line: int
    asked: int = 0
    ended: Counter[str] = field(factory=Counter)
    """Calls that have ended, by status."""
    hits: int = 0
    latest: str = ""
    """The instruction of the latest call, truncated."""
    below: dict[tuple[str | None, int], Subtree] = field(factory=dict)


@define(eq=False)
class Progress:
    """Watches a run. Its memory does not grow with the number of calls."""

    trace: Trace
    root: Subtree = field(factory=lambda: Subtree(None, 0))
    ended: Counter[str] = field(factory=Counter)
    hits: int = 0
    began: float = field(factory=perf_counter)
    _places: int = 0
    _branches: WeakKeyDictionary[CallRecord, Subtree] = field(factory=WeakKeyDictionary)
    _samples: deque[tuple[float, int, int]] = field(factory=deque)
    """Times in seconds, each with the calls that had ended and the tokens that had been written."""

    def __attrs_post_init__(self) -> None:
        self.trace.watchers.append(self)

    # Watching

    def started(self, record: CallRecord) -> None:
        parent = None if record.parent is None else self.trace.active.get(record.parent)
        above = self.root if parent is None else self._branches[parent]  # it may have been cancelled a moment ago
        branch = self._place(above, (record.within, record.span.line))
        branch.asked += 1
        branch.latest = record.instruction[:400]
        self._branches[record] = branch

    def _place(self, above: Subtree, key: tuple[str | None, int]) -> Subtree:
        if key in above.below:
            return above.below[key]
        if self._places == PLACES:
            return self.root.below.setdefault(("elsewhere", 0), Subtree("elsewhere", 0))
        self._places += 1
        return above.below.setdefault(key, Subtree(*key))

    def finished(self, record: CallRecord) -> None:
        self.ended[record.status] += 1
        self._branches[record].ended[record.status] += 1

    def hit(self, record: CallRecord) -> None:
        self.hits += 1
        if branch := self._branches.get(record):
            branch.hits += 1

    # Reporting

    @property
    def seconds(self) -> float:
        return perf_counter() - self.began

    def running(self) -> list[CallRecord]:
        """Return the calls that the model works on, the longest-running first."""
        running = [record for record in self.trace.active.values() if record.status == "running"]
        return sorted(running, key=lambda record: record.started)

    def running_by_branch(self) -> Counter[Subtree]:
        """Return how many calls are running in each branch."""
        return Counter(self._branches[record] for record in self.running())

    def sample(self, seconds: float) -> None:
        """Record the progress at a time, from which the pace is computed."""
        self._samples.append((seconds, self.ended.total(), self.trace.usage.completion_tokens))
        while len(self._samples) > 2 and seconds - self._samples[0][0] > WINDOW:
            self._samples.popleft()

    def _pace(self, what: int) -> float:
        """Return how many calls ended (1) or tokens were written (2) per second lately."""
        if not self._samples:
            return 0.0
        first, last = self._samples[0], self._samples[-1]
        return (last[what] - first[what]) / (last[0] - first[0]) if last[0] > first[0] else 0.0

    @property
    def tokens_per_second(self) -> float:
        return self._pace(2)

    def remaining(self) -> tuple[float, float] | None:
        """Return the least and most seconds to the end at the current pace; None if that is not known."""
        least, most = self.trace.planned_calls
        pace, ended = self._pace(1), self.ended.total()
        if most is None or pace == 0:
            return None
        return max(0, least - ended) / pace, max(0, most - ended - self.hits) / pace

    def left(self, seconds: float) -> Iterator[tuple[str, float]]:
        """Yield what is left of every budget that has a limit: in words, and as a share of the limit."""
        if self.trace.account is None:
            return
        limits, usage = self.trace.account.limits, self.trace.usage
        for limit, used, what in (
            (limits.max_calls, usage.calls, "calls"),
            (limits.max_prompt_tokens, usage.prompt_tokens, "tokens in"),
            (limits.max_completion_tokens, usage.completion_tokens, "tokens out"),
            (limits.max_function_calls if usage.function_calls else None, usage.function_calls, "function calls"),
        ):
            if limit is not None:
                yield f"{max(0, limit - used):,} {what}", _share(limit - used, limit)
        if limits.max_cost is not None and usage.cost is not None:
            rest = Decimal(str(limits.max_cost)) - usage.cost
            yield money(max(rest, Decimal(0))), _share(float(rest), limits.max_cost)
        if limits.max_seconds is not None:
            rest_seconds = limits.max_seconds - seconds
            yield duration(max(0.0, rest_seconds)), _share(rest_seconds, limits.max_seconds)

    def counts(self) -> dict[str, int]:
        """Return how many calls are in each state; `memo` are those that equal calls answered."""
        running = len(self.running())
        return {
            "done": self.ended["done"],
            "running": running,
            "waiting": len(self.trace.active) - running,
            "memo": self.ended["stored"] + self.hits,
            "failed": self.ended["failed"],
            "cancelled": self.ended["cancelled"],
        }

    def line(self, seconds: float) -> str:
        """Return the state of the run on one line."""
        usage = self.trace.usage
        parts = [f"{count:,} {what}" for what, count in self.counts().items() if count]
        parts += [f"{self.tokens_per_second:.1f} tokens/s"] if self.tokens_per_second else []
        parts += [money(usage.cost)] if usage.cost else []
        parts += [duration(seconds)]
        parts += [to_go] if (to_go := self.to_go()) else []
        left = ", ".join(text for text, _ in self.left(seconds))
        return ", ".join(parts) + (f"; left: {left}" if left else "")

    def to_go(self) -> str:
        """Return the time to the end in words; empty if it is not known."""
        if (remaining := self.remaining()) is None:
            return ""
        least, most = map(duration, remaining)
        if remaining[0] < 1:
            return f"up to {most} to go"
        return f"about {most} to go" if least == most else f"about {least} to {most} to go"


def _share(left: float, limit: float) -> float:
    return max(0.0, left / limit) if limit else 0.0


def duration(seconds: float) -> str:
    """Return a time as text: `8.5 s`, `42 s`, `2:05` minutes or `1:02:05` hours."""
    if seconds < 59.5:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
