"""Streams have the text of an answer as a model writes it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving.service import ServerSettings
from tests.support.serving import Served, served

PATHS = {"/v1/chat/completions": "messages", "/v1/responses": "input"}


class Teller:
    """A model that tells the beginning of its answer, and ends it when it may."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.answer = "Once upon a time."

    async def __call__(self, request: Request) -> str:
        if request.program:
            return "return CALL('Tell')"
        if request.listener is not None:
            request.listener.begin()
            request.listener.add("Once upon ")
        while not self.may_end.is_set():
            await asyncio.sleep(0.01)
        return self.answer


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def server(teller: Teller) -> Iterator[Served]:
    with served(ServerSettings(model=ScriptedModel(teller))) as running:
        yield running


def events(server: Served, path: str, **more: Any) -> Iterator[Any]:
    """Yield the events of a stream as they come."""
    body = {"model": "rlmlang", PATHS[path]: [{"role": "user", "content": "Tell a story"}], "stream": True, **more}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    with connection.getresponse() as reply:
        for line in reply:
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])
    connection.close()


def piece_of(event: Any) -> str:
    if "choices" in event:
        text: str = event["choices"][0]["delta"].get("content", "")
        return text
    return str(event["delta"]) if event.get("type") == "response.output_text.delta" else ""


@pytest.mark.parametrize("path", PATHS)
def test_the_text_comes_while_it_is_written(server: Served, teller: Teller, path: str) -> None:
    pieces = []
    for event in events(server, path):
        if piece := piece_of(event):
            pieces.append(piece)
            teller.may_end.set()  # only now the model goes on
    assert pieces[0] == "Once upon"
    assert "".join(pieces) == "Once upon a time."


@pytest.mark.parametrize("more", [{"stop": ["a"]}, {"rlmlang": {"type": "str | None"}}])
def test_an_answer_that_must_be_whole_first_is_not_told(server: Served, teller: Teller, more: dict[str, Any]) -> None:
    teller.may_end.set()
    pieces = [piece for event in events(server, "/v1/chat/completions", **more) if (piece := piece_of(event))]
    assert pieces == ["Once upon " if "stop" in more else "Once upon a time."]


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_that_turns_out_to_be_another_is_an_error_once(server: Served, teller: Teller, path: str) -> None:
    teller.answer = "Something else."
    found = []
    for event in events(server, path):
        found.append(event)
        if piece_of(event):
            teller.may_end.set()
    error = found[-1]["error"] if "error" in found[-1] else found[-1]["response"]["error"]
    assert error["code"] == "E709"
    again = [piece for event in events(server, path) if (piece := piece_of(event))]
    assert again == ["Something else."]
