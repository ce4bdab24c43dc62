"""A PostgreSQL server for the tests: of this machine's own, in a new folder, on a Unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from attrs import frozen


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; Debian has it on no path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


@frozen
class Server:
    """A server that runs."""

    url: str
    """That of an empty database."""
    control: Callable[..., None]
    """Runs `pg_ctl` on it."""

    def stop(self) -> None:
        """End it as if the machine had failed."""
        self.control("-m", "immediate", "stop")

    def start(self) -> None:
        self.control("start")


def empty_store(url: str) -> str:
    """The URL of an empty store in a database."""
    import psycopg

    name = f"s{uuid4().hex}"
    with psycopg.connect(url) as db:
        db.execute(f"create schema {name}")
    return f"{url}&options=-csearch_path%3D{name}"


@contextmanager
def server(authentication: str = "trust", connections: int = 50) -> Iterator[Server]:
    """A server whose user `rlmlang` has the password `open sesame`."""
    found = programs()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        user = "postgres" if os.getuid() == 0 else None  # which refuses to run as root
        password = folder / "password"
        password.write_text("open sesame")
        if user is not None:
            owner = pwd.getpwnam(user)
            for path in (folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)

        def do(*command: str) -> None:
            subprocess.run(command, check=True, user=user, cwd=folder, capture_output=True, timeout=120)

        do(
            str(found / "initdb"), "-D", f"{name}/data", "-A", authentication, "-U", "rlmlang", "--no-sync",
            "--pwfile", str(password),
        )  # fmt: skip
        options = f"-k {name} -c listen_addresses='' -c fsync=off -c max_connections={connections}"

        def control(*arguments: str) -> None:
            do(str(found / "pg_ctl"), "-D", f"{name}/data", "-l", f"{name}/log", "-o", options, "-w", *arguments)

        control("start")
        try:
            yield Server(f"postgresql://rlmlang@/postgres?host={name}", control)
        finally:
            control("-m", "immediate", "stop")
