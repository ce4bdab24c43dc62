"""Who holds a claim: a name for this process and one of its runs, and whether it still lives."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path


def new_owner() -> str:
    """A name that no one else has: the machine, the process, when that began, and a number."""
    pid = os.getpid()
    return f"{_machine()} {pid} {_begun(pid)} {secrets.token_hex(4)}"


def is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that has ended. (Of others, only their lease tells.)"""
    machine, _, rest = owner.partition(" ")
    try:
        pid, begun = rest.split(" ")[:2]
        return machine == _machine() and _begun(int(pid)) != begun
    except ValueError:
        return False


def _machine() -> str:
    """This machine since it was started, as far as it can be told from others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()}/{boot}/{space}".replace(" ", "_")


def _begun(pid: int) -> str:
    """When a process began; `none` if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "none"
    except OSError:
        pass
    return "unknown"
