"""Identify a model's weights by digests of their files."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from rlmlang.errors import ModelError, unreadable
from rlmlang.files import cache_folder

_CHECKPOINT = {".safetensors", ".bin", ".json", ".jinja", ".model", ".txt"}
"""The suffixes of the files in a folder of transformers that can change an answer."""


def gguf_digest(path: Path) -> str:
    """Return the SHA-256 of a GGUF file. Raises UsageError E604, ModelError E407."""
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelError.of("E407", f"{path} is not a GGUF file")
    except OSError as error:
        raise unreadable(path, error) from error
    return digest(path)


def folder_digest(path: Path) -> str:
    """Return the SHA-256 over the files of a checkpoint of transformers. Raises UsageError E604, ModelError E407."""
    if not (path / "config.json").is_file():
        raise ModelError.of("E407", f"{path} is not a checkpoint: it has no config.json")
    files = sorted(file for file in path.iterdir() if file.suffix in _CHECKPOINT and file.is_file())
    return hashlib.sha256(json.dumps([(file.name, digest(file)) for file in files]).encode()).hexdigest()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, which is cached in the user's cache folder until the file changes.

    Raises UsageError E604.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            mark = f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
            kept = cache_folder() / f"weights-{hashlib.sha256(mark.encode('utf-8', 'replace')).hexdigest()[:24]}"
            try:
                found = kept.read_text(encoding="ascii")
                if re.fullmatch("[0-9a-f]{64}", found):
                    return found
            except (OSError, ValueError):
                pass
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_text(found, encoding="ascii")
    except OSError:
        pass  # the next start reads the weights again
    return found
