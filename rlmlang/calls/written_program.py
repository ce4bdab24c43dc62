"""Read the program that a model wrote, in whatever form it comes (decision 99).

A model is given the head of a function, and may answer with the whole function or with its body, in prose and fences,
with helpers and imports before it, or with a script that prints the answer. If it is asked for the next statements of
the body, they may come in all of these forms too.
"""

from __future__ import annotations

import re

from rlmlang.calls.prompt import (
    FUNCTION,
    IMPORTS,
    Arguments,
    Heads,
    declared_before,
    function_head,
    program_header,
)
from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.language.parse.layout import lay_out
from rlmlang.language.source import Source
from rlmlang.language.types import Type

MARGIN = "    "
"""The indentation of the body."""


def whole_program(reply: str, instruction: str, arguments: Arguments, type_: Type, functions: Heads = ()) -> str:
    """Return the program that a reply means, whose inputs are the arguments.

    It may be the whole function, the body alone, or a script that reads the arguments by their names.
    """
    code = _code(reply)
    if _DEFINED.search(code):
        there = {line.split("(")[0] for line in code.split("\n")}
        before = (IMPORTS, *declared_before(arguments, type_, functions))
        return "".join(text for text in before if text.split("\n")[0].split("(")[0] not in there) + code
    head = function_head(instruction, arguments, type_, functions)
    lines = [line for line in code.split("\n") if line.strip()]
    if lines and lines[0].startswith((" ", "\t")):
        return head + code
    if re.search(r"(?m)^(?:return\b|(?:if|for|while)\b.*\n(?:[ \t]+.*\n|\n)*?[ \t]+return\b)", code):
        return head + indented(code)
    return program_header(arguments, type_, functions) + code


def body_text(reply: str, header: str) -> str:
    """Return the statements of the function's body that a reply means, indented as the body is.

    If they come as the whole function, functions and imports before it count too; what repeats the header does not,
    nor does what is after the function.
    """
    code = _code(reply)
    if (head := _HEAD.search(code)) is not None:
        chunks = lay_out(Source(code)).chunks
        end = next((end for start, end in chunks if start <= head.start() < end), len(code))
        begins = _DEFINED.search(header)
        assert begins is not None
        given = header[: begins.start()].strip()
        before = code[: head.start()].replace(given, "", 1).lstrip("\n")
        return indented(before) + indented(_DOCSTRING.sub("", code[head.end() : end]))
    first = code.lstrip("\n")
    if first.startswith(MARGIN) and not first[len(MARGIN) :].startswith((" ", "\t")):
        return code
    return indented(code)


def until_code_ends(reply: str) -> str:
    """Return a reply up to the end of the code in it, which is what counts; all of it if there is no fence."""
    block = _block(reply)
    return reply if block is None else reply[: block.end()]


def indented(code: str) -> str:
    """Return code with the indentation of the body in place of its own. What is in a text keeps its place."""
    starts = [found for found in _LINE_START.finditer(code) if found[1] is not None]
    own = min((len(found[1]) for found in starts if code[found.end()] != "#"), default=0)
    return _LINE_START.sub(lambda found: found[0] if found[1] is None else MARGIN + found[1][own:], code)


_DEFINED = re.compile(rf"(?m)^def {FUNCTION}\b")
_HEAD = re.compile(rf"(?m)^def {FUNCTION}\b(?s:.*?):[ \t]*(?:#.*)?\n")
_DOCSTRING = re.compile(
    r"""\A\s*(?:"{3}(?:[^"\\]|\\[\s\S]|"(?!""))*"{3}|'{3}(?:[^'\\]|\\[\s\S]|'(?!''))*'{3})[ \t]*\n"""
)
_LINE_START = re.compile(
    r"""^([ \t]*)(?=\S)
      | \"{3}(?:[^"\\]|\\[\s\S]|"(?!""))*\"{3} | '{3}(?:[^'\\]|\\[\s\S]|'(?!''))*'{3}
      | "(?:[^"\\\n]|\\[^\n])*" | '(?:[^'\\\n]|\\[^\n])*' | \#.*""",
    re.VERBOSE | re.MULTILINE,
)
"""The indentation of a line, or a text or comment, in which no line starts."""


_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
"""A text between fences; the last may lack its closing fence."""


def _block(reply: str) -> re.Match[str] | None:
    """Return the fenced block that defines the function, else the first one; None if there is none."""
    blocks = [*_FENCED.finditer(reply)]
    return next((block for block in blocks if _DEFINED.search(block[2])), blocks[0] if blocks else None)


def _code(reply: str) -> str:
    """Return the code in a reply, which is everything behind the reasoning if there is no fence."""
    text = reasoning_and_answer(reply)[1]
    block = _block(text)
    return (text if block is None else block[2]).strip("\n") + "\n"
