"""The model that answers every call with a value of its type."""

from __future__ import annotations

import pytest

import rlmlang
from rlmlang.testing.echo import echo_model


@pytest.mark.parametrize(
    "type_",
    [
        "str", "int", "float", "bool", "str | None", 'Literal["a", "b"]', "list[int]", "set[str]", "list[set[bool]]",
        "tuple[int, str]", "tuple[int, ...]", "dict[str, int]", "dict[int, str]", "dict[tuple[int, bool], set[str]]",
    ],
)  # fmt: skip
def test_answers_are_of_every_type(type_: str) -> None:
    program = rlmlang.compile(f'[CALL[{type_}](f"{{i}}") for i in range(8)]')
    assert len(program.run(model=echo_model(), store=None).value) == 8
