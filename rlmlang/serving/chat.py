"""`/v1/models` and `/v1/chat/completions`, as OpenAI speaks them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any

from aiohttp import web
from attrs import frozen

from rlmlang.api import Result
from rlmlang.errors import RequestError
from rlmlang.serving.answers import (
    Ask,
    EventStream,
    about,
    answer,
    asked_for,
    failed,
    headers,
    listen,
    outcome,
    streaming,
    token_counts,
    working,
)
from rlmlang.serving.bodies import member, read_json
from rlmlang.serving.conversations import keep_chat, kept_chat
from rlmlang.serving.failures import as_rlm_error, error_body, json_response
from rlmlang.serving.questions import SentMessage, question_of, read_extras, read_message
from rlmlang.serving.schemas import answer_type
from rlmlang.serving.service import CLIENT, SERVICE, ServedRun, Service


async def models(request: web.Request) -> web.Response:
    """List the one model that there is."""
    return json_response({"object": "list", "data": [_model(request.app[SERVICE])]})


async def model(request: web.Request) -> web.Response:
    """Describe the model. Raises RequestError E703 for any other."""
    service = request.app[SERVICE]
    require_model(service, request.match_info["name"])
    return json_response(_model(service))


def _model(service: Service) -> dict[str, Any]:
    return {"id": service.settings.name, "object": "model", "created": int(service.begun_at), "owned_by": "rlmlang"}


def require_model(service: Service, name: str) -> None:
    """Raise RequestError E703 for the name of a model that is not served."""
    if name != service.settings.name:
        hint = f"it is called {service.settings.name}"
        raise RequestError.of("E703", f"there is no model {name[:80]!r}", hint=hint)


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a conversation, as a whole or as a stream."""
    service, client = request.app[SERVICE], request[CLIENT]
    body = await read_json(request, service.settings.body)
    messages = await asyncio.to_thread(_messages, body)  # files take their time
    kept = kept_chat(service, client, messages, member(body, "store", bool, default=True))
    asked = await asyncio.to_thread(read_chat, service, body, messages, kept.bound if kept else ())

    async def work_on(run: ServedRun) -> tuple[str, Result]:
        text, result = await answer(service, run, asked, kept, "chat")
        if kept is not None:
            keep_chat(kept, run.id, client, messages, text)
        return text, result

    with service.begun(client, asked.title) as run:
        reply = _Reply(request, run, service.settings.name)
        is_stream = member(body, "stream", bool, default=False)
        if is_stream:
            listen(service, run, asked)
        async with working(work_on(run)) as work:
            if is_stream:
                options = member(body, "stream_options", dict, default={})
                return await reply.stream(work, bool(options.get("include_usage")))
            try:
                text, result = await outcome(work)
            except Exception as error:
                return failed(request, run, error)
            return json_response(reply.whole(text, result), headers=headers(request, run))


def _messages(body: dict[str, Any]) -> list[SentMessage]:
    """Return the messages of a request for a chat. Raises RequestError E700."""
    messages = member(body, "messages", list, default=[])
    return [read_message(each, f"messages[{number}]") for number, each in enumerate(messages)]


def read_chat(service: Service, body: dict[str, Any], messages: list[SentMessage], bound: Collection[str] = ()) -> Ask:
    """Return what a request for a chat asks for, where names are `bound` already.

    Raises RequestError E700, E703 (another model).
    """
    require_model(service, member(body, "model", str, default=service.settings.name))
    extras = read_extras(body)
    question = question_of(messages, extras.inputs, bound)
    refuse(body, "tools", "functions", hint="there are no tools: files and long texts are inputs of the program")
    refuse(body, "logprobs", "audio", "prediction", "web_search_options")
    if member(body, "n", int, default=1) != 1:
        raise RequestError.of("E700", "`n` is 1: one answer is given", hint="send the request again for another")
    most = member(body, "max_completion_tokens", int, default=member(body, "max_tokens", int))
    stop = member(body, "stop", str, list)
    return asked_for(service, question, extras, answer_type(body.get("response_format"), extras.type), most, stop)


def refuse(body: dict[str, Any], *names: str, hint: str | None = None) -> None:
    """Raise RequestError E700 for a member that would change the answer, and that nothing is done with."""
    for name in names:
        if body.get(name):
            raise RequestError.of("E700", f"`{name}` is not supported", hint=hint or "leave it out")


@frozen
class _Reply:
    """The reply to a request for a chat."""

    request: web.Request
    run: ServedRun
    model: str

    def _object(self, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.run.id}",
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "system_fingerprint": None,
        } | more

    def whole(self, text: str, result: Result) -> dict[str, Any]:
        """Return the reply as one object."""
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return self._object(
            "chat.completion", choices=[choice], usage=_usage(result), rlmlang=about(self.request, self.run, result)
        )

    async def stream(self, work: asyncio.Task[tuple[str, Result]], with_usage: bool) -> web.StreamResponse:
        """Send the reply in chunks. The first has the address of the run's page, so that it can be watched."""
        async with streaming(self.request, headers(self.request, self.run)) as stream:
            first = {"role": "assistant", "content": ""}
            await stream.send(self._chunk(first) | {"rlmlang": about(self.request, self.run)})
            try:
                _, result = await stream.answer(
                    self.request.app[SERVICE],
                    work,
                    self.run,
                    lambda piece: stream.send(self._chunk({"content": piece})),
                )
            except Exception as error:
                await stream.send(error_body(as_rlm_error(error), self.run.trace.redactor))
                return stream.response
            await self._end(stream, result, with_usage)
        return stream.response

    async def _end(self, stream: EventStream, result: Result, with_usage: bool) -> None:
        await stream.send(self._chunk({}, "stop") | {"rlmlang": about(self.request, self.run, result)})
        if with_usage:
            await stream.send(self._object("chat.completion.chunk", choices=[], usage=_usage(result)))
        await stream.send("[DONE]")

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._object("chat.completion.chunk", choices=[choice])


def _usage(result: Result) -> dict[str, Any]:
    read, written, cached = token_counts(result.usage)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
