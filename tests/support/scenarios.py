"""Begin runs within an event loop, collect their errors, and check that no task outlives them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.errors import RlmError
from tests.support.fakes import Fake, obedient


def scenario(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the steps of a test, and check that no task outlives them."""

    async def watched() -> None:
        async with asyncio.timeout(60):
            await steps()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(watched())


def start(text: str, model: Fake, **options: Any) -> asyncio.Task[Any]:
    """Begin a run in a task of its own."""
    return asyncio.ensure_future(compile(text).arun(model=model, **options))


def failure(text: str, model: Fake | None = None, **options: Any) -> RlmError:
    """Return the error that ends a run."""
    with pytest.raises(RlmError) as caught:
        compile(text).run(model=model or Fake(obedient), **options)
    return caught.value
