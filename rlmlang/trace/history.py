"""A run as its log tells it: calls in a tree, what they took, and what the end of the run waited for."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from heapq import heappop, heappush

from attrs import define, field, frozen

_NO_HITS: Counter[tuple[str, int]] = Counter()

STATUSES = ("done", "stored", "failed", "cancelled", "unfinished")
"""How calls end. `unfinished` is a call whose end the log does not hold."""


@frozen
class Failure:
    """An error: its code, and what it says."""

    code: str
    message: str


@frozen
class Message:
    """A part of a prompt. `digest` names a content that many prompts share."""

    role: str
    content: str
    digest: str | None


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


@define(eq=False)
class Generation:
    """One answer of the model. Times are seconds since the run began, `cost` is US dollars."""

    attempt: int
    prompt: list[Message]
    opening: str
    """What the engine put before the model's text."""
    written: str
    """What the output goes on from, behind the opening."""
    grammar: str | None
    """A digest of what the output was held to."""
    output: str
    finish: str | None
    started: float
    finished: float
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    forced_tokens: int
    cost: float | None
    error: Failure | None

    @property
    def spent(self) -> Spent:
        return Spent(1, self.prompt_tokens, self.completion_tokens, self.cost)


@define(eq=False)
class Call:
    """One call. Times are seconds since the run began; `own` is what its generations took, `total` with calls below."""

    id: int
    parent: int | None = None
    level: int = 1
    form: str = "leaf"
    source: str = ""
    line: int = 0
    within: str | None = None
    instruction: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    """Names, and the beginnings of values."""
    type: str = ""
    key: str | None = None
    status: str = "unfinished"
    asked: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    answer: str | None = None
    error: Failure | None = None
    program: str | None = None
    own: Spent = field(factory=Spent)
    total: Spent = field(factory=Spent)
    generations: list[Generation] = field(factory=list)
    hits: Counter[tuple[str, int]] = _NO_HITS
    """How many equal calls it answered, by source and line of theirs."""
    origin: Call | None = None
    """The call, earlier in the log, whose answer a stored call has."""
    children: list[Call] = field(factory=list, repr=False)

    @property
    def seconds(self) -> float:
        return self.finished - self.started

    @property
    def shown_generations(self) -> list[Generation]:
        """The generations that answered it, those of its origin if it was stored."""
        return self.generations or (self.origin.generations if self.origin else [])

    def holds(self, text: str) -> bool:
        """Whether a text, in folded case, stands in what is the call's own: not in prompts that many share."""
        parts = [self.instruction, self.answer or "", self.program or ""]
        parts += [preview for _, preview in self.arguments]
        parts += [self.error.code, self.error.message] if self.error else []
        for generation in self.shown_generations:
            parts.append(generation.output)
            parts += [message.content for message in generation.prompt if message.digest is None]
        return any(text in part.casefold() for part in parts)


@frozen
class Input:
    name: str
    type: str
    size: int
    preview: str


@define
class Run:
    """How a run began, the last time if it was resumed. `started` is Unix time."""

    id: str
    started: float
    resumed: int
    """How many times."""
    command: str
    program: str
    """The name of its source."""
    text: str
    inputs: list[Input]
    model: str
    writing: str
    limits: dict[str, int | float | str | None]
    versions: dict[str, str]
    """Of the language, the prompts and rlmlang."""


@define
class End:
    """How a run ended: `done`, `failed` or `interrupted`."""

    status: str
    time: float
    type: str
    value: str | None
    error: Failure | None


@define(eq=False)
class Line:
    """What the calls of a line took, with all that were made below them."""

    source: str
    number: int
    calls: int = 0
    hits: int = 0
    spent: Spent = field(factory=Spent)
    seconds: float = 0.0
    """Of all its calls, one after the other."""


@define(eq=False, repr=False)
class History:
    """A run as its log tells it."""

    run: Run
    calls: list[Call]
    """In the order of asking."""
    end: End | None
    """None while the run goes on, and if it died."""
    before: Spent
    """What was spent before the run was resumed for the last time."""
    roots: list[Call] = field(factory=list)
    spent: Spent = field(factory=Spent)

    @property
    def status(self) -> str:
        return self.end.status if self.end else "unfinished"

    @property
    def seconds(self) -> float:
        """How long the run took, since it was resumed, as far as the log knows."""
        last = max((call.finished for call in self.calls), default=0.0)
        return max(last, self.end.time) if self.end else last

    def counts(self) -> Counter[str]:
        """How many calls have each status, and `hits`."""
        found = Counter(call.status for call in self.calls)
        found["hits"] = sum(call.hits.total() for call in self.calls)
        return found

    def critical_path(self) -> list[Call]:
        """The longest chain through time: what the end of the run waited for, in the order of time.

        A call could be asked for once the call before it in the chain was answered. A call answered
        by a program is in the chain before the calls of that program.
        """
        found: list[Call] = []
        waiting: list[Call | tuple[list[Call], int]] = [_by_end(self.roots)]
        while waiting:  # from the end on: calls of the chain, siblings with how many of them are early enough
            item = waiting.pop()
            if isinstance(item, Call):
                found.append(item)
                continue
            siblings, count = item
            if count:
                call = siblings[count - 1]
                before = bisect_right(siblings, call.asked, hi=count - 1, key=lambda each: each.finished)
                waiting += [(siblings, before), call, _by_end(call.children)]
        return found[::-1]

    def lanes(self) -> list[int]:
        """For each call a lane, such that calls in one lane do not overlap; as few as there may be."""
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

    def lines(self) -> list[Line]:
        """The lines that the program's calls stand in, by source and number. All of the run is in them once."""
        found: dict[tuple[str, int], Line] = {}

        def at(source: str, number: int) -> Line:
            return found.setdefault((source, number), Line(source, number))

        for call in self.roots:
            line = at(call.source, call.line)
            line.calls += 1
            line.spent.add(call.total)
            line.seconds += call.seconds
        for call in self.calls:
            for (source, number), count in call.hits.items():
                if source != "<answer>":
                    at(source, number).hits += count
        return sorted(found.values(), key=lambda line: (line.source != self.run.program, line.source, line.number))


def _by_end(calls: list[Call]) -> tuple[list[Call], int]:
    """The calls that were waited for, in the order of their ends, and how many they are."""
    found = sorted((call for call in calls if call.status != "stored"), key=lambda call: call.finished)
    return found, len(found)
