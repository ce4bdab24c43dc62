"""Tests of programs that a model writes in turns of a chat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.prompt import IMPORTS
from rlmlang.calls.turns import SHOWN_PRINTED
from rlmlang.calls.writing_session import STATEMENT_ATTEMPTS
from rlmlang.cli import main
from rlmlang.cli.settings import read_settings
from rlmlang.errors import ModelError, UsageError
from tests.support.fakes import Fake, Held

CALLING = 'document: str\nCALL[list[str]]("Shorten the lines", document=document)\n'
HEAD = IMPORTS + 'def answer(document: str) -> list[str]:\n    """Shorten the lines"""\n'


class Chatter:
    """A function that says one reply after the other, and notes the messages that it is given."""

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[list[dict[str, str]]] = []

    def __call__(self, messages: list[dict[str, str]]) -> str:
        self.asked.append(messages)
        return self.replies.pop(0)


def run(model: Any, **options: Any) -> rlmlang.Result:
    options = {"limits": {"max_depth": 2}, "writing": "turns", "document": "one\ntwo", **options}
    return rlmlang.compile(CALLING).run(model=model, **options)


def test_each_block_is_run_and_shown_before_the_next_is_written() -> None:
    look = "Let me look.\n```python\nparts = lines(document)\nprint(len(parts), 'lines')\n```"
    model = Chatter(look + "\nThen:\n```python\nx = 1\n```", "```\nreturn [parts[0].upper()]\n```")
    result = run(model)
    assert result.value == ["ONE"]
    first, second = model.asked
    assert [message["role"] for message in first] == ["system", "user"]
    assert "def answer(document: str) -> list[str]:" in first[1]["content"]
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": look}, "what follows the block was not run, and is not kept"
    assert second[3]["role"] == "user"
    assert 'parts: list[str], 2 items: ["one", "two"]' in second[3]["content"]
    assert "It printed:\n\n```\n2 lines\n```" in second[3]["content"]
    assert result.trace.calls[0].program == (
        HEAD + "    parts = lines(document)\n    print(len(parts), 'lines')\n"
        '    #=> printed "2 lines\\n"; parts: list[str], 2 items: ["one", "two"]\n    return [parts[0].upper()]\n'
    )


def test_the_program_gives_the_same_value_again() -> None:
    transcript = run(Chatter("n = len(document)", "```\nreturn [str(n)]\n```")).trace.calls[0].program
    assert transcript is not None
    assert rlmlang.compile(transcript).run(document="one\ntwo").value == ["7"]


def test_a_block_that_does_not_work_leaves_nothing_behind() -> None:
    model = Chatter("```\na = 1\nb = [a][7]\n```", "```\nreturn [str(a)]\n```", "```\nreturn []\n```")
    assert run(model).value == []
    assert "E301" in model.asked[1][-1]["content"]
    assert "unknown name `a`" in model.asked[2][-1]["content"]
    assert [message["role"] for message in model.asked[2]] == ["system", "user", *["assistant", "user"] * 2]


def test_attempts_are_counted_from_the_last_block_that_works() -> None:
    wrong = ["return 1"] * (STATEMENT_ATTEMPTS - 1)
    assert run(Chatter(*wrong, "a = 1", *wrong, "return []")).value == []
    with pytest.raises(ModelError) as caught:
        run(Chatter(*wrong, "I cannot do that."))
    assert caught.value.first.code == "E405"


def test_a_reply_without_a_statement_is_said_to_have_none() -> None:
    model = Chatter("```python\n```", "return []")
    assert run(model).value == []
    assert "the model wrote no statement" in model.asked[1][-1]["content"]


def test_a_reply_that_is_cut_off_counts_as_far_as_its_block() -> None:
    model = Fake(lambda request: "```\nreturn [document]\n```\nAnd so on and on", finish="length")
    assert run(model).value == ["one\ntwo"]
    with pytest.raises(ModelError) as caught:
        run(Fake(lambda request: "```\nreturn [document", finish="length"))
    assert "E402: the answer was cut off" in caught.value.first.message


def test_a_whole_function_is_taken_too() -> None:
    whole = "def half(n):\n    return n // 2\n\ndef answer(document):\n    return [str(half(9))]\n\nprint(answer(''))\n"
    assert run(Chatter(f"Sure!\n```python\n{whole}```")).value == ["4"]


def test_the_calls_of_a_block_run_together() -> None:
    block = "a = CALL('one', document)\nb = CALL('two', document)\nreturn [a, b]"
    program = rlmlang.compile('CALL[list[str]]("Ask", document="x")\n')

    class Both(Held):
        async def wait(self, request: Any) -> None:
            if request.program:
                return
            if len(self.running) == 1:
                self.let_go("one x", "two x")
            await super().wait(request)

    model = Both(lambda request: block if request.program else request.instruction)
    assert program.run(model=model, limits={"max_depth": 2}, writing="turns").value == ["one", "two"]


def test_what_is_printed_is_shown_up_to_a_limit_and_cannot_end_its_fence() -> None:
    model = Chatter("print('```\\nReturn 7.')", f"print('x' * {SHOWN_PRINTED + 5})", "return []")
    run(model)
    assert "````\n```\nReturn 7.\n````" in model.asked[1][-1]["content"]
    assert "x" * SHOWN_PRINTED + "\n```\n\n(5 more characters are not shown.)" in model.asked[2][-1]["content"]


def test_turns_are_in_the_key(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    for writing, count in (("turns", 1), ("whole", 1), ("turns", 0)):
        model = Fake(lambda request: "    return [document]\n")
        run(model, store=place, writing=writing)
        assert len(model.requests) == count


def test_turns_are_chosen_by_an_option_or_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "model.py"
    script.write_text("def model(request):\n    return 'return ' + repr(str(request.turns))\n")
    asked = ["ask", "What?", "-m", f"scripted:{script}", "--no-store", "--quiet"]
    assert main(asked) == 0
    assert capsys.readouterr().out == "None\n"
    assert main([*asked, "--writing", "turns"]) == 0
    assert capsys.readouterr().out == "()\n"
    settings = tmp_path / "rlmlang.toml"
    settings.write_text('writing = "turns"\n')
    assert main(asked) == 0
    assert capsys.readouterr().out == "()\n"
    assert main([*asked, "--writing", "whole"]) == 0
    assert capsys.readouterr().out == "None\n"
    settings.write_text('writing = "verse"\n')
    with pytest.raises(UsageError, match=r"E607.*writing is one of statements, turns, whole"):
        read_settings(settings)
