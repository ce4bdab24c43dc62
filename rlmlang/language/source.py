"""Source texts and positions in them, to which all nodes and diagnostics refer."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Source:
    """A program text and its name: a path, or `<program>`."""

    text: str = field(repr=False)
    name: str = "<program>"

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both counted from 1 in code points."""
        start = self.text.rfind("\n", 0, offset) + 1
        return self.text.count("\n", 0, offset) + 1, offset - start + 1

    def line(self, number: int) -> str:
        """Return the text of a line, counted from 1, without its line end."""
        start = 0
        for _ in range(number - 1):
            start = self.text.index("\n", start) + 1
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)]


@frozen
class Span:
    """A half-open range `[start, end)` of code points in a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of the other."""
        return Span(self.source, self.start, other.end)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]
