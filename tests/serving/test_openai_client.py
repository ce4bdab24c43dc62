"""OpenAI's own client against the server: models, chats, responses, streams, files, errors."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from rlmlang.language.types import STR
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving.clients import read_keys
from rlmlang.serving.programs import load_programs
from rlmlang.serving.service import ServerSettings
from tests.support.places import ROOT
from tests.support.serving import Served, served

pytestmark = pytest.mark.heavy  # importing the client takes more than a second


def program(request: Request) -> Any:
    """A model that counts the words of its inputs, in a program, and asks itself about each."""
    if request.level > 1:
        return f"<{request.arguments[0][1]}>" if request.arguments else "direct"
    names = [name for name, _ in request.arguments if name is not None]
    match request.instruction.split()[0]:
        case "Count":
            return f"return {' + '.join(f'len({name}.split())' for name in names)}"
        case "Ask":
            return "return ' '.join([CALL('Repeat', x) for x in ['a', 'b']])"
        case "Fail":
            return "return str([1][int('9')])"
        case "Long":
            return "return 'word ' * 200"
    return f"return {request.instruction!r}"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(ServerSettings(model=ScriptedModel(program))) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[openai.OpenAI]:
    with openai_client(server) as made:
        yield made


def openai_client(server: Served, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=retries)


def ask(client: openai.OpenAI, content: Any, **more: Any) -> Any:
    return client.chat.completions.create(model="rlmlang", messages=[{"role": "user", "content": content}], **more)


def test_it_lists_the_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["rlmlang"]
    assert client.models.retrieve("rlmlang").owned_by == "rlmlang"


def test_a_chat_is_answered_by_a_program_with_the_usage_of_the_whole_run(client: openai.OpenAI, server: Served) -> None:
    reply = ask(client, "Ask about a and b")
    assert reply.choices[0].message.content == "<a> <b>"
    assert reply.choices[0].finish_reason == "stop"
    assert "CALL('Repeat', x)" in reply.rlmlang["program"]
    assert reply.rlmlang["usage"]["calls"] == 3
    assert reply.usage.prompt_tokens == reply.rlmlang["usage"]["prompt_tokens"]
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.rlmlang["trace"] == f"{server.url}/runs/{reply.rlmlang['run_id']}"


def test_a_chat_is_streamed(client: openai.OpenAI) -> None:
    chunks = list(ask(client, "Long answer", stream=True, stream_options={"include_usage": True}))
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(said) == "word " * 200
    assert len(said) > 1
    assert "/runs/" in chunks[0].rlmlang["trace"]  # before the answer is there
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_files_are_inputs(client: openai.OpenAI) -> None:
    data = "data:text/plain;base64," + b64encode(b"one two three").decode()
    parts = [
        {"type": "text", "text": "Count the words"},
        {"type": "file", "file": {"filename": "Notes 1.txt", "file_data": data}},
    ]
    reply = ask(client, parts, extra_body={"rlmlang": {"type": "int"}})
    assert reply.choices[0].message.content == "3"
    assert "notes_1: str" in reply.rlmlang["program"]


def test_a_schema_gives_the_answer_its_type(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}
    model = ScriptedModel([{"instruction": "*", "program": "return Person(name='Ann', age=None)"}])
    with served(ServerSettings(model=model)) as running, openai_client(running) as other:
        reply = ask(other, "Who?", response_format=form)
    assert reply.choices[0].message.content == '{"name": "Ann", "age": null}'


def test_a_response_is_answered(client: openai.OpenAI) -> None:
    reply = client.responses.create(model="rlmlang", input="Ask about a and b", instructions="Be brief.")
    assert reply.output_text == "<a> <b>"
    assert reply.status == "completed"
    assert reply.usage is not None
    assert reply.usage.output_tokens > 0
    parts: Any = [
        {"role": "user", "content": [
            {"type": "input_text", "text": "Count the words"},
            {"type": "input_file", "filename": "a.md", "file_data": b64encode(b"one two").decode()},
        ]}
    ]  # fmt: skip
    counted = client.responses.create(model="rlmlang", input=parts, extra_body={"rlmlang": {"type": "int"}})
    assert counted.output_text == "2"


def test_a_response_is_streamed(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="rlmlang", input="Long answer", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "word " * 200
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "word " * 200
    with client.responses.stream(model="rlmlang", input="Ask about a and b") as stream:
        assert stream.get_final_response().output_text == "<a> <b>"


def test_errors_have_our_code_and_hint(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "?"}])
    assert unknown.value.code == "E703"
    with pytest.raises(openai.APIStatusError) as failed:
        ask(client, "Fail now")
    assert failed.value.status_code == 502  # the model's program does not run, whatever is tried
    assert failed.value.code == "E405"
    with pytest.raises(openai.RateLimitError) as limited:
        ask(client, "Ask about a and b", extra_body={"rlmlang": {"limits": {"max_calls": 2}}})
    assert limited.value.code == "E501"
    assert isinstance(limited.value.body, dict)
    assert limited.value.body["hint"] == "raise max_calls"
    with pytest.raises(openai.APIError, match="fail"):
        list(ask(client, "Fail now", stream=True))


def test_a_limit_is_not_tried_again(server: Served) -> None:
    before = len(server.service.runs)
    with openai_client(server, 2) as persistent, pytest.raises(openai.RateLimitError):
        ask(persistent, "Ask about a and b", extra_body={"rlmlang": {"limits": {"max_calls": 2}}})
    assert len(server.service.runs) == before + 1  # without a store, the latest are kept


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    guide = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    monkeypatch.chdir(ROOT)
    programs = load_programs(ROOT / "examples")
    first, second = re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)

    def model(request: Request) -> Any:
        if request.instruction == "How many lines mention the euro?":
            return "return len([line for line in article.splitlines() if 'euro' in line])"
        return "Several do." if request.type == STR else '"Some do."'

    with served(ServerSettings(model=ScriptedModel(model), programs=programs)) as running:
        for block in (first, second):
            exec(compile(block.replace("http://127.0.0.1:8000", running.url), "serving.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert int(lines[0]) > 0
    assert lines[1].startswith(f"{running.url}/runs/")
    assert lines[-1].startswith("Several do.")


def test_the_keys_of_the_guide_are_read(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^```toml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    path = tmp_path / "keys.toml"
    path.write_text(table)
    path.chmod(0o600)
    assert [client.name for client in read_keys(path).by_key] == ["alice", "bob"]
