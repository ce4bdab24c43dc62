"""`/v1/responses`, as OpenAI speaks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any

from aiohttp import web
from attrs import define

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
from rlmlang.serving.bodies import kind_of, member, read_json
from rlmlang.serving.chat import refuse, require_model
from rlmlang.serving.conversations import kept_response
from rlmlang.serving.failures import as_rlm_error, error_body, json_response
from rlmlang.serving.questions import SentMessage, question_of, read_extras, read_message
from rlmlang.serving.schemas import answer_type
from rlmlang.serving.service import CLIENT, SERVICE, ServedRun, Service


async def responses(request: web.Request) -> web.StreamResponse:
    """Answer what is asked, as a whole or as a stream."""
    service, client = request.app[SERVICE], request[CLIENT]
    body = await read_json(request, service.settings.body)
    kept = kept_response(service, client, body)
    bound = kept.bound if kept else ()
    asked = await asyncio.to_thread(read_response, service, body, bound)  # files take their time
    with service.begun(client, asked.title) as run:
        reply = _ResponseReply(request, run, service.settings.name, body, kept is not None)
        is_stream = member(body, "stream", bool, default=False)
        if is_stream:
            listen(service, run, asked)
        async with working(answer(service, run, asked, kept, "resp")) as work:
            if is_stream:
                return await reply.stream(work)
            try:
                text, result = await outcome(work)
            except Exception as error:
                return failed(request, run, error)
            return json_response(reply.completed(text, result), headers=headers(request, run))


def read_response(service: Service, body: dict[str, Any], bound: Collection[str] = ()) -> Ask:
    """Return what a request for a response asks for, where names are `bound` already.

    Raises RequestError E700, E703 (another model).
    """
    require_model(service, member(body, "model", str, default=service.settings.name))
    extras = read_extras(body)
    messages = _messages(body.get("input"))
    if instructions := member(body, "instructions", str):
        messages.insert(0, SentMessage("system", [instructions]))
    question = question_of(messages, extras.inputs, bound)
    refuse(body, "tools", "prompt", hint="there are no tools: files and long texts are inputs of the program")
    refuse(body, "background", hint="stream the response, and look at the run's page")
    format_ = member(member(body, "text", dict, default={}), "format", dict, where="text.")
    return asked_for(
        service, question, extras, answer_type(format_, extras.type), member(body, "max_output_tokens", int)
    )


def _messages(given: object) -> list[SentMessage]:
    """Return the messages in the input of a request. Raises RequestError E700."""
    if isinstance(given, str):
        return [SentMessage("user", [given])]
    if not isinstance(given, list):
        raise RequestError.of("E700", f"`input` is text or a list of messages, not {kind_of(given)}")
    return [read_message(each, f"input[{number}]") for number, each in enumerate(given)]


@define(eq=False)
class _ResponseReply:
    """The reply to a request for a response."""

    request: web.Request
    run: ServedRun
    model: str
    body: dict[str, Any]
    is_kept: bool
    _number: int = 0
    """Of the next event of a stream."""

    def _object(self, status: str, **more: Any) -> dict[str, Any]:
        return {
            "id": f"resp_{self.run.id}",
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": self.body.get("instructions"),
            "max_output_tokens": self.body.get("max_output_tokens"),
            "metadata": {},
            "model": self.model,
            "output": [],
            "parallel_tool_calls": False,
            "previous_response_id": self.body.get("previous_response_id"),
            "conversation": self._conversation,
            "reasoning": {"effort": None, "summary": None},
            "store": self.is_kept,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "none",
            "tools": [],
            "top_p": None,
            "truncation": "disabled",
            "usage": None,
            "rlmlang": about(self.request, self.run),
        } | more

    @property
    def _conversation(self) -> object:
        given = self.body.get("conversation")
        return {"id": given} if isinstance(given, str) else given

    def completed(self, text: str, result: Result) -> dict[str, Any]:
        """Return the response once the answer is there."""
        read, written, cached = token_counts(result.usage)
        usage = {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        }
        item = self._item("completed", [_part(text)])
        return self._object("completed", output=[item], usage=usage, rlmlang=about(self.request, self.run, result))

    def _item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "type": "message", "id": f"msg_{self.run.id}", "status": status, "role": "assistant", "content": content,
        }  # fmt: skip

    async def stream(self, work: asyncio.Task[tuple[str, Result]]) -> web.StreamResponse:
        """Send the response in events. The first has the address of the run's page, so that it can be watched."""
        async with streaming(self.request, headers(self.request, self.run)) as stream:
            for kind in ("created", "in_progress"):
                await self._send(stream, f"response.{kind}", response=self._object("in_progress"))
            at: dict[str, Any] = {"output_index": 0}
            within = {"item_id": f"msg_{self.run.id}", "content_index": 0, **at}
            await self._send(stream, "response.output_item.added", item=self._item("in_progress", []), **at)
            await self._send(stream, "response.content_part.added", part=_part(""), **within)

            async def say(piece: str) -> None:
                await self._send(stream, "response.output_text.delta", delta=piece, logprobs=[], **within)

            try:
                text, result = await stream.answer(self.request.app[SERVICE], work, self.run, say)
            except Exception as error:
                found = error_body(as_rlm_error(error), self.run.trace.redactor)["error"]
                await self._send(stream, "response.failed", response=self._object("failed", error=found))
                return stream.response
            await self._send(stream, "response.output_text.done", text=text, logprobs=[], **within)
            await self._send(stream, "response.content_part.done", part=_part(text), **within)
            await self._send(stream, "response.output_item.done", item=self._item("completed", [_part(text)]), **at)
            await self._send(stream, "response.completed", response=self.completed(text, result))
        return stream.response

    async def _send(self, stream: EventStream, kind: str, **data: Any) -> None:
        await stream.send({"type": kind, "sequence_number": self._number, **data}, kind)
        self._number += 1


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
