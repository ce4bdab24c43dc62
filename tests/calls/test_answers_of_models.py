"""Answers as models and servers really give them: what is read, what is asked for again, and what is an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

import rlmlang
from rlmlang import AnswerEmpty, AnswerMismatch, AnswerTruncated, Limits, ModelError
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import REJECTED
from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.cli import main
from rlmlang.language.types import INT, STR, DictType, ListType, OptionalType, RecordType
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.runtime.values import Mismatch
from rlmlang.trace.recorder import Trace
from tests.support.fake_server import FakeServer, Open, opened, server
from tests.support.fakes import Fake

__all__ = ["opened", "server"]

CHAT = "/v1/chat/completions"
POINT = "class Point:\n    x: int\n    name: str | None\n"


def answer_of(text: str, written: str, **options: Any) -> Any:
    """The value of a program whose model writes a text."""
    return rlmlang.compile(text).run(model=lambda messages: written, **options).value


# Reasoning in front -----------------------------------------------------------------

MARKED = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"),
    ("analysis", "assistantfinal"),
]  # fmt: skip


@pytest.mark.parametrize(("opening", "closing"), MARKED)
@pytest.mark.parametrize(("type_", "written", "value"), [("int", "4", 4), ("str", "Four.", "Four."), ("list[str]", '["a"]', ["a"])])  # fmt: skip
def test_reasoning_in_front_is_taken_off(opening: str, closing: str, type_: str, written: str, value: Any) -> None:
    text = f"{opening}Two and two, {{3}} or 4?\n\n{closing}\n\n{written}"
    assert answer_of(f'CALL[{type_}]("How many?")', text) == value


@pytest.mark.parametrize(("opening", "closing"), MARKED[:7])
def test_reasoning_whose_opening_mark_is_in_the_prompt_is_taken_off(opening: str, closing: str) -> None:
    for between in ("", "\n", "\n\n"):
        text = f"Two and two.{between}{closing}{between}4"
        assert answer_of('CALL[int]("How many?")', text) == 4
        assert answer_of('CALL("How many?")', text) == "4"


def test_several_thoughts_are_taken_off() -> None:
    assert answer_of('CALL("x")', "<think>\n\n</think>\n<think>More.</think>Paris") == "Paris"


def test_a_text_about_marks_of_reasoning_stays_as_it_is() -> None:
    for text in (
        "It ends with `</think>`, always.",
        'Write "</think>" last.',
        "First <think>, then </think>, then go.",
    ):
        assert answer_of('CALL("How does it end?")', text) == text
    assert answer_of('CALL[list[str]]("Which marks?")', '["a </think> b", "<think>"]') == ["a </think> b", "<think>"]


def test_an_answer_in_marks_of_its_own_behind_the_reasoning_is_taken_out() -> None:
    assert answer_of('CALL[int]("x")', "<think>hm</think><answer> 7 </answer>") == 7
    text = "<|begin_of_thought|>hm<|end_of_thought|>\n<|begin_of_solution|>\nSeven\n<|end_of_solution|>"
    assert answer_of('CALL("x")', text) == "Seven"
    assert answer_of('CALL("x")', "<answer>7</answer>") == "<answer>7</answer>"


@given(st.text(alphabet="<think>/[THINK]|channelfinal \n`3", max_size=40), st.sampled_from(MARKED[:7]))
@example("", ("<think>", "</think>"))
def test_whatever_a_model_thinks_its_answer_is_read(thought: str, marks: tuple[str, str]) -> None:
    opening, closing = marks
    if closing not in thought:
        assert reasoning_and_answer(f"{opening}{thought}{closing}[3]")[1] == "[3]"


@given(st.text(max_size=30))
def test_every_text_is_reasoning_and_an_answer_or_an_answer_alone(text: str) -> None:
    reasoning, answer = reasoning_and_answer(text)
    assert reasoning or text.startswith(answer)


@pytest.mark.parametrize(
    "end",
    [
        "<|im_end|>", "<|endoftext|>", "</s>", "<end_of_turn>", "<|eot_id|>", "<|end|>", "<eos>", "\n<|im_end|>\n",
        " </s></s>", "<end_of_turn>\n<eos>", "<｜end▁of▁sentence｜>",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("type_", "written", "value"),
    [
        ("int", "4", 4),
        ("str", "Four.", "Four."),
        ('Literal["yes", "no"]', "yes", "yes"),
        ("list[int]", "```\n[4]\n```", [4]),
    ],
)
def test_a_special_token_at_the_end_is_taken_off(end: str, type_: str, written: str, value: Any) -> None:
    assert answer_of(f'CALL[{type_}]("How many?")', written + end) == value
    assert answer_of(f'CALL[{type_}]("How many?")', f"<think>Hm.</think>{written}{end}") == value


def test_a_special_token_elsewhere_is_a_part_of_the_answer() -> None:
    for text in ("<|im_end|> ends a turn", "It ends with `</s>`", 'Write "<|im_end|>"', "</s>"):
        assert answer_of('CALL("How does it end?")', text) == text


def test_a_special_token_alone_is_no_answer() -> None:
    with pytest.raises(ModelError, match="E411"):
        answer_of('CALL("x")', "<|im_end|>")


def test_a_special_token_behind_a_program_is_taken_off() -> None:
    model = Fake(lambda request: "    return 2 + 2<|im_end|>")
    assert rlmlang.ask("How many?", type=int, model=model, writing="whole").value == 4


# What else is taken off ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "written", "value"),
    [
        ("int", "```\n3\n```", 3),
        ("int", "```json\n3\n```\n", 3),
        ("list[int]", "~~~~JSON\n[1,\n2]\n~~~~", [1, 2]),
        ("list[int]", "```json [1]```", [1]),
        ('Literal["a", "b"]', "```\nb\n```", "b"),
        ("str", "```text\nParis\n```", "Paris"),
        ("str", "````\n```\nx\n```\n````", "```\nx\n```"),
        ("str", "```\na\n```\nand\n```\nb\n```", "```\na\n```\nand\n```\nb\n```"),
        ("str", "Here:\n```\na\n```", "Here:\n```\na\n```"),
        ("list[str]", '["two\nlines", "a\ttab"]', ["two\nlines", "a\ttab"]),
        ("int", '{"answer": 5}', 5),
        ("list[int]", '```json\n{"answer": [5]}\n```', [5]),
        ('Literal["a", "b"]', '{"answer": "a"}', "a"),
        ("dict[str, int]", '{"answer": 5}', {"answer": 5}),
        ("dict[str, int]", '{"answer": {"a": 1}}', {"a": 1}),
        ("str", '{"answer": "a"}', '{"answer": "a"}'),
    ],
)
def test_what_is_no_part_of_an_answer_is_taken_off(type_: str, written: str, value: Any) -> None:
    assert answer_of(f'CALL[{type_}]("x")', written, limits={"max_calls": 1}) == value


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        ("int", "The answer is 3."),
        ("int", "3 apples"),
        ("int", "```json\n3\n```\nI hope this helps!"),
        ("int", '{"result": 3}'),
        ("int", '{"answer": "3"}'),
        ("bool", "True"),
        ('Literal["a", "b"]', "A"),
        ('Literal["a", "b"]', '"a"'),
        ("list[str]", "['a']"),
        ("list[int]", "[1, 2,]"),
        ("list[int]", "[1] [2]"),
        ("dict[str, int]", '{"a": 1, "a": 2}'),
    ],
)
def test_nothing_else_is_guessed(type_: str, written: str) -> None:
    with pytest.raises(AnswerMismatch):
        answer_of(f'CALL[{type_}]("x")', written)


@pytest.mark.parametrize(
    ("program", "written", "value"),
    [
        (f'{POINT}CALL[Point]("x").name is None', '{"x": 1}', True),
        (f'{POINT}[p.x for p in CALL[list[Point]]("x") if p.name is None]', '[{"x": 1}, {"x": 2, "name": "n"}]', [1]),
        (f'{POINT}class Pair:\n    a: Point\n    b: Point | None\nCALL[Pair]("x").b is None', '{"a": {"x": 1}}', True),
        (f'{POINT}CALL[dict[str, Point]]("x")["k"].name', '{"answer": {"k": {"x": 1}}}', None),
        (f'{POINT}CALL[tuple[int, Point]]("x")[1].name', '[1, {"x": 1}]', None),
    ],
)
def test_an_optional_field_may_be_left_out(program: str, written: str, value: Any) -> None:
    assert answer_of(program, written, limits={"max_calls": 1}) == value


def test_a_field_that_is_not_optional_may_not_be_left_out() -> None:
    with pytest.raises(AnswerMismatch, match="lacks the field 'x'"):
        answer_of(f'{POINT}CALL[Point]("x").x', '{"name": "n"}')


def test_what_decoding_held_is_read_strictly() -> None:
    read = AnswerFormat.of(ListType(STR)).read
    assert read(' ["a"]}', AnswerFormat.opening) == ["a"]
    for text in (' ["a\nb"]}', '["a"]}\n```', ' ["a"], "more": 1}', "[]"):
        with pytest.raises(Mismatch):
            read(text, AnswerFormat.opening, wrapped=True)
    point = RecordType("Point", (("x", INT), ("name", OptionalType(STR))))
    with pytest.raises(Mismatch):
        AnswerFormat.of(point).read(' {"x": 1}}', AnswerFormat.opening)


def test_an_object_that_was_asked_for_and_is_the_answer_itself_is_read() -> None:
    assert AnswerFormat.of(DictType(STR, INT)).read('{"answer": 1}', wrapped=True) == {"answer": 1}


# Asked once more -------------------------------------------------------------------------


def test_an_answer_that_is_not_of_its_type_is_asked_for_once_more_with_the_error_shown() -> None:
    asked: list[list[dict[str, str]]] = []

    def model(messages: list[dict[str, str]]) -> str:
        asked.append(messages)
        return "4" if REJECTED in messages[-1]["content"] else "about four"

    trace = Trace()
    result = rlmlang.compile('1 + CALL[int]("How many?")').run(model=model, trace=trace)
    assert (result.value, result.usage.calls, trace.calls[0].attempts) == (5, 2, 2)
    first, second = asked
    assert second[: len(first)] == first
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert second[2]["content"] == "about four"
    assert second[3]["content"] == f"{REJECTED}: it is not JSON.\n\nAnswer with a whole number, as JSON."


@pytest.mark.parametrize(("repairs", "calls"), [(0, 1), (1, 2), (3, 4)])
def test_repairs_bound_how_often_an_answer_is_asked_for_again(repairs: int, calls: int) -> None:
    model = Fake(lambda request: "many")
    with pytest.raises(AnswerMismatch, match="not of type int"):
        rlmlang.compile('CALL[int]("x")').run(model=model, limits=Limits(repairs=repairs))
    assert len(model.requests) == calls
    assert {request.sample for request in model.requests} == {0}


def test_a_repair_shows_a_bounded_part_of_what_was_wrong() -> None:
    model = Fake(lambda request: '["' + "é" * 5_000 + '"]')
    with pytest.raises(AnswerMismatch):
        rlmlang.compile('CALL[dict[str, int]]("x")').run(model=model)
    (_, _, shown, problem) = model.requests[1].messages
    assert len(shown.content.encode()) <= 500
    assert len(problem.content.encode()) <= 400


def test_text_is_never_asked_for_again_and_engines_that_hold_answers_need_not() -> None:
    model = Fake(lambda request: "x")
    rlmlang.compile('CALL("x")').run(model=model)
    assert len(model.requests) == 1
    held = Fake(lambda request: "x")
    held.capabilities = Capabilities(grammar="mask")
    with pytest.raises(AnswerMismatch):
        rlmlang.compile('CALL[int]("x")').run(model=held)
    assert len(held.requests) == 1


@pytest.mark.parametrize("repairs", [0, 1, 2])
@pytest.mark.parametrize("first", ["wrong", "right"])
def test_the_cost_before_the_run_holds_repairs(repairs: int, first: str) -> None:
    class Counting(Fake):
        """Counts a token for each byte of the messages, and writes as much as it may."""

        def count_tokens(self, request: Request) -> int:
            return sum(4 + len(message.content.encode()) for message in request.messages)

        async def generate(self, request: Request) -> Reply:
            reply = await super().generate(request)
            return evolve(reply, completion_tokens=request.max_tokens)

    model = Counting(lambda request: "[1]" if request.repair or first == "right" else "ü" * 3_000, context=100_000)
    program = rlmlang.compile('[CALL[list[int]]("x", word) for word in ["a", "b"]]')
    limits = Limits(repairs=repairs)
    cost = program.cost(model=model, limits=limits)
    assert cost.calls == (2, 2 * (1 + repairs))
    try:
        usage = program.run(model=model, limits=limits).usage
    except AnswerMismatch:
        assert repairs == 0
        return
    for name in ("calls", "prompt_tokens", "completion_tokens"):
        low, high = getattr(cost, name)
        assert low <= getattr(usage, name) <= high


def test_a_repair_counts_against_the_budget() -> None:
    with pytest.raises(rlmlang.CallsExhausted):
        rlmlang.compile('CALL[int]("x")').run(model=Fake(lambda request: "many"), limits=Limits(max_calls=1))


def test_a_repair_that_does_not_fit_the_context_leaves_the_first_error() -> None:
    class Tight(Fake):
        def count_tokens(self, request: Request) -> int:
            return 600 if request.repair else 10

    with pytest.raises(AnswerMismatch):
        rlmlang.compile('CALL[int]("x")').run(model=Tight(lambda request: "many", context=500))


def test_a_call_with_a_default_is_asked_for_again_before_that_is_taken() -> None:
    model = Fake(lambda request: "2" if request.repair else "two")
    assert rlmlang.compile('CALL[int]("x", default=0)').run(model=model).value == 2
    assert rlmlang.compile('CALL[int]("x", default=0)').run(model=Fake(lambda request: "two")).value == 0


def test_answers_of_runs_with_other_repairs_are_not_taken_from_the_store(tmp_path: Path) -> None:
    """With none, the same run would have ended with an error."""
    model = Fake(lambda request: "2" if request.repair else "two")
    program = rlmlang.compile('CALL[int]("x")')
    assert program.run(model=model, store=tmp_path / "s").value == 2
    assert program.run(model=model, store=tmp_path / "s").usage.calls == 0
    with pytest.raises(AnswerMismatch):
        program.run(model=model, store=tmp_path / "s", limits=Limits(repairs=0))


@pytest.mark.parametrize(("options", "settings", "calls"), [((), "", 2), (("--repairs", "0"), "", 1), ((), "repairs = 0", 1), (("--repairs", "2"), "repairs = 0", 3)])  # fmt: skip
def test_repairs_are_set_by_option_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...], settings: str, calls: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("rlmlang.toml").write_text(f"[limits]\n{settings}\n")
    Path("many.rlm").write_text('CALL[int]("How many?")\n')
    Path("model.toml").write_text('[[reply]]\ninstruction = "How many?"\ntext = "many"\n')
    assert main(["run", "many.rlm", "--json", "--no-store", "--model", "scripted:model.toml", *options]) == 4
    shown = json.loads(capsys.readouterr().out)
    assert (shown["error"]["code"], shown["usage"]["calls"]) == ("E401", calls)


# Without content -----------------------------------------------------------------------------


def chat(message: dict[str, Any], finish: str | None = "stop", **usage: Any) -> dict[str, Any]:
    counted = {"prompt_tokens": 9, "completion_tokens": 3, **usage}
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}], "usage": counted}  # fmt: skip


TOOL_CALL = {"id": "1", "type": "function", "function": {"name": "search", "arguments": "{}"}}


@pytest.mark.parametrize("type_", ["str", "int", "list[str]"])
@pytest.mark.parametrize(
    ("message", "says", "mends"),
    [
        ({"content": None}, "answered nothing", "default="),
        ({"content": " \n"}, "answered nothing", "default="),
        ({"content": None, "reasoning_content": "It is 4."}, "reasoning alone", "--reasoning-parser"),
        ({"content": "", "reasoning": "It is 4."}, "reasoning alone", "--reasoning-format none"),
        ({"content": "<think>It is 4.</think>\n"}, "reasoning alone", "--reasoning-parser"),
        ({"content": "It is 4.</think>"}, "reasoning alone", "--reasoning-parser"),
        ({"content": "<think>It is 4."}, "reasoning alone", "--reasoning-parser"),
        ({"content": None, "tool_calls": [TOOL_CALL]}, "called a tool, search", "--enable-auto-tool-choice"),
        ({"content": "```\n\n```"}, "answered nothing", "default="),
    ],
)
def test_an_answer_without_content_says_why_and_is_not_kept(
    server: FakeServer, opened: Open, tmp_path: Path, type_: str, message: dict[str, Any], says: str, mends: str
) -> None:
    server.on(CHAT, chat(message), chat({"content": json.dumps({"int": 4, "list[str]": []}.get(type_, "four"))}))
    model = opened(f"openai:m@{server.url}/v1?dialect=vllm&ctx=4096")
    program = rlmlang.compile(f'CALL[{type_}]("How many?")')
    with pytest.raises(AnswerEmpty, match="E411") as caught:
        program.run(model=model, store=tmp_path / "store.db")
    assert says in caught.value.first.message
    assert mends in (caught.value.first.hint or "")
    assert len(server.bodies(CHAT)) == 1
    assert program.run(model=model, store=tmp_path / "store.db").usage.calls == 1


@pytest.mark.parametrize(
    ("message", "finish", "usage"),
    [
        ({"content": None, "reasoning_content": "Well, …"}, "length", {"completion_tokens": 64}),
        ({"content": "<think>Well, …"}, "length", {"completion_tokens": 64}),
        ({"content": ""}, "length", {"completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}),
        ({"content": ""}, "stop", {"completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}),
    ],
)
def test_reasoning_that_took_all_tokens_says_so(
    server: FakeServer, opened: Open, message: dict[str, Any], finish: str, usage: dict[str, Any]
) -> None:
    server.on(CHAT, chat(message, finish, **usage))
    model = opened(f"openai:m@{server.url}/v1?dialect=vllm&ctx=4096")
    with pytest.raises(AnswerTruncated, match="reasoning took all 64 tokens") as caught:
        rlmlang.compile('CALL("How many?")').run(model=model, limits=Limits(max_answer_tokens=64))
    assert "max_answer_tokens" in (caught.value.first.hint or "")


def test_a_default_stands_for_an_answer_without_content() -> None:
    assert answer_of('CALL("Quote it, if it is there", default="")', "") == ""


def test_a_program_that_is_not_written_is_asked_for_anew() -> None:
    replies = iter(["", "<think>Hm.</think>", "return 3"])
    limits = Limits(max_depth=2)
    assert rlmlang.compile('CALL[int]("x")').run(model=lambda messages: next(replies), limits=limits).value == 3
    with pytest.raises(ModelError, match="E411: the model answered nothing"):
        rlmlang.compile('CALL[int]("x")').run(model=lambda messages: "", limits=limits)


THOUGHTFUL = "<think>\nMaybe\n```python\nreturn 1\n```\nNo.\n</think>\n\n```python\nreturn 2\n```"


@pytest.mark.parametrize("writing", ["whole", "turns", "statements"])
@pytest.mark.parametrize("written", [THOUGHTFUL, THOUGHTFUL.removeprefix("<think>\n")])
def test_a_program_in_reasoning_is_not_the_one_that_is_meant(writing: Any, written: str) -> None:
    run = rlmlang.compile('CALL[int]("x")').run
    assert run(model=lambda messages: written, limits=Limits(max_depth=2), writing=writing).value == 2


@pytest.mark.parametrize("writing", ["turns", "statements"])
def test_a_program_that_is_written_bit_by_bit_needs_content_too(writing: Any) -> None:
    run = rlmlang.compile('CALL[int]("x")').run
    with pytest.raises(ModelError, match="E411: the model's reply is reasoning alone"):
        run(model=lambda messages: "<think>Hm.</think>", limits=Limits(max_depth=2), writing=writing)


# Cut off ---------------------------------------------------------------------------------------


def cut(text: str) -> Fake:
    return Fake(lambda request: text, finish="length")


@pytest.mark.parametrize(
    ("type_", "written", "value"),
    [
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[int]", "[1, 2]" + "\n" * 500, [1, 2]),
        ("int", "12 \n", 12),
        ("bool", "true", True),
        ("dict[str, int]", '<think>hm</think>{"a": 1}', {"a": 1}),
        ('Literal["low", "high"]', "low", "low"),
        ("str | None", '"done"', "done"),
    ],
)
def test_a_typed_answer_that_is_whole_before_the_cut_is_taken(type_: str, written: str, value: Any) -> None:
    assert rlmlang.compile(f'CALL[{type_}]("x")').run(model=cut(written)).value == value


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        ("int", "12"),
        ("float", "1.5"),
        ("list[int]", "[1, 2"),
        ('Literal["low", "lowest"]', "low"),
        ("str", "Paris."),
    ],
)
def test_an_answer_that_may_have_gone_on_is_cut_off(type_: str, written: str) -> None:
    with pytest.raises(AnswerTruncated, match="cut off"):
        rlmlang.compile(f'CALL[{type_}]("x")').run(model=cut(written))


@pytest.mark.parametrize("written", [" \n" * 200, '{"a": 1' + "\n" * 300, "[1,\t\t" + "\t" * 100])
def test_white_space_without_end_says_what_it_is(written: str) -> None:
    with pytest.raises(AnswerTruncated, match="white space without end") as caught:
        rlmlang.compile('CALL[dict[str, int]]("x")').run(model=cut(written))
    assert "disable_any_whitespace" in (caught.value.first.hint or "")


def test_a_whole_answer_is_taken_although_the_budget_cut_it() -> None:
    class Bounded(Fake):
        async def generate(self, request: Request) -> Reply:
            reply = await super().generate(request)
            return evolve(reply, completion_tokens=request.max_tokens, finish="length")

    run: Callable[..., Any] = rlmlang.compile('CALL[list[int]]("x")').run
    assert run(model=Bounded(lambda request: "[1]"), limits=Limits(max_completion_tokens=5)).value == [1]
    with pytest.raises(rlmlang.CompletionTokensExhausted):
        run(model=Bounded(lambda request: "[1, "), limits=Limits(max_completion_tokens=5))
