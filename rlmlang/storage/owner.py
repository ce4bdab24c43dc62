"""Names for the owners of claims, and whether the process of an owner is still alive."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from pathlib import Path

_OF_THIS_PROCESS: set[str] = set()
"""The owners of this process that are still alive."""


def new_owner() -> str:
    """Return a unique name: the machine, the process, when the process started, and a random number."""
    pid = os.getpid()
    owner = f"{_machine()} {pid} {_start_time(pid)} {secrets.token_hex(4)}"
    _OF_THIS_PROCESS.add(owner)
    return owner


def end_owner(owner: str) -> None:
    """Record that an owner of this process has ended, whether or not it could give up what it has."""
    _OF_THIS_PROCESS.discard(owner)


def is_dead(owner: str) -> bool:
    """Return whether the owner was a process of this machine, or one in this process, that has ended.

    Processes of other machines cannot be checked; their claims end with the lease.
    """
    machine, _, rest = owner.partition(" ")
    try:
        pid, started = rest.split(" ")[:2]
        if machine != _machine():
            return False
        if _start_time(int(pid)) != started:
            return True
        return int(pid) == os.getpid() and owner not in _OF_THIS_PROCESS
    except ValueError:
        return False


def _machine() -> str:
    """Return a name for this machine since its last boot, and for its process namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()}/{boot}/{space}".replace(" ", "_")


def _start_time(pid: int) -> str:
    """Return when a process started, `none` if there is no such process, `unknown` if that cannot be found out."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[19]
    except OSError:
        pass
    if sys.platform == "win32":
        return "unknown"  # there, a signal of 0 is Ctrl-C
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "none"
    except OSError:
        pass
    return "unknown"
