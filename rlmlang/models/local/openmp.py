"""Modules that calculate in several threads by OpenMP."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any


def import_passive(name: str) -> Any:
    """The module, its threads told to sleep while they wait for each other.

    By default they spin, and on a machine that has other work too, everything takes ten times
    as long. The setting is read once, when the OpenMP library is loaded.
    """
    told = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return import_module(name)
    finally:
        if told is None:
            del os.environ["OMP_WAIT_POLICY"]
