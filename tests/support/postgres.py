"""A PostgreSQL server for the tests: of this machine's own, in a new folder, on a Unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; Debian has it on no path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database."""
    found = programs()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        user = "postgres" if os.getuid() == 0 else None  # which refuses to run as root
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)

        def do(*command: str) -> None:
            subprocess.run(command, check=True, user=user, cwd=folder, capture_output=True, timeout=120)

        do(str(found / "initdb"), "-D", f"{name}/data", "-A", "trust", "-U", "rlmlang", "--no-sync")
        options = f"-k {name} -c listen_addresses='' -c fsync=off -c max_connections=50"
        do(str(found / "pg_ctl"), "-D", f"{name}/data", "-l", f"{name}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://rlmlang@/postgres?host={name}"
        finally:
            do(str(found / "pg_ctl"), "-D", f"{name}/data", "-m", "immediate", "-w", "stop")
