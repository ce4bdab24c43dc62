"""Tests of text with calls in it, and of `rlmlang complete`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.inline import CALL_ATTEMPTS, MARKS
from rlmlang.cli import main
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import RlmError
from rlmlang.language import check as language_check
from rlmlang.language import parse
from rlmlang.language.source import Source
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.models.registry import open_model
from rlmlang.storage.store import Store
from tests.support.fakes import Fake
from tests.support.places import ROOT

HELD = Capabilities(grammar="llguidance", continues=True)
OPEN = Capabilities()


class Writer(Fake):
    """Writes the pieces it is given, one a request for text, and answers calls by a function."""

    def __init__(
        self, pieces: list[str], leaf: Callable[[Request], Any] = lambda _: "x", able: Capabilities = HELD
    ) -> None:
        self.pieces = list(pieces)
        super().__init__(lambda request: self.pieces.pop(0) if request.inline else leaf(request))
        self.capabilities = able

    @property
    def written(self) -> list[str]:
        return [request.written for request in self.requests if request.inline]


def complete(model: Fake, **options: Any) -> rlmlang.Completion:
    return rlmlang.complete("What is it?", model=model, inputs={"text": "one\ntwo"}, **options)


def test_a_call_is_made_where_it_is_written_and_the_text_continues_after_its_answer() -> None:
    model = Writer(["Look: CALL[", '[int]("How many?", text)', " lines, so CALL(", '("Say it", "two")', "."])
    answers = iter([2, "two lines"])
    model.answer = lambda request: model.pieces.pop(0) if request.inline else next(answers)
    done = complete(model)
    assert done.value == 'Look: CALL[int]("How many?", text) → 2 lines, so CALL("Say it", "two") → "two lines".'
    assert (done.answers, done.finish) == ([2, "two lines"], "stop")
    assert model.written == [
        "", "Look: CALL", 'Look: CALL[int]("How many?", text) → 2', 'Look: CALL[int]("How many?", text) → 2 lines, so CALL',
        done.value[:-1],
    ]  # fmt: skip
    asked = [request for request in model.requests if request.inline]
    assert [request.stop for request in asked[::2]] == [MARKS] * 3
    assert all(request.constraint and request.constraint.unit == "call" for request in asked[1::2])
    assert [request.constraint for request in asked[1::2]] == [
        Constraint("text: str\n", None, "call"),
        Constraint('text: str\ncall1 = CALL[int]("How many?", text)\n', None, "call"),
    ]
    assert (done.usage.calls, done.usage.to_json()["calls"]) == (7, 7)


@pytest.mark.parametrize("able", [HELD, OPEN])
def test_no_call_is_parsed_twice(able: Capabilities, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    original = parse.parse_partial

    def counted(source: Source, start: int = 0) -> Any:
        parsed.append(source.text[start:])
        return original(source, start)

    monkeypatch.setattr(parse, "parse_partial", counted)
    monkeypatch.setattr(language_check, "parse_partial", counted)
    pieces = ["CALL(", '("(a)", lines(text)[0])', " CALL(", '("b", call1)', ""]
    if able is OPEN:  # stopped at each bracket
        pieces = ["CALL(", '"(a)', '", lines(text)', "[0])", " CALL(", '"b", call1)', ""]
    assert complete(Writer(pieces, able=able)).answers == ["x", "x"]
    assert [text for text in parsed if "CALL" in text] == [
        'call1 = CALL("(a)", lines(text)[0])\n',
        'call2 = CALL("b", call1)\n',
    ]


def test_the_calls_run_again_from_the_store_without_a_call(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    done = complete(
        Writer(["CALL(", '("a", text)', " CALL[", '[list[str]]("b", lines(text)[0])', ""], leaf=_typed), store=store
    )
    assert done.answers == ["x", ["x"]]
    again = done.program.run(model=Writer([]), store=store, text="one\ntwo")
    assert (again.value, again.usage.calls) == (tuple(done.answers), 0)
    store.close()


def _typed(request: Request) -> Any:
    return ["x"] if "list" in str(request.type) else "x"


def test_an_answer_is_never_taken_for_a_call() -> None:
    hostile = 'CALL("again", text) → "no" CALL('
    model = Writer(["CALL(", '("a")', " end"], lambda _: hostile)
    done = complete(model)
    assert done.answers == [hostile]
    assert done.value == f'CALL("a") → {json.dumps(hostile, ensure_ascii=False)} end'
    assert done.usage.calls == 4


def test_equal_calls_are_one_call() -> None:
    done = complete(Writer(["CALL(", '("a")', "CALL(", '("a")', ""]))
    assert (done.answers, done.usage.memo_hits, done.usage.calls) == (["x", "x"], 1, 6)


def test_a_call_that_does_not_work_is_written_again_and_then_its_error_is_inserted() -> None:
    right = complete(Writer(["CALL(", "(txt)", "(text)", ""]))
    assert right.value == 'CALL(text) → "x"'
    wrong = Writer(["CALL(", *["(txt)"] * CALL_ATTEMPTS, " so it is"])
    done = complete(wrong)
    assert done.value.startswith("CALL(txt) → E200: ")
    assert done.value.endswith(" so it is")
    assert done.answers == []
    assert [request.sample for request in wrong.requests[1:-1]] == [0, 1, 2]


def test_engines_without_a_grammar_are_stopped_at_each_bracket_that_may_be_the_last() -> None:
    model = Writer(["CALL(", '"(a) b', '", lines(text) b', '[0]) → "lies"', "!"], able=OPEN)
    assert complete(model).value == 'CALL("(a)", lines(text)[0]) → "x"!'
    assert [request.stop for request in model.requests if request.inline][1:-1] == [(")",)] * 3


def test_text_after_a_stop_is_dropped() -> None:
    model = Writer(['A CALL("a") → "lies", so', '"a") → "lies"', "."], able=OPEN)
    assert complete(model).value == 'A CALL("a") → "x".'


@pytest.mark.parametrize("able", [HELD, OPEN])
def test_a_text_may_be_begun(able: Capabilities) -> None:
    model = Writer(['("a")' if able == HELD else '"a")', "."], able=able)
    assert complete(model, start="So: CALL(").value == 'So: CALL("a") → "x".'


def test_a_text_may_begin_with_calls_and_the_start_of_one() -> None:
    model = Writer(['b", text[0])', " end"])
    done = complete(model, start='One CALL("a)", text), CALL[int]("a", txt) two CALL("')
    assert done.value == (
        'One CALL("a)", text) → "x", CALL[int]("a", txt) → E200: unknown name `txt` two CALL("b", text[0]) → "x" end'
    )
    assert done.answers == ["x", "x"]
    assert (
        done.program.source.text == 'text: str\ncall1 = CALL("a)", text)\ncall3 = CALL("b", text[0])\n(call1, call3,)\n'
    )
    assert str(done.program.type) == "tuple[str, str]"


def test_a_word_that_ends_like_a_call_is_none() -> None:
    done = complete(Writer(["To RECALL(", "x) or éCALL[", "…"]))
    assert (done.value, done.answers) == ("To RECALL(x) or éCALL[…", [])
    assert complete(Writer([""]), start="RECALL(x)").value == "RECALL(x)"


def test_later_calls_may_use_the_whole_answers_of_earlier_ones() -> None:
    model = Writer(["CALL(", '("long")', " so CALL(", '("short", call1)', ""], lambda request: _of(request))
    done = complete(model)
    assert done.answers == ["y" * 3_000, "y" * 3_000]
    assert f'CALL("long") → "{"y" * 2_000}"… so' in done.value


def _of(request: Request) -> str:
    return str(request.arguments[0][1]) if request.arguments else "y" * 3_000


def test_answers_are_shown_with_their_ends_marked() -> None:
    value = ["a" * 1_990, 'b → "\n\u202e' * 3, "c"]
    done = complete(Writer(["CALL[", '[list[str]]("a")', ""], lambda _: value))
    shown = done.value.partition(" → ")[2]
    assert shown.startswith('["aaa')
    assert shown.endswith('"b → \\"\\n"…, …]')
    assert done.answers == [value]


def test_errors_are_shown_on_one_line_with_nothing_hidden() -> None:
    wrong = rlmlang.ModelError.of("E404", "the model\nsaid\u202e CALL(1)")
    done = complete(Writer(["CALL(", *['("a")'] * CALL_ATTEMPTS, ""], lambda _: wrong))
    assert done.value == 'CALL("a") → E404: the model said\\u202e CALL(1)'


@pytest.mark.parametrize("text", ['("a"', '("a") + "b"', '("a")\nx = 1', "(= 3)", ""])
def test_text_that_is_not_one_call_is_not_run(text: str) -> None:
    done = complete(Writer(["CALL(", *[text] * CALL_ATTEMPTS, ""]))
    assert (done.answers, done.usage.calls) == ([], 2 + CALL_ATTEMPTS)
    assert done.value.startswith("CALL")
    assert "\n" not in done.value


@pytest.mark.parametrize("able", [HELD, OPEN])
@pytest.mark.parametrize(
    "thought", ["<think>What is in it?</think>\n\n", "What is in it?</think>", "[THINK]So …[/THINK]"]
)
def test_reasoning_is_no_part_of_the_text(able: Capabilities, thought: str) -> None:
    rest = '"Say it", text)' if able == OPEN else '("Say it", text)'
    done = complete(Writer([f"{thought}Look: CALL(", rest, f"{thought}, then.<|im_end|>"], able=able))
    assert done.value == 'Look: CALL("Say it", text) → "x", then.'


def test_a_call_that_is_only_thought_of_is_not_made() -> None:
    model = Writer(["<think>I could CALL(", '"Say it") or not.</think>No.'], able=OPEN)
    done = complete(model)
    assert (done.value, done.answers) == ("No.", [])
    assert model.written == ["", "<think>I could CALL("]


def test_reasoning_that_took_all_tokens_of_a_text_says_so() -> None:
    model = Fake(lambda request: "<think>Well, well", finish="length")
    with pytest.raises(RlmError, match=r"reasoning took all \d tokens"):
        complete(model, max_tokens=5)


def lookup(key: str, most: int = 3) -> list[str]:
    """Find what is known of a key."""
    return [key] * most


@pytest.mark.parametrize("able", [HELD, OPEN])
def test_a_text_applies_the_functions_that_are_given(able: Capabilities) -> None:
    model = Writer(
        ["It is lookup(", "text[:3], 2)", " or RElookup(", "x) or d.lookup(", "y), so CALL(", "", "."], able=able
    )
    model.pieces[5] = '"Say it", call1)' if able == OPEN else '("Say it", call1)'
    done = complete(model, functions={"lookup": lookup})
    assert done.value == (
        'It is lookup(text[:3], 2) → ["one", "one"] or RElookup(x) or d.lookup(y), so CALL("Say it", call1) → "x".'
    )
    assert (done.answers, done.usage.function_calls) == ([["one", "one"], "x"], 1)
    again = done.program.run(text="one\ntwo", model=Fake(lambda _: "x"), functions={"lookup": lookup})
    assert again.value == (["one", "one"], "x")


def test_a_text_is_shown_the_functions_that_are_given() -> None:
    model = Writer(["Nothing."])
    complete(model, functions={"lookup": lookup})
    card = model.requests[0].messages[0].content
    assert 'def lookup(key: str, most: int = 3) -> list[str]:\n    """Find what is known of a key."""\n    ...' in card
    complete(model := Writer(["Nothing."]))
    assert "These functions are given" not in model.requests[0].messages[0].content


def test_a_function_that_fails_in_a_text_is_shown_with_its_error() -> None:
    def broken(key: str) -> str:
        raise KeyError(key)

    done = complete(Writer(["See broken(", *["text)"] * CALL_ATTEMPTS, "."], able=OPEN), functions={"broken": broken})
    assert "E313: `broken` failed: KeyError" in done.value


def test_an_input_with_the_name_of_a_function_is_refused() -> None:
    with pytest.raises(RlmError, match="E607"):
        complete(Writer(["x"]), functions={"text": lookup})


def test_the_command_takes_functions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.py").write_text("def double(n: int) -> int:\n    return 2 * n\n")
    (tmp_path / "model.toml").write_text('[[reply]]\ninstruction = "*"\ntext = "It is"\n')
    command = ["complete", "How many?", "-m", f"scripted:{tmp_path / 'model.toml'}", "--no-store", "-q"]
    begun = ["--start", "double(21), and "]
    assert main([*command, *begun, "--functions", str(tmp_path / "own.py")]) == 0
    assert capsys.readouterr().out.startswith("double(21) → 42, and It is")


def test_the_trace_has_the_text_with_its_calls_below_it() -> None:
    done = complete(Writer(["CALL(", '("a", text)', ""]))
    text, call = done.trace.calls
    assert (text.form, text.status, text.program) == ("text", "done", done.value)
    assert (call.parent, call.level, call.within) == (text.id, 1, "call1")
    assert text.prompt_tokens + call.prompt_tokens == done.usage.prompt_tokens
    assert text.completion_tokens + call.completion_tokens == done.usage.completion_tokens


def test_calls_may_be_answered_by_programs() -> None:
    model = Writer(["CALL(", '("a", text)', ""], lambda request: 'CALL("b")\n' if request.program else "deep")
    done = complete(model, limits=rlmlang.Limits(max_depth=2), writing="whole")
    assert done.answers == ["deep"]
    assert [record.parent for record in done.trace.calls] == [None, 0, 1]


def test_calls_in_a_text_are_paid_for_and_limited_to_their_share() -> None:
    parts = ["CALL(", '("a", text)', ""]
    prices = {"fake": rlmlang.Price(input=1, output=1)}
    usage = complete(Writer(parts, lambda request: "b"), limits=rlmlang.Limits(max_cost=1), prices=prices).usage
    assert usage.cost == Decimal(usage.prompt_tokens + usage.completion_tokens) / 10**6
    with pytest.raises(RlmError, match="E608"):
        complete(Writer(parts), limits=rlmlang.Limits(max_cost=1))
    greedy = Writer(parts, lambda request: '[CALL("b", i) for i in range(9)][0]\n' if request.program else "deep")
    with pytest.raises(RlmError, match="E510"):
        complete(greedy, limits=rlmlang.Limits(max_depth=2, max_calls=20, max_share=0.2), writing="whole")


def test_without_levels_there_are_no_calls() -> None:
    model = Writer([], lambda _: "CALL('a') is text")
    done = complete(model, limits=rlmlang.Limits(max_depth=0), start="CALL(text) and ")
    assert (done.value, done.answers, done.program.source.text) == (
        "CALL(text) and CALL('a') is text",
        [],
        "text: str\n[]\n",
    )
    assert "one\ntwo" in model.requests[0].messages[-1].content


def test_tokens_are_bounded() -> None:
    done = complete(Writer(["a long text CALL("]), max_tokens=5)
    assert (done.finish, done.usage.completion_tokens) == ("length", 5)


def test_tokens_are_bounded_within_a_call() -> None:
    done = complete(Writer(["CALL(", '"a" and so on'], able=OPEN), max_tokens=12)
    assert (done.finish, done.answers) == ("length", [])
    assert done.value.startswith('CALL("a" and so on → E10')
    done = complete(Writer(["CALL("]), max_tokens=6)
    assert (done.finish, done.value) == ("length", "CALL( → E402: no tokens are left")


def test_a_full_context_ends_the_text() -> None:
    class Small(Writer):
        def count_tokens(self, request: Request) -> int:
            return super().count_tokens(request) + len(request.written)

    model = Small(["a long text CALL(", '("a")'])
    model.context = 50
    done = complete(model)
    assert (done.finish, done.value) == ("length", 'a long text CALL("a") → "x"')
    model = Small([])
    model.context = 10
    with pytest.raises(rlmlang.ModelError) as caught:
        complete(model)
    assert caught.value.first.code == "E403"


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"max_calls": 4}, "E501"), ({"max_completion_tokens": 20}, "E504"), ({"max_bytes": 0}, "E507")],
)
def test_an_exhausted_budget_ends_the_text_which_is_in_the_trace(limits: dict[str, int], code: str) -> None:
    trace = rlmlang.Trace()
    with pytest.raises(rlmlang.BudgetError) as caught:
        complete(Writer(["So CALL(", "(text)"] * 9), limits=rlmlang.Limits(**limits), trace=trace)
    assert caught.value.first.code == code
    text = trace.calls[0]
    assert text.error is not None
    assert (text.status, text.error.first.code) == ("failed", code)
    assert (text.program or "").startswith("So ")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("text", [1, "a"], "E603"),
        ("text", b"a", "E603"),
        ("text", float("nan"), "E603"),
        ("text", {None: 2}, "E603"),
        ("call1", "a", "E607"),
        ("for", "a", "E607"),
        ("a b", "a", "E607"),
    ],
)
def test_wrong_inputs(name: str, value: object, code: str) -> None:
    with pytest.raises(rlmlang.UsageError) as caught:
        rlmlang.complete("x", model=Writer([]), inputs={name: value})
    assert caught.value.first.code == code


def test_inputs_are_values_of_the_language() -> None:
    model = Writer(["CALL(", '("a", table["x"][0], len_)', ""], lambda request: [v for _, v in request.arguments])
    done = rlmlang.complete("x", model=model, inputs={"table": {"x": (1, 2)}, "len": None})
    assert done.answers == ["[1, null]"]


def test_it_is_awaited_within_a_loop() -> None:
    async def inside() -> str:
        with pytest.raises(RlmError):
            rlmlang.complete("x", model=Writer([]))
        return (await rlmlang.acomplete("x", model=Writer(["yes"]))).value

    assert asyncio.run(inside()) == "yes"


@pytest.mark.real
def test_a_real_model_reads_nothing_twice() -> None:
    """Only what is new is read in each generation: the call, its answer, and a few tokens around them."""
    model = open_model("smollm2")
    replies: list[tuple[Request, Reply]] = []
    generate = model.generate

    async def noted(request: Request) -> Reply:
        reply = await generate(request)
        replies.append((request, reply))
        return reply

    model.generate = noted  # type: ignore[method-assign]

    async def run() -> rlmlang.Completion:
        try:
            text = "A storm damaged the bridge in 1902. The town repaired it two years later."
            return await rlmlang.acomplete(
                "When was it repaired?", model=model, inputs={"text": text}, max_tokens=60,
                start="Let me see: CALL(",
            )  # fmt: skip
        finally:
            await model.aclose()

    done = asyncio.run(run())
    assert len(done.answers) >= 1
    texts = [(request, reply) for request, reply in replies if request.inline]
    assert len(texts) >= 2
    for (before, first), (after, second) in pairwise(texts):
        new = len(after.written) - len(before.written)
        assert second.prompt_tokens - second.cached_tokens <= max(new, 0) + 8
        assert second.cached_tokens >= first.prompt_tokens - 8


def test_the_example_of_the_docs_runs() -> None:
    text = (ROOT / "docs" / "inline.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(compile(block, "inline.md", "exec"), {})


# rlmlang complete -------------------------------------------------------------------

MODEL = """\
PIECES = iter(["It is CALL(", '\\"Join\\", text)', "."])

def model(request):
    return next(PIECES) if request.inline else "joined"
"""


def run_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    script = tmp_path / "model.py"
    script.write_text(MODEL, encoding="utf-8")
    code = main(["complete", "What is it?", "-i", "text=a b", "-m", f"scripted:{script}", "--no-store", *args])
    found = capsys.readouterr()
    return code, found.out, found.err


def test_the_command_prints_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_command(tmp_path, capsys, "--show-program")
    assert (code, out) == (0, 'It is CALL("Join", text) → "joined".\n')
    assert 'call1 = CALL("Join", text)' in err
    assert "4 calls" in err


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = json.loads(run_command(tmp_path, capsys, "--json")[1])
    assert printed["value"] == 'It is CALL("Join", text) → "joined".'
    assert (printed["answers"], printed["finish"], printed["usage"]["calls"]) == (["joined"], "stop", 4)


def test_the_command_reports_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_command(tmp_path, capsys, "--max-calls", "1")
    assert (code, out) == (3, "")
    assert err.startswith("It is \n")
    assert "E501" in err
    printed = json.loads(run_command(tmp_path, capsys, "--max-calls", "1", "--json")[1])
    assert list(printed) == ["run_id", "error", "partial", "usage"]
    assert (printed["error"]["code"], printed["partial"]) == ("E501", "It is ")


def test_the_command_needs_a_model(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RLMLANG_MODEL", raising=False)
    assert main(["complete", "What is it?", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E605"


def test_the_calls_of_a_text_run_again_from_the_store_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "model.py"
    script.write_text(MODEL, encoding="utf-8")
    common = ["-i", "text=a b", "-m", f"scripted:{script}", "--store", str(tmp_path / "kept.db"), "--json"]
    assert main(["complete", "What is it?", *common]) == 0
    (tmp_path / "calls.rlm").write_text(json.loads(capsys.readouterr().out)["program"], encoding="utf-8")
    assert main(["run", str(tmp_path / "calls.rlm"), *common]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["value"], printed["usage"]["calls"], printed["usage"]["memo_hits"]) == (["joined"], 0, 1)
