"""Calls of functions of the host: in threads or on the event loop, with a time limit, their results checked.
(Decision 114.)

A thread cannot be ended from outside. That of a call which took too long, or which nobody waits for any more, goes on
until its function returns, and what it returns is dropped.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import Any, Union

from rlmlang.calls.host_functions import GivenFunctions
from rlmlang.calls.in_flight import CallInFlight
from rlmlang.calls.limits import Limits
from rlmlang.errors import AnswerNotStored, RunError, UsageError
from rlmlang.language.types import (
    FLOAT,
    DictType,
    ListType,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
)
from rlmlang.models.checks import described
from rlmlang.runtime.inputs import constant_value
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.reading import from_json, with_left_out
from rlmlang.runtime.values import Mismatch, Value

CONCURRENCY = 32
"""Calls of functions that run at once, unless `concurrency` is set."""

MAX_MESSAGE = 300
"""Characters of the message of a function's error that are shown."""

MAX_LEFT_BEHIND = 200
"""How many threads of calls that nobody waits for may go on before no more are begun."""


HostOutcome = tuple[Any, Union[BaseException, None]]
"""What a function has returned, or its error. (A future cannot be given every error: not a StopIteration.)"""


class Host:
    """The functions that a run may call."""

    def __init__(self, given: GivenFunctions, limits: Limits) -> None:
        self.given = given
        self.concurrency = limits.concurrency or CONCURRENCY
        self._left_behind = 0

    async def result(self, call: CallInFlight) -> Value:
        """Return the result of a call. Raises RunError E313, E314 or E315, BudgetError E506 or E507."""
        name, *given = call.args
        function = self.given.by_name[name]
        assert call.site.params is not None
        try:
            args = function.own([as_python(value, type_) for value, type_ in zip(given, call.site.params)])
        except UsageError as unfit:
            raise RunError.of("E313", f"`{name}` cannot be given its arguments: {unfit.first.message}") from unfit
        if self._left_behind >= MAX_LEFT_BEHIND:
            raise RunError.of(
                "E314",
                f"`{name}` is not called: {self._left_behind} calls of functions that took too long still go on",
                hint="let the functions of the host end by themselves when they take too long",
            )
        work = asyncio.ensure_future(self._call(function.code, args))
        try:
            done, _ = await asyncio.wait({work}, timeout=function.timeout)
        finally:
            work.cancel()
        if not done:
            raise RunError.of(
                "E314",
                f"`{name}` took more than {function.timeout:g} seconds",
                hint=f"give it more time: rlmlang.function(timeout=…)({name})",
            )
        if work.cancelled():
            raise RunError.of("E313", f"`{name}` failed: it gave the call up")
        error = work.exception()
        result, error = (None, error) if error is not None else work.result()
        if isinstance(error, AnswerNotStored):  # a replay calls no function
            raise error
        if error is not None:
            raise RunError.of("E313", f"`{name}` failed: {_said(error)}") from error
        value = self._read(name, result, call.site.type)
        call.account.meter.walk(value)
        return value

    def _read(self, name: str, result: object, type_: Type) -> Value:
        """Return what a function returned as a value of its declared type. Raises RunError E315."""
        try:
            data = with_left_out(data_of(result, "the result"), type_, constant_value)
            return from_json(data, type_, "the result")
        except Mismatch as mismatch:
            raise RunError.of("E315", f"`{name}` is declared to return {type_}: {mismatch}") from mismatch
        except Exception as error:  # of a list, dict or number of a class of its own
            raise RunError.of("E315", f"the result of `{name}` cannot be read: {_said(error)}") from error

    async def _call(self, code: Callable[..., Any], args: list[Any]) -> HostOutcome:
        """Return what a function returns or raises in a thread. Raises what a coroutine function raises."""
        if inspect.iscoroutinefunction(code):
            return await code(*args), None
        found, error = await self._in_thread(code, args)
        return (await found if inspect.isawaitable(found) else found), error

    async def _in_thread(self, code: Callable[..., Any], args: list[Any]) -> HostOutcome:
        """Call a function in a thread of its own, which keeps no process from ending."""
        loop, context = asyncio.get_running_loop(), copy_context()
        ended: asyncio.Future[HostOutcome] = loop.create_future()

        def end(result: Any, error: BaseException | None) -> None:
            if ended.done():
                self._left_behind -= 1
            else:
                ended.set_result((result, error))

        def work() -> None:
            result, error = None, None
            try:
                result = context.run(code, *args)
            except BaseException as raised:
                error = raised
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(end, result, error)

        Thread(target=work, name="rlmlang-function", daemon=True).start()
        try:
            return await ended
        except asyncio.CancelledError:
            self._left_behind += 1
            raise


def as_python(value: Value, type_: Type) -> Any:
    """Return a value as a function of the host gets it: plain Python values of its own, records as dicts."""
    match type_:
        case OptionalType(item=item):
            return None if value is None else as_python(value, item)
        case ListType(item=item):
            return [as_python(each, item) for each in value]
        case OpenTupleType(item=item):
            return tuple(as_python(each, item) for each in value)
        case TupleType(items=items):
            return tuple(map(as_python, value, items))
        case SetType():
            return set(value.unordered())
        case DictType(value=item):
            return {key: as_python(each, item) for key, each in value.items()}
        case RecordType(fields=fields):
            return {name: as_python(each, item) for (name, item), each in zip(fields, value.values)}
    return float(value) if type_ == FLOAT else value


def _said(error: BaseException) -> str:
    """Return the class of an error and the first line of its message, which may be anything."""
    try:
        text = described(error)
    except Exception:
        text = type(error).__name__
    line = text.split("\n", 1)[0]
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"
