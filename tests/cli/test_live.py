"""The live view: counts of calls, what is left, time to go; pictures on a terminal, lines elsewhere."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rlmlang.api import compile
from rlmlang.calls.budget import Account, Usage
from rlmlang.calls.limits import Limits
from rlmlang.cli import main, running
from rlmlang.cli.live import View
from rlmlang.cli.running import reported
from rlmlang.language.source import Source, Span
from rlmlang.trace.progress import PLACES, Progress, duration
from rlmlang.trace.recorder import CallRecord, Trace
from tests.support.fakes import Held, obedient

SOURCE = Source("\n" * 200, "article.rlm")


@define
class Run:
    """A run that goes as the test says."""

    limits: Limits = field(factory=Limits)
    planned: tuple[int, int | None] = (0, None)
    trace: Trace = field(factory=Trace)

    def __attrs_post_init__(self) -> None:
        self.trace.account = Account(self.limits)
        self.trace.planned_calls = self.planned
        self.progress = Progress(self.trace)

    progress: Progress = field(init=False)

    def call(self, status: str, line: int, within: str | None, instruction: str, **more: Any) -> CallRecord:
        hits, parent = more.pop("hits", 0), more.pop("parent", None)
        span = Span(SOURCE, line - 1, line)
        record = CallRecord(len(self.trace.calls), parent, 1, instruction, "str", span, 0.5, within)
        self.trace.start(record)
        record.status = status
        if status not in ("waiting", "running"):
            self.trace.finish(record, status, 1.0)
        for _ in range(hits):
            self.hit(record)
        return record

    def hit(self, record: CallRecord) -> None:
        self.trace.hit(record, None, record.span, 1.0)

    def shown(self, seconds: float, width: int = 100, final: bool = False) -> str:
        file = io.StringIO()
        view = View(SOURCE.name, self.progress, width)
        Console(file=file, width=width, color_system=None).print(view.picture(seconds, final))
        return file.getvalue()


def busy() -> Run:
    """A run in the middle of everything."""
    run = Run(Limits(max_prompt_tokens=2_100, max_seconds=75, max_cost=0.5), (20, 24))
    run.progress.sample(0.0)
    run.call("done", 3, "notes", "Summarize", hits=2)
    run.call("stored", 3, "notes", "Summarize")
    run.call("failed", 4, "notes", "Is this\x1b[31m so?\nReally?")
    outer = run.call("running", 7, "solve", "Solve it")
    run.call("running", 2, "part", "Solve a part", parent=outer.id)
    run.call("cancelled", 9, None, "Join")
    for _ in range(5):
        run.call("running", 3, "notes", "Summarize")
    run.call("waiting", 3, "notes", "Summarize")
    assert run.trace.account is not None
    run.trace.account.usage = Usage(12, 3, 2_000, 300, cost=Decimal("0.4215"))
    run.progress.sample(10.0)
    return run


def test_a_picture_of_a_run(golden: Callable[[str, str], None]) -> None:
    run = busy()
    pictures = [run.shown(10.0), run.shown(20.0, final=True), run.shown(10.0, width=40)]
    golden("cli/live.txt", f"{'=' * 100}\n".join(pictures))


def test_a_run_on_a_line() -> None:
    assert busy().progress.line(10.0) == (
        "1 done, 7 running, 1 waiting, 3 memo, 1 failed, 1 cancelled, 30.0 tokens/s, $0.4215, 10 s, "
        "about 40 s to 45 s to go; left: 988 calls, 100 tokens in, $0.0785, 1:05"
    )


def test_without_limits_and_estimate_the_time_to_the_end_is_not_shown() -> None:
    run = Run(Limits(max_calls=None))
    run.call("done", 3, "notes", "Summarize")
    run.progress.sample(0.0)
    run.progress.sample(5.0)
    assert run.progress.line(5.0) == "1 done, 5.0 s"
    assert "left" not in run.shown(5.0)


def test_the_time_to_go_follows_the_pace_of_the_last_half_minute() -> None:
    run = Run(planned=(100, 100))
    assert run.progress.to_go() == ""
    run.progress.sample(0.0)
    assert run.progress.to_go() == ""
    for second in range(1, 61):
        run.call("stored" if second <= 20 else "done", 3, "notes", "Summarize")
        if second > 40:
            run.call("done", 3, "notes", "Summarize")
        run.progress.sample(float(second))
    assert run.progress.to_go() == f"about {duration(20 / (50 / 30))} to go"
    for second in range(61, 100):
        run.progress.sample(float(second))
    assert run.progress.to_go() == ""  # nothing ends any more


def test_more_calls_than_planned_at_least_make_no_negative_time() -> None:
    run = Run(planned=(1, 10))
    run.progress.sample(0.0)
    for _ in range(2):
        run.call("done", 3, "notes", "Summarize", hits=3)
    run.progress.sample(1.0)
    assert run.progress.remaining() == (0, 1)
    assert run.progress.to_go() == "up to 1.0 s to go"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (8.46, "8.5 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (125, "2:05"),
        (3_599.6, "1:00:00"),
        (3_725, "1:02:05"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_programs_with_ever_new_names_fill_neither_screen_nor_memory() -> None:
    run = Run()
    outer = run.call("running", 1, "solve", "Solve it")
    for i in range(3 * PLACES):
        inner = run.call("running", 2, f"name{i}", "Solve a part", parent=outer.id)
        run.call("done", 3, f"inner{i}", "Say", parent=inner.id)
        run.trace.finish(inner, "done", 2.0)
    shown = run.shown(1.0)
    assert len(shown.splitlines()) < 3 * PLACES
    assert "elsewhere" in shown
    assert run.progress.counts()["done"] == 6 * PLACES


def test_a_call_of_a_program_that_was_cancelled_is_counted() -> None:
    """Its evaluation may make another call before it is cancelled."""
    run = Run()
    outer = run.call("cancelled", 3, "f", "Solve it")
    run.call("running", 1, "g", "Solve a part", parent=outer.id)
    assert run.progress.counts()["running"] == 1


def test_finished_calls_are_not_kept() -> None:
    run = Run()
    for i in range(1_000):
        run.call("done", 3, "notes", f"Summarize {i}")
    run.trace.calls.clear()
    gc.collect()
    assert len(run.progress._branches) == 1  # the trace keeps the first
    run.hit(CallRecord(0, None, 1, "Summarize 0", "str", Span(SOURCE, 2, 3), 0.5, "notes"))
    assert run.progress.counts()["memo"] == 1
    assert "1,000/1,000  Summarize 999" in run.shown(1.0)


Event = st.tuples(st.sampled_from(["start", "run", "hit", "done", "failed", "stored"]), st.integers(0, 5))


@given(st.lists(Event, max_size=40))
def test_counts_are_those_of_the_records(events: list[tuple[str, int]]) -> None:
    run = Run()
    records: list[CallRecord] = []
    for what, at in events:
        if what == "start":
            records.append(run.call("waiting", at + 1, None, "Say"))
        elif records:
            record = records[at % len(records)]
            if what == "hit":
                run.hit(record)
            elif record.id in run.trace.active:
                if what == "run":
                    record.status = "running"
                else:
                    run.trace.finish(record, what, 1.0)
    counts = run.progress.counts()
    for status in ("done", "running", "waiting", "failed"):
        assert counts[status] == sum(record.status == status for record in records)
    stored = sum(record.status == "stored" for record in records)
    assert counts["memo"] == stored + sum(record.hits for record in records)
    assert sum(branch.asked for branch in run.progress.root.below.values()) == len(records)
    run.shown(1.0)


# Runs ----------------------------------------------------------------------------


def test_a_run_is_followed_call_by_call() -> None:
    async def scenario() -> None:
        model, trace = Held(obedient), Trace()
        followed = Progress(trace)
        program = compile('[CALL("up", x) for x in ["a", "b", "a"]]')
        running = asyncio.ensure_future(program.arun(model=model, trace=trace))
        await model.until_running("up a", "up b")
        assert {name: count for name, count in followed.counts().items() if count} == {"running": 2, "memo": 1}
        model.let_go("up a")
        await model.until_running("up b")
        assert followed.counts()["done"] == 1
        model.let_go("up b")
        await running
        assert {name: count for name, count in followed.counts().items() if count} == {"done": 2, "memo": 1}

    asyncio.run(scenario())


def test_lines_are_printed_while_the_run_is_active(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = asyncio.Event()
    lines: list[str] = []

    def echo(text: str, err: bool) -> None:
        assert err
        lines.append(text)
        said.set()

    async def scenario() -> None:
        monkeypatch.setattr(running, "EVERY", 0.01)
        monkeypatch.setattr(running.click, "echo", echo)
        run = Run()
        run.call("running", 3, "notes", "Summarize")
        async with reported(run.progress), asyncio.timeout(60):
            await said.wait()
        count = len(lines)
        await asyncio.sleep(0)
        assert len(lines) == count

    asyncio.run(scenario())
    assert re.fullmatch(r"1 running, \d\.\d s; left: 1,000 calls", lines[0])


# The command ---------------------------------------------------------------------

PROGRAM = 'document: str\nparts = [CALL("Shorten", x) for x in ["a", "b", document]]\nCALL("Join", parts)\n'
REPLIES = '[[reply]]\ninstruction = "*"\ntext = "short"\n'
ARGS = ("run", "article.rlm", "-i", "document=a", "-m", "scripted:replies.toml", "--no-store")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "article.rlm").write_text(PROGRAM)
    (tmp_path / "replies.toml").write_text(REPLIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RLMLANG_MODEL", raising=False)
    return tmp_path


def test_a_terminal_sees_the_calls(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(ARGS) == 0
    out, err = capsys.readouterr()
    assert out == "short\n"
    assert "2/2 · 1 memo  Shorten" in click.unstyle(err)
    assert "3 calls, 1 memo hit" in err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main([*ARGS, "--quiet"]) == 0
    assert capsys.readouterr() == ("short\n", "")


def test_a_terminal_sees_nothing_of_a_program_without_calls(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "article.rlm").write_text("1 + 1\n")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["run", "article.rlm"]) == 0
    assert capsys.readouterr() == ("2\n", "")


@pytest.mark.parametrize("terminal", [True, False])
def test_standard_output_stays_clean(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert main([*ARGS, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["value"] == "short"
    assert ("3 done" in err) is terminal
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert main([*ARGS, "--json", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_an_estimate_that_fails_shows_no_time_to_go(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "article.rlm").write_text('CALL("a", [1][len(CALL("b"))])')
    assert main(["run", "article.rlm", "-m", "scripted:replies.toml", "--no-store"]) == 1
    assert "E301" in capsys.readouterr().err
