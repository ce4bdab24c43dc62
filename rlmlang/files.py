"""The files that belong to the language: in a wheel under `packed/`, in a checkout beside the package (decision 90)."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from pathlib import Path, PurePath

_HERE = Path(__file__).parent


def _folder(name: str) -> Path:
    packed = _HERE / "packed" / name
    return packed if packed.is_dir() else _HERE.parent / name


def grammar_text() -> str:
    """Return the text of `grammar/rlm.lark`, the one grammar."""
    return (_folder("grammar") / "rlm.lark").read_text(encoding="utf-8")


def stdlib_dir() -> Path:
    """Return the folder of the standard library's `.rlm` files."""
    return _folder("stdlib")


def cache_folder() -> Path:
    """Return the folder for this user's files that can be made again: `$XDG_CACHE_HOME/rlmlang`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlmlang"


def file_address(path: PurePath) -> str:
    """Return the `file:` address of an absolute path, by which SQLite opens a file whose name is no text too."""
    address = path.as_uri().removeprefix("file://")
    return f"file://{address}" if address.startswith("/") else f"file:////{address}"  # of another machine, on Windows


def text_of(data: bytes) -> str:
    r"""Return the text in the bytes of a file, with `\n` as its line ends, as Python reads text.

    It is UTF-8, or what a byte order mark says: Windows writes UTF-16 with one, and UTF-8 too. The mark is no part of
    the text (decision 120). Raises UnicodeDecodeError.
    """
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if is_wide else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


HAS_OWNERS = hasattr(os, "geteuid")
"""Whether files have owners and modes, as in POSIX. On Windows a new file may be read by whom its folder says."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def open_private(path: Path, flags: int) -> int:
    """Open a file that only this user can read; `flags` with O_CREAT makes it, and its folders.

    Raises OSError; PermissionError for a link or file of another user, or a file with a second name: whoever put
    it there may want to read what is written, or to have another file overwritten.
    Anything but a regular file (a pipe, a terminal) is opened as it is.
    """
    if flags & os.O_CREAT:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(path, flags & ~os.O_TRUNC | _NO_FOLLOW, 0o600)
    except OSError as error:
        if not HAS_OWNERS or error.errno != errno.ELOOP or os.lstat(path).st_uid not in (os.geteuid(), 0):
            raise
        file = os.open(path, flags & ~os.O_TRUNC, 0o600)
    try:
        found = os.fstat(file)
        _require_own(found, path)
        if stat.S_ISREG(found.st_mode):
            if HAS_OWNERS:
                os.fchmod(file, 0o600)
            if flags & os.O_TRUNC:
                os.ftruncate(file, 0)
    except BaseException:
        os.close(file)
        raise
    return file


def require_private(path: Path) -> None:
    """Check and restrict a file as `open_private` does, without opening it, for code that opens it itself.

    (Closing a file releases all locks that the process has on it, also those of a database.)
    """
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            _require_own(found, path)
            found = os.stat(path)
        _require_own(found, path)
        if HAS_OWNERS and stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != 0o600:
            os.chmod(path, 0o600)
    except FileNotFoundError:  # it may have been removed meanwhile, as logs of databases are
        return


def _require_own(found: os.stat_result, path: Path) -> None:
    if not HAS_OWNERS:
        return
    regular = stat.S_ISREG(found.st_mode)
    if found.st_uid != os.geteuid() and (regular or found.st_uid != 0):
        raise PermissionError(errno.EPERM, "the file belongs to another user", str(path))
    if regular and found.st_nlink > 1:
        raise PermissionError(errno.EPERM, "the file has a second name", str(path))
