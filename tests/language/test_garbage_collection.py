"""The collector of cycles while masks and runs need it less."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import rlmlang
from benchmarks.instant import Instant
from rlmlang.language.garbage_collection import YOUNG, paused_collector, rare_collector


@pytest.fixture
def thresholds() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    gc.set_threshold(600, 11, 12)
    yield (600, 11, 12)
    gc.set_threshold(*before)


def test_what_the_user_has_set_counts_again_after_the_last_context(thresholds: tuple[int, int, int]) -> None:
    with rare_collector:
        with rare_collector:
            assert gc.get_threshold() == (YOUNG, 11, 12)
        assert gc.get_threshold() == (YOUNG, 11, 12)
    assert gc.get_threshold() == thresholds


@pytest.mark.parametrize("own", [0, YOUNG + 1])
def test_a_collector_that_looks_less_often_or_never_is_left_alone(thresholds: tuple[int, int, int], own: int) -> None:
    gc.set_threshold(own, 11, 12)
    with rare_collector:
        assert gc.get_threshold()[0] == own
    assert gc.get_threshold()[0] == own


def test_what_is_set_meanwhile_stays(thresholds: tuple[int, int, int]) -> None:
    with rare_collector:
        gc.set_threshold(5, 6, 7)
    assert gc.get_threshold() == (5, 6, 7)


def test_a_paused_collector_goes_on_after_the_last_context() -> None:
    with paused_collector, paused_collector:
        assert not gc.isenabled()
    assert gc.isenabled()


def test_runs_that_work_and_fail_leave_the_collector_as_it_was(thresholds: tuple[int, int, int]) -> None:
    seen: list[int] = []

    class Looking(Instant):
        async def generate(self, request: rlmlang.models.base.Request) -> rlmlang.models.base.Reply:
            seen.append(gc.get_threshold()[0])
            return await super().generate(request)

    rlmlang.compile('CALL("x")\n').run(model=Looking())
    assert seen == [YOUNG]
    with pytest.raises(rlmlang.RlmError):
        rlmlang.compile("1 // len(CALL('x')[:0])\n").run(model=Looking())
    assert gc.get_threshold() == thresholds
