"""Give requests the form that a server takes: without what it has refused before (decision 107).

Servers with one wire format differ in what they take of it, by model and by version. None says so beforehand, but most
say what they refuse. It is then left out, or said in another way, here and in all later requests for the same model.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from attrs import evolve

from rlmlang.calls.prompt import Message
from rlmlang.models.base import Request, TextListener, before_sending
from rlmlang.models.servers.http import Client, RequestRefused
from rlmlang.models.servers.messages import alternating
from rlmlang.models.servers.ollama import OllamaClient
from rlmlang.models.servers.server_errors import NO_CONTINUATION, NO_SYSTEM, ServerError
from rlmlang.models.servers.throttling import origin_of

CONTINUATION = "continue_final_message"
"""The part of a request that has a text continued."""

SYSTEM = "system"
"""The messages that are the system's."""

_KEPT = frozenset(
    {
        "model", "messages", "prompt", "system", "tools", "tool_choice", "response_format", "json_schema",
        "structured_outputs", "ebnf", "grammar",
    }
)  # fmt: skip
"""The fields that are never left out: without them it would be another request."""

_CALLED: dict[str, tuple[str, ...]] = {
    "stop": ("stopSequences", "stop_sequences", "stop sequences"),
    "stop_sequences": ("stopSequences", "stop sequences"),
    "chat_template_kwargs": ("chat_template",),
    "max_tokens": ("maxTokens",),
    "max_completion_tokens": ("maxCompletionTokens",),
    "reasoning_effort": ("think", "thinking"),
}
"""What some servers call a field in their errors."""

_TOGETHER: dict[str, tuple[str, ...]] = {
    CONTINUATION: ("add_generation_prompt",),
    "add_generation_prompt": (CONTINUATION,),
    "stop": ("include_stop_str_in_output", "no_stop_trim"),
    "stream": ("stream_options",),
}
"""The fields that mean nothing without another one."""

_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The two names of the limit on an answer's tokens: where one is refused, the other may be taken."""

_SAMPLING = ("temperature", "seed")
"""The fields that can change an answer."""

_OUT_OF_RANGE = re.compile(r"large|exceed|at (?:most|least)|maximum|range|(?:less|greater) than|between", re.IGNORECASE)
"""How servers say that they take a field, but not its value."""


class Adaptation:
    """Sends requests for one model, to a path of its server, and knows what the server has refused of them."""

    def __init__(self, client: Client | OllamaClient, path: str, model: str) -> None:
        self._client = client
        self._origin = origin_of(client.root)
        self._path = path
        self._key = f"{path} {model}"

    @property
    def refused(self) -> frozenset[str]:
        """The parts of requests that the server has refused."""
        return self._origin.refused.get(self._key, frozenset())

    async def exchange(
        self, make_body: Callable[[], dict[str, Any]], key: str, listener: TextListener | None = None
    ) -> tuple[dict[str, Any], Any]:
        """Send a request in the form that the server takes; return its body and the response, which has a `key`.

        `make_body` is asked again once something was refused. Raises ModelError; `RequestRefused` where no other form
        may help, `Unsent` if nothing was sent.
        """
        known = self.refused
        with before_sending():
            body = self._applied(make_body())
        while True:
            try:
                learn = partial(self._learn, body=body)
                return body, await self._client.request("POST", self._path, body, key, learn, listener)
            except RequestRefused:
                learned = self.refused - known  # by this request, or by others meanwhile
                if not learned or (again := self._applied(make_body())) == body:
                    raise
                known, body = known | learned, again

    async def exchange_typed(
        self, make_body: Callable[[], dict[str, Any]], key: str, request: Request
    ) -> tuple[dict[str, Any], Any]:
        """Do as `exchange`; a JSON schema that the server refuses is left out, and not sent again (decision 113).

        `make_body` asks `takes_schema`. Raises what `exchange` raises, for the first of both requests.
        """
        part = _schema_part(request)
        has_schema = request.typed and part not in self.refused  # others may learn of it meanwhile
        try:
            return await self.exchange(make_body, key, request.listener)
        except RequestRefused as error:
            if not has_schema:
                raise
            self.refuse(part)
            try:
                return await self.exchange(make_body, key, request.listener)
            except RequestRefused:  # it was not about the schema
                self._origin.refused[self._key] = self.refused - {part}
                raise error from None

    def takes_schema(self, request: Request) -> bool:
        """Return whether the server may take the JSON schema of a request's type."""
        return _schema_part(request) not in self.refused

    def refuse(self, part: str) -> None:
        """Note that the server refuses a part of requests, and with it what means nothing without it."""
        self._origin.refused[self._key] = self.refused | {part, *_TOGETHER.get(part, ())}

    def _learn(self, error: ServerError, body: Mapping[str, Any]) -> bool:
        """Learn from the error of a request; return whether it says which part of it was refused."""
        part = _refused_part(error, body)
        if part is None:
            return False
        if part not in self.refused:
            log = logging.getLogger("rlmlang")
            if part in _LIMITS and _LIMITS[part] in self.refused:
                log.warning("%s takes no limit on the tokens of answers", self._client.root)
            if part in _SAMPLING:
                log.warning("%s takes no %s; without it, answers may differ from run to run", self._client.root, part)
            self.refuse(part)
        return True

    def _applied(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request without the fields that were refused; its messages are of whoever made it."""
        refused = self.refused
        if not refused:
            return body
        for limit, other in _LIMITS.items():
            if limit in body and limit in refused and other not in refused:
                body[other] = body[limit]
        return {field: value for field, value in body.items() if field not in refused or field in _KEPT}


def _schema_part(request: Request) -> str:
    return f"schema {request.constraint_digest}"


def _refused_part(error: ServerError, body: Mapping[str, Any]) -> str | None:
    """Return the part of a request that an error is about; None if it is about none that can be left out."""
    if error.is_overflow or error.status in (401, 403, 429):
        return None
    if body.get(CONTINUATION) and NO_CONTINUATION.search(error.message):
        return CONTINUATION
    for field in body:
        if field in _KEPT or not error.refuses(field, *_CALLED.get(field, ())):
            continue
        if field not in _LIMITS or not _OUT_OF_RANGE.search(error.message):
            return field
    if NO_SYSTEM.search(error.message) and any(message["role"] == "system" for message in body.get("messages", ())):
        return SYSTEM
    return None


def folded(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages with the texts of the system at the start of what the user says first."""
    return alternating(evolve(message, role="user") if message.role == "system" else message for message in messages)
