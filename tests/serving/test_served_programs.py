"""Programs over HTTP: typed JSON in and out, and the OpenAPI that describes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlmlang.errors import FunctionUnavailable, ProgramError, UsageError
from rlmlang.models.scripted import ScriptedModel
from rlmlang.serving.programs import load_programs
from rlmlang.serving.service import ServerSettings
from tests.support.serving import Served, served

PROGRAMS = {
    "total": """
class Item:
    name: str
    price: float
class Bill:
    items: list[Item]
    total: float
items: list[Item]
factor: float = 2.0
Bill(items=items, total=factor * sum([item.price for item in items]))
""",
    "words": 'def words(text: str, most: int = 3) -> list[str]:\n    """The first words."""\n    return text.split()[:most]\n',
    "any": "def twice(x):\n    return x + x\n",
    "asks": '# Ask the model.\ntext: str\nprint("asked")\nCALL[int]("Count", text)\n',
    "fails": "text: str\nint(text)\n",
    "tuples": "d: dict[int, tuple[str, bool]]\nsorted(d.items())\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("programs")
    for name, text in PROGRAMS.items():
        (folder / f"{name}.rlm").write_text(text)
    model = ScriptedModel([{"instruction": "Count", "value": 7}])
    with served(ServerSettings(model=model, programs=load_programs(folder), allow_programs=True)) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "inputs", "value", "type_"),
    [
        ("words", {"text": "a b c d"}, ["a", "b", "c"], "list[str]"),
        ("words", {"text": "a b c d", "most": 1}, ["a"], "list[str]"),
        ("any", {"x": [1]}, [1, 1], "list[int]"),
        ("any", {"x": "ab"}, "abab", "str"),
        ("asks", {"text": "?"}, 7, "int"),
        ("tuples", {"d": {"2": ["b", True], "1": ["a", False]}}, [[1, ["a", False]], [2, ["b", True]]], None),
        (
            "total", {"items": [{"name": "a", "price": 1}]},
            {"items": [{"name": "a", "price": 1.0}], "total": 2.0}, "Bill",
        ),
    ],
)  # fmt: skip
def test_programs_run(server: Served, name: str, inputs: Any, value: Any, type_: str | None) -> None:
    answer = server.ask("POST", f"/programs/{name}", inputs)
    assert answer.status == 200, answer.text
    assert answer.data["value"] == value
    assert type_ in (None, answer.data["type"])
    assert answer.data["trace"].endswith(f"/runs/{answer.data['run_id']}")
    assert answer.headers["Rlmlang-Run"] == answer.data["run_id"]
    assert answer.data["usage"]["calls"] == (name == "asks")
    assert answer.data.get("printed") == ("asked\n" if name == "asks" else None)


@pytest.mark.parametrize(
    ("path", "inputs", "status", "code"),
    [
        ("words", {}, 400, "E601"),
        ("words", {"text": "a", "txt": "b"}, 400, "E602"),
        ("words", {"text": 5}, 400, "E603"),
        ("words", {"text": "a", "most": 1.5}, 400, "E603"),
        ("any", {"x": [1, "a"]}, 400, "E603"),
        ("any", {"x": {"a": None}}, 400, None),
        ("fails", {"text": "nine"}, 422, "E304"),
        ("words?max_steps=1", {"text": "a"}, 429, "E506"),
        ("asks?max_calls=0", {"text": "a"}, 429, "E508"),
        ("asks?max_calls=many", {"text": "a"}, 400, "E700"),
        ("asks?max_calls=5000", {"text": "a"}, 400, "E700"),
        ("asks?wishes=3", {"text": "a"}, 400, "E700"),
    ],
)
def test_what_does_not_fit_has_a_code(server: Served, path: str, inputs: Any, status: int, code: str | None) -> None:
    answer = server.ask("POST", f"/programs/{path}", inputs)
    assert answer.status == status, answer.text
    assert code in (None, answer.error["code"])


def test_programs_of_clients_run_where_that_is_allowed(server: Served) -> None:
    answer = server.ask("POST", "/programs", {"program": "n: int\nn + 1\n", "inputs": {"n": 2}})
    assert (answer.status, answer.data["value"]) == (200, 3)
    wrong = server.ask("POST", "/programs", {"program": "n: int\nm + 1\nk\n", "inputs": {"n": 2}})
    assert (wrong.status, wrong.error["code"], wrong.error["line"], wrong.error["column"]) == (400, "E200", 2, 1)
    assert [each["line"] for each in wrong.error["diagnostics"]] == [2, 3]
    hostile = server.ask("POST", "/programs", {"program": "import os\nos.remove('x')\n"})
    assert (hostile.status, hostile.error["code"]) == (400, "E113")
    assert server.ask("POST", "/programs", {"inputs": {}}).error["code"] == "E700"


def test_the_list_says_what_programs_take_and_give(server: Served) -> None:
    found = {each["name"]: each for each in server.ask("GET", "/programs").data["programs"]}
    assert list(found) == sorted(PROGRAMS)
    assert found["words"]["description"] == "The first words."
    assert found["asks"]["description"] == "Ask the model."
    assert found["words"]["inputs"] == {"text": "str", "most": "int"}
    assert found["words"]["input_schema"]["required"] == ["text"]
    assert found["words"]["input_schema"]["properties"]["most"] == {"type": "integer", "default": 3}
    assert found["any"]["type"] == "any"
    assert found["any"]["output_schema"] == {}
    assert server.ask("GET", "/programs/words").data == found["words"]


def test_openapi_describes_each_program(server: Served) -> None:
    document = server.ask("GET", "/openapi.json").data
    assert document["openapi"] == "3.1.0"
    assert sorted(document["paths"]) == sorted(f"/programs/{name}" for name in PROGRAMS)
    post = document["paths"]["/programs/total"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["items"]["items"] == {"$ref": "#/components/schemas/total.Item"}
    assert post["operationId"] == "total"
    assert {"200", "400", "422", "429", "502", "503"} <= set(post["responses"])
    references = [part.split('"')[0] for part in json.dumps(document).split('"$ref": "')[1:]]
    assert references
    for reference in references:
        place = document
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]


def test_a_folder_that_cannot_be_served_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load_programs(tmp_path / "none")
    with pytest.raises(UsageError, match="has no programs"):
        load_programs(tmp_path)
    (tmp_path / "a.rlm").write_text("def lookup(key: str) -> str: ...\nlookup('a')\n")
    with pytest.raises(FunctionUnavailable):
        load_programs(tmp_path)
    assert list(load_programs(tmp_path, {"lookup": lambda key: key})) == ["a"]
    (tmp_path / "._a.rlm").write_bytes(b"\0what another system keeps beside a file")
    assert list(load_programs(tmp_path, {"lookup": lambda key: key})) == ["a"]
    (tmp_path / "a.rlm").write_text("1 +\n")
    with pytest.raises(ProgramError):
        load_programs(tmp_path)
    (tmp_path / "a.rlm").rename(tmp_path / "a b.rlm")
    with pytest.raises(UsageError, match="by its name"):
        load_programs(tmp_path)
