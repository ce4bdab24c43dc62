"""The public names of `rlmlang.testing`, and what importing it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlmlang import testing


@pytest.mark.parametrize("name", testing.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(testing, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        testing.nonsense  # noqa: B018


def test_conformance_cases_run_without_hypothesis() -> None:
    """`rlmlang conform` is part of the package, and Hypothesis is installed for tests alone."""
    code = (
        "import sys; sys.modules['hypothesis'] = None; from rlmlang.testing.conformance import run_case;"
        "print(run_case({'program': '1 + 2'})['value'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
