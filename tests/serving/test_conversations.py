"""Clients go on from what they have asked before: by the id of a response, in a conversation, or in a chat."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving.clients import Clients, read_keys
from rlmlang.serving.service import KEPT_SESSIONS, ServerSettings, opened
from rlmlang.storage.sessions import sessions
from rlmlang.storage.store import Store
from tests.support.command_line import Run, run
from tests.support.serving import Served, chunks, served

__all__ = ["run"]

PROGRAMS = {
    "Split": "parts = report.split(',')\nreturn str(len(parts))",
    "Last": "return parts[-1] + answer_1",
    "First": "return parts[0] + answer_1",
    "Both": "return report[:1] + report_2[:1]",
    "Again": "return answer_1 + answer_2",
    "Fail": "return str([1][int('9')])",
}
FILE = {"filename": "Report.txt", "file_data": b64encode(b"aa,bb,cc").decode()}


class Asked:
    def __init__(self) -> None:
        self.inputs: list[list[str]] = []

    def __call__(self, request: Request) -> str:
        self.inputs.append([str(name) for name, _ in request.arguments])
        question = request.instruction.partition("\n\nEarlier questions, ")[0]
        word = next(word for word in reversed(question.split()) if word in PROGRAMS)
        return f"```python\n{PROGRAMS[word]}\n```"


def settings(asked: Asked, place: Path | None, **more: Any) -> ServerSettings:
    return ServerSettings(model=ScriptedModel(asked), place=place, writing="turns", **more)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "answers.db"


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def server(asked: Asked, place: Path) -> Iterator[Served]:
    with served(settings(asked, place)) as running:
        yield running


def respond(server: Served, question: str, **more: Any) -> Any:
    return server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": question} | more)


def with_file(question: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": "input_text", "text": question}, {"type": "input_file", **FILE}]}]


def said(answer: Any) -> str:
    text: str = answer.data["output"][0]["content"][0]["text"]
    return text


def test_a_response_goes_on_from_another_with_its_files_answer_and_variables(server: Served, asked: Asked) -> None:
    first = server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split")})
    assert said(first) == "3"
    assert (first.data["store"], first.data["previous_response_id"]) == (True, None)
    one = respond(server, "Last", previous_response_id=first.data["id"])
    assert said(one) == "cc3"
    assert asked.inputs[-1] == ["report", "parts", "answer_1"]
    assert one.data["previous_response_id"] == first.data["id"]
    other = respond(server, "First", previous_response_id=first.data["id"])  # another way from the same response
    assert said(other) == "aa3"
    assert said(respond(server, "Again", previous_response_id=other.data["id"])) == "3aa3"


def test_a_file_of_the_same_name_is_another_input(server: Served) -> None:
    first = server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split")})
    more = {"previous_response_id": first.data["id"]}
    assert said(server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Both"), **more})) == "aa"


def test_a_response_that_failed_is_nothing_to_go_on_from(server: Served) -> None:
    failed = server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": "Fail"})
    assert failed.status == 502
    known = respond(server, "Split", previous_response_id=f"resp_{failed.headers['Rlmlang-Run']}")
    assert (known.status, known.error["code"]) == (404, "E703")


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_0000000000000000"},
        {"previous_response_id": "conv_0000000000000000"},
        {"previous_response_id": "chat:x"},
        {"conversation": "a"},
        {"conversation": {"id": "resp_0000000000000000"}},
    ],
)
def test_what_is_not_there_is_nothing_to_go_on_from(server: Served, more: dict[str, Any]) -> None:
    answer = respond(server, "Split", **more)
    assert (answer.status, answer.error["code"]) == (404, "E703")


def test_both_ways_to_go_on_exclude_each_other(server: Served) -> None:
    id = "0000000000000000"
    answer = respond(server, "Split", previous_response_id=f"resp_{id}", conversation=f"conv_{id}")
    assert (answer.status, answer.error["code"]) == (400, "E700")


def test_without_a_store_nothing_is_kept(asked: Asked) -> None:
    with served(settings(asked, None)) as server:
        answer = server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split")})
        assert answer.data["store"] is False
        more = respond(server, "Last", previous_response_id=answer.data["id"])
        assert (more.status, more.error["code"]) == (400, "E700")
        assert server.ask("POST", "/v1/conversations", {}).error["code"] == "E700"


def test_a_response_that_is_not_to_be_stored_is_not(server: Served, place: Path) -> None:
    answer = server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split"), "store": False})
    assert answer.data["store"] is False
    assert respond(server, "Last", previous_response_id=answer.data["id"]).status == 404
    server.chat([{"type": "text", "text": "Split"}, {"type": "file", "file": FILE}], store=False)
    with Store(place) as store:
        assert sessions(store) == []


def test_a_conversation_keeps_what_its_responses_bind_until_it_is_deleted(server: Served) -> None:
    id = server.ask("POST", "/v1/conversations", {}).data["id"]
    first = server.ask(
        "POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split"), "conversation": {"id": id}}
    )
    assert first.data["conversation"] == {"id": id}
    assert said(respond(server, "Last", conversation=id)) == "cc3"
    assert said(respond(server, "Again", conversation=id)) == "3cc3"
    assert server.ask("DELETE", f"/v1/conversations/{id}").data["deleted"] is True
    assert respond(server, "Again", conversation=id).status == 502  # nothing is bound any more


def test_a_chat_goes_on_from_its_earlier_messages(server: Served, asked: Asked) -> None:
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "Split"}, {"type": "file", "file": FILE}]}
    ]
    for question, expected, inputs in (
        (None, "3", ["report"]),
        ("Last", "cc3", ["report", "parts", "answer_1"]),
        ("Again", "3cc3", ["report", "parts", "answer_1", "answer_2"]),
    ):
        messages += [] if question is None else [{"role": "user", "content": question}]
        answer = server.ask("POST", "/v1/chat/completions", {"model": "rlmlang", "messages": messages, "stream": True})
        text = "".join(each["choices"][0]["delta"].get("content", "") for each in chunks(answer)[:-1])
        assert text == expected
        assert asked.inputs[-1] == inputs
        messages.append({"role": "assistant", "content": text})


def test_keys_keep_what_clients_go_on_from_apart(asked: Asked, place: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text('[a]\nkey = "the-key-of-a-client"\n[b]\nkey = "the-key-of-another"\n')
    keys.chmod(0o600)
    with served(settings(asked, place, clients=Clients(read_keys(keys).by_key))) as server:
        server.headers = {"Authorization": "Bearer the-key-of-a-client"}
        first = server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split")})
        conversation = server.ask("POST", "/v1/conversations", {}).data["id"]
        server.chat([{"type": "text", "text": "Split"}, {"type": "file", "file": FILE}])
        server.headers = {"Authorization": "Bearer the-key-of-another"}
        assert respond(server, "Last", previous_response_id=first.data["id"]).status == 404
        assert respond(server, "Last", conversation=conversation).status == 404
        assert server.ask("DELETE", f"/v1/responses/{first.data['id']}").status == 404
        server.headers = {"Authorization": "Bearer the-key-of-a-client"}
        assert server.ask("DELETE", f"/v1/responses/{first.data['id']}").data["deleted"] is True
        assert respond(server, "Last", previous_response_id=first.data["id"]).status == 404


def test_what_clients_keep_is_forgotten_after_some_time_and_not_listed(
    server: Served, place: Path, asked: Asked, run: Run
) -> None:
    server.ask("POST", "/v1/responses", {"model": "rlmlang", "input": with_file("Split")})
    assert run("sessions", "list", "--store", str(place))[1] == ""
    assert "resp:" in run("sessions", "list", "--all", "--store", str(place))[1]

    async def begin() -> None:
        async with opened(settings(asked, place)):
            pass

    asyncio.run(begin())
    with Store(place) as store:
        assert len(sessions(store)) == 1
        store.db.query("update session_values set bound = bound - ?", (KEPT_SESSIONS + 60,))
    asyncio.run(begin())
    with Store(place) as store:
        assert sessions(store) == []


@pytest.mark.heavy
def test_the_client_of_openai_goes_on(server: Served) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0) as client:
        parts: Any = with_file("Split")
        first = client.responses.create(model="rlmlang", input=parts)
        assert (
            client.responses.create(model="rlmlang", input="Last", previous_response_id=first.id).output_text == "cc3"
        )
        conversation = client.conversations.create()
        parts = with_file("Now Split")
        client.responses.create(model="rlmlang", input=parts, conversation=conversation.id)
        last = client.responses.create(model="rlmlang", input="Last", conversation=conversation.id)
        assert last.output_text == "cc3"
        assert last.conversation is not None
        assert last.conversation.id == conversation.id
        client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.create(model="rlmlang", input="Last", previous_response_id=first.id)
        assert client.conversations.delete(conversation.id).deleted
