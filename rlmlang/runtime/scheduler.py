"""Schedule the evaluation of a program: jobs that wait for values, calls in flight, and failures (decision 27)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from attrs import define, field

from rlmlang.errors import BudgetError, RlmError, RunError
from rlmlang.language.source import Span
from rlmlang.runtime.call_site import Calls, CallSite, InFlight
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.pending import Pending, Place, resolved, when_resolved
from rlmlang.runtime.values import Value


class PlacedError(Exception):
    """An error and the place in the order of evaluation where it was raised."""

    def __init__(self, error: RlmError, place: Place) -> None:
        super().__init__(str(error))
        self.error = error
        self.place = place


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
    _failure: PlacedError | None = None
    _jobs: deque[tuple[Callable[[], None], Place]] = field(factory=deque)
    _in_flight: dict[InFlight, Place] = field(factory=dict)
    """Calls without an answer, each with the first place in the order of evaluation that made it."""
    _tasks: dict[asyncio.Task[None], Place] = field(factory=dict)
    _held_back: int = 0
    """Jobs that wait until fewer calls are queued."""
    _scheduled: bool = False
    _finished: asyncio.Event = field(factory=asyncio.Event)

    async def run(self, program: Callable[[], Value], root: Place, end: Span) -> Value:
        """Evaluate a program, which `program` begins at the `root` place; `end` is where its value is written.

        Raises RunError, BudgetError, ModelError, UsageError.
        """
        result = Pending()
        self._jobs.append((lambda: result.resolve(program()), root))
        try:
            self._drain()
            await self._finished.wait()
        finally:  # has an effect only when the whole run is cancelled
            self._cancel_after(root)
        if self._failure is not None:
            raise self._failure.error
        value = resolved(result)
        try:
            self.meter.walk(value)  # parts may be shared, but each is shown or stored as often as it occurs
        except BudgetError as error:
            raise error.at(end) from None
        return value

    # Jobs

    def defer(self, operands: Sequence[Value], place: Place, job: Callable[[], Value]) -> Pending:
        """Return the pending value of a `job` that runs once all operands are resolved."""
        result = Pending()

        def ready() -> None:
            self._jobs.append((lambda: result.resolve(job()), place))
            self._wake()

        when_resolved(operands, ready)
        return result

    def hold_back(self, relief: Pending, place: Place, job: Callable[[], Value]) -> Pending:
        """Return the pending value of a `job` that runs once `relief` is resolved, when fewer calls are queued."""
        result = Pending()
        self._held_back += 1

        def ready() -> None:
            self._held_back -= 1
            self._jobs.append((lambda: result.resolve(job()), place))
            self._wake()

        relief.when(ready)
        return result

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        """Run every job that is ready, and notice whether the evaluation has ended."""
        self._scheduled = True
        while self._jobs:
            job, place = self._jobs.popleft()
            if self._failure is not None and self._failure.place < place:
                continue
            try:
                job()
            except PlacedError as failure:
                self._fail(failure.error, failure.place)
            except RlmError as error:
                self._fail(error, place)
            except RecursionError:
                self._fail(RunError.of("E309", "function calls nest too deeply"), place)  # decision 37
        self._scheduled = False
        if not self._in_flight and not self._tasks and not self._held_back:
            self._finished.set()

    def _fail(self, error: RlmError, place: Place) -> None:
        """Record a failure if it is the first so far, and cancel what comes after it."""
        if self._failure is None or place < self._failure.place:
            self._failure = PlacedError(error, place)
            self._cancel_after(place)

    def _cancel_after(self, place: Place) -> None:
        for call in [call for call, asked in self._in_flight.items() if place < asked]:
            del self._in_flight[call]
            call.on_end.remove(self._answered)
            if not call.on_end:
                self.calls.cancel(call)
        for task in [task for task, asked in self._tasks.items() if place < asked]:
            task.cancel()

    # Calls

    def call(self, site: CallSite, args: tuple[Value, ...], sample: int, place: Place) -> Value:
        """Make a CALL. Returns its answer if it is known, else a pending value."""
        call = self.calls.ask(site, args, sample)
        if not isinstance(call, InFlight):
            return call
        asked = self._in_flight.get(call)
        if asked is None:
            call.on_end.append(self._answered)
        if asked is None or place < asked:
            self._in_flight[call] = place
        return call.answer

    def _answered(self, call: InFlight, error: RlmError | None) -> None:
        place = self._in_flight.pop(call)
        if error is not None:
            self._fail(error, place)
        self._wake()

    def spawn(self, work: Callable[[], Awaitable[Value]], place: Place) -> Pending:
        """Start asynchronous work. Returns its pending value."""
        result = Pending()

        async def finish() -> None:
            try:
                result.resolve(await work())
            except RlmError as error:
                self._fail(error, place)

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[task]
            self._wake()

        task = asyncio.ensure_future(finish())
        self._tasks[task] = place
        task.add_done_callback(ended)
        return result
