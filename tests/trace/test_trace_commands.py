"""`rlmlang trace`: what the commands print, and that nothing in a trace acts on a terminal or on other tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlmlang
from rlmlang import Limits, RlmError
from rlmlang.calls.prompt import language_card
from rlmlang.cli import main
from rlmlang.models.scripted import ScriptedModel
from rlmlang.nano.tasks import contexts, prompt
from rlmlang.trace import export
from rlmlang.trace.diff import compare
from rlmlang.trace.history import history_of
from rlmlang.trace.log import read_log
from rlmlang.trace.recorder import Trace
from tests.support import injections, traces
from tests.support.traces import call_event, end_event, generation_event, run_event, text_event

Show = Callable[..., str]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Run `rlmlang trace`, and return what it prints."""

    def run(*args: object, code: int = 0) -> str:
        assert main(["trace", *map(str, args)]) == code
        printed = capsys.readouterr()
        assert bool(printed.err) == (code != 0)
        return printed.err if code else printed.out

    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traces.write(tmp_path_factory.mktemp("trace") / "run.jsonl", traces.events(60))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traces.write(tmp_path_factory.mktemp("trace") / "run.jsonl", traces.events(3_000))


@pytest.mark.parametrize("name", ["show", "html", "export", "diff"])
def test_help(name: str, show: Show, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = show(name, "--help")
    assert "Example" in text
    golden(f"trace/help-{name}.txt", text)


# show ------------------------------------------------------------------------------


def test_show(small: Path, show: Show, golden: Callable[[str, str], None]) -> None:
    golden("trace/show.txt", show("show", small))


def test_siblings_are_shown_together(large: Path, show: Show) -> None:
    lines = show("show", large).splitlines()
    assert len(lines) < 40
    history = history_of(read_log(str(large)))
    assert f"brief × {1_498:,}" in "\n".join(lines)
    shown = sum(line.lstrip().startswith("#") for line in lines[lines.index("") :])
    assert shown < 25
    every = show("show", large, "--all").splitlines()
    assert sum(bool(re.match(r"\s*#\d+  ", line)) for line in every) == 3_000 + len(history.critical_path())


def test_failed_siblings_are_shown_first(show: Show, tmp_path: Path) -> None:
    error = {"code": "E401", "message": "no number"}
    calls = [call_event(id, **({"status": "failed", "error": error} if id == 900 else {})) for id in range(1_000)]
    text = show("show", traces.write(tmp_path / "run.jsonl", [run_event(), *calls]))
    assert "#900  failed" in text
    assert "… and 995 more: 995 done" in text


def ids(text: str) -> set[int]:
    return {call["id"] for call in json.loads(text)["calls"]}


@pytest.mark.heavy
def test_filters(large: Path, show: Show) -> None:
    calls = history_of(read_log(str(large))).calls
    word = calls[7].generations[0].prompt[1].content.split()[-3:]
    text = " ".join(word).upper()
    expected = {
        ("--errors",): {call.id for call in calls if call.status == "failed"},
        ("--stored",): {call.id for call in calls if call.status == "stored" or call.hits},
        ("--slow", "2"): {call.id for call in calls if call.finished - call.started >= 2},
        ("--depth", "1"): {call.id for call in calls if call.level == 1},
        ("--errors", "--slow", "1"): {call.id for call in calls if call.status == "failed" and call.seconds >= 1},
        ("--grep", "E401"): {call.id for call in calls if call.error},
    }
    for options, expected_ids in expected.items():
        assert expected_ids
        assert ids(show("show", large, "--json", *options)) == expected_ids
    assert 7 in ids(show("show", large, "--json", "--grep", text)) != {call.id for call in calls}
    assert f"{len(expected['--errors',]):,} of 3,000 calls:" in show("show", large, "--errors")


def test_the_parents_of_a_call_are_shown_with_it(small: Path, show: Show) -> None:
    text = show("show", small, "--grep", "Put the answers together")
    tree = text[text.index("of 60 calls:") :].splitlines()[1:]
    assert [line.split("  ")[0 if line[0] == "#" else 1] for line in tree] == ["#56", "#59"]


def test_json(small: Path, show: Show) -> None:
    found = json.loads(show("show", small, "--json"))
    history = history_of(read_log(str(small)))
    assert (found["status"], found["counts"]["done"]) == ("done", history.counts()["done"])
    assert found["spent"]["prompt_tokens"] == sum(call["spent"]["prompt_tokens"] for call in found["calls"])
    assert [line["number"] for line in found["lines"]] == [7, 12, 13]


def test_a_resumed_run_and_one_that_was_killed(show: Show, tmp_path: Path) -> None:
    again = [run_event(resumed=True), call_event(1, key="aa", status="stored", prompt_tokens=0), generation_event(2)]
    events = [run_event(), generation_event(0), call_event(0, key="aa"), *again]
    text = show("show", traces.write(tmp_path / "run.jsonl", events))
    assert "resumed 1 time; before that 10 → 5 tokens" in text
    assert "1 stored, 1 unfinished" in text


def test_files_that_are_not_traces(show: Show, tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert "E604" in show("show", path, code=2)
    path.write_text("hello\n")
    for command in (("show", path), ("diff", path, path), ("html", path, "-o", tmp_path / "y")):
        assert "E609" in show(*command, code=2)
    assert not (tmp_path / "y").exists()


def test_a_page_is_written_for_its_owner(small: Path, show: Show, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    assert show("html", small, "-o", page) == ""
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o600
    assert "E612" in show("html", small, "-o", tmp_path, code=2)
    assert "Missing option '-o' / '--output'" in show("html", small, code=2)


# diff ------------------------------------------------------------------------------


def two(tmp_path: Path) -> tuple[Path, Path]:
    def asked(id: int, **changes: Any) -> list[dict[str, Any]]:
        return [generation_event(id), call_event(id, **changes)]

    other = {"arguments": [{"name": "part", "preview": "another text"}], "key": "bb"}
    stored = {"status": "stored", "prompt_tokens": 0, "completion_tokens": 0, "cost": None}
    a = [run_event(), *asked(0), *asked(1), *asked(2), *asked(3), *asked(4, line=12), end_event(3.0)]
    b = [
        run_event(model="other", program={"name": "notes.rlm", "text": traces.PROGRAM.replace("400", "500")}),
        *asked(0),
        *asked(1, answer="another answer"),
        call_event(2, **stored),
        *asked(3, **other),
        *asked(4, line=13),
        end_event(2.0, value="Towers."),
    ]
    return traces.write(tmp_path / "a.jsonl", a), traces.write(tmp_path / "b.jsonl", b)


def test_diff(show: Show, golden: Callable[[str, str], None], tmp_path: Path) -> None:
    a, b = two(tmp_path)
    golden("trace/diff.txt", show("diff", a, b))
    found = json.loads(show("diff", a, b, "--json"))
    assert (found["same"], found["asked"], found["answered"], found["spent"]) == (2, [[3, 3]], [[1, 1]], [[2, 2]])
    assert (found["only_a"], found["only_b"]) == ([], [])
    assert found["settings"]["model"] == ["scripted", "other"]


def test_a_run_does_not_differ_from_itself(small: Path, show: Show) -> None:
    found = json.loads(show("diff", small, small, "--json"))
    assert found["same"] == 60
    assert not any(found[name] for name in ("only_a", "only_b", "asked", "answered", "spent", "settings", "program"))


_CALLS = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["aa", "bb", None]), "line": st.integers(1, 2), "answer": st.sampled_from("xy")}
    ),
    max_size=6,
)


@given(_CALLS, _CALLS)
def test_every_call_is_matched_at_most_once(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> None:
    one, other = (
        history_of([run_event(), *(call_event(id, **each) for id, each in enumerate(calls))]) for calls in (a, b)
    )
    found = compare(one, other)
    assert len(a) - len(found.only_a) == len(b) - len(found.only_b)
    assert not {call.line for call in found.only_a} & {call.line for call in found.only_b}
    for pairs in (found.asked, found.answered, found.spent):
        assert len({x.id for x, _ in pairs}) == len({y.id for _, y in pairs}) == len(pairs)


# export ----------------------------------------------------------------------------


def exported(show: Show, path: Path, form: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in show("export", path, "--format", form).splitlines()]


def test_jsonl_is_the_log(small: Path, show: Show, tmp_path: Path) -> None:
    assert exported(show, small, "jsonl") == list(read_log(str(small)))
    show("export", small, "--format", "jsonl", "-o", tmp_path / "copy.jsonl")
    assert list(read_log(str(tmp_path / "copy.jsonl"))) == list(read_log(str(small)))


def value_of(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    return {"intValue": int, "arrayValue": lambda array: [value_of(each) for each in array["values"]]}.get(
        kind, lambda x: x
    )(inner)


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: value_of(each["value"]) for each in span["attributes"]}


def test_otlp(small: Path, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH", 50)
    batches = exported(show, small, "otlp")
    spans = [
        span
        for batch in batches
        for each in batch["resourceSpans"]
        for scope in each["scopeSpans"]
        for span in scope["spans"]
    ]
    history = history_of(read_log(str(small)))
    assert len(batches) == 3
    assert len(spans) == 1 + 60 + history.spent.generations
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans)
    assert {len(span["traceId"]) for span in spans} == {32}
    assert {len(span["spanId"]) for span in spans} == {16}
    assert [span["name"] for span in spans if not span["parentSpanId"]] == ["invoke_workflow notes.rlm"]
    assert all(span["parentSpanId"] in by_id for span in spans[1:])
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans)
    chats = [span for span in spans if span["kind"] == 3]
    assert len(chats) == history.spent.generations
    first = attributes(chats[0])
    assert (first["gen_ai.operation.name"], first["gen_ai.request.model"]) == ("chat", "scripted")
    assert first["gen_ai.usage.input_tokens"] == history.calls[0].generations[0].prompt_tokens
    assert first["gen_ai.response.finish_reasons"] == ["stop"]
    assert json.loads(first["gen_ai.system_instructions"])[0]["content"] == traces.SYSTEM
    assert json.loads(first["gen_ai.input.messages"])[0]["role"] == "user"
    failed = [span for span in spans if span["status"]["code"] == 2]
    assert {attributes(span)["error.type"] for span in failed} == {"E405"}


def test_chrome(small: Path, show: Show) -> None:
    (trace,) = exported(show, small, "chrome")
    bars = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    lanes: dict[int, float] = {}
    for bar in sorted(bars, key=lambda bar: (bar["ts"], bar["dur"])):
        assert bar["ts"] >= lanes.get(bar["tid"], 0.0) - 0.2
        lanes[bar["tid"]] = bar["ts"] + bar["dur"]
    assert len(bars) == 60
    names = {event["tid"] for event in trace["traceEvents"] if event["name"] == "thread_name"}
    assert names == {bar["tid"] for bar in bars}


def test_rlm_of_a_program(small: Path, show: Show) -> None:
    """What the visualizer reads: types.ts and parse-logs.ts there name the fields."""
    metadata, iteration = exported(show, small, "rlm")
    assert (metadata["type"], metadata["root_model"], metadata["max_depth"]) == ("metadata", "scripted", 2)
    (block,) = iteration["code_blocks"]
    assert block["code"] == traces.PROGRAM
    assert len(block["result"]["rlm_calls"]) == 60
    for call in block["result"]["rlm_calls"]:
        assert isinstance(call["prompt"], str)
        assert isinstance(call["response"], str)
        assert {type(call[name]) for name in ("prompt_tokens", "completion_tokens")} == {int}
    assert iteration["final_answer"] == "It is about rivers."
    assert {message["role"] for message in iteration["prompt"]} == {"user"}


def test_rlm_of_a_program_that_the_model_wrote(show: Show, tmp_path: Path) -> None:
    inner = {"parent": 0, "level": 2, "source": "<answer>"}
    events = [
        run_event(command="ask"),
        text_event(),
        generation_event(0, output='x = CALL("a")', started=0.0, finished=1.0),
        call_event(1, asked=1.0, started=1.0, finished=2.0, **inner),
        generation_event(0, attempt=1, output='CALL("b", x)', started=2.0, finished=3.0),
        call_event(2, asked=3.0, started=3.0, finished=4.0, **inner),
        call_event(0, form="program", program='x = CALL("a")\nCALL("b", x)\n', finished=4.0),
        end_event(4.0),
    ]
    _, *iterations = exported(show, traces.write(tmp_path / "run.jsonl", events), "rlm")
    codes = [each["code_blocks"][0] for each in iterations]
    assert [each["code"] for each in codes] == ['x = CALL("a")', 'CALL("b", x)']
    assert [len(each["result"]["rlm_calls"]) for each in codes] == [1, 1]
    assert [each["final_answer"] for each in iterations] == [None, "It is about rivers."]
    assert iterations[0]["prompt"][0]["content"] == traces.SYSTEM


# Training data ---------------------------------------------------------------------


def traced(
    path: Path, model: Any, program: str, writing: Any = "whole", store: Path | None = None, **inputs: object
) -> Path:
    """Run a program whose calls are answered by programs, those of these directly; gives the file with its trace."""
    trace = Trace()
    lines: list[str] = []
    trace.sinks.append(lambda seq, line: lines.append(line + "\n"))
    with suppress(RlmError):
        limits = Limits(max_depth=2)
        rlmlang.compile(program).run(inputs, model=model, limits=limits, trace=trace, writing=writing, store=store)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def scripted(*programs: str, leaf: object = "Rain.") -> ScriptedModel:
    """Writes one program, or statement, after the other; calls below it have one answer."""
    rest = iter(programs)
    return ScriptedModel(lambda request: next(rest) if request.program else leaf, identity="x")


ASKED = 'text: str\nCALL[int]("How long is it?", text=text)\n'


def said(example: dict[str, Any]) -> str:
    (message,) = example["completion"]
    assert message["role"] == "assistant"
    return str(message["content"])


def test_sft_has_prompts_and_outputs(show: Show, tmp_path: Path) -> None:
    model = scripted("```python\nlen(CALL('Sum it up', text))\n```")
    program, leaf = exported(show, traced(tmp_path / "run.jsonl", model, ASKED, text="It rains."), "sft")
    assert program["prompt"][0] == {"role": "system", "content": language_card()}
    assert [message["role"] for message in program["prompt"]] == ["system", "user"]
    assert "How long is it?" in program["prompt"][1]["content"]
    assert said(program) == "```python\nlen(CALL('Sum it up', text))\n```"
    assert "It rains." in leaf["prompt"][1]["content"]
    assert said(leaf) == "Rain."


def test_sft_leaves_out_what_was_rejected(show: Show, tmp_path: Path) -> None:
    wrong = ["lenn(text)", 'int(CALL("A number?", text))']  # no such name; and "Rain." is no number
    right = scripted(*wrong, "len(text)")
    (only,) = exported(show, traced(tmp_path / "run.jsonl", right, ASKED, text="It rains."), "sft")
    assert said(only) == "len(text)"
    assert [message["role"] for message in only["prompt"]] == ["system", "user"]
    failed = traced(tmp_path / "failed.jsonl", scripted(*wrong, wrong[0]), ASKED, text="It rains.")
    assert exported(show, failed, "sft") == []


def test_sft_of_statements(show: Show, tmp_path: Path) -> None:
    model = scripted(
        '    note = CALL("Sum it up", text)\n',
        "    x = note.size\n",
        '    y = int(CALL("Number?", text))\n',
        "    return len(note)\n",
    )
    path = traced(tmp_path / "run.jsonl", model, ASKED, "statements", text="It rains.")
    first, last, call = exported(show, path, "sft")
    assert (said(first), said(call)) == ('    note = CALL("Sum it up", text)\n', "Rain.")
    assert said(last) == "    return len(note)\n"
    assert [message["role"] for message in last["prompt"]] == ["system", "user", "assistant"]
    assert last["prompt"][2]["content"] == '    note = CALL("Sum it up", text)  #=> note: str: "Rain."\n'
    assert first["prompt"] == last["prompt"][:2]


def test_sft_of_turns_has_the_turns_before_that_worked(show: Show, tmp_path: Path) -> None:
    model = scripted(
        "See:\n```\nnote = CALL('Sum it up', text)\n```\nAnd then …",
        "```\nx = note.size\n```",
        "```\ny = int(CALL('Number?', text))\n```",
        "```\nreturn len(note)\n```",
    )
    path = traced(tmp_path / "run.jsonl", model, ASKED, "turns", text="It rains.")
    first, last, call = exported(show, path, "sft")
    assert said(first) == "See:\n```\nnote = CALL('Sum it up', text)\n```"
    assert (said(last), said(call)) == ("```\nreturn len(note)\n```", "Rain.")
    assert last["prompt"][:2] == first["prompt"]
    assert [message["role"] for message in last["prompt"]] == ["system", "user", "assistant", "user"]
    assert last["prompt"][2]["content"] == said(first)
    assert last["prompt"][3]["content"].startswith("That was run.")


def test_sft_of_several_runs_has_each_context_once(show: Show, tmp_path: Path) -> None:
    one, two = (
        traced(tmp_path / f"{i}.jsonl", scripted("len(text)"), ASKED, text=text) for i, text in enumerate(("a", "bc"))
    )
    assert len(show("export", one, two, one, "--format", "sft").splitlines()) == 2
    assert "E607" in show("export", one, two, "--format", "chrome", code=2)


def test_sft_of_all_runs_in_the_store(show: Show, tmp_path: Path) -> None:
    store = tmp_path / "answers.db"
    for text in ("a", "bc"):
        traced(tmp_path / "run.jsonl", scripted("len(text)"), ASKED, store=store, text=text)
    examples = map(json.loads, show("export", "all", "--format", "sft", "--store", store).splitlines())
    assert ['"a"' in example["prompt"][1]["content"] for example in examples] == [True, False]


def test_sft_of_runs_with_the_right_value(show: Show, tmp_path: Path) -> None:
    path = traced(tmp_path / "run.jsonl", scripted("len(text)"), ASKED, text="It rains.")
    text = traced(tmp_path / "text.jsonl", scripted("text"), "text: str\nCALL('Say it', text=text)\n", text="It rains.")

    def kept(path: Path, *options: object, code: int = 0) -> str:
        return show("export", path, "--format", "sft", *options, code=code)

    assert kept(path, "--expect", "9")
    assert not kept(path, "--expect", "8")
    assert kept(text, "--expect", "It rains.")
    check = tmp_path / "check.rlm"
    check.write_text("value: int\nvalue > 8\n")
    assert kept(path, "--check", check)
    assert "E603" in kept(text, "--check", check, code=2)
    check.write_text("value: int\nvalue > 9\n")
    assert not kept(path, "--check", check)
    check.write_text("value: int\nvalue\n")
    assert "E607" in kept(path, "--check", check, code=2)
    long = traced(tmp_path / "long.jsonl", scripted("text"), "text: str\nCALL('Say it', text=text)\n", text="a" * 5_000)
    check.write_text("value: str\nlen(value) > 9\n")
    assert "whole" in kept(long, "--check", check, code=2)
    assert "E607" in show("export", path, "--format", "jsonl", "--expect", "9", code=2)


def test_sft_leaves_out_programs_that_do_not_check(show: Show, tmp_path: Path) -> None:
    def events(program: str) -> list[dict[str, Any]]:
        call = call_event(0, form="program", program=program)
        return [run_event(writing="whole"), generation_event(0, output=program), call, end_event(1.0)]

    for program, count in (("len('a')\n", 1), ("lenn('a')\n", 0)):
        path = traces.write(tmp_path / "run.jsonl", events(program))
        assert len(exported(show, path, "sft")) == count


def test_sft_has_the_opening_of_the_engine(show: Show, tmp_path: Path) -> None:
    events = [
        run_event(writing="whole"),
        generation_event(0, opening="```python\n", output="len('a')\n"),
        call_event(0, form="program", program="len('a')\n"),
        generation_event(1, opening='{"answer":', output="5"),
        call_event(1, type="int"),
        generation_event(2, opening='{"answer":', output="yes"),
        call_event(2, type='Literal["yes", "no"]'),
        end_event(3.0),
    ]
    examples = exported(show, traces.write(tmp_path / "run.jsonl", events), "sft")
    assert list(map(said, examples)) == ["```python\nlen('a')\n", '{"answer": 5}', '{"answer": "yes"}']


def test_sft_of_nano_is_what_nano_reads(show: Show, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    trace = Trace()
    with open(path, "w") as file:
        trace.sinks.append(lambda seq, line: print(line, file=file))
        assert rlmlang.compile('add("847", "95")').run(model="nano", trace=trace).value == "942"
    examples = exported(show, path, "sft")
    assert examples[0]["prompt"] == [{"role": "user", "content": '"add", str[], str[], "0"\n'}]
    assert said(examples[0]).startswith('d = CALL("sum", arg1[-1], arg2[-1], arg3)\n')
    known = {prompt(task.name, shown): text for task, shown, text in contexts()}
    assert all(known[example["prompt"][0]["content"]] == said(example) for example in examples)


def test_sft_shows_no_secret(show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    path = traced(tmp_path / "run.jsonl", scripted("len(text)"), ASKED, text="It is hunter2-hunter2.")
    found = show("export", path, "--format", "sft")
    assert "[redacted]" in found
    assert "hunter2" not in found


# Whatever stands in a trace --------------------------------------------------------


ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")


@pytest.fixture(scope="module")
def hostile_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traces.write(tmp_path_factory.mktemp("trace") / "hostile.jsonl", traces.holding(injections.STRINGS))


def test_nothing_acts_on_a_terminal(hostile_log: Path, small: Path, show: Show) -> None:
    assert len(injections.STRINGS) >= 300
    for command in (
        ("show", hostile_log, "--all"),
        ("diff", hostile_log, small, "--all"),
        ("diff", small, hostile_log),
    ):
        text = show(*command)
        assert ACTS.search(text) is None
        assert max(map(len, text.splitlines())) < 60_000
    for command in (("show", hostile_log), ("diff", small, hostile_log)):
        json.loads(show(*command, "--json"))


@pytest.mark.heavy
@pytest.mark.parametrize("form", ["jsonl", "otlp", "chrome", "rlm", "sft"])
def test_nothing_breaks_the_json_of_other_tools(form: str, hostile_log: Path, show: Show) -> None:
    text = show("export", hostile_log, "--format", form)
    assert text.isascii()
    assert all(json.loads(line) for line in text.split("\n")[:-1])
