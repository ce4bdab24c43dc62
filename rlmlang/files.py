"""The files that belong to the language: in a wheel under `data/`, in a checkout beside the package (decision 90)."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_HERE = Path(__file__).parent


def _folder(name: str) -> Path:
    packed = _HERE / "data" / name
    return packed if packed.is_dir() else _HERE.parent / name


def grammar_text() -> str:
    """`grammar/rlm.lark`, the one grammar."""
    return (_folder("grammar") / "rlm.lark").read_text(encoding="utf-8")


def stdlib_dir() -> Path:
    """The folder of the standard library's `.rlm` files."""
    return _folder("stdlib")


def cache_folder() -> Path:
    """Where this user's files that can be made again are kept: `$XDG_CACHE_HOME/rlmlang`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlmlang"


def open_private(path: Path, flags: int) -> int:
    """A file of this user's alone, opened; made with its folders, readable by nobody else, if `flags` has O_CREAT.

    Raises OSError; PermissionError for what another user may have put there to read, or to have
    overwritten, what is written: a link or file of somebody else's, or a file with a second name.
    What is no regular file (a pipe, a terminal) is opened as it is.
    """
    if flags & os.O_CREAT:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags |= os.O_CLOEXEC
    try:
        file = os.open(path, flags & ~os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP or os.lstat(path).st_uid not in (os.geteuid(), 0):
            raise
        file = os.open(path, flags & ~os.O_TRUNC, 0o600)
    try:
        found = os.fstat(file)
        _require_own(found, path)
        if stat.S_ISREG(found.st_mode):
            os.fchmod(file, 0o600)
            if flags & os.O_TRUNC:
                os.ftruncate(file, 0)
    except BaseException:
        os.close(file)
        raise
    return file


def require_private(path: Path) -> None:
    """`open_private` for a file that somebody else opens: it is looked at, if there is one, and not opened.

    (A process that closes a file gives up all locks that it has on it, also those of a database.)
    """
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            _require_own(found, path)
            found = os.stat(path)
        _require_own(found, path)
        if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != 0o600:
            os.chmod(path, 0o600)
    except FileNotFoundError:  # or gone meanwhile, as logs of databases are
        return


def _require_own(found: os.stat_result, path: Path) -> None:
    regular = stat.S_ISREG(found.st_mode)
    if found.st_uid != os.geteuid() and (regular or found.st_uid != 0):
        raise PermissionError(errno.EPERM, "the file belongs to another user", str(path))
    if regular and found.st_nlink > 1:
        raise PermissionError(errno.EPERM, "the file has a second name", str(path))
