"""Read names and types from the command line: `document:str`."""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.errors import ProgramError, UsageError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import Type


def read_scope(given: Iterable[str], option: str) -> str:
    """Return the declarations of inputs that are given as NAME:TYPE. Raises UsageError E607."""
    types: dict[str, Type] = {}
    for text in given:
        name, type_ = _declared(text, f"{option} {text}", f"write `{option} document:str`")
        if name in types:
            raise UsageError.of("E607", f"the input `{name}` is given twice")
        types[name] = type_
    return "".join(f"{name}: {type_}\n" for name, type_ in types.items())


def read_type(text: str) -> Type:
    """Return the type that is given as `--type`. Raises UsageError E607."""
    return _declared(f"x: {text}", f"--type {text}", "write `--type 'list[str]'`")[1]


def _declared(text: str, shown: str, hint: str) -> tuple[str, Type]:
    try:
        checked = check(Source(f"{text.replace(':', ': ', 1)}\nNone\n"))
    except ProgramError as error:
        raise UsageError.of("E607", f"`{shown}`: {error.first.message}", hint=hint) from error
    match checked.module.statements:
        case (nodes.Input(name=name, default=None), _):
            return name.id, checked.inputs[name.id]
    raise UsageError.of("E607", f"`{shown}`: expected a name and a type", hint=hint)
