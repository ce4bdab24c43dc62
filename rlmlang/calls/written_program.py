"""Read the program that a model wrote, in whatever form it comes (decision 99).

A model is given the head of a function, and may answer with the whole function or with its body, in prose and fences,
with helpers and imports before it, or with a script that prints the answer.
"""

from __future__ import annotations

import re

from rlmlang.calls.prompt import (
    FUNCTION,
    IMPORTS,
    Arguments,
    declared_records,
    fenced_blocks,
    function_head,
    program_header,
)
from rlmlang.language.types import Type


def whole_program(reply: str, instruction: str, arguments: Arguments, type_: Type) -> str:
    """Return the program that a reply means, whose inputs are the arguments.

    It may be the whole function, the body alone, or a script that reads the arguments by their names.
    """
    code = _code(reply)
    if _DEFINED.search(code):
        before = (IMPORTS, *declared_records(arguments, type_))
        return "".join(text for text in before if text.split("\n")[0] not in code.split("\n")) + code
    head = function_head(instruction, arguments, type_)
    lines = [line for line in code.split("\n") if line.strip()]
    if lines and lines[0].startswith((" ", "\t")):
        return head + code
    if re.search(r"(?m)^(?:return\b|(?:if|for|while)\b.*\n(?:[ \t]+.*\n|\n)*?[ \t]+return\b)", code):
        return head + "".join(f"    {line}\n" if line.strip() else "\n" for line in code.rstrip("\n").split("\n"))
    return program_header(arguments, type_) + code


_DEFINED = re.compile(rf"(?m)^def {FUNCTION}\b")


def _code(reply: str) -> str:
    """Return the code in a reply: the fenced block that defines the function, else the first one, else everything."""
    blocks = fenced_blocks(reply)
    chosen = next((block for block in blocks if _DEFINED.search(block)), blocks[0] if blocks else reply)
    return chosen.strip("\n") + "\n"
