"""Defaults of fields of records, by whatever name `field` of `dataclasses` is imported."""

from __future__ import annotations

import pytest

import rlmlang
from rlmlang import ProgramError


@pytest.mark.parametrize(
    ("importing", "decorator", "field"),
    [
        ("import dataclasses", "@dataclasses.dataclass", "dataclasses.field"),
        ("from dataclasses import dataclass, field", "@dataclass", "field"),
        ("from dataclasses import dataclass, field as made", "@dataclass", "made"),
    ],
)
def test_a_list_of_its_own_for_each_record(importing: str, decorator: str, field: str) -> None:
    text = f"""{importing}
{decorator}
class Row:
    tags: list[str] = {field}(default_factory=list)
    size: int = {field}(default=3)
a = Row()
(a.tags, a.size, Row(["x"]).tags)
"""
    assert rlmlang.compile(text).run().value == ([], 3, ["x"])


@pytest.mark.parametrize(
    "default",
    [
        "field(default_factory=tuple)",
        "field(default=[])",
        '"a".upper(default=1)',
        "math.field(default=1)",
        "[1][0]",
        "[]",
    ],
)
def test_what_is_no_default(default: str) -> None:
    text = f"import math\nfrom dataclasses import field\nclass Row:\n    tags: list[str] = {default}\nRow([])\n"
    with pytest.raises(ProgramError) as caught:
        rlmlang.compile(text)
    assert caught.value.first.code == "E224"
    assert "field(default_factory=list)" in (caught.value.first.hint or "")
