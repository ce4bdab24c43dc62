"""Programs that some tests need, and a new machine may not have."""

from __future__ import annotations

import os

import pytest


def need(found: bool, packages: str) -> None:
    """Skip the test where they are not installed; but fail it where everything is to be tested, as in CI."""
    if not found:
        how = f"not installed here: apt-get install {packages}"
        if "RLMLANG_TEST_ALL" in os.environ:
            pytest.fail(how)
        pytest.skip(how)
