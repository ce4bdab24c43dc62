"""Commands where the machine does not give what they need: a full disk, a reader that has gone, no POSIX."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from rlmlang import files
from rlmlang.cli import main
from rlmlang.cli.commands import COMMANDS as NAMES
from rlmlang.cli.commands import take_any_text
from rlmlang.errors import StoreUnusable
from rlmlang.storage import owner
from rlmlang.storage.batches import WriteBatch
from rlmlang.storage.store import Store
from tests.support.command_line import REPLIES

PROGRAM = 's: str\nprint(s)\n[CALL("Shorten", f"{s} {i}") for i in range(300)]\n'

pytestmark = pytest.mark.heavy

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program and a model for it."""
    (tmp_path / "p.rlm").write_text(PROGRAM)
    (tmp_path / "replies.toml").write_text(REPLIES)
    return tmp_path


RUN = "run p.rlm -i s=text -m scripted:replies.toml"


def shell(folder: Path, command: str) -> tuple[int, str, str]:
    """Run a line of bash, in which `rlmlang` is ours, and return its exit code, output and errors."""
    own = f'rlmlang() {{ "{sys.executable}" -m rlmlang "$@"; }}; set -o pipefail; {command}'
    env = {**os.environ, "XDG_DATA_HOME": str(folder / "data"), "PYTHONPATH": str(Path(files.__file__).parents[1])}
    done = subprocess.run(
        ["bash", "-c", own],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_trace_into_a_pipe_ends_where_its_reader_does(folder: Path) -> None:
    code, out, err = shell(folder, f"rlmlang {RUN} --trace /dev/stdout -q | head -n 1")
    assert (code, out.count("\n"), out[:9]) == (1, 1, '{"seq":0,')
    assert "error" not in err
    assert "Traceback" not in err
    code, out, _ = shell(folder, "rlmlang runs list --json")
    assert '"status": "failed"' in out


def test_output_into_a_pipe_ends_where_its_reader_does(folder: Path) -> None:
    _, out, err = shell(folder, f"rlmlang {RUN} -q --no-store | head -c 1")
    assert (out, "error" in err, "Exception" in err) == ("[", False, False)


@needs_full
@pytest.mark.parametrize(
    ("command", "name"),
    [
        (f"rlmlang {RUN} --no-store --json > /dev/full", "the output"),
        (f"rlmlang {RUN} --no-store --trace /dev/full", "/dev/full"),
        (f"rlmlang {RUN} -q > /dev/null && rlmlang trace html last -o /dev/full", "/dev/full"),
    ],
)
def test_a_full_disk_is_an_error_of_the_machine(folder: Path, command: str, name: str) -> None:
    code, _, err = shell(folder, command)
    assert code == 2
    assert f"cannot write {name}: No space left on device" in err
    assert "E612" in err
    assert not any(word in err for word in ("bug", "Exception", "Traceback"))


@needs_full
def test_a_run_whose_trace_cannot_be_written_has_failed(folder: Path) -> None:
    shell(folder, f"rlmlang {RUN} --trace /dev/full")
    _, out, _ = shell(folder, "rlmlang runs list --json")
    assert '"status": "failed"' in out


def test_a_limit_on_the_size_of_files_is_no_bug(folder: Path) -> None:
    code, _, err = shell(folder, f"ulimit -f 8; rlmlang {RUN} --trace trace.jsonl --no-store")
    assert (code, "error[E612]: cannot write trace.jsonl: File too large" in err) == (2, True)


@pytest.mark.parametrize("command", [f"rlmlang {RUN} >&-", "rlmlang --version >&-"])
def test_a_closed_standard_output_is_an_error_before_anything_is_paid(folder: Path, command: str) -> None:
    assert shell(folder, command) == (
        2, "", "error[E612]: standard output is closed\nhint: send it to a file, or to /dev/null\n",
    )  # fmt: skip
    assert not (folder / "data").exists()


def test_a_run_needs_no_standard_error(folder: Path) -> None:
    code, out, _ = shell(folder, f"rlmlang {RUN} 2>&-")
    assert (code, out.count("second")) == (0, 300)


def test_a_full_store_is_an_error_of_the_store(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.db.query("pragma max_page_count = 1")
        with pytest.raises(StoreUnusable, match="database or disk is full"):
            store.write(WriteBatch("a", events=[(0, "x" * 100_000)]))


WITHOUT_POSIX = """\
import asyncio, importlib.metadata, logging, os, shutil, signal, subprocess, sys, tempfile
import click._termui_impl, lark, mcp.server.stdio, rich.live, uvicorn  # Python and packages that know Windows take the names that they need

for name in (
    "O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "fchmod", "fchown", "chown", "geteuid", "getuid", "getgid",
    "getegid", "fork", "forkpty", "killpg", "getpgid", "setsid", "sched_getaffinity", "mkfifo", "statvfs", "sysconf",
    "getloadavg", "wait4", "register_at_fork", "ttyname", "nice", "getrusage",
):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGPIPE", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGCHLD", "SIGALRM", "setitimer", "pthread_kill", "sigwait"):
    if hasattr(signal, name):
        delattr(signal, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty"):
    sys.modules[name] = None

import click, io, threading
from rlmlang.cli import main
from rlmlang.cli.commands import take_any_text

def no_signals(*_):
    raise NotImplementedError

asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.remove_signal_handler = no_signals

def echo(text="", *args, said=click.echo, **more):
    said(text, *args, **more)
    if str(text).startswith("serving at"):  # it is ended as by Ctrl-C
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

click.echo = echo

def run(line):
    line, _, read = line.partition(" < ")
    sys.stdin = io.TextIOWrapper(io.BytesIO(read.encode()))
    return main(line.split())

lines = sys.stdin.read().splitlines()
failed = [line for line in lines if run(line)]
sys.exit(f"these failed: {failed}" if failed else 0)
"""
"""Runs command lines in a Python that lacks what Windows lacks."""

COMMANDS = f"""\
check p.rlm
fmt p.rlm
explain --python p.rlm
plan p.rlm -i s=text
{RUN} --trace run.jsonl
{RUN} --trace run.jsonl --json
runs list
runs show last
runs replay last
runs resume last -m scripted:replies.toml
trace show last
trace show run.jsonl
trace html last -o run.html
trace export last --format otlp
trace diff last run.jsonl
store stats
store verify
store gc --older-than 1d
store export
ask Count -i s=text -m scripted:replies.toml --functions f.py
ask Count -i s=text -m scripted:replies.toml --functions f.py --session n
ask Count -m scripted:replies.toml --functions f.py --session n
sessions list
sessions show n
sessions forget n
complete Write -i s=text -m scripted:replies.toml
run p.rlm -i s=@rows.csv -m scripted:replies.toml
plan m.rlm --rows rows.csv
map m.rlm rows.csv --out out.jsonl
map m.rlm rows.csv --out out.jsonl --resume
map m.rlm rows.csv --out out.csv
map diff out.jsonl out.csv
store forget --model scripted:replies.toml
models
grammar
sample --max-tokens 20
completion bash
conform < {{"program": "1 + 1"}}
serve --port 0 -m scripted:replies.toml
mcp -m scripted:replies.toml
mcp --http --port 0 -m scripted:replies.toml
"""


def test_every_command_runs_where_there_is_no_posix(folder: Path) -> None:
    env = {**os.environ, "XDG_DATA_HOME": str(folder / "data"), "PYTHONPATH": str(Path(files.__file__).parents[1])}
    (folder / "f.py").write_text("def half(n: int) -> int:\n    return n // 2\n")
    (folder / "rows.csv").write_bytes(b"\xef\xbb\xbfn\r\n1\r\n2\r\n")
    (folder / "m.rlm").write_text("n: int\nn + 1\n")
    replies = (folder / "replies.toml").read_text()
    asked = [("Count", 'program = "return str(half(len(\\"four\\")))"'), ("Write", 'text = "No call."')]
    replies += "".join(f'\n[[reply]]\ninstruction = "{name}*"\n{reply}\n' for name, reply in asked)
    (folder / "replies.toml").write_text(replies)
    assert {line.split()[0] for line in COMMANDS.splitlines()} == set(NAMES), "every command is tried"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX], cwd=folder, env=env, input=COMMANDS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "AttributeError" not in done.stderr
    assert len((folder / "run.jsonl").read_text().splitlines()) > 300


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (r"C:\Users\Ann B\ü#.db", "file:///C:/Users/Ann%20B/%C3%BC%23.db"),
        (r"\\machine\share\a.db", "file:////machine/share/a.db"),
    ],
)
def test_a_store_has_an_address_on_windows(path: str, address: str) -> None:
    """As SQLite wants it: `C:` behind three slashes, and no machine where it has the authority."""
    assert files.file_address(PureWindowsPath(path)) == address


def test_no_process_of_windows_is_sent_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, a signal of 0 is Ctrl-C for the whole group."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: sent.append(pid))
    monkeypatch.setattr(sys, "platform", "win32")
    assert owner._start_time(2**22 + 1) == "unknown"
    assert sent == []


@pytest.mark.parametrize(("columns", "least", "most"), [(60, 50, 60), (200, 190, 200), (20, 40, 60)])
def test_an_error_is_as_wide_as_the_terminal(
    columns: int,
    least: int,
    most: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "long.rlm").write_text("x = [" + "1, " * 200 + "missing, " + "1, " * 200 + "1]\nx\n")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["check", str(tmp_path / "long.rlm")]) == 1
    excerpt = capsys.readouterr().out.splitlines()[1]
    assert "missing" in excerpt
    assert least <= len(excerpt) <= most


def test_a_file_that_windows_writes_output_to_is_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform, encoded in (("win32", "✓\\ud800".encode()), ("linux", rb"\u2713\ud800")):
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding="cp1252")
        monkeypatch.setattr(sys, "platform", platform)
        take_any_text(stream)
        stream.write("✓\ud800")
        stream.flush()
        assert written.getvalue() == encoded


def test_a_trace_into_a_file_without_a_name_says_what_to_name(folder: Path) -> None:
    code, out, err = shell(folder, f"rlmlang {RUN} --trace - --no-store")
    assert (code, out) == (2, "")
    assert "--trace - names no file" in err
    assert "/dev/stdout for standard output" in err
    assert not (folder / "-").exists()


@pytest.mark.parametrize("more", ["", "--json"])
def test_half_of_a_character_breaks_no_terminal(folder: Path, more: str) -> None:
    """As JSON and bytes of other encodings may have one, in values and in the words of errors."""
    (folder / "number.rlm").write_text("s: str\nint(s)\n")
    code, out, err = shell(folder, f"rlmlang run number.rlm --no-store {more} -i 's:=\"a\\udc80\"'")
    assert (code, "E304" in out + err) == (1, True)
    assert "'a\\udc80' is not an integer" in (json.loads(out)["error"]["message"] if more else err)
    (folder / "echo.rlm").write_text("s: str\nprint(s)\ns\n")
    assert shell(folder, f"rlmlang run echo.rlm --no-store {more} -i 's:=\"a\\udc80\"'")[0] == 0
