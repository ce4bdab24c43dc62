"""The recursion limit is raised while deep programs are worked on, and given back."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

import rlmlang
from rlmlang.language.check import check
from rlmlang.language.depth import FRAMES, deep_recursion
from rlmlang.language.parse import parse
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source

DEEP = "[" * 190 + "1" + "]" * 190 + "\n"


@pytest.fixture(autouse=True)
def given_back() -> object:
    before = sys.getrecursionlimit()
    yield
    assert sys.getrecursionlimit() == before


def test_importing_everything_leaves_the_limit_alone() -> None:
    code = "import sys, rlmlang.api, rlmlang.calls.inline, rlmlang.cli.commands; print(sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1000\n"


def test_a_deep_program_is_checked_printed_estimated_and_run() -> None:
    assert str(check(Source(DEEP)).type).startswith("list[list[")
    assert parse(Source(format_module(parse(Source(DEEP))))) == parse(Source(DEEP))
    program = rlmlang.compile(DEEP)
    assert program.cost().calls == (0, 0)
    assert program.run().value is not None


def test_a_program_that_does_not_check_gives_the_limit_back() -> None:
    with pytest.raises(rlmlang.ProgramError):
        check(Source("nope"))


def test_only_the_outermost_gives_it_back() -> None:
    with deep_recursion:
        with deep_recursion:
            pass
        assert sys.getrecursionlimit() == FRAMES


def test_a_limit_that_someone_else_sets_meanwhile_is_kept() -> None:
    before = sys.getrecursionlimit()
    with deep_recursion:
        sys.setrecursionlimit(30_000)
    assert sys.getrecursionlimit() == 30_000
    sys.setrecursionlimit(before)


def test_a_higher_limit_is_kept() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(2 * FRAMES)
    with deep_recursion:
        assert sys.getrecursionlimit() == 2 * FRAMES
    assert sys.getrecursionlimit() == 2 * FRAMES
    sys.setrecursionlimit(before)


def test_the_last_of_several_threads_gives_it_back() -> None:
    together = Barrier(4)

    def work(i: int) -> int:
        with deep_recursion:
            together.wait(10)
            return sys.getrecursionlimit()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(4))) == {FRAMES}
