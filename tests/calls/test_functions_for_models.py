"""Functions of the host in programs that models write, in the store, and on the command line."""

from __future__ import annotations

import inspect
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.host_functions import HostFunction, declaration
from rlmlang.calls.writing import Writing
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.lark_text import grammar_text
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import AnswerNotStored, FunctionUnavailable, InvalidOption, ModelProgramFailed
from rlmlang.language import nodes
from rlmlang.language.types import INT
from rlmlang.models.scripted import ScriptedModel
from rlmlang.testing.conformance import run_case
from tests.support.command_line import Run, run

__all__ = ["run"]  # a fixture


def lookup(key: str, most: int = 3, other: object = object()) -> list[str]:
    """Find what is "known" of a key."""
    return [key] * most


def writes(text: str) -> ScriptedModel:
    return ScriptedModel([{"instruction": "*", "program": text}])


# Programs that models write ---------------------------------------------------------


@pytest.mark.parametrize("writing", ["whole", "turns", "statements"])
def test_a_program_that_a_model_writes_applies_the_functions_that_are_given(writing: Writing) -> None:
    model = writes('found = lookup("a", 2)\nreturn len(found)')
    result = rlmlang.ask("How many?", type=int, model=model, functions={"lookup": lookup}, writing=writing)
    assert result.value == 2
    assert result.usage.function_calls == 1


def test_a_model_is_shown_heads_and_docstrings() -> None:
    asked: list[str] = []

    def model(messages: list[dict[str, str]]) -> str:
        asked.append(messages[-1]["content"])
        return "return 1"

    rlmlang.ask("How many?", type=int, model=model, functions={"lookup": lookup})
    head = 'def lookup(key: str, most: int = 3) -> list[str]:\n    """Find what is "known" of a key."""\n    ...\n'
    assert head in asked[0]
    assert "are given" in asked[0]
    asked.clear()
    rlmlang.ask("How many?", type=int, model=model)
    assert "are given" not in asked[0]


def test_records_of_functions_are_declared_for_the_model() -> None:
    text = """
class City:
    name: str
def city(name: str) -> City: ...
CALL[str]("Which?")
"""
    model = writes('return city("Rome").name')
    result = rlmlang.compile(text).run(
        model=model, functions={"city": lambda name: {"name": name}}, limits={"max_depth": 2}
    )
    assert result.value == "Rome"


@pytest.mark.parametrize(
    "text",
    [
        'def lookup(key: str, most: int = 3) -> list[str]: ...\n\ndef answer() -> int:\n    return len(lookup("a"))\n',
        "def answer() -> int:\n    return len(lookup('a'))\n",
        "return len(lookup('a'))",
        "len(lookup('a'))",
        "def lookup(key):\n    return 'abc'\n\ndef answer() -> int:\n    return len(lookup('a'))\n",
    ],
)
def test_a_reply_may_repeat_the_head_of_a_function(text: str) -> None:
    result = rlmlang.ask("How many?", type=int, model=writes(text), functions={"lookup": lookup}, writing="whole")
    assert result.value == 3


@pytest.mark.parametrize("writing", ["whole", "turns", "statements"])
def test_no_model_declares_functions_of_its_own(writing: Writing) -> None:
    """A program that a model wrote has no authority beyond what is given."""
    text = "def delete(name: str) -> str: ...\n\ndef answer() -> str:\n    return delete('a')\n"
    with pytest.raises(ModelProgramFailed):
        rlmlang.ask("Delete.", model=writes(text), functions={"lookup": lookup}, writing=writing)


def test_the_model_is_told_of_a_failure_without_a_traceback() -> None:
    asked: list[str] = []

    def fails(key: str) -> str:
        raise LookupError("nothing is known")

    def model(messages: list[dict[str, str]]) -> str:
        asked.append("\n".join(message["content"] for message in messages))
        return "return fails('a')" if len(asked) == 1 else "return 'b'"

    assert rlmlang.ask("Find.", model=model, functions={"fails": fails}, writing="whole").value == "b"
    assert "`fails` failed: LookupError: nothing is known" in asked[1]
    assert "Traceback" not in asked[1]
    assert __file__ not in asked[1]


def by_name(key: str, *, how: str) -> str:
    return key + how


def without_types(key):  # type: ignore[no-untyped-def]
    return key


def without_result(key: str):  # type: ignore[no-untyped-def]
    return key


def of_bytes(key: bytes) -> str:
    return str(key)


@pytest.mark.parametrize("code", [by_name, without_types, without_result, of_bytes, max])
def test_a_function_without_a_declaration_is_not_shown_to_a_model(code: Any) -> None:
    with pytest.raises(rlmlang.UsageError):
        rlmlang.ask("?", model=lambda messages: "return 1", functions={"f": code})


def takes_any(key: str, *keys: str) -> str:
    return key


def of_a_decimal(key: str, price: Decimal) -> str:
    return key


def of_anything(key: str, what: list[Any]) -> str:
    return key


def to_either(key: str) -> int | str:
    return key


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (takes_any, "its parameter `*keys` takes any number of arguments"),
        (of_a_decimal, "the type of its parameter `price`: <class 'decimal.Decimal'> is not a type of the language"),
        (of_anything, "the type of its parameter `what`: typing.Any is not a type of the language"),
        (of_bytes, "the type of its parameter `key`: <class 'bytes'> is not a type of the language"),
        (to_either, "the type that it returns: int | str is not a type of the language"),
    ],
)
def test_what_cannot_be_declared_is_named_with_its_function(code: Any, what: str) -> None:
    with pytest.raises(rlmlang.UsageError, match="E613") as caught:
        declaration("find", HostFunction(code))
    assert caught.value.first.message == f"the function `find` cannot be shown to a model: {what}" + (
        "; take a list" if code is takes_any else ""
    )
    assert caught.value.first.hint is not None


def test_a_declaration_takes_constants_as_defaults_only() -> None:
    def f(a: int, b: str | None = None, *, c: int = 3) -> dict[str, float]:
        return {}

    assert declaration("f", HostFunction(f)).text == "def f(a: int, b: str | None = None) -> dict[str, float]: ...\n"


@pytest.mark.parametrize(
    "doc",
    ['one "quoted" word"', 'three """ quotes', "a \\ backslash\\", "two\n\n    lines\n", "", 'ends with "', "é \u202e"],
)
def test_any_docstring_is_shown_as_it_is(doc: str) -> None:
    def f(a: int) -> int:
        return a

    f.__doc__ = doc
    program = rlmlang.compile(declaration("f", HostFunction(f)).text + "f(1)\n")
    (function, _) = program.checked.module.statements
    assert isinstance(function, nodes.Function)
    first = function.body[0]
    shown = (
        first.value.value if isinstance(first, nodes.ExprStatement) and isinstance(first.value, nodes.Constant) else ""
    )
    assert inspect.cleandoc(str(shown)) == inspect.cleandoc(doc)
    assert program.run(functions={"f": f}).value == 1


def test_a_name_that_is_nearly_right_is_offered() -> None:
    with pytest.raises(FunctionUnavailable, match="did you mean `look_up`, which is given"):
        rlmlang.compile('def lookup(key: str) -> str: ...\nlookup("a")').run(functions={"look_up": lookup})


@pytest.mark.parametrize(
    "functions", [{"f": 3}, {"f": {}}, {"f": [{"results": 3}]}, {"f": [{"args": [1], "result": 2, "value": 3}]}]
)
def test_what_are_no_scripted_functions(functions: Any) -> None:
    with pytest.raises(InvalidOption):
        run_case({"program": "1", "functions": functions})


def test_no_function_of_the_host_has_the_name_of_those_that_models_write() -> None:
    with pytest.raises(FunctionUnavailable, match="no function of the host is named `answer`"):
        rlmlang.ask("?", model=lambda messages: "return 1", functions={"answer": lookup})


HEAD = '''def lookup(key: str, most: int = 3) -> list[str]:
    """Find."""
    ...

def answer(key: str) -> int:
    """How many?"""
'''


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("    return len(lookup(key, most=2))\n", None),
        ("    for each in lookup(key):\n        print(each)\n    return 1\n", None),
        ("    x = lookup(3)\n", "    x = lookup("),
        ("    while lookup(key):\n", "    while l"),
        ("    def g(x: int) -> int: ...\n", "    def g(x: int) -> int: "),
    ],
)
def test_masks_allow_what_is_given_and_no_more(text: str, allowed: str | None) -> None:
    matcher = Matcher(Constraint(HEAD, INT, within=True), Vocabulary.of_bytes(), 100_000)
    for token in text.encode():
        if not matcher.allows(token):
            break
        matcher.commit(token)
    assert matcher.text == (text if allowed is None else allowed)


def test_a_grammar_text_has_the_names_of_functions_and_no_declaration() -> None:
    text = grammar_text(Constraint(HEAD, INT, "statement", within=True), "llguidance")
    assert '"lookup"' in text
    assert '":" "..."' not in text


# The store --------------------------------------------------------------------------

TEXT = "def count(key: str) -> int: ...\n[count(key) for key in 'aba']"


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, key: str = "") -> int:
        self.calls += 1
        return self.calls


def test_results_are_kept_by_name_version_and_arguments(tmp_path: Path) -> None:
    program, count, store = rlmlang.compile(TEXT), Counter(), tmp_path / "store.db"
    first = program.run(functions={"count": count}, store=store)
    again = program.run(functions={"count": count}, store=store)
    assert first.value == again.value
    assert (first.usage.function_calls, again.usage.function_calls, count.calls) == (2, 0, 2)
    other = program.run(functions={"count": rlmlang.function(version="2")(count)}, store=store)
    assert other.usage.function_calls == 2


def test_a_run_is_resumed_and_replayed_with_the_results_that_are_kept(tmp_path: Path) -> None:
    program, count, store = rlmlang.compile(TEXT), Counter(), tmp_path / "store.db"

    def fails_later(key: str) -> int:
        if key == "b" and not later:
            raise OSError("not yet")
        return count(key)

    later = False
    with pytest.raises(rlmlang.FunctionFailed):
        program.run(functions={"count": rlmlang.function(fails_later)}, store=store, limits={"concurrency": 1})
    assert count.calls == 1
    later = True
    result = rlmlang.resume(store=store, functions={"count": fails_later})
    assert result.value == [1, 2, 1]
    assert count.calls == 2
    assert rlmlang.replay(store=store).value == [1, 2, 1]
    assert count.calls == 2
    with pytest.raises(FunctionUnavailable, match="is not given"):
        rlmlang.resume(store=store)


def test_nothing_of_a_volatile_function_is_kept(tmp_path: Path) -> None:
    program, count, store = rlmlang.compile(TEXT), Counter(), tmp_path / "store.db"
    volatile = rlmlang.function(volatile=True)(count)
    assert sorted(program.run(functions={"count": volatile}, store=store).value) == [1, 2, 3]
    assert sorted(program.run(functions={"count": volatile}, store=store).value) == [4, 5, 6]
    with pytest.raises(AnswerNotStored, match="`count`, which is volatile, and nothing of it is kept"):
        rlmlang.replay(store=store)


def test_an_answer_that_depends_on_a_volatile_function_is_not_kept(tmp_path: Path) -> None:
    count, store = Counter(), tmp_path / "store.db"

    def now() -> int:
        return count()

    model = rlmlang.FunctionModel(lambda messages: "return now() + 100", identity="the same")

    def ask(function: Any) -> Any:
        return rlmlang.ask("When?", type=int, model=model, functions={"now": function}, store=store).value

    assert [ask(now), ask(now)] == [101, 101]
    volatile = rlmlang.function(volatile=True)(now)
    assert [ask(volatile), ask(volatile)] == [102, 103]


def test_an_answer_is_kept_by_the_versions_of_the_functions_that_its_program_may_apply(tmp_path: Path) -> None:
    count, store = Counter(), tmp_path / "store.db"

    def now() -> int:
        return count()

    model = rlmlang.FunctionModel(lambda messages: "return now()", identity="the same")
    for version, value in (("1", 1), ("1", 1), ("2", 2)):
        given = {"now": rlmlang.function(version=version)(now)}
        assert rlmlang.ask("When?", type=int, model=model, functions=given, store=store).value == value


# The command line -------------------------------------------------------------------

FUNCTIONS = '''
from os.path import join
import rlmlang

def lookup(key: str) -> str:
    """Find it."""
    return _twice(key)

def _twice(key: str) -> str:
    return key * 2

@rlmlang.function(volatile=True)
def other() -> int:
    return 1
'''


def test_functions_come_from_a_file_that_is_named(run: Run) -> None:
    Path("tools.py").write_text(FUNCTIONS)
    Path("p.rlm").write_text('def lookup(key: str) -> str: ...\nlookup("a")\n')
    code, out, err = run("run", "p.rlm", "--functions", "tools.py", "--no-store", "--quiet")
    assert (code, out, err) == (0, "aa\n", "")


def test_without_the_option_no_file_is_read(run: Run) -> None:
    Path("tools.py").write_text(FUNCTIONS)
    Path("p.rlm").write_text('def lookup(key: str) -> str: ...\nlookup("a")\n')
    Path("rlmlang.toml").write_text('functions = "tools.py"\n')
    code, _, err = run("run", "p.rlm", "--no-store", "--quiet")
    assert code == 2
    assert "functions" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 / 0\n", "does not run: ZeroDivisionError"), ("x = 1\n", "defines no function"), (None, "cannot read")],
)
def test_a_file_without_functions(run: Run, text: str | None, message: str) -> None:
    if text is not None:
        Path("tools.py").write_text(text)
    Path("p.rlm").write_text("1\n")
    code, _, err = run("run", "p.rlm", "--functions", "tools.py", "--no-store")
    assert code == 2
    assert message in err


def test_a_run_is_resumed_with_functions_from_a_file(run: Run) -> None:
    Path("p.rlm").write_text('def lookup(key: str) -> str: ...\nlookup("a")\n')
    Path("tools.py").write_text('def lookup(key):\n    raise OSError("not yet")\n')
    assert run("run", "p.rlm", "--functions", "tools.py", "--quiet")[0] == 1
    Path("tools.py").write_text(FUNCTIONS)
    assert run("runs", "resume", "last", "--functions", "tools.py", "--quiet")[1] == "aa\n"
    assert run("runs", "replay", "last", "--quiet")[1] == "aa\n"


def test_a_plan_shows_calls_of_functions(run: Run) -> None:
    Path("p.rlm").write_text('def lookup(key: str) -> str: ...\n[lookup(key) for key in lookup("a")]\n')
    code, out, _ = run("plan", "p.rlm")
    assert code == 0
    assert "function calls     1 to 1,000\n" in out
    assert 'p.rlm:2: lookup("a")\n    1 of a function of the host\n' in out
    assert json.loads(run("plan", "p.rlm", "--json")[1])["function_calls"] == [1, 1000]


def test_check_lists_the_functions_that_a_program_is_to_be_given(run: Run) -> None:
    Path("p.rlm").write_text('def lookup(key: str, most: int = 3) -> list[str]: ...\nlookup("a")\n')
    assert run("check", "p.rlm")[1] == (
        "p.rlm: () -> list[str]\n  is to be given: lookup(key: str, most: int) -> list[str]\n"
    )
    found = json.loads(run("check", "p.rlm", "--json")[1])
    assert found["functions"] == ["lookup(key: str, most: int) -> list[str]"]


def test_a_run_that_a_function_ended_can_be_resumed(run: Run) -> None:
    Path("p.rlm").write_text('def lookup(key: str) -> str: ...\nlookup("a")\n')
    Path("tools.py").write_text('def lookup(key):\n    raise OSError("not yet")\n')
    _, _, err = run("run", "p.rlm", "--functions", "tools.py", "--quiet")
    assert "`lookup` failed: OSError: not yet" in err
    assert "resume the run with: rlmlang runs resume" in err
