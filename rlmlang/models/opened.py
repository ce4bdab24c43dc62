"""A model that stays open for many runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from rlmlang.errors import UsageError
from rlmlang.models.base import Model

T = TypeVar("T")


class OpenModel:
    """A model that is loaded once, for as many runs as there are before it is closed.

    What is not asynchronous runs on one event loop of the model's own, so that connections and tasks that the model
    keeps stay usable from one run to the next; runs of several threads take turns.
    """

    def __init__(self, model: Model) -> None:
        self._model: Model | None = model
        self.name = model.name
        self._runner: asyncio.Runner | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{'closed' if self._model is None else 'open'} model {self.name}>"

    @property
    def model(self) -> Model:
        """The model itself. Raises UsageError E607 once it is closed."""
        if self._model is None:
            raise self._closed()
        return self._model

    def _closed(self) -> UsageError:
        return UsageError.of("E607", f"the model {self.name} is closed")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something asynchronous on the model's own event loop. Raises UsageError E607 once the model is closed."""
        with self._lock:
            if self._model is None:
                work.close()
                raise self._closed()
            self._runner = self._runner or asyncio.Runner()
            return self._runner.run(work)

    def close(self) -> None:
        """Close the model. Raises UsageError E607 within an event loop."""
        refuse_in_event_loop("close()", "await model.aclose()")
        if self._model is None:
            return
        self.run(self.aclose())
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    async def aclose(self) -> None:
        """Close the model, from asynchronous code."""
        model, self._model = self._model, None
        if model is not None:
            await model.aclose()

    def __enter__(self) -> Self:
        refuse_in_event_loop("`with open_model(…)`", "async with rlmlang.open_model(…) as model:")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def run_sync(begin: Callable[[], Coroutine[Any, Any, T]], model: object, what: str, instead: str) -> T:
    """Run something asynchronous from code that is not: on the loop of an open model, or on one of its own.

    Raises UsageError E607 within an event loop.
    """
    refuse_in_event_loop(what, instead)
    return model.run(begin()) if isinstance(model, OpenModel) else asyncio.run(begin())


def refuse_in_event_loop(what: str, instead: str) -> None:
    """Raise UsageError E607 where an event loop runs, which would be blocked."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError.of("E607", f"{what} inside a running event loop", hint=f"write `{instead}`")
