"""Format programs: there is one layout for each program.

`rows` lays out text over lines, `expressions` makes rows of types and expressions, `statements` makes lines of
statements, and this module puts comments and empty lines between them. Comments stay where they were, or go above the
statement whose brackets they were in.
"""

from __future__ import annotations

from collections import deque
from itertools import zip_longest

from attrs import define, field

from rlmlang.language import nodes
from rlmlang.language.depth import deep_recursion
from rlmlang.language.printer.expressions import expr_row, type_row
from rlmlang.language.printer.rows import WIDTH, flat_text
from rlmlang.language.printer.statements import PrintedUnit, Statements

__all__ = ["WIDTH", "format_expr", "format_module", "format_type"]


@deep_recursion
def format_module(module: nodes.Module) -> str:
    """Return the canonical text of a program, which parses to an equal tree and formats to itself."""
    lines = _Lines(module.span.source.text)
    comments = deque(module.comments)
    units = list(Statements(module).units())
    for unit, below in zip_longest(units, units[1:]):
        while comments and comments[0].span.start < unit.end:
            lines.add_comment(comments.popleft(), unit)
        place = comments[0].span.start if comments else -1
        last = below is None or below.start > place  # and not `if x:` before a body on the same line
        if comments and not comments[0].own_line and last and lines.source.find("\n", unit.end, place) < 0:
            comment = comments.popleft()
            unit.text += f"  {_text(comment)}"
            unit.end = comment.span.end
        lines.add(unit)
    for comment in comments:
        lines.add_comment(comment, None)
    return lines.text()


@deep_recursion
def format_expr(node: nodes.Expr) -> str:
    """Return an expression on one line, except for line breaks in long strings."""
    return flat_text(expr_row(node))


@deep_recursion
def format_type(node: nodes.TypeArg) -> str:
    """Return a type on one line."""
    return flat_text(type_row(node))


def _text(comment: nodes.Comment) -> str:
    close = not comment.text or comment.text.startswith(("=>", "!"))
    return f"#{'' if close else ' '}{comment.text}"


@define
class _Lines:
    """Units in order, and the empty lines between them."""

    source: str
    units: list[PrintedUnit] = field(factory=list)
    blocks: list[tuple[int, int]] = field(factory=list)
    """The blocks that the last unit is in: how far each is indented, here and in the source."""

    def add(self, unit: PrintedUnit) -> None:
        self.leave(unit.indent)
        self.blocks.append((unit.indent, self.column(unit.start)))
        self.units.append(unit)

    def add_comment(self, comment: nodes.Comment, below: PrintedUnit | None) -> None:
        """Add a comment above the next unit, or above the statement whose brackets it is in.

        A comment at the end of a block stays in the block if it is indented like it.
        """
        start, end, indent = comment.span.start, comment.span.end, below.indent if below is not None else 0
        if below is not None and start >= below.start:
            start = end = below.start
        else:
            column = self.column(start)
            while self.blocks and self.blocks[-1][0] > indent and self.blocks[-1][1] > column:
                self.blocks.pop()
            indent = max(indent, self.blocks[-1][0] if self.blocks else 0)
        self.units.append(PrintedUnit(_text(comment), start, end, indent))

    def leave(self, indent: int) -> None:
        while self.blocks and self.blocks[-1][0] >= indent:
            self.blocks.pop()

    def column(self, at: int) -> int:
        return at - self.source.rfind("\n", 0, at)

    def text(self) -> str:
        """Return the text: at most one empty line is kept between units.

        Around functions and records at the margin are two, around other functions is one.
        """
        ended = self.ended()
        out: list[str] = []
        apart = 0  # the empty lines that the unit below wants above it, or above the comments that lead to it
        gap = below = 0
        for i in range(len(self.units) - 1, -1, -1):
            unit = self.units[i]
            before = self.units[i - 1] if i else None
            if unit.opens:
                apart = 0 if unit.goes_on else _set_off(unit)
            elif gap or not unit.text.startswith("#") or unit.indent != below:
                apart = 0
            below = unit.indent
            out.append(" " * unit.indent + unit.text + "\n")
            if before is None:
                break
            gap = 1 if self.source.count("\n", before.end, unit.start) > 1 else 0
            if unit.goes_on or unit.indent > before.indent:
                gap = 0
            elif ended[i] or (apart and not (gap == 0 and before.text.startswith("#"))):
                gap = max(ended[i], apart)
            out.append("\n" * gap)
        return "".join(reversed(out))

    def ended(self) -> list[int]:
        """Return how many empty lines each unit wants above it since functions or records end there."""
        found: list[int] = []
        heads: list[PrintedUnit] = []
        for unit in self.units:
            most = 0
            while heads and heads[-1].indent >= unit.indent:
                most = max(most, _set_off(heads.pop()))
            found.append(most)
            if unit.opens and not unit.text.startswith("@"):  # which ends with the head below it
                heads.append(unit)
        return found


def _set_off(head: PrintedUnit) -> int:
    return 1 if head.indent else 2
