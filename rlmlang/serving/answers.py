"""Answer a question of a client: as a whole, or as a stream of events that stays alive while the run goes on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from aiohttp import web
from attrs import define, frozen

from rlmlang.api import Result, answered
from rlmlang.calls.budget import Usage
from rlmlang.errors import RequestError
from rlmlang.execution import Options
from rlmlang.language.types import STR, Type
from rlmlang.runtime.values import to_json
from rlmlang.serving.conversations import Continuation
from rlmlang.serving.failures import as_rlm_error, error_response
from rlmlang.serving.questions import Extras, Question
from rlmlang.serving.service import ServedRun, Service

T = TypeVar("T")

ALIVE = 5.0
"""Seconds between two comments in a stream that has nothing else to say, so that nobody takes it for dead."""

_PIECE = re.compile(r".{1,200}(?:\s|$)|.{1,200}", re.DOTALL)
"""The pieces in which a text is streamed, which end between words."""


Say = Callable[[str], Awaitable[None]]
"""Sends a piece of an answer."""


@frozen
class Ask:
    """What a request asks for, whichever format it is in."""

    question: Question
    type: Type
    limits: dict[str, object]
    stop: tuple[str, ...] = ()
    """Texts before the first of which the answer ends."""

    @property
    def title(self) -> str:
        return " ".join(self.question.text[:200].split())[:80]


def asked_for(
    service: Service,
    question: Question,
    extras: Extras,
    type_: Type,
    max_tokens: int | None,
    stop: str | list[Any] | None = None,
) -> Ask:
    """Return what is asked for. Clients may ask for more tokens than the server allows, and get as many as it does.

    Raises RequestError E700 for texts to stop at that are none.
    """
    limits = dict(extras.limits)
    if max_tokens is not None:
        limits.setdefault("max_answer_tokens", min(max_tokens, service.settings.limits.max_answer_tokens))
    found = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if not all(isinstance(each, str) and each for each in found):
        raise RequestError.of("E700", "`stop` is a text, or a list of texts")
    return Ask(question, type_, limits, found)


async def answer(
    service: Service, run: ServedRun, asked: Ask, kept: Continuation | None, kind: str
) -> tuple[str, Result]:
    """Let a program be written and run that answers, and return the answer as text too. Raises RlmError.

    If it is kept, that is as `kind` under the id of the run.
    """
    question = asked.question

    async def work(options: Options) -> Result:
        def ask(text: str, inputs: Mapping[str, object]) -> Coroutine[Any, Any, Result]:
            return answered(text, inputs, asked.type, options)

        if kept is None:
            return await ask(question.text, question.inputs)
        return await kept.ask(f"{kind}:{run.id}", question.text, question.inputs, run.trace, ask)

    result = await service.run(run, work, asked.limits, question.guidance)
    value = to_json(result.value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for stop in asked.stop:
        text = text.partition(stop)[0]
    return text, result


def listen(service: Service, run: ServedRun, asked: Ask) -> None:
    """Hear the answer to a question while a model writes it, if it can be shown before it is whole."""
    if service.streams and asked.type == STR and not asked.stop:
        run.trace.hear = run.hear


def about(request: web.Request, run: ServedRun, result: Result | None = None) -> dict[str, Any]:
    """Return what a response says of its run, beside what OpenAI's format has: the member `rlmlang`."""
    found: dict[str, Any] = {"run_id": run.id, "trace": trace_url(request, run)}
    if result is not None:
        found |= {"type": str(result.type), "program": result.program.source.text, "usage": result.usage.to_json()}
    return found


def trace_url(request: web.Request, run: ServedRun) -> str:
    """Return the address of the page of a run: its calls while it goes on, its trace afterwards."""
    return f"{request.scheme}://{request.host}/runs/{run.id}"


def headers(request: web.Request, run: ServedRun) -> dict[str, str]:
    """Return the headers that every response about a run has."""
    return {"Rlmlang-Run": run.id, "Rlmlang-Trace": trace_url(request, run)}


def token_counts(usage: Usage) -> tuple[int, int, int]:
    """Return the tokens of a run as clients of OpenAI count them: read, written, and read but cached."""
    return usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens


# Streams ---------------------------------------------------------------------------


@define(eq=False)
class EventStream:
    """A stream of server-sent events to a client."""

    response: web.StreamResponse

    async def send(self, data: Any, event: str | None = None) -> None:
        """Send an event. What is no text becomes JSON."""
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=True)
        head = "" if event is None else f"event: {event}\n"
        await self.response.write(f"{head}data: {text}\n\n".encode())

    async def answer(
        self, service: Service, work: asyncio.Task[tuple[str, Result]], run: ServedRun, say: Say
    ) -> tuple[str, Result]:
        """Send an answer by pieces, and return it: what a model writes of it meanwhile, the rest once it is there.

        Until then comments say how far the run is. Raises RlmError; RequestError E709 if the answer turns out to be
        another.
        """
        said = ""
        while not work.done():
            more = asyncio.ensure_future(run.more.wait())
            await asyncio.wait({work, more}, timeout=ALIVE, return_when=asyncio.FIRST_COMPLETED)
            more.cancel()
            if run.more.is_set():
                run.more.clear()
                if len(run.said) > len(said) and run.said.startswith(said):
                    await say(run.said[len(said) :])
                    said = run.said
            elif not work.done():
                run.progress.sample(run.progress.seconds)
                line = " ".join(run.progress.line(run.progress.seconds).split())
                await self.response.write(f": {line}\n\n".encode())
        text, result = await outcome(work)
        if not text.startswith(said):
            service.streams = False
            hint = "send the request again: answers now come as a whole"
            raise RequestError.of("E709", "the answer is another than what was streamed of it", hint=hint)
        for piece in _PIECE.findall(text[len(said) :]):
            await say(piece)
        return text, result


@asynccontextmanager
async def streaming(request: web.Request, more: dict[str, str] | None = None) -> AsyncIterator[EventStream]:
    """Begin a stream of events, and end it."""
    own = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=own | (more or {}))
    await response.prepare(request)
    yield EventStream(response)
    with suppress(ConnectionError):
        await response.write_eof()


@asynccontextmanager
async def working(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """The work on an answer as a task, which is cancelled if the client goes away."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def outcome(work: asyncio.Task[T]) -> T:
    """Return the answer once it is there. Raises RlmError; RequestError E708 if the server has cancelled the work."""
    await asyncio.wait({work})
    if work.cancelled():
        raise RequestError.of("E708", "the server was stopped", hint="what was answered is kept in its store")
    return work.result()


def failed(request: web.Request, run: ServedRun, error: BaseException) -> web.Response:
    """Return the response for a run that has failed."""
    return error_response(as_rlm_error(error), run.trace.redactor, headers(request, run))
