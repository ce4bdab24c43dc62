"""Tests of programs that a model writes statement by statement, and of `rlmlang ask`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import rlmlang
from rlmlang.calls import keys
from rlmlang.calls.limits import Limits
from rlmlang.calls.prompt import IMPORTS
from rlmlang.calls.writing_session import STATEMENT_ATTEMPTS, checked_head
from rlmlang.cli import main
from rlmlang.errors import ModelError, RlmError
from rlmlang.language import parse
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.source import Source
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake

CALLING = 'document: str\nCALL[list[str]]("Shorten the lines", document=document)\n'
HEAD = IMPORTS + 'def answer(document: str) -> list[str]:\n    """Shorten the lines"""\n'
TWO = Limits(max_depth=2)


class Writer(Fake):
    """Writes the statements it is given, one a request, and answers leaf calls by a function."""

    def __init__(self, statements: list[str], leaf: Callable[[Request], Any] = lambda request: "x") -> None:
        self.statements = list(statements)
        super().__init__(lambda request: self.statements.pop(0) if request.program else leaf(request))
        self.capabilities = Capabilities(grammar="llguidance", continues=True)

    @property
    def written(self) -> list[str]:
        return [request.written for request in self.requests if request.program]


def run(model: Fake, **options: Any) -> rlmlang.Result:
    return rlmlang.compile(CALLING).run(model=model, limits=TWO, document="one\ntwo", **options)


def test_each_statement_is_run_and_its_value_shown_to_the_model() -> None:
    model = Writer(
        [
            "    parts = lines(document)\n",
            '    short = [CALL("Shorten", part) for part in parts]\n',
            "    return short\n",
        ],
        lambda request: f"short {request.arguments[0][1]}",
    )
    assert run(model).value == ["short one", "short two"]
    first = '    parts = lines(document)  #=> parts: list[str], 2 items: ["one", "two"]\n'
    second = (
        '    short = [CALL("Shorten", part) for part in parts]'
        '  #=> short: list[str], 2 items: ["short one", "short two"]\n'
    )
    assert model.written == ["", first, first + second]
    assert all(
        request.constraint and request.constraint.unit == "statement" for request in model.requests if request.program
    )


def test_the_model_is_asked_for_each_leaf_once() -> None:
    model = Writer(['a = CALL("x", document)\n', 'b = CALL("x", document)\n', "return [a, b]\n"])
    assert run(model).value == ["x", "x"]
    assert sum(not request.program for request in model.requests) == 1


def test_the_transcript_runs_again_from_the_store_without_a_call(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    model = Writer(['a = [CALL("x", part) for part in lines(document)]\n', "return a\n"])
    result = run(model, store=store)
    transcript = result.trace.calls[0].program
    assert transcript is not None
    again = rlmlang.compile(transcript).run(model=Writer([]), store=store, document="one\ntwo")
    assert again.value == result.value == ["x", "x"]
    assert (again.usage.calls, again.usage.memo_hits) == (0, 2)
    store.close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("parts = lins(document)\n", "E200"),
        ("parts = = 3\n", "E100"),
        ("# nothing\n", "E405"),
        ("a = 1  #=> a: int: 1\n", "E405"),
        ("a = [1][7]\n", "E301"),
        ("if document:\n    a = [1][7]\n", "E301"),
        ("return 1\n", "E227"),
        ("class A:\n    x: int\n", "E121"),
    ],
)
def test_a_statement_that_does_not_work_is_written_again(wrong: str, code: str) -> None:
    model = Writer([wrong, "return lines(document)\n"])
    assert run(model).value == ["one", "two"]
    with pytest.raises(ModelError) as caught:
        run(Writer([wrong] * STATEMENT_ATTEMPTS))
    assert caught.value.first.code == "E405"
    assert code in str(caught.value)
    assert code == "E405" or caught.value.first.notes[0][0] == "in its program"


def test_what_is_wrong_is_shown_and_what_was_right_is_kept() -> None:
    """Also in a reply with several statements, from an engine that was not constrained to one."""
    model = Writer(
        ["a = lines(document)\nb = [a]\nc = lins(document)\nd = 1\n", "c = len(a)\n", "```rlm\nreturn a[:c]\n```\n"]
    )
    result = run(model)
    assert result.value == ["one", "two"]
    asked = [request for request in model.requests if request.program]
    assert [request.repair is not None for request in asked] == [False, True, False]
    text, problem = asked[1].repair or ("", "")
    assert text == "    c = lins(document)\n"
    assert "error[E200]" in problem
    prompt = asked[1].messages
    assert [message.role for message in prompt] == ["system", "user", "assistant", "user"]
    assert prompt[2].content == asked[1].written + text
    assert prompt[3].content.endswith("Write the last statement again, corrected.")
    first = '    a = lines(document)  #=> a: list[str], 2 items: ["one", "two"]\n'
    assert asked[1].written == first + '    b = [a]  #=> b: list[list[str]], 1 items: [["one", "two"]]\n'
    assert result.trace.calls[0].program == HEAD + asked[2].written + "    return a[:c]\n"


def test_the_transcript_has_statements_as_the_model_wrote_them() -> None:
    """Otherwise its engine would have to read them again."""
    model = Writer(["    a = [  # names\n        document,\n    ]  # all\n", "    return a\n"])
    assert run(model).value == ["one\ntwo"]
    assert model.written[1] == (
        '    a = [  # names\n        document,\n    ]  # all\n    #=> a: list[str], 1 items: ["one\\ntwo"]\n'
    )


def test_values_are_evaluated_once() -> None:
    """Statements that were run for a preview are not run again, which would take more steps than the limit."""
    statements = [f"x{i} = sum(range(20_000 + {i}))\n" for i in range(20)]
    limits = Limits(max_depth=2, max_steps=1_500_000)
    again = rlmlang.compile(CALLING).run(
        model=Writer([*statements, "return lines(document)\n"]), limits=limits, document="one\ntwo"
    )
    assert again.value == ["one", "two"]
    with pytest.raises(RlmError):
        rlmlang.compile("".join(statements) + "x0\n").run(limits=Limits(max_steps=20 * 20_000 - 1))


def test_no_statement_is_parsed_or_checked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head takes one of each more."""
    parsed: list[str] = []
    checked: list[int] = []
    original, extended = parse._parsed, Beginning.extended

    def counted_parse(layout: Any, builder: Any, source: Source, start: int) -> Any:
        parsed.append(source.text[start:])
        return original(layout, builder, source, start)

    def counted_check(self: Beginning, module: Any, *expected: Any) -> Beginning:
        checked.append(len(module.statements))
        return extended(self, module, *expected)

    program = rlmlang.compile(CALLING)
    monkeypatch.setattr(parse, "_parsed", counted_parse)
    monkeypatch.setattr(Beginning, "extended", counted_check)
    checked_head.cache_clear()
    statements = [
        "    parts = lines(document)\n",
        "    n = len(parts)\n",
        "    if n:\n        n += 0\n",
        "    return parts\n",
    ]
    assert program.run(model=Writer(statements), limits=TWO, document="one\ntwo").value == ["one", "two"]
    assert parsed == [HEAD, *statements]
    assert checked == [1, 1, *[1] * 4]  # the head: what is before the function, and its docstring


def test_the_keys_and_places_of_calls_do_not_depend_on_how_statements_are_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They change with LANGUAGE_VERSION and PROMPT_VERSION alone: under the first versions they are what they were."""
    monkeypatch.setattr(keys, "LANGUAGE_VERSION", 1)
    monkeypatch.setattr(keys, "PROMPT_VERSION", 2)
    trace = Trace()
    statements = ["parts = lines(document)\n", 'short = [CALL("Shorten", part) for part in parts]\n', "return short\n"]
    run(Writer(statements), trace=trace)
    assert [(call.key or b"").hex()[:16] for call in trace.calls] == [
        "f323d99f48df9a22", "32be9923b9b8f4b4", "d89d8710df5f42d3",
    ]  # fmt: skip
    span = trace.calls[1].span
    assert (span.source.name, span.line, span.column) == ("<answer>", 6, 14)


def test_later_statements_see_what_earlier_ones_define() -> None:
    """Functions too, which see the variables that were bound before them."""
    statements = [
        "few = 2\n",
        "def cut(text: str) -> tuple[str, int]:\n    return text[:few], few\n",
        "few_more = [cut(line) for line in lines(document)]\n",
        "a, b = (few_more[0][0], few_more[1])\n",
        "return [a, b[0]]\n",
    ]
    model = Writer(statements)
    assert run(model).value == ["on", "tw"]
    assert model.written[-1].splitlines()[-2:] == [
        "    few_more = [cut(line) for line in lines(document)]"
        '  #=> few_more: list[tuple[str, int]], 2 items: [("on", 2), ("tw", 2)]',
        '    a, b = (few_more[0][0], few_more[1])  #=> a: str: "on"; b: tuple[str, int]: ("tw", 2)',
    ]


def test_what_loops_and_changes_come_to_is_shown() -> None:
    statements = ["sizes = {}\n", "for line in lines(document):\n    sizes[line] = len(line)\n", "return list(sizes)\n"]
    model = Writer(statements)
    assert run(model).value == ["one", "two"]
    assert model.written[-1].splitlines()[-1] == (
        '    #=> line: str: "two"; sizes: dict[str, int], 2 items: {"one": 3, "two": 3}'
    )


def test_what_is_printed_is_shown() -> None:
    model = Writer(["print(len(document), 'characters')\n", "return [document]\n"])
    assert run(model).value == ["one\ntwo"]
    assert model.written[-1] == "    print(len(document), 'characters')  #=> printed \"7 characters\\n\"\n"


def test_a_statement_may_return_or_not() -> None:
    model = Writer(
        ["if len(document) > 100:\n    return []\n", 'if CALL[bool]("Short?"):\n    return [document]\n'],
        lambda _: "true",
    )
    assert run(model).value == ["one\ntwo"]


def test_a_binding_that_can_have_no_value_is_written_again() -> None:
    model = Writer(["none = [][0]\n", "return lines(document)\n"])
    assert run(model).value == ["one", "two"]
    repair = [request.repair for request in model.requests if request.repair]
    assert "error[E301]" in repair[0][1]


def test_the_transcript_is_in_the_trace_if_it_fails() -> None:
    trace = Trace()
    with pytest.raises(ModelError):
        run(Writer(["a = 1\n", *["b\n"] * STATEMENT_ATTEMPTS]), trace=trace)
    assert trace.calls[0].program == HEAD + "    a = 1  #=> a: int: 1\n"


@pytest.mark.parametrize("writing", ["statements", "whole", None])
def test_how_programs_are_written_is_chosen(writing: Any) -> None:
    """By default, an engine that cannot be constrained to a statement writes in one go."""
    body = ["    a = lines(document)\n", "    return a\n"]
    model = Writer(body if writing == "statements" else ["".join(body)])
    model.capabilities = Capabilities()
    assert run(model, writing=writing).value == ["one", "two"]
    assert len(model.requests) == (2 if writing == "statements" else 1)


def test_how_programs_are_written_is_in_the_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    for writing, calls in (("statements", 2), ("whole", 1), ("whole", 0)):
        model = Writer(["a = 1\n", "return [document]\n"][2 - max(calls, 1) :])
        assert run(model, store=store, writing=writing).usage.calls == calls
    store.close()


def test_hidden_characters_of_values_stay_out_of_the_transcript() -> None:
    model = Writer(["text = document\n", "return [text]\n"])
    result = rlmlang.compile(CALLING).run(model=model, limits=TWO, document="a\u202eb")
    assert result.value == ["a\u202eb"]
    assert "\\u202e" in model.written[1]


def test_a_statement_that_is_cut_off_is_written_again() -> None:
    class Cut(Writer):
        async def generate(self, request: Request) -> Reply:
            reply = await super().generate(request)
            return evolve(reply, finish="length") if len(self.requests) == 1 else reply

    model = Cut(["    text = [document, document, document", "    return [document]\n"])
    assert run(model).value == ["one\ntwo"]
    assert "error[E402]" in (model.requests[1].repair or ("", ""))[1]


def test_a_program_without_an_end_is_refused() -> None:
    model = Writer([f"x{i} = {i}\n" for i in range(100)])
    with pytest.raises(RlmError) as caught:
        run(model)
    assert caught.value.first.code == "E405"


# rlmlang ask ------------------------------------------------------------------------

MODEL = """\
def model(request):
    if "{question}" in request.instruction and request.program:
        return "parts = lines(text)\\nCALL('Join', parts)\\n"
    return "joined"
"""


def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    script = tmp_path / "model.py"
    script.write_text(MODEL.replace("{question}", "What"), encoding="utf-8")
    code = main(["ask", "What is it?", "-m", f"scripted:{script}", "--no-store", *args])
    found = capsys.readouterr()
    return code, found.out, found.err


def test_ask_prints_the_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(tmp_path, capsys, "--input", "text=a b", "--show-program")
    assert (code, out) == (0, "joined\n")
    assert "parts = lines(text)" in err


def test_ask_prints_json_with_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(tmp_path, capsys, "--input", "text=a b", "--json")
    printed = json.loads(out)
    assert code == 0
    assert printed["value"] == "joined"
    assert "lines(text)" in printed["program"]
    assert printed["usage"]["calls"] == 2


def test_the_question_of_ask_may_take_all_and_its_calls_their_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ("--input", "text=a b", "--max-calls", "3", "--max-share", "0.4", "--json")
    assert ask(tmp_path, capsys, *limits)[0] == 0
    (tmp_path / "model.py").write_text(
        "def model(request):\n"
        "    if not request.program:\n"
        "        return 'joined'\n"
        "    return \"CALL('Join', text)\\n\" if 'What' in request.instruction else \"CALL('Say', arg1)\\n\"\n"
    )
    code = main(["ask", "What?", "-m", f"scripted:{tmp_path / 'model.py'}", "--no-store", "--max-depth", "2", *limits])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["code"]) == (3, "E510")
    assert error["message"] == "the share of the call `Join`: 1 of 1 calls are used"


def test_ask_without_levels_is_answered_directly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(tmp_path, capsys, "--input", "text=a b", "--max-depth", "0", "--json")
    printed = json.loads(out)
    assert (code, printed["value"], printed["program"], printed["usage"]["calls"]) == (0, "joined", None, 1)


def test_what_the_model_cannot_do_is_said_without_a_program_that_nobody_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "model.py"
    script.write_text("def model(request):\n    return 'return nothing'\n")
    asked = ["ask", "What?", "-m", f"scripted:{script}", "--no-store", "-q", "--writing", "turns"]
    assert main(asked) == 4
    first, second = capsys.readouterr().err.splitlines()[:2]
    assert first.startswith("error[E405]: the model wrote 4 blocks that do not work")
    assert second == "<answer>:5:12: note: in its program"
    assert main([*asked, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["line"] is None


def test_ask_refuses_a_wrong_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(tmp_path, capsys, "--type", "strr", "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "E203"
