"""Wait for what happens, and not for a time: a machine that is busy may need longer than any."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds after which what has not happened never will."""


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


async def until_on_loop(holds: Callable[[], bool]) -> None:
    """Wait until something holds, while other tasks go on."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)
