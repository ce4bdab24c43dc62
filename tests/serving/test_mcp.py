"""The official client of the Model Context Protocol against the server: every tool, over every transport."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from attrs import evolve
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from rlmlang.calls.limits import Limits
from rlmlang.errors import ModelError, UsageError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving import mcp
from rlmlang.serving.mcp import ToolServer
from rlmlang.serving.programs import load_programs
from rlmlang.serving.service import ServerSettings, opened
from rlmlang.serving.tools import tools_of

pytestmark = pytest.mark.heavy  # importing the client takes more than a second

PROGRAMS = {
    "words": 'def words(text: str, most: int = 3) -> list[str]:\n    """The first words."""\n    return text.split()[:most]\n',
    "card": "class Card:\n    name: str\n    tags: list[str]\ntext: str\nCard(name=text, tags=[CALL('Tag', text)])\n",
    "many": "parts: list[str]\n[CALL('Echo', part) for part in parts]\n",
}


def answer(request: Request) -> Any:
    if request.instruction == "Tag":
        return "a tag"
    if request.instruction == "Echo":
        return request.arguments[0][1]
    return "return len(book.split())"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.rlm").write_text(text)
    return tmp_path


def settings_of(folder: Path, model: Any = None, **more: Any) -> ServerSettings:
    return ServerSettings(
        model=model or ScriptedModel(answer), programs=load_programs(folder), **{"allow_programs": True, **more}
    )


@asynccontextmanager
async def connected(settings: ServerSettings) -> AsyncIterator[Client]:
    async with opened(settings) as service, Client(ToolServer(service, tools_of(settings)).server()) as client:
        yield client


def use(settings: ServerSettings, what: Callable[[Client], Any]) -> Any:
    async def main() -> Any:
        async with connected(settings) as client:
            return await what(client)

    return asyncio.run(main())


def called(settings: ServerSettings, tool: str, **arguments: Any) -> Any:
    """Return the data that a tool returns."""
    found = use(settings, lambda client: client.call_tool(tool, arguments))
    assert not found.is_error, found.content[0].text
    return found.structured_content


def refused(settings: ServerSettings, tool: str, arguments: Any) -> str:
    """Return the text of the error that a tool returns."""
    found = use(settings, lambda client: client.call_tool(tool, arguments))
    assert found.is_error
    return str(found.content[0].text)


# The tools -------------------------------------------------------------------------


def test_programs_are_tools_with_their_types(folder: Path) -> None:
    tools = {tool.name: tool for tool in use(settings_of(folder), lambda client: client.list_tools()).tools}
    assert set(tools) == {"check", "plan", "run", "ask", *PROGRAMS}
    assert tools["words"].description == "The first words."
    assert tools["words"].input_schema["required"] == ["text"]
    assert tools["words"].input_schema["properties"]["most"]["default"] == 3
    assert tools["words"].output_schema["properties"]["value"]["type"] == "array"
    assert tools["words"].annotations.read_only_hint


def test_a_program_of_the_server_runs(folder: Path) -> None:
    assert called(settings_of(folder), "words", text="a b c d", most=2)["value"] == ["a", "b"]
    card = called(settings_of(folder), "card", text="x")
    assert (card["value"], card["usage"]["calls"]) == ({"name": "x", "tags": ["a tag"]}, 1)


def test_check_says_every_mistake_or_the_types(folder: Path) -> None:
    fine = called(settings_of(folder), "check", program="n: int\nn + 1\n")
    assert (fine["ok"], fine["inputs"], fine["type"]) == (True, {"n": "int"}, "int")
    wrong = called(settings_of(folder), "check", program="a + 1\nb\n")
    assert not wrong["ok"]
    assert [each["line"] for each in wrong["diagnostics"]] == [1, 2]


def test_plan_counts_calls_before_they_are_made(folder: Path) -> None:
    text = "parts: list[str]\n[CALL('Echo', part) for part in parts]\n"
    assert called(settings_of(folder), "plan", program=text, inputs={"parts": ["a", "b"]})["calls"] == [2, 2]


def test_run_runs_a_program_of_the_client(folder: Path) -> None:
    found = use(settings_of(folder), lambda client: client.call_tool("run", {"program": "CALL('Echo', 'x') + 'y'"}))
    assert found.content[0].text == "xy"
    assert (found.structured_content["value"], found.structured_content["type"]) == ("xy", "str")


def test_ask_writes_a_program_over_the_inputs(folder: Path) -> None:
    found = called(settings_of(folder), "ask", question="How many words?", inputs={"book": "a b c"}, type="int")
    assert found["value"] == 3
    assert "book.split()" in found["program"]


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("words", {}, "E601"),
        ("words", {"text": 3}, "E603"),
        ("words", {"text": "a", "other": 1}, "E602"),
        ("run", {"program": "1 +"}, "E100"),
        ("run", {"program": 7}, "E700"),
        ("run", {"program": "1", "limits": {"max_calls": 10**9}}, "E700"),
        ("run", {"program": "[1][int('9')]"}, "E30"),
        ("ask", {}, "E700"),
        ("ask", {"question": "?", "type": "list[Nothing]"}, "E"),
        ("plan", {"program": "a: int\na\n"}, "E601"),
        ("nothing", {}, "E703"),
    ],
)
def test_what_goes_wrong_is_told_with_a_code(folder: Path, tool: str, arguments: Any, code: str) -> None:
    assert refused(settings_of(folder), tool, arguments).startswith(code)


def test_programs_of_clients_need_permission(folder: Path) -> None:
    settings = evolve(settings_of(folder), allow_programs=False)
    assert "run" not in tools_of(settings)
    assert refused(settings, "run", {"program": "1"}).startswith("E703")


def test_without_a_model_there_is_no_ask(folder: Path) -> None:
    assert "ask" not in tools_of(evolve(settings_of(folder), model=None))


def test_no_program_takes_the_name_of_another_tool(folder: Path) -> None:
    (folder / "check.rlm").write_text("1\n")
    with pytest.raises(UsageError, match="a tool is called check already"):
        tools_of(settings_of(folder))


def test_a_budget_holds(folder: Path) -> None:
    settings = settings_of(folder, limits=Limits(max_calls=1))
    assert refused(settings, "many", {"parts": ["a", "b"]}).startswith("E50")


def test_a_model_that_fails_is_told(folder: Path) -> None:
    def failing(request: Request) -> str:
        raise ModelError.of("E400", "the model is gone")

    assert "E400" in refused(settings_of(folder, ScriptedModel(failing)), "many", {"parts": ["a"]})


# While a run goes on ---------------------------------------------------------------


def test_progress_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "PROGRESS", 0.01)
    told: list[tuple[float, float | None, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async def slow(messages: Any) -> str:
        while "b" in str(messages[-1]) and not told:  # its call ends only once that of the other is told of
            await asyncio.sleep(0.01)
        return "x"

    settings = settings_of(folder, slow)
    parts = {"parts": ["a", "b"]}
    found = use(settings, lambda client: client.call_tool("many", parts, progress_callback=listen))
    assert found.structured_content["value"] == ["x", "x"]
    assert told[0][:2] == (1, 2)
    assert "1 done" in str(told[0][2])


def test_a_client_that_gives_up_ends_its_run(folder: Path) -> None:
    async def never(messages: Any) -> str:
        await asyncio.sleep(3_600)
        return ""

    async def main() -> None:
        settings = settings_of(folder, never)
        async with opened(settings) as service:
            async with Client(ToolServer(service, tools_of(settings)).server()) as client:
                task = asyncio.ensure_future(client.call_tool("many", {"parts": ["a"]}))
                while not any(run.trace.active for run in service.runs.values()):
                    await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.wait({task})
            assert all(run.ended.is_set() and not run.trace.active for run in service.runs.values())

    asyncio.run(asyncio.wait_for(main(), 60))


# Transports ------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text('[[reply]]\ninstruction = "Echo"\nvalue = "said"\n')
    return path


def test_over_standard_input_and_output(folder: Path, script: Path) -> None:
    command = ["-m", "rlmlang", "mcp", "--programs", str(folder), "--model", f"scripted:{script}", "--no-store"]

    async def main() -> tuple[Any, Any]:
        async with Client(StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))) as client:
            return await client.list_tools(), await client.call_tool("run", {"program": "CALL('Echo', 'x')"})

    tools, result = asyncio.run(main())
    assert {"check", "plan", "run", "ask", "words"} <= {tool.name for tool in tools.tools}
    assert all(tool.annotations.read_only_hint for tool in tools.tools)
    assert result.structured_content["value"] == "said"


def test_over_http_with_keys(folder: Path, script: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text('[alice]\nkey = "a-key-that-is-long"\n')
    keys.chmod(0o600)
    command = [
        sys.executable, "-m", "rlmlang", "mcp", "--http", "--port", "0", "--keys", str(keys), "--programs",
        str(folder), "--model", f"scripted:{script}", "--no-store",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = re.findall(r"http://\S+", process.stderr.readline())[0]

            async def main(key: str) -> tuple[Any, Any]:
                headers = {"Authorization": f"Bearer {key}"}
                async with (
                    httpx2.AsyncClient(headers=headers) as http,
                    Client(streamable_http_client(url, http_client=http)) as client,
                ):
                    return await client.list_tools(), await client.call_tool("words", {"text": "a b"})

            tools, result = asyncio.run(main("a-key-that-is-long"))
            assert "run" not in {tool.name for tool in tools.tools}
            assert result.structured_content["value"] == ["a", "b"]
            assert httpx2.post(url, json={}, headers={"Authorization": "Bearer wrong"}).status_code == 401
            with pytest.raises((MCPError, ExceptionGroup, httpx2.HTTPError)):
                asyncio.run(main("wrong-key-that-is-long"))
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def test_it_listens_to_others_only_with_keys(folder: Path, script: Path) -> None:
    command = [
        sys.executable, "-m", "rlmlang", "mcp", "--http", "--host", "0.0.0.0", "--programs", str(folder), "--no-store"
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2
    assert "E607" in ended.stderr
    assert "--keys" in ended.stderr
