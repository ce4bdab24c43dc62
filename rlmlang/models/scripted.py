"""A model whose replies are prepared: `scripted:FILE`, for tests and examples.

A `.toml` file holds a table of replies; the first one that matches a request is returned:

    [[reply]]
    instruction = "Is it *?"        # a pattern: `*`, `?` and `[…]` as in file names
    args = ["a text", 3]            # the arguments, in order; any if left out
    sample = 0                      # likewise
    level = 1                       # likewise
    value = true                    # or text = "true", or error = "refusal", "length" or "fail";
                                    # program = "…" answers requests for a program instead

A `.py` file holds `def model(request) -> str`, which may be `async`; what is not a `str` is
written as an answer of the request's type. It may import the files beside it. Unless it is
`async` it is called in a thread, for one request after the other. A token is four bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import re
import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from fnmatch import translate
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal, cast
from weakref import finalize

from attrs import frozen

from rlmlang.errors import ModelError, unreadable
from rlmlang.files import text_of
from rlmlang.language.types import NONE, OptionalType
from rlmlang.models.base import Capabilities, Reply, Request, cut_at_stop
from rlmlang.models.checks import described
from rlmlang.python_files import FileFailed, module_of
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch, canonical, preview

__all__ = ["ScriptedFailure", "ScriptedModel"]

ReplyFunction = Callable[[Request], Any]
"""A function that answers a request by a `str`, another value, a `ScriptedFailure`, or an awaitable of one of these."""


@frozen
class ScriptedFailure:
    """A failure of the model, as a function returns it or a table names it."""

    kind: Literal["refusal", "length", "fail"]


class ScriptedModel:
    """A model that answers by a function, or by a table of replies (dicts with the keys of a `[[reply]]`).

    Without an `identity`, each model has one of its own, so that a store shares no answers between runs. Raises
    ModelError E407 if the table is wrong.
    """

    def __init__(
        self,
        source: ReplyFunction | Iterable[Mapping[str, Any]],
        *,
        name: str = "scripted",
        identity: str | None = None,
        context: int = 1_000_000,
        concurrency: int = 64,
    ) -> None:
        self.name = name
        self.identity = json.dumps({"kind": "scripted", "digest": identity or secrets.token_hex(16)})
        self.context = context
        self.concurrency = concurrency
        self.capabilities = Capabilities(continues=True, free=True)
        self._answer: ReplyFunction = source if callable(source) else _ReplyTable(name, source).answer

    def count_tokens(self, request: Request) -> int:
        """Count the instruction, the arguments as JSON, and the reply so far, four bytes a token."""
        count = _tokens(request.instruction) + _tokens(request.written)
        for _, value in request.arguments:
            count += _tokens(value if isinstance(value, str) else canonical(value))
        return count

    async def generate(self, request: Request) -> Reply:
        try:
            found = self._answer(request)
            if inspect.isawaitable(found):
                found = await found
        except SystemExit as error:
            raise ModelError.of(
                "E400", f"{self.name} called sys.exit: {error}", hint="let it return its reply"
            ) from error
        if found is None and not (request.type == NONE or isinstance(request.type, OptionalType)):
            hint = "let it return text, another value, or a ScriptedFailure"
            raise ModelError.of("E400", f"{self.name} returned None for a reply of type {request.type}", hint=hint)
        prompt = self.count_tokens(request)
        if isinstance(found, ScriptedFailure):
            if found.kind == "fail":
                raise ModelError.of("E400", "the scripted model fails here")
            if found.kind == "length":
                return Reply("", prompt, request.max_tokens, "length")
            return Reply("I will not do that.", prompt, 5, "refusal")
        text = found if isinstance(found, str) else request.answer_format.write(found)
        text = cut_at_stop(text, request.stop)
        if (used := _tokens(text)) > request.max_tokens:
            start = text.encode("utf-8", "surrogatepass")[: 4 * request.max_tokens]
            return Reply(start.decode("utf-8", "ignore"), prompt, request.max_tokens, "length")
        return Reply(text, prompt, used, "stop")

    async def aclose(self) -> None:
        pass


def _tokens(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return (size + 3) // 4


# Tables --------------------------------------------------------------------------

_OUTCOMES = ("text", "value", "program", "error")
_KEYS: dict[str, type] = {
    "instruction": str, "args": list, "sample": int, "level": int, "text": str, "program": str, "error": str,
}  # fmt: skip


@frozen
class _ScriptedReply:
    """A reply of a table, and the requests that it matches."""

    order: int
    args: str | None
    """The arguments as JSON text; None for any."""
    sample: int | None
    level: int | None
    program: bool | None
    outcome: Any
    typed: bool
    """Whether the outcome is a value, to be written in the format of the request's type."""

    def matches(self, request: Request) -> bool:
        """Return whether it matches a request, whose instruction and arguments match already."""
        return (
            self.sample in (None, request.sample)
            and self.level in (None, request.level)
            and self.program in (None, request.program)
        )


class _ReplyTable:
    """A table of replies, in which those whose instruction is no pattern are found without a scan."""

    def __init__(self, name: str, replies: Iterable[Mapping[str, Any]]) -> None:
        self.name = name
        self._exact: dict[tuple[str, str | None], list[_ScriptedReply]] = {}
        self._patterns: list[tuple[re.Pattern[str], _ScriptedReply]] = []
        self._compares_args = False
        for order, reply in enumerate(replies):
            row = self._read(order, reply)
            self._compares_args |= row.args is not None
            if re.search(r"[*?[]", reply["instruction"]):
                self._patterns.append((re.compile(translate(reply["instruction"])), row))
            else:
                self._exact.setdefault((reply["instruction"], row.args), []).append(row)

    def _read(self, order: int, reply: Mapping[str, Any]) -> _ScriptedReply:
        for key, value in reply.items():
            if key not in _KEYS and key != "value":
                raise self._wrong(order, f"unknown key `{key}`")
            if key in _KEYS and type(value) is not _KEYS[key]:
                raise self._wrong(order, f"`{key}` must be of type {_KEYS[key].__name__}")
        if "instruction" not in reply:
            raise self._wrong(order, "`instruction` is missing")
        outcomes = [key for key in _OUTCOMES if key in reply]
        if len(outcomes) != 1:
            raise self._wrong(order, f"exactly one of {', '.join(_OUTCOMES)} is needed")
        (kind,) = outcomes
        outcome = reply[kind]
        if kind == "error":
            if outcome not in ("refusal", "length", "fail"):
                raise self._wrong(order, '`error` must be "refusal", "length" or "fail"')
            outcome = ScriptedFailure(outcome)
        try:
            parse_json(json.dumps([reply.get("args"), reply.get("value")]))
        except (TypeError, Mismatch) as error:
            raise self._wrong(order, str(error)) from None
        args = canonical(reply["args"]) if "args" in reply else None
        program = None if kind == "error" else kind == "program"
        sample, level = reply.get("sample"), reply.get("level")
        return _ScriptedReply(order, args, sample, level, program, outcome, typed=kind == "value")

    def _wrong(self, order: int, problem: str) -> ModelError:
        return ModelError.of("E407", f"{self.name}: reply {order + 1}: {problem}")

    def answer(self, request: Request) -> Any:
        """Return the outcome of the first row that matches a request. Raises ModelError E406."""
        args = canonical([value for _, value in request.arguments]) if self._compares_args else None
        rows = [
            *self._exact.get((request.instruction, None), ()),
            *(self._exact.get((request.instruction, args), ()) if args is not None else ()),
            *(
                row
                for pattern, row in self._patterns
                if row.args in (None, args) and pattern.match(request.instruction)
            ),
        ]
        row = min((row for row in rows if row.matches(request)), key=lambda row: row.order, default=None)
        if row is None:
            raise self._missing(request)
        return request.answer_format.write(row.outcome) if row.typed else row.outcome

    def _missing(self, request: Request) -> ModelError:
        given = "".join(
            f", {'' if name is None else f'{name}='}{preview(value, 60)}" for name, value in request.arguments
        )
        what = "program" if request.program else "value"
        return ModelError.of(
            "E406",
            f"{self.name} has no reply for CALL[{request.type}]({preview(request.instruction, 200)}{given}) "
            f"at level {request.level}, sample {request.sample}",
            hint=f"add a [[reply]] with instruction = {preview(request.instruction, 200)} and a `{what}`",
        )


# Files ---------------------------------------------------------------------------


def open_model(path: str, name: str) -> ScriptedModel:
    """Return the model of a `.toml` or `.py` file. Raises UsageError E604, ModelError E407."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    digest = hashlib.sha256(data).hexdigest()
    if path.endswith(".py"):
        return ScriptedModel(_function(data, path), name=name, identity=digest)
    if not path.endswith(".toml"):
        raise ModelError.of("E407", f"{path} is neither a .toml nor a .py file")
    try:
        table = tomllib.loads(text_of(data))
    except ValueError as error:
        raise ModelError.of("E407", f"{path} is not TOML: {error}") from error
    context = table.pop("context", 1_000_000)
    replies = table.pop("reply", [])
    if table or type(context) is not int or not isinstance(replies, list) or not all(map(_is_table, replies)):
        raise ModelError.of("E407", f"{path} must hold [[reply]] tables, and `context = N` at most")
    return ScriptedModel(replies, name=name, identity=digest, context=context)


def _is_table(data: object) -> bool:
    return isinstance(data, dict)


def _function(data: bytes, path: str) -> ReplyFunction:
    """Return the function `model` of a Python file. Raises ModelError E407."""
    try:
        function = module_of(data, path).__dict__.get("model")
    except FileFailed as failure:
        raise ModelError.of("E407", str(failure)) from failure.__cause__
    if not callable(function):
        raise ModelError.of("E407", f"{path} defines no function `model`", hint="write `def model(request) -> str:`")
    return cast(ReplyFunction, function) if inspect.iscoroutinefunction(function) else _in_turn(function)


def _in_turn(function: Callable[[Request], Any]) -> ReplyFunction:
    """Return a coroutine function that calls this one in a thread, one call at a time.

    So a function that never ends keeps neither `max_seconds` nor Ctrl-C from ending the run. The thread ends when the
    coroutine function is no longer used.
    """
    asked: SimpleQueue[tuple[Request, asyncio.AbstractEventLoop, asyncio.Future[Any]] | None] = SimpleQueue()

    def work() -> None:
        while answers_next():
            pass

    def answers_next() -> bool:  # a function, so that the waiting thread keeps no error, whose traceback has the model
        if (each := asked.get()) is None:
            return False
        request, loop, reply = each
        result, error = None, None
        try:
            result = function(request)
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(end, reply, result, error)
        return True

    def end(reply: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        if reply.done():
            return
        if isinstance(error, StopIteration):  # which no future takes
            error = ModelError.of("E400", f"the model failed: {described(error)}")
        reply.set_result(result) if error is None else reply.set_exception(error)

    async def model(request: Request) -> Any:
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        asked.put((request, loop, reply))
        found = await reply
        return await found if inspect.isawaitable(found) else found

    Thread(target=work, name="rlmlang-scripted", daemon=True).start()
    finalize(model, asked.put, None)
    return model
