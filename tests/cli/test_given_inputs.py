"""Inputs as people type them: with `@` and `-` in front, for optional types, and in files that Windows wrote."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from tests.support.command_line import Run, run

__all__ = ["run"]


def value_of(run: Run, *args: str, stdin: str | bytes = "") -> object:
    """Run a program, and return its value."""
    code, out, err = run("run", *args, "--json", stdin=stdin)
    assert code == 0, err or out
    return json.loads(out)["value"]


@pytest.fixture
def echo(tmp_path: Path) -> str:
    """A program that gives its text back."""
    (tmp_path / "echo.rlm").write_text("s: str\ns\n")
    return "echo.rlm"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("s=@@handle", "@handle"),
        ("s=@@", "@"),
        ("s=@@@", "@@"),
        ("s=-v", "-v"),
        ("s=--", "--"),
        ("s=a=b", "a=b"),
        ("s==", "="),
        ("s=", ""),
        ('s:="-"', "-"),
        ('s:="@x"', "@x"),
        ("s:=@text.json", "of a file"),
    ],
)
def test_a_value_may_begin_with_any_character(run: Run, echo: str, given: str, text: str) -> None:
    Path("text.json").write_text('"of a file"\n')
    assert value_of(run, echo, "-i", given) == text


def test_a_missing_file_says_how_to_write_an_at_sign(run: Run, echo: str) -> None:
    code, _, err = run("run", echo, "-i", "s=@handle")
    assert code == 2
    assert "cannot read handle" in err
    assert "a text that begins with @ is written with two: s=@@handle" in err


@pytest.mark.parametrize(
    ("given", "why", "hint"),
    [
        ("s=@", "no file is named behind `@`", "write s=@FILE; the text `@` is written with two: s=@@"),
        ("s:=@", "no file is named behind `@`", "write s:=@FILE"),
        ("s:=NaN", "`s` is not JSON: NaN is no number of JSON", "write JSON"),
        ("s:=[1,", "`s` is not JSON: Expecting value at character 4", "write JSON"),
        ("s:=1e999", "`s` contains a number too large for a float", "write JSON"),
        ("s:=hello", "`s` is not JSON", "or `s=…` for a text"),
    ],
)
def test_an_input_that_is_none_says_why(run: Run, echo: str, given: str, why: str, hint: str) -> None:
    code, _, err = run("run", echo, "-i", given)
    assert code == 2
    assert why in err
    assert hint in err


def test_the_help_says_how_to_write_an_at_sign(run: Run) -> None:
    for command in ("run", "plan", "ask", "complete"):
        assert "A text that begins with @ is written with @@." in " ".join(run(command, "--help")[1].split())


def test_json_for_a_text_is_an_error_that_shows_the_form(run: Run, echo: str) -> None:
    code, _, err = run("run", echo, "-i", "s:=hello")
    assert (code, "error[E603]: `s` is not JSON" in err) == (2, True)
    assert "hint: write JSON, or `s=…` for a text" in err


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("str | None", "s=hello", "hello"),
        ("str | None", "s=null", None),
        ("str | None", 's:="null"', "null"),
        ("str | None", "s=", ""),
        ('Literal["a", "b"] | None', "s=b", "b"),
        ('Literal["a", "b"] | None', "s=null", None),
        ("int | None", "s=3", 3),
        ("int | None", "s=null", None),
    ],
)
def test_an_optional_input_is_typed_like_its_type(run: Run, type_: str, given: str, value: object) -> None:
    Path("p.rlm").write_text(f"s: {type_}\ns\n")
    assert value_of(run, "p.rlm", "-i", given) == value


def test_the_hint_for_an_optional_type_has_both_forms(run: Run) -> None:
    Path("p.rlm").write_text("s: list[str] | None\ns\n")
    _, _, err = run("run", "p.rlm", "-i", "s=[a, b]")
    quoted = """write JSON, in quotes that the shell takes away: --input 's=["a", "b"]', or `null`"""
    assert f"hint: {quoted}" in err
    Path("n.rlm").write_text("n: int\nn\n")
    assert "hint: write JSON, such as `1`\n" in run("run", "n.rlm", "-i", "n=a")[2]


def test_a_question_that_begins_with_a_dash_says_where_to_put_it(run: Run) -> None:
    code, _, err = run("ask", "-x or y?", "-m", "scripted:replies.toml")
    assert code == 2
    assert "a text that begins with - comes last, after --" in err


def as_windows_writes(text: str, kind: str) -> bytes:
    """The bytes of a file with this text, as programs of Windows write it."""
    text = text.replace("\n", "\r\n")
    if kind == "utf-16":
        return text.encode("utf-16")
    return (codecs.BOM_UTF8 if kind == "mark" else b"") + text.encode()


@pytest.mark.parametrize("kind", ["mark", "line ends", "utf-16"])
def test_files_of_windows_are_read_like_others(run: Run, kind: str) -> None:
    def write(name: str, text: str) -> None:
        Path(name).write_bytes(as_windows_writes(text, kind))

    write("p.rlm", 's: str\nxs: list[int]\nt = """a\nb"""\n[s, t, str(sum(xs))]\n')
    write("s.txt", "é\n\nb")
    write("xs.json", "[1,\n2]\n")
    given = ("p.rlm", "-i", "s=@s.txt", "-i", "xs=@xs.json")
    assert value_of(run, *given) == ["é\n\nb", "a\nb", "3"]
    assert value_of(run, "p.rlm", "-i", "s=@s.txt", "-i", "xs=-", stdin=Path("xs.json").read_bytes())[2] == "3"  # type: ignore[index]
    assert run("check", "p.rlm")[0] == 0
    write("replies.toml", '[[reply]]\ninstruction = "Ask"\ntext = "yes"\n')
    write("rlmlang.toml", 'model = "scripted:replies.toml"\nstore = false\n')
    write("call.rlm", 'CALL("Ask")\n')
    assert value_of(run, "call.rlm") == "yes"


def test_a_formatted_program_of_windows_is_formatted(run: Run) -> None:
    Path("p.rlm").write_bytes(b"\xef\xbb\xbfs: str\r\ns\r\n")
    assert run("fmt", "--check", "p.rlm")[0] == 0


def test_bytes_that_are_no_text_are_an_error_with_their_place(run: Run, echo: str) -> None:
    Path("a.txt").write_bytes(b"ab\xff\0")
    assert "cannot read a.txt: byte 3 is zero" in run("run", echo, "-i", "s=@a.txt")[2]
    Path("b.txt").write_bytes(codecs.BOM_UTF16_LE + b"a")
    assert "cannot read b.txt: byte 2 is not UTF-16" in run("run", echo, "-i", "s=@b.txt")[2]
