"""Models that a Python file scripts: what may go wrong in the file ends the call or the run, and says so."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.errors import ModelFailed, ModelNotLoaded, TimeExhausted


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a model, and return the function that runs a call of a type on it."""
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))  # gives `sys.path` back as it was

    def run(text: str, type_: str = "str", **limits: object) -> object:
        (tmp_path / "model.py").write_text(text)
        program = rlmlang.compile(f'CALL[{type_}]("Ask")')
        return program.run(model=f"scripted:{tmp_path / 'model.py'}", limits=limits).value

    return run


def test_a_model_that_calls_sys_exit_is_an_error(script: Any) -> None:
    with pytest.raises(ModelFailed, match=r"model\.py called sys\.exit: 3"):
        script("import sys\ndef model(request):\n    sys.exit(3)\n")
    with pytest.raises(ModelFailed, match=r"model\.py called sys\.exit: why"):
        script("async def model(request):\n    raise SystemExit('why')\n")
    with pytest.raises(ModelNotLoaded, match=r"model\.py does not run: SystemExit: 2"):
        script("raise SystemExit(2)\n")


def test_a_model_that_returns_nothing_is_an_error(script: Any) -> None:
    with pytest.raises(ModelFailed, match=r"model\.py returned None for a reply of type str"):
        script("def model(request):\n    pass\n")
    assert script("def model(request):\n    pass\n", "int | None") is None


def test_a_model_may_import_the_files_beside_it(script: Any, tmp_path: Path) -> None:
    (tmp_path / "helper_of_model.py").write_text("WORD = 'yes'\n")
    assert script("import helper_of_model\ndef model(request):\n    return helper_of_model.WORD\n") == "yes"


def test_a_model_that_never_ends_is_stopped_by_the_time_limit(script: Any) -> None:
    start = time.monotonic()
    with pytest.raises(TimeExhausted):
        script("import time\ndef model(request):\n    while True:\n        time.sleep(0.01)\n", max_seconds=0.3)
    assert time.monotonic() - start < 5


def test_errors_of_a_model_are_those_of_the_call(script: Any) -> None:
    with pytest.raises(ModelFailed, match="ZeroDivisionError"):
        script("def model(request):\n    1 // 0\n")
    with pytest.raises(ModelFailed, match="StopIteration"):
        script("def model(request):\n    return next(iter([]))\n")
    assert script("async def reply():\n    return 'a'\ndef model(request):\n    return reply()\n") == "a"


@pytest.mark.parametrize("body", ["return 'a'", "1 // 0"])
def test_the_thread_of_a_model_ends_with_it(script: Any, body: str) -> None:
    before = set(threading.enumerate())
    for _ in range(5):
        with suppress(ModelFailed):
            script(f"def model(request):\n    {body}\n")
    end = time.monotonic() + 60
    while not set(threading.enumerate()) <= before and time.monotonic() < end:
        gc.collect()  # again and again: a thread that is about to wait may hold the error of its last call
        time.sleep(0.01)
    assert set(threading.enumerate()) <= before
