"""Reading the log of a run (docs/trace.md). A log may come from anybody: all of it is checked here."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import chain
from math import isfinite
from typing import Any, NoReturn

from attrs import define, field, frozen

from rlmlang.errors import UsageError

VERSION = 1

MAX_LINE = 128_000_000
"""Bytes of one event: prompts and answers are as large as values may be, and JSON makes them longer."""

MAX_DEPTH = 8
"""Brackets within brackets in an event; those of the contract are three deep."""

MAX_COUNT = 2**53
"""Counts below it are exact wherever JSON is read."""

MAX_TIME = 2.0**32
"""Seconds: as Unix time the year 2106, and in microseconds still an exact number everywhere."""

_NO_HITS: Counter[tuple[str, int]] = Counter()

STATUSES = ("done", "stored", "failed", "cancelled", "unfinished")
"""How calls end. `unfinished` is a call whose end the log does not hold."""


def read_log(path: str) -> Iterator[dict[str, Any]]:
    """The events of a file, one JSON object on a line. A last line that breaks off is left out.

    Raises UsageError E604 if the file cannot be read, E609 if a line is no event.
    """
    try:
        with open(path, "rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    _refuse(f"line {number} of {path} is longer than {MAX_LINE:,} bytes")
                try:
                    event = _parse(line)
                except ValueError as error:
                    if not line.endswith(b"\n"):
                        return
                    _refuse(f"line {number} of {path} is no event: {error}")
                yield event
    except OSError as error:
        raise UsageError.of("E604", f"cannot read {path}: {error.strerror}") from error


def _refuse(message: str) -> NoReturn:
    raise UsageError.of("E609", message, hint="a trace is what `rlmlang run --trace FILE` writes: an event on a line")


def _parse(line: bytes) -> dict[str, Any]:
    """The event on a line. Raises ValueError."""
    try:
        data = json.loads(line.decode("utf-8"), parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("brackets nest too deeply") from None
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        raise ValueError("it is not an object with a `kind`")
    _check_depth(data, MAX_DEPTH)
    return data


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise ValueError("brackets nest too deeply")
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            _check_depth(each, left - 1)


# Fields of events ------------------------------------------------------------------


@define
class _Fields:
    """The fields of one event, checked as they are taken. What is absent or null is the default."""

    data: Mapping[str, Any]
    where: str
    same: dict[str, str]
    """Texts that many events repeat, so that each is kept once."""

    def _get(self, name: str, *types: type) -> Any:
        value = self.data.get(name)
        if value is not None and type(value) not in types:
            _refuse(f"{self.where}: `{name}` is not {types[-1].__name__}")
        return value

    def text(self, name: str) -> str:
        return self._get(name, str) or ""

    def maybe_text(self, name: str) -> str | None:
        value: str | None = self._get(name, str)
        return value

    def version(self, name: str) -> str:
        value: str | int | None = self._get(name, int, str)
        return "" if value is None else str(value)

    def name(self, name: str) -> str:
        """A text that other events repeat."""
        value: str = self._get(name, str) or ""
        return self.same.setdefault(value, value)

    def maybe_count(self, name: str) -> int | None:
        value: int | None = self._get(name, int)
        if value is not None and not 0 <= value < MAX_COUNT:
            _refuse(f"{self.where}: `{name}` is out of range")
        return value

    def count(self, name: str) -> int:
        return self.maybe_count(name) or 0

    def maybe_number(self, name: str) -> float | None:
        value: float | None = self._get(name, int, float)
        if value is not None and not 0 <= value < MAX_TIME:
            _refuse(f"{self.where}: `{name}` is out of range")
        return value

    def number(self, name: str) -> float:
        return self.maybe_number(name) or 0.0

    def within(self, name: str) -> _Fields:
        """The fields of an object."""
        return _Fields(self._get(name, dict) or {}, f"{self.where}: `{name}`", self.same)

    def each(self, name: str) -> Iterator[_Fields]:
        """The fields of each object in a list."""
        for value in self._get(name, list) or ():
            if not isinstance(value, dict):
                _refuse(f"{self.where}: `{name}` is not a list of objects")
            yield _Fields(value, f"{self.where}: `{name}`", self.same)

    def failure(self) -> Failure | None:
        if self.data.get("error") is None:
            return None
        error = self.within("error")
        return Failure(error.name("code"), error.text("message"))


# What a log tells ------------------------------------------------------------------


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
    written: str
    """What the output goes on from."""
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

    @classmethod
    def of(cls, events: Iterable[Mapping[str, Any]]) -> History:
        """The run that events tell. Raises UsageError E609."""
        reader = _Reader()
        for event in events:
            reader.take(event)
        return reader.history()

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


@define
class _Reader:
    """Takes the events of a log, one after the other."""

    run: Run | None = None
    end: End | None = None
    before: Spent = field(factory=Spent)
    calls: dict[int, Call] = field(factory=dict)
    generations: dict[int, list[Generation]] = field(factory=dict)
    """Of calls that have not ended."""
    hits: dict[int, Counter[tuple[str, int]]] = field(factory=dict)
    answers: dict[str, Call] = field(factory=dict)
    """The calls that the model answered, by key, those before the run was resumed too."""
    texts: dict[str, str] = field(factory=dict)
    same: dict[str, str] = field(factory=dict)
    taken: int = 0

    def take(self, event: Mapping[str, Any]) -> None:
        fields = _Fields(event, f"event {self.taken}", self.same)
        self.taken += 1
        kind = fields.text("kind")
        if kind == "run":
            self._run(fields)
        elif self.run is None:
            _refuse("the trace does not begin with a run")
        elif kind == "text":
            self.texts[fields.text("digest")] = fields.text("text")
        elif kind == "generation":
            self.generations.setdefault(fields.count("call"), []).append(self._generation(fields))
        elif kind == "hit":
            place = (fields.name("source"), fields.count("line"))
            self.hits.setdefault(fields.count("of"), Counter())[place] += 1
        elif kind == "call":
            self._call(fields)
        elif kind == "end":
            status, time = fields.name("status"), fields.number("time")
            self.end = End(status, time, fields.text("type"), fields.maybe_text("value"), fields.failure())

    def _run(self, fields: _Fields) -> None:
        version = fields.count("version")
        if version != VERSION:
            _refuse(f"{fields.where}: the trace has version {version}, and this rlmlang reads version {VERSION}")
        ended = (call.generations for call in self.calls.values())
        for generation in chain.from_iterable([*ended, *self.generations.values()]):
            self.before.add(generation.spent)
        self.calls, self.generations, self.hits, self.end = {}, {}, {}, None
        program = fields.within("program")
        limits = fields.within("limits")
        self.run = Run(
            id=fields.text("run"),
            started=fields.number("started"),
            resumed=self.run.resumed + 1 if self.run else 0,
            command=fields.text("command"),
            program=program.name("name"),
            text=program.text("text"),
            inputs=[_input(fields.within("inputs"), name) for name in fields.within("inputs").data],
            model=fields.text("model"),
            writing=fields.text("writing"),
            limits={name: value for name, value in limits.data.items() if not isinstance(value, dict | list)},
            versions={name: fields.version(name) for name in ("language", "prompts", "rlmlang")},
        )

    def _generation(self, fields: _Fields) -> Generation:
        return Generation(
            attempt=fields.count("attempt"),
            prompt=[self._message(each) for each in fields.each("prompt")],
            written=fields.text("written"),
            grammar=fields.maybe_text("grammar"),
            output=fields.text("output"),
            finish=fields.name("finish") or None,
            started=fields.number("started"),
            finished=fields.number("finished"),
            prompt_tokens=fields.count("prompt_tokens"),
            completion_tokens=fields.count("completion_tokens"),
            cached_tokens=fields.count("cached_tokens"),
            forced_tokens=fields.count("forced_tokens"),
            cost=fields.maybe_number("cost"),
            error=fields.failure(),
        )

    def _message(self, fields: _Fields) -> Message:
        digest = fields.maybe_text("digest")
        content = fields.text("content")
        if digest is not None:
            content = self.texts.get(digest, f"(the trace does not hold the text {digest})")
        return Message(fields.name("role"), content, digest)

    def _call(self, fields: _Fields) -> None:
        id, parent, status = fields.count("id"), fields.maybe_count("parent"), fields.name("status")
        if parent is not None and parent >= id:
            _refuse(f"{fields.where}: call {id} was asked before its parent {parent}")
        if status not in STATUSES:
            _refuse(f"{fields.where}: a call cannot be {status!r}")
        before = self.calls[id].generations if id in self.calls else []  # the event told last counts
        generations = [*before, *self.generations.pop(id, [])]
        call = self.calls[id] = Call(
            id=id,
            parent=parent,
            level=fields.count("level"),
            form=fields.name("form"),
            source=fields.name("source"),
            line=fields.count("line"),
            within=fields.name("within") or None,
            instruction=fields.name("instruction"),
            arguments=tuple((each.name("name"), each.text("preview")) for each in fields.each("arguments")),
            type=fields.name("type"),
            key=fields.maybe_text("key"),
            status=status,
            asked=fields.number("asked"),
            started=fields.number("started"),
            finished=fields.number("finished"),
            answer=fields.maybe_text("answer"),
            error=fields.failure(),
            program=fields.maybe_text("program"),
            own=Spent(
                len(generations),
                fields.count("prompt_tokens"),
                fields.count("completion_tokens"),
                fields.maybe_number("cost"),
            ),
            generations=generations,
        )
        call.finished = max(call.finished, call.started)
        if status == "stored":
            call.origin = self.answers.get(call.key or "")
        elif call.key and status == "done":
            self.answers[call.key] = call

    def history(self) -> History:
        if self.run is None:
            _refuse("the trace is empty")
        self._add_unfinished()
        calls = [self.calls[id] for id in sorted(self.calls)]
        history = History(self.run, calls, self.end, self.before)
        for call in reversed(calls):  # calls come after their parents
            call.total.add(call.own)
            above = history.spent if call.parent is None else self.calls[call.parent].total
            above.add(call.total)
        for call in calls:
            call.hits = self.hits.get(call.id, call.hits)
            (history.roots if call.parent is None else self.calls[call.parent].children).append(call)
        return history

    def _add_unfinished(self) -> None:
        """Calls that the log only hears of: by their generations, as parents, or as answers of others."""
        below: dict[int, list[Call]] = {}
        for call in self.calls.values():
            if call.parent is not None and call.parent not in self.calls:
                below.setdefault(call.parent, []).append(call)
        for id in {*self.generations, *self.hits, *below} - self.calls.keys():
            generations, children = self.generations.get(id, []), below.get(id, [])
            begun = [*(each.started for each in generations), *(call.asked for call in children)]
            ended = [*(each.finished for each in generations), *(call.finished for call in children)]
            call = self.calls[id] = Call(id, form="program" if children else "leaf", generations=generations)
            call.asked = call.started = min(begun, default=0.0)
            call.finished = max([call.started, *ended])
            for generation in generations:
                call.own.add(generation.spent)


def _input(inputs: _Fields, name: str) -> Input:
    fields = inputs.within(name)
    return Input(name, fields.text("type"), fields.count("size"), fields.text("preview"))
