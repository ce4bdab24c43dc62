"""Run a Python file that the user names as a module: of a scripted model, or of functions for programs."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType


class FileFailed(Exception):
    """A Python file does not run; the message says why."""


def module_of(data: bytes, path: str) -> ModuleType:
    """Return the module that a Python file makes; it can import the files beside it, as a program can.

    Raises FileFailed.
    """
    module = ModuleType(f"rlmlang_file_{hashlib.sha256(data).hexdigest()[:16]}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # where dataclasses look themselves up
    folder = str(Path(path).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # at the end, so that none of these files takes the place of a package
    try:
        exec(compile(data, path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise FileFailed(f"{path} does not run: {said}") from error
    return module
