"""A model that stays open for many runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from functools import wraps
from reprlib import repr as shown
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from rlmlang.errors import UsageError
from rlmlang.models.base import Model
from rlmlang.models.checks import is_model

P = ParamSpec("P")
T = TypeVar("T")

_in_use: ContextVar[frozenset[OpenModel]] = ContextVar("_in_use", default=frozenset())
"""The open models with a run that this code is part of, through functions that are models."""


class OpenModel:
    """A model that is loaded once, for as many runs as there are before it is closed.

    What is not asynchronous runs on one event loop of the model's own, so that connections and tasks that the model
    keeps stay usable from one run to the next; runs of several threads take turns.
    """

    def __init__(self, model: Model) -> None:
        """Keep a model open. Raises UsageError E605 for what is none."""
        if not is_model(model):
            raise UsageError.of(
                "E605", f"OpenModel is of an object of the protocol Model, not {shown(model)}", hint="use open_model(…)"
            )
        self._model: Model | None = model
        self.name = model.name
        self._runner: asyncio.Runner | None = None
        self._lock = threading.Lock()
        self._entered = 0

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

    def run(self, work: Coroutine[Any, Any, T], *others: OpenModel) -> T:
        """Run something asynchronous, which may use other open models too, on the model's own event loop.

        Raises UsageError E607 once one of them is closed, and within a run on one, which would wait for itself.
        """
        used = {self, *others}
        if busy := used & _in_use.get():
            work.close()
            raise UsageError.of(
                "E607",
                f"the model {busy.pop().name} is in use by the run that this is part of",
                hint="give the inner run a model of its own, or make the call by CALL in the outer program",
            )
        context = copy_context()
        context.run(_in_use.set, _in_use.get() | used)
        with ExitStack() as held:
            for model in sorted(used, key=id):  # in one order everywhere, so that no two runs wait for each other
                held.enter_context(model._lock)
                if model._model is None:
                    work.close()
                    raise model._closed()
            self._runner = self._runner or asyncio.Runner()
            return self._runner.run(work, context=context)

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
        return self._enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._leave():
            self.close()

    async def __aenter__(self) -> Self:
        return self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._leave():
            await self.aclose()

    def _enter(self) -> Self:
        if self._model is None:
            raise self._closed()
        self._entered += 1
        return self

    def _leave(self) -> bool:
        """Return whether this leaves the outermost `with`, which closes the model."""
        self._entered -= 1
        return self._entered == 0


def synchronous(work: Callable[P, Coroutine[Any, Any, T]], instead: str) -> Callable[P, T]:
    """Return the twin of a coroutine function for code that is not asynchronous.

    It is named without the `a` at the beginning. It runs on the loop of the open models among its options, else on one
    of its own, and raises UsageError E607 within an event loop, where its hint says what to write `instead`.
    """

    @wraps(work)
    def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_in_event_loop(f"{twin.__name__}()", instead)
        models = kwargs.get("models")
        given = [kwargs.get("model"), *(models.values() if isinstance(models, Mapping) else ())]
        opened = [model for model in given if isinstance(model, OpenModel)]
        begun = work(*args, **kwargs)
        return opened[0].run(begun, *opened[1:]) if opened else asyncio.run(begun)

    twin.__name__ = work.__name__.removeprefix("a")
    twin.__qualname__ = work.__qualname__.removesuffix(work.__name__) + twin.__name__
    return twin


def refuse_in_event_loop(what: str, instead: str) -> None:
    """Raise UsageError E607 where an event loop runs, which would be blocked."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError.of("E607", f"{what} inside a running event loop", hint=f"write `{instead}`")
