"""Import packages that use several threads by OpenMP (decision 44)."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any


def import_passive(name: str) -> Any:
    """Import a module whose OpenMP threads sleep while they wait for each other.

    By default they spin, and on a machine with other work everything takes ten times as long. The OpenMP library reads
    the setting once, when it is loaded.
    """
    before = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return import_module(name)
    finally:
        if before is None:
            del os.environ["OMP_WAIT_POLICY"]
