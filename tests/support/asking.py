"""Programs with statements that ask a model, for tests of what they cost: loops, branches, exits, changes, exceptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from rlmlang.errors import ModelError
from rlmlang.models.base import Request

Draw = Callable[[st.SearchStrategy[Any]], Any]

START = 'n = 1\ns = "b"\nxs = ["a", "b"]\ncounts = {"a": 1}\nseen = {"a"}\ngroups = defaultdict(list)\n'
"""The variables that every program has, and so every function of it."""

_END = "(n, s, xs, counts, sorted(seen), groups)"


class Writer:
    """Writes statements over the variables of START, and the variables of the loops around them."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.functions: list[str] = []

    def pick(self, *options: str) -> str:
        option: str = self.draw(st.sampled_from(options))
        return option

    def number(self, asks: bool) -> str:
        more = ['CALL[int]("n", s)', 'CALL[int]("n", xs, default=2)', 'len(CALL[list[str]]("l", s))'] if asks else []
        more += ["sum(len(x) for x in xs)", "max(n, 1)", "min(len(x) for x in xs)", "len(groups[s])", "len(seen)"]
        return self.pick("0", "2", "n + 1", "n - 2", "len(xs)", "len(s)", "len(counts)", "counts.get(s, 0)", *more)

    def text(self, asks: bool) -> str:
        more = ['CALL("t", n)', 'CALL("t", xs[:1])', '(s if CALL[bool]("b", n) else CALL("u"))'] if asks else []
        more += ["f(n)"] * ("f" in self.functions and asks) + ["g(n)"] * ("g" in self.functions and asks)
        return self.pick('"a"', '"3"', "s", "str(n)", 's + "c"', "s[:1]", "xs[0]", "xs[n]", "xs.pop()", *more)

    def test(self, asks: bool) -> str:
        more = ['CALL[bool]("b", n)', 'CALL[bool]("b", s)', '(n > 2 or CALL[bool]("c"))'] if asks else []
        more += (
            ['any(CALL[bool]("b", x) for x in xs)', 'all(len(x) < 2 or CALL[bool]("c", x) for x in xs)'] if asks else []
        )
        return self.pick("n > 1", 's == "a"', "xs", "len(xs) < 4", "s in xs", "n % 2 == 0", "s in seen", "seen", *more)

    def items(self, asks: bool) -> str:
        more = ['CALL[list[str]]("l", n)', 'CALL[list[str]]("l", s)[:2]', '[CALL("t", x) for x in xs]'] if asks else []
        more += ['[x for x in xs if CALL[bool]("b", x)]', "sorted(xs, key=lambda x: CALL[int](x))[:3]"] if asks else []
        more += ["sorted(seen)", "list(groups)", 'groups["a"][:]', "reversed(xs[:])"]
        return self.pick("list(xs)", "range(3)", "range(n)", "s", "xs[:2]", "sorted(xs)", "list(counts)", *more)

    def block(self, depth: int, indent: str, inside: str, asks: bool) -> str:
        count = self.draw(st.integers(1, 3))
        return "".join(self.statement(depth, indent, inside, asks) for _ in range(count))

    def statement(self, depth: int, indent: str, inside: str, asks: bool) -> str:
        """Write a statement. `inside` has `l` in a loop and `f` in a function."""
        kinds = [*SIMPLE]
        if depth > 0:
            kinds += ["if"] * 4 + ["else"] * 2 + ["for"] * 4 + ["while", "try", "try"]
        if "l" in inside:
            kinds += ["break", "continue"] * 3
        if "f" in inside:
            kinds += ["return {s}"] * 2
        kind = self.pick(*kinds)
        inner = indent + "    "
        if kind == "if" or kind == "else":
            text = f"{indent}if {self.test(asks)}:\n{self.block(depth - 1, inner, inside, asks)}"
            return text if kind == "if" else f"{text}{indent}else:\n{self.block(depth - 1, inner, inside, asks)}"
        if kind == "for":
            head = f"{indent}for x in {self.items(asks)}:\n"
            return head + self.block(depth - 1, inner, inside + "l", asks)
        if kind == "while":
            head = f"{indent}while {self.test(False)}:\n{inner}n += {self.pick('1', '2')}\n"
            return head + self.block(depth - 1, inner, inside + "l", False)
        if kind == "try":
            caught = self.pick(
                "ValueError", "IndexError", "KeyError", "ModelError", "Exception", "(ValueError, ModelError)"
            )
            body = self.block(depth - 1, inner, inside, asks)
            return f"{indent}try:\n{body}{indent}except {caught}:\n{self.block(depth - 1, inner, inside, asks)}"
        filled = kind.format(n=self.number(asks), s=self.text(asks), t=self.test(asks))
        if kind in ("break", "continue", "return {s}"):
            return f"{indent}if {self.test(asks)}:\n{inner}{filled}\n"
        return f"{indent}{filled}\n"

    def function(self, name: str) -> str:
        start = "".join(f"    {line}\n" for line in START.splitlines()[1:])
        body = self.block(2, "    ", "f", True)
        ending = (
            "    return s if n < 1 else f(n - 1)\n" if name == "f" and self.draw(st.booleans()) else "    return s\n"
        )
        self.functions.append(name)
        return f"def {name}(n: int) -> str:\n{start}{body}{ending}\n"

    def program(self) -> str:
        functions = "".join(self.function(name) for name in ("f", "g") if self.draw(st.booleans()))
        return f"from collections import defaultdict\n\n{functions}{START}{self.block(3, '', '', True)}{_END}\n"


SIMPLE = [
    "n = {n}", "n += {n}", "s = {s}", "s += {s}", "s, n = {s}, {n}", "n = int(s)", "n = counts[s]", "assert {t}",
    "xs.append({s})", "xs = [{s}, *xs[:3]]", "xs += [{s}]", "xs[n] = {s}", "xs.sort()", "xs.pop()",
    "counts[{s}] = {n}", "counts[s] = counts.get(s, 0) + 1", "counts[s] += 1", "del_ = counts.pop({s}, 0)",
    "groups[{s}].append({s})", "groups[s].append(s)", "seen.add({s})", "seen.discard({s})", "print(n, s)",
]  # fmt: skip


@st.composite
def asking_programs(draw: Draw) -> str:
    """Programs that ask; many of them fail, with some answers or with all."""
    return Writer(draw).program()


def answers(seed: int) -> Callable[[Request], Any]:
    """Return the answers of a model that gives equal requests equal answers, and some none."""

    def answer(request: Request) -> Any:
        random = Random(f"{seed} {request.instruction} {json.dumps(request.arguments, default=repr)}")
        if random.random() < 0.05:
            return ModelError.of("E404", "the model refused")
        match str(request.type):
            case "int":
                return random.randint(-1, 4)
            case "bool":
                return random.random() < 0.5
            case "list[str]":
                return random.choices(["a", "b", "3", ""], k=random.randrange(4))
        return random.choice(["a", "b", "2", "", "xyz"])

    return answer
