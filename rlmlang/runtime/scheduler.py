"""Schedule the evaluation of a program: jobs that wait for values, calls in flight, and failures (decision 27)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import itemgetter

from attrs import define, field

from rlmlang.errors import BudgetError, ModelError, RlmError, RunError, internal_error
from rlmlang.language.source import Span
from rlmlang.runtime.call_site import Calls, CallSite, InFlight
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.pending import Pending, resolved, when_known, when_resolved
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.steps import WAIT
from rlmlang.runtime.values import Value

Path = list[tuple[int, int]]
"""Where a place is, from outside to inside: pairs of site and turn."""


class PlacedError(Exception):
    """An error and the place in the order of evaluation where it was raised."""

    def __init__(self, error: RlmError, place: Place) -> None:
        super().__init__(str(error))
        self.error = error
        self.place = place

    @cached_property
    def path(self) -> Path:
        """The path of the place."""
        return self.place.path()


@define(eq=False)
class _Asked:
    """Where an evaluation has asked for a call in flight."""

    first: Place
    strict: Place | None = None
    """The first place that has no default for the answer."""
    defaults: list[tuple[Pending, Value]] = field(factory=list)
    """The answers of those that have one, each with its default."""


class _Suspended:
    """A job that waits; when this is called, it is ready."""

    __slots__ = ("evaluation", "held_back", "job", "place")

    def __init__(self, evaluation: Evaluation, place: Place, job: Callable[[], None], held_back: bool) -> None:
        self.evaluation = evaluation
        self.place = place
        self.job = job
        self.held_back = held_back

    def __call__(self) -> None:
        self.evaluation._ready(self)


class _Deferred:
    """A job that gives a pending value the value of another."""

    __slots__ = ("job", "result")

    def __init__(self, result: Pending, job: Callable[[], Value]) -> None:
        self.result = result
        self.job = job

    def __call__(self) -> None:
        self.result.resolve(self.job())


@define(eq=False)
class Evaluation:
    """The evaluation of one program at one level of the call tree.

    A job is a piece of evaluation that waits for values. After a failure, what comes before it in the order of
    evaluation continues, what comes after it is cancelled, and in the end the first failure is raised. So the timing of
    answers does not decide which error is reported.
    """

    calls: Calls
    meter: Meter
    nesting: int = 0
    """How many `run_program` the program is inside of."""
    waits_for_outer: bool = False
    """Whether it is a part of another evaluation, for whose values its jobs may wait."""
    result: Pending = field(factory=Pending)
    """The value of the program."""
    failure: PlacedError | None = None
    """The first failure so far in the order of evaluation."""
    _jobs: deque[tuple[Callable[[], None], Place]] = field(factory=deque)
    """Jobs that are ready."""
    _resumed: deque[tuple[Callable[[], None], Place]] = field(factory=deque)
    """Jobs that were held back and are ready; all others come first, so that little waits when these go on."""
    _in_flight: dict[InFlight, _Asked] = field(factory=dict)
    """Calls without an answer."""
    _inner: dict[Evaluation, Place] = field(factory=dict)
    """Evaluations that are parts of this one."""
    _waiting: set[_Suspended] = field(factory=set)
    """Jobs that are held back, and those that wait for values, if these may come from the outer evaluation."""
    _printed: list[tuple[Path, str]] = field(factory=list)
    _in_turn: list[tuple[Callable[[], None], Place, bool]] = field(factory=list)
    """Jobs that wait until what is before them has ended, for which see `in_order`."""
    _scheduled: bool = False
    _stopped: bool = False
    _on_end: Callable[[], None] | None = None

    async def run(self, program: Callable[[], Value], root: Place, end: Span) -> Value:
        """Evaluate a program, which `program` begins at the `root` place; `end` is where its value is written.

        Raises RunError, BudgetError, ModelError, UsageError.
        """
        finished = asyncio.Event()
        result = self.begin(program, root, finished.set)
        try:
            await finished.wait()
        finally:  # has an effect only when the whole run is cancelled
            self._cancel_after(root.path())
        if self.failure is not None:
            raise self.failure.error
        value = resolved(result)
        try:
            self.meter.walk(value)  # parts may be shared, but each is shown or stored as often as it occurs
        except BudgetError as error:
            raise error.at(end) from None
        return value

    def begin(self, program: Callable[[], Value], root: Place, on_end: Callable[[], None]) -> Pending:
        """Begin to evaluate a program. Returns its pending value; `on_end` is called when all of it has ended."""
        self._on_end = on_end
        self._jobs.append((lambda: self.result.resolve(program()), root))
        self._drain()
        return self.result

    def begin_inner(
        self,
        inner: Evaluation,
        program: Callable[[], Value],
        root: Place,
        place: Place,
        on_end: Callable[[Pending], None],
    ) -> None:
        """Begin an evaluation that is a part of this one, at a place of this one.

        When all of it has ended, `on_end` is called with its value, which is not resolved if it has failed. What it
        raises is a failure of this evaluation.
        """
        self._inner[inner] = place
        results: list[Pending] = []
        window = place.window
        if window is not None:
            window.enter()

        def ended() -> None:
            if inner not in self._inner:  # it was stopped
                return
            del self._inner[inner]
            if window is not None:
                window.leave()
            self._jobs.append((lambda: on_end(results[0]), place))
            self._wake()

        results.append(inner.begin(program, root, lambda: ended() if results else None))
        if inner.has_ended:
            ended()

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to be done."""
        return not self._jobs and not self._resumed and self._is_quiet

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing has begun and not ended, apart from jobs that are ready."""
        if self._in_flight or self._inner:
            return False
        if self.failure is None:
            return not self._waiting
        end = self.failure.path
        return not any(waiting.place.path() < end for waiting in self._waiting)

    def stop(self) -> None:
        """Cancel everything that has begun."""
        self._stopped = True
        for call in self._in_flight:
            self._leave(call)
        self._in_flight.clear()
        for inner in self._inner:
            inner.stop()
        self._inner.clear()
        self._jobs.clear()
        self._resumed.clear()

    # Jobs

    def later(self, operands: Sequence[Value], place: Place, job: Callable[[], None], whole: bool = True) -> None:
        """Run a `job` once all operands are resolved; unless `whole`, the parts of containers need not be."""
        self.meter.owe(WAIT)
        (when_resolved if whole else when_known)(operands, self._suspended(place, job, held_back=False))

    def _suspended(self, place: Place, job: Callable[[], None], held_back: bool) -> _Suspended:
        """Count a job as waiting."""
        suspended = _Suspended(self, place, job, held_back)
        if held_back or self.waits_for_outer:
            self._waiting.add(suspended)
        if place.window is not None:
            place.window.enter()
        return suspended

    def _ready(self, suspended: _Suspended) -> None:
        """Let a job run that has waited."""
        self._waiting.discard(suspended)
        (self._resumed if suspended.held_back else self._jobs).append((suspended.job, suspended.place))
        if suspended.place.window is not None:
            suspended.place.window.leave()
        self._wake()

    def defer(self, operands: Sequence[Value], place: Place, job: Callable[[], Value], whole: bool = True) -> Pending:
        """Return the pending value of a `job`, for which see `later`."""
        result = Pending()
        self.later(operands, place, _Deferred(result, job), whole)
        return result

    def hold_back(self, relief: Pending, place: Place, job: Callable[[], None]) -> None:
        """Run a `job` once `relief` is resolved, when less is queued or waits."""
        relief.when(self._suspended(place, job, held_back=True))

    def in_order(self, place: Place, job: Callable[[], None], last: bool = False) -> None:
        """Run a job once all that is before its place has ended; if it is the `last`, once everything has."""
        self._in_turn.append((job, place, last))

    def has_ended_before(self, place: Place) -> bool:
        """Return whether nothing is left to be done that is before a place in the order of evaluation."""
        if self.has_ended:
            return True
        end = place.path()
        begun = [waiting.place for waiting in self._waiting]
        begun += [*self._inner.values(), *(asked.first for asked in self._in_flight.values())]
        begun += [at for _, at in (*self._jobs, *self._resumed)]
        return not any(each.path() < end for each in begun)

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        """Run every job that is ready, and notice whether the evaluation has ended."""
        if self._stopped:
            return
        self._scheduled = True
        self._work()
        while self._in_turn and self._take_turn():
            self._work()
        self._scheduled = False
        if self.has_ended and self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()

    def _take_turn(self) -> bool:
        """Make the first of the jobs in turn ready, if all before it has ended. Returns whether it has."""
        entry = min(self._in_turn, key=lambda each: each[1].path())
        job, place, last = entry
        if not (self._is_quiet if last else self.has_ended_before(place)):
            return False
        self._in_turn.remove(entry)
        if self.failure is None or not last:
            self._jobs.append((job, place))
        return True

    def _work(self) -> None:
        """Run every job that is ready."""
        while jobs := self._jobs or self._resumed:
            job, place = jobs.popleft()
            if self.failure is not None and self.failure.path < place.path():
                continue
            try:
                job()
            except PlacedError as failure:
                self.fail(failure.error, failure.place)
            except RlmError as error:
                self.fail(error, place)
            except RecursionError:
                self.fail(RunError.of("E309", "function calls nest too deeply"), place)  # decision 37
            except Exception as error:  # a bug, which the event loop would only log, and the run would wait for ever
                self.fail(internal_error(error), place)

    def fail(self, error: RlmError, place: Place) -> None:
        """Record a failure if it is the first so far, and cancel what comes after it."""
        path = place.path()
        if self.failure is None or path < self.failure.path:
            self.failure = PlacedError(error, place)
            self._cancel_after(path)

    def _cancel_after(self, end: Path) -> None:
        for call in [call for call, asked in self._in_flight.items() if end < asked.first.path()]:
            del self._in_flight[call]
            self._leave(call)
        for inner in [inner for inner, began in self._inner.items() if end < began.path()]:
            del self._inner[inner]
            inner.stop()

    def _leave(self, call: InFlight) -> None:
        call.on_end.remove(self._answered)
        if not call.on_end:
            self.calls.cancel(call)

    # What is printed

    def show(self, place: Place, text: str) -> None:
        """Take a text that the program prints at a place."""
        self._printed.append((place.path(), text))

    def show_all(self, inner: Evaluation, place: Place | None = None) -> None:
        """Take what an inner evaluation has printed, at the places where it did, or all of it at one place."""
        self._printed += [(place.path() if place else path, text) for path, text in inner._in_order()]

    @property
    def printed(self) -> list[str]:
        """What the program has printed, in the order of evaluation; of one that failed, what it printed before."""
        return [text for _, text in self._in_order()]

    def _in_order(self) -> list[tuple[Path, str]]:
        shown = sorted(self._printed, key=itemgetter(0))
        if self.failure is None:
            return shown
        end = self.failure.path
        return [(path, text) for path, text in shown if path < end]

    # Calls

    def call(
        self, site: CallSite, args: tuple[Value, ...], sample: int, place: Place, default: tuple[Value] | None = None
    ) -> Value:
        """Make a CALL. Returns its answer if it is known, else a pending value.

        If the model fails, and there is a `default`, the answer is that.
        """
        call = self.calls.ask(site, args, sample)
        if not isinstance(call, InFlight):
            return call
        asked = self._in_flight.get(call)
        if asked is None:
            asked = self._in_flight[call] = _Asked(place)
            call.on_end.append(self._answered)
        elif place < asked.first:
            asked.first = place
        if default is None:
            if asked.strict is None or place < asked.strict:
                asked.strict = place
            return call.answer
        call.may_default = True
        answer = Pending()
        asked.defaults.append((answer, default[0]))
        return answer

    def _answered(self, call: InFlight, error: RlmError | None) -> None:
        asked = self._in_flight.pop(call)
        for answer, default in asked.defaults:
            if error is None:
                answer.resolve(call.answer)
            elif isinstance(error, ModelError):
                answer.resolve(default)
        if error is not None and (asked.strict is not None or not isinstance(error, ModelError)):
            self.fail(error, asked.strict if isinstance(error, ModelError) and asked.strict else asked.first)
        self._wake()
