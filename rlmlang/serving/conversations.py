"""What a client's next question goes on from: responses, conversations and chats are kept as sessions (decision 133).

A response and a chat are each a session of their own, which begins as a copy of the one it goes on from, so that a
client may ask again from any of them. A conversation that a client has created is one session. Their names have a
colon, which those of `rlmlang ask --session` cannot have.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from attrs import frozen

from rlmlang.api import Result
from rlmlang.errors import RequestError
from rlmlang.serving.bodies import member
from rlmlang.serving.clients import KeyHolder
from rlmlang.serving.failures import json_response
from rlmlang.serving.questions import SentMessage
from rlmlang.serving.service import CLIENT, SERVICE, Service
from rlmlang.sessions import AskWith, ask_in
from rlmlang.storage.sessions import copy_session, forget_session, names_in, rename_session
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace

_ID = re.compile(r"(resp|conv)_([0-9a-f]{16}(?:[0-9a-f]{16})?)")


@frozen
class Continuation:
    """What a request goes on from, and where its answer is kept."""

    store: Store
    before: str | None = None
    """The session that it goes on from, as a copy."""
    session: str | None = None
    """The session that it is asked in; None for one of its own."""

    @property
    def bound(self) -> set[str]:
        """The names that are bound by then."""
        name = self.session or self.before
        return set() if name is None else names_in(self.store, name)

    async def ask(
        self, session: str, question: str, inputs: Mapping[str, object], trace: Trace, ask: AskWith
    ) -> Result:
        """Ask in the session, which has the given name if it is one of its own. Raises what `ask_in` raises."""
        if self.session is not None:
            return await ask_in(self.store, self.session, question, inputs, trace, ask)
        if self.before is not None:
            copy_session(self.store, self.before, session)
        try:
            return await ask_in(self.store, session, question, inputs, trace, ask)
        except BaseException:
            forget_session(self.store, session)  # nothing can go on from an answer that there is not
            raise


def kept_response(service: Service, client: KeyHolder, body: dict[str, Any]) -> Continuation | None:
    """Return where a response is kept; None if it is not to be, or nothing is.

    Raises RequestError E700, E703 for what it should go on from and is not there.
    """
    previous = member(body, "previous_response_id", str)
    conversation = member(body, "conversation", str, dict)
    if isinstance(conversation, dict):
        conversation = member(conversation, "id", str, where="conversation.")
    if previous and conversation:
        raise RequestError.of("E700", "`previous_response_id` and `conversation` exclude each other")
    if service.store is None:
        if previous or conversation:
            hint = "send the earlier messages again: the server runs without a store"
            raise RequestError.of("E700", "nothing is kept here to go on from", hint=hint)
        return None
    if conversation:
        return Continuation(service.store, session=_session(client, conversation, "conv"))
    if previous is None:
        return Continuation(service.store) if member(body, "store", bool, default=True) else None
    before = _session(client, previous, "resp")
    if not names_in(service.store, before):
        raise _unknown(previous)
    return Continuation(service.store, before)


def kept_chat(service: Service, client: KeyHolder, messages: Sequence[SentMessage], store: bool) -> Continuation | None:
    """Return where a chat is kept, which goes on from the one whose messages and answer are its earlier messages."""
    if service.store is None or not store:
        return None
    before = chat_session(client, messages[:-1])
    return Continuation(service.store, before if names_in(service.store, before) else None)


def chat_session(client: KeyHolder, messages: Sequence[SentMessage]) -> str:
    """Return the name of the session of a chat that consists of some messages."""
    said = [
        [each.role, each.texts, [[file.name, hashlib.sha256(file.data).hexdigest()] for file in each.files]]
        for each in messages
    ]
    text = json.dumps([None if client.digest is None else client.digest.hex(), said])
    return f"chat:{hashlib.sha256(text.encode()).hexdigest()}"


def keep_chat(kept: Continuation, run_id: str, client: KeyHolder, messages: Sequence[SentMessage], answer: str) -> None:
    """Let a chat be found by its messages and its answer."""
    whole = [*messages, SentMessage("assistant", [answer])]
    rename_session(kept.store, f"chat:{run_id}", chat_session(client, whole))


def _session(client: KeyHolder, id: str, kind: str) -> str:
    """Return the name of the session of an id. Raises RequestError E703 for another kind, or one of another client."""
    found = _ID.fullmatch(id)
    if found is None or found[1] != kind or not client.owns(found[2]):
        raise _unknown(id)
    return f"{kind}:{found[2]}"


def _unknown(id: str) -> RequestError:
    hint = "it may have been forgotten; send the earlier messages again"
    return RequestError.of("E703", f"there is nothing to go on from called {id[:80]!r}", hint=hint)


# Addresses -------------------------------------------------------------------------


async def create(request: web.Request) -> web.Response:
    """Create a conversation, which is empty. Raises RequestError E700 if nothing is kept."""
    service, client = request.app[SERVICE], request[CLIENT]
    if service.store is None:
        raise RequestError.of("E700", "the server runs without a store", hint="send the earlier messages again")
    id = f"conv_{client.new_run_id()}"
    return json_response({"id": id, "object": "conversation", "created_at": int(time.time()), "metadata": {}})


async def forget(request: web.Request) -> web.Response:
    """Forget a conversation, or what a response has kept. Raises RequestError E703 if there is nothing."""
    service, id = request.app[SERVICE], request.match_info["id"]
    kind = "conv" if request.path.startswith("/v1/conversations/") else "resp"
    session = _session(request[CLIENT], id, kind)
    if service.store is None or (not forget_session(service.store, session) and kind == "resp"):
        raise _unknown(id)
    about = "conversation.deleted" if kind == "conv" else "response"
    return json_response({"id": id, "object": about, "deleted": True})
