"""Any function from chat messages to text as a model.

    def answer(messages: list[dict[str, str]]) -> str:
        return client.chat.completions.create(model="…", messages=messages).choices[0].message.content

    program.run(model=answer)

The messages are dicts with a `role` and a `content`, as APIs in the style of OpenAI's take them. A coroutine
function is awaited; any other function is called in a thread, several calls at a time.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeGuard, Union

from rlmlang.errors import ModelError, RlmError, UsageError
from rlmlang.models.base import Capabilities, Reply, Request, cut_at_stop
from rlmlang.models.checks import check_model, described
from rlmlang.models.servers.messages import on_the_wire

ModelFunction = Callable[[list[dict[str, str]]], Union[str, Awaitable[str]]]
"""A function or coroutine function from chat messages to the text of the reply."""

BYTES_PER_TOKEN = 4
"""By which tokens are estimated, since the function's tokenizer is not known."""


SIGNATURE = "the function gets a list of messages, each a dict with `role` and `content`, and returns text"
"""The hint for a function that seems to expect something else."""


class FunctionModel:
    """A model whose replies a function writes.

    Tokens are estimated, at four bytes each; a reply of more than a request allows is cut off.
    A store keeps the answers for later runs only under an `identity`, which should change whenever the answers
    may: nothing else shows whether two functions answer alike. Without one, they serve this object alone, and
    the run that is resumed with the same function.
    Raises UsageError E607 for an option that no run can use.
    """

    def __init__(
        self,
        function: ModelFunction,
        *,
        name: str | None = None,
        identity: str | None = None,
        context: int = 1_000_000,
        concurrency: int = 16,
    ) -> None:
        if identity is not None and not isinstance(identity, str):
            raise UsageError.of("E607", f"the identity {identity!r:.60} is not str")
        self.name = name or name_of(function)
        self.identity = json.dumps({"kind": "function", "digest": identity or secrets.token_hex(16)})
        self.context = context
        self.concurrency = concurrency
        self.capabilities = Capabilities(exact_counts=False)
        self._function = function
        self._is_async = inspect.iscoroutinefunction(function)
        self._threads: ThreadPoolExecutor | None = None
        check_model(self)

    def count_tokens(self, request: Request) -> int:
        return _tokens(*(message.content for message in request.messages_with_written))

    async def generate(self, request: Request) -> Reply:
        """Return what the function says. Raises ModelError E400, with the function's own error as its cause."""
        try:
            text = await self._call(on_the_wire(request.messages_with_written))
        except RlmError:
            raise
        except _Raised as raised:
            raise self._failed(raised.error) from raised.error
        except (Exception, SystemExit) as error:
            raise self._failed(error) from error
        if not isinstance(text, str):
            raise ModelError.of("E400", f"{self.name} returned {type(text).__name__}; expected str", hint=SIGNATURE)
        text, prompt = cut_at_stop(text, request.stop), self.count_tokens(request)
        if (used := _tokens(text)) > request.max_tokens:
            start = text.encode("utf-8", "surrogatepass")[: BYTES_PER_TOKEN * request.max_tokens]
            return Reply(start.decode("utf-8", "ignore"), prompt, request.max_tokens, "length")
        return Reply(text, prompt, used, "stop")

    def _failed(self, error: BaseException) -> ModelError:
        hint = SIGNATURE if isinstance(error, (TypeError, AttributeError)) else None
        return ModelError.of("E400", f"{self.name} failed: {described(error)}", hint=hint)

    async def _call(self, messages: list[dict[str, str]]) -> Any:
        if self._is_async:
            found: Any = self._function(messages)
        else:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.concurrency, "rlmlang-function")
            loop, context = asyncio.get_running_loop(), copy_context()
            found = await loop.run_in_executor(self._threads, context.run, _called, self._function, messages)
        return await found if inspect.isawaitable(found) else found

    async def aclose(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


class _Raised(Exception):
    """Brings an error of a function to the event loop, since a future that is given a StopIteration never ends."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


def _called(function: ModelFunction, messages: list[dict[str, str]]) -> Any:
    """Return what a function returns. Raises `_Raised` for an error that is neither an interrupt nor of rlmlang."""
    try:
        return function(messages)
    except (RlmError, asyncio.CancelledError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise _Raised(error) from error


def is_function(model: object) -> TypeGuard[ModelFunction]:
    """Return whether this is a function from messages to text, and no model of another kind."""
    return callable(model) and not hasattr(model, "generate")


def name_of(function: object) -> str:
    """Return the qualified name of a function, or of the class of another callable."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _tokens(*texts: str) -> int:
    return sum(-(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN) for text in texts)
