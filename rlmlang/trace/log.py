"""Reading the log of a run (docs/trace.md). A log may come from anybody: all of it is checked here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from math import isfinite
from typing import Any, NoReturn

from attrs import define, field

from rlmlang.errors import UsageError
from rlmlang.trace.history import STATUSES, Call, End, Failure, Generation, History, Input, Message, Run, Spent
from rlmlang.trace.recorder import VERSION

MAX_LINE = 128_000_000
"""Bytes of one event: prompts and answers are as large as values may be, and JSON makes them longer."""

MAX_DEPTH = 8
"""Brackets within brackets in an event; those of the contract are three deep."""

MAX_COUNT = 2**53
"""Counts below it are exact wherever JSON is read."""

MAX_TIME = 2.0**32
"""Seconds: as Unix time the year 2106, and in microseconds still an exact number everywhere."""


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


def read_events(texts: Iterable[str], place: str) -> Iterator[dict[str, Any]]:
    """The events of JSON texts, such as a store has them. Raises UsageError E609 if one is no event."""
    for number, text in enumerate(texts):
        try:
            yield _parse(text.encode())
        except ValueError as error:
            _refuse(f"event {number} of {place} is none: {error}")


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


# Runs ------------------------------------------------------------------------------


def history_of(events: Iterable[Mapping[str, Any]]) -> History:
    """The run that events tell. Raises UsageError E609."""
    reader = _Reader()
    for event in events:
        reader.take(event)
    return reader.history()


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
            opening=fields.text("opening"),
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
        if status == "stored" and not generations:
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
