"""Every benchmark can be started: it imports only what exists."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.support.places import ROOT

pytestmark = pytest.mark.heavy

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.stem not in ("__main__", "report")  # the report needs matplotlib, which the tests do not install
)


@pytest.mark.parametrize("module", MODULES)
def test_it_is_imported(module: str) -> None:
    import_module(module)
