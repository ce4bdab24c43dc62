"""Find strings, brackets, comments and lines in a text, before it is split into tokens.

Line breaks and comments inside brackets become spaces of the same length, so that offsets
stay, a semicolon between statements becomes a line break, and the text is cut into
top-level statements, each of which is parsed by itself with the lines of its body. Any
indentation that CPython reads is read: a table says how many blocks each line is in (decision 108: semicolons).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

from attrs import define, field

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.source import Source, Span

MAX_SOURCE = 100_000  # decision 25
"""The most code points of a program text."""

MAX_DEPTH = 200
"""The most levels of brackets, and of the tree."""

MAX_BLOCKS = 8
"""The most blocks that a line may be in, which is how many levels the grammar has."""

MAX_CLAUSES = 50
"""The most clauses of one comprehension."""

MAX_PROBLEMS = 50
"""The most errors that are reported at once."""

_PIECE = re.compile(
    r"""(?P<comment>\#(?:[^\r\n]|\r(?!\n))*)
      | (?P<string>\"{3}(?:[^"\\]|\\[\s\S]|"(?!""))*\"{3} | '{3}(?:[^'\\]|\\[\s\S]|'(?!''))*'{3}
          | "(?!"")(?:[^"\\\n]|\\[^\n])*" | '(?!'')(?:[^'\\\n]|\\[^\n])*')
      | (?P<quote>\"{3}|'{3}|["'])
      | (?P<join>\\\r?\n(?!\Z))
      | (?P<opener>[\[({])
      | (?P<closer>[\])}])
      | (?P<newline>\r?\n)
      | (?P<semicolon>;)
      | (?P<tab>\t+)
      | (?P<odd>\r|[^\t\n\r\x20-\x7e]+)""",
    re.VERBOSE,
)
HIDDEN = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]|\r(?!\n)"
)
"""A pattern of invisible characters: controls, bidirectional marks, zero-width characters, lone surrogates."""


def show_hidden(text: str) -> str:
    """Return the text with invisible characters written as escapes."""
    return re.sub(HIDDEN, lambda found: ascii(found[0])[1:-1], text)


_CLOSING = {"(": ")", "[": "]", "{": "}"}

_LOOKALIKES = {
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "−": "-",
    "×": "*", "÷": "/", "≤": "<=", "≥": ">=", "≠": "!=", "→": "->",
}  # fmt: skip


@define
class Layout:
    """The text that Lark reads, where its statements are, and the problems found so far."""

    text: str = ""
    chunks: list[tuple[int, int]] = field(factory=list)
    """The start and end of each top-level statement."""
    levels: dict[int, int] = field(factory=dict)
    """How many blocks a line is in, by its start; lines at the margin are left out."""
    comments: list[nodes.Comment] = field(factory=list)
    problems: list[Diagnostic] = field(factory=list)
    troubled: set[int] = field(factory=set)
    """The starts of the statements that have such problems."""
    indents: dict[int, Diagnostic] = field(factory=dict)
    """Wrong indentation, by the start of the statement. The parser may have a better explanation."""
    indented: Diagnostic | None = None
    """The problem of indented lines before the first statement."""
    end: int = 0
    """Where reading the text had to stop."""


def lay_out(source: Source, start: int = 0, margin: str = "") -> Layout:
    """Return the layout of the text from an offset on, with everything that is wrong below the level of tokens.

    The margin is the indentation of the statements that are cut apart.
    """
    size = len(source.text)
    if size > MAX_SOURCE:
        problem = Diagnostic(
            "E101",
            f"the program has {size:,} characters; the limit is {MAX_SOURCE:,}",
            Span(source, MAX_SOURCE, MAX_SOURCE),
            "pass long text as an input: `document: str`",
        )
        return Layout(problems=[problem], end=size)
    return _Scanner(source, start, margin).layout()


class _Scanner:
    def __init__(self, source: Source, start: int, margin: str) -> None:
        self.source = source
        self.start = start
        self.text = source.text
        self.found = Layout(end=len(self.text))
        self.starts: list[int] = []
        """The starts of the top-level statements."""
        self.columns = [_columns(margin)]
        """The indentation of the blocks that the line is in."""
        self.brackets: list[int] = []
        """The positions of the open brackets."""
        self.line_start = start
        """Where the line begins."""
        self.line_level = 0
        """How many blocks the statements of the line are in."""
        self.is_decorated = False
        """Whether the line at the margin belongs to the decorator above it."""
        self.heads: list[int] = []
        """Where a body begins on the line of its head that has several statements."""
        self.at = start
        self.out: list[str] = [self.text[:start]]
        self.done = start

    def layout(self) -> Layout:
        self.line(self.start)
        while (match := _PIECE.search(self.text, self.at)) and match.start() < self.found.end:
            self.at = match.end()
            kind = match.lastgroup
            assert kind is not None
            getattr(self, kind)(*match.span())
            if len(self.found.problems) >= MAX_PROBLEMS:
                self.stop(self.at)
        if self.brackets and self.found.end == len(self.text):
            opener = self.brackets[-1]
            self.problem("E104", f"`{self.text[opener]}` was never closed", opener, opener + 1)
            self.stop(opener)
        self.out.append(self.text[self.done :])
        text = "".join(self.out)
        edges = [0, *self.heads]
        self.found.text = "\n".join(text[edge + (edge > 0) : end] for edge, end in zip(edges, [*self.heads, len(text)]))
        starts = [start for start in self.starts if start < self.found.end]
        self.found.chunks = list(zip(starts, [*starts[1:], self.found.end]))
        return self.found

    def problem(
        self, code: str, message: str, start: int, end: int, hint: str | None = None, opener: int | None = None
    ) -> None:
        notes = () if opener is None else (("opened here", Span(self.source, opener, opener + 1)),)
        self.found.problems.append(Diagnostic(code, message, Span(self.source, start, end), hint, notes=notes))
        self.found.troubled.update(self.starts[-1:])

    def stop(self, at: int) -> None:
        """Stop reading at the start of the statement that contains `at`."""
        self.found.end = max((start for start in self.starts if start <= at), default=self.start)

    def blank(self, start: int, end: int, filling: str = " ") -> None:
        """Replace a range of the text that Lark reads by a filling of the same length."""
        self.out += (self.text[self.done : start], filling * (end - start))
        self.done = end

    def line(self, at: int) -> None:
        """Find the blocks that a line is in, which begins outside brackets."""
        end = at
        while self.text[end : end + 1] in (" ", "\t"):
            end += 1
        if self.text[end : end + 1] in ("", "\n", "\r", "#"):
            self.blank(at, end, "#")  # otherwise Lark would read it as the indentation of a body
            return
        if not self.starts and _columns(self.text[at:end]) != self.columns[0]:
            if self.found.indented is None:
                hint = f"indent it by {self.columns[0][0]} spaces" if self.columns[0][0] else "remove the indentation"
                self.found.indented = self.misindented(at, end, "the first statement is not at the margin", hint)
            return
        level = self.level(at, end)
        self.line_start, self.line_level = end, level
        if level == 0:
            if not (self.is_decorated or (self.may_continue() and _CONTINUES.match(self.text, end))):
                self.starts.append(end)
            self.is_decorated = self.text[end] == "@"
        if level:
            self.found.levels[at] = level
        if level > MAX_BLOCKS and self.starts[-1] not in self.found.troubled:
            hint = "move a part into a function of its own"
            self.problem("E103", f"blocks are nested more than {MAX_BLOCKS} levels deep", at, end, hint)
        if "\t" in self.text[at:end]:
            self.blank(at, end)

    def may_continue(self) -> bool:
        """Return whether the last statement may go on with a line such as `else:` at its own indentation."""
        return bool(self.starts) and _COMPOUND.match(self.text, self.starts[-1]) is not None

    def level(self, at: int, end: int) -> int:
        """Return how many blocks a line is in by its indentation, as CPython finds it."""
        found = _columns(self.text[at:end])
        columns = self.columns
        if found[0] > columns[-1][0] and found[1] > columns[-1][1]:
            columns.append(found)
            return len(columns) - 1
        while len(columns) > 1 and found[0] < columns[-1][0]:
            columns.pop()
        if found != columns[-1]:
            message, hint = "the indentation is that of no block", "indent all lines of a block alike"
            if found[0] >= columns[-1][0] and "\t" in self.text[self.starts[-1] : end]:
                message, hint = "tabs and spaces are mixed in the indentation", "use four spaces for each level"
            self.found.indents.setdefault(self.starts[-1], self.misindented(at, end, message, hint))
            return max(1, len(columns) - 1)
        return len(columns) - 1

    def misindented(self, at: int, end: int, message: str, hint: str) -> Diagnostic:
        return Diagnostic("E105", message, Span(self.source, at, end), hint)

    # One method for each kind of piece

    def comment(self, start: int, end: int) -> None:
        self.hidden(start, end, in_string=False)
        own_line = not self.before(start).strip()
        text = self.text[start + 1 : end].removeprefix(" ").rstrip()
        self.found.comments.append(nodes.Comment(text, own_line, span=Span(self.source, start, end)))
        if self.brackets:
            self.blank(start, end)

    def string(self, start: int, end: int) -> None:
        self.hidden(start, end, in_string=True)

    def hidden(self, start: int, end: int, in_string: bool) -> None:
        piece = self.text[start:end]
        if piece.isascii() and piece.isprintable():
            return
        for match in islice(re.finditer(HIDDEN, piece), MAX_PROBLEMS - len(self.found.problems)):
            number = ord(match[0])
            escape = f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
            writable = in_string and not 0xD800 <= number < 0xE000
            hint = f"write it as the escape `{escape}`" if writable else "remove it"
            self.problem(
                "E102", f"invisible character {_name(match[0])}", start + match.start(), start + match.end(), hint
            )

    def quote(self, start: int, end: int) -> None:
        if end - start == 3:
            self.problem("E104", "unterminated string literal", start, end, f"close it with `{self.text[start:end]}`")
            self.stop(start)
            return
        self.problem("E104", "unterminated string literal", start, end, "close it on the same line")
        line_end = self.text.find("\n", end)
        self.at = line_end if line_end >= 0 else len(self.text)
        self.brackets.clear()  # they are probably closed after the string

    def opener(self, start: int, end: int) -> None:
        self.brackets.append(start)
        if len(self.brackets) > MAX_DEPTH:
            self.problem(
                "E103", f"brackets are nested more than {MAX_DEPTH} levels deep", start, end, "bind parts to names"
            )
            self.stop(start)

    def closer(self, start: int, end: int) -> None:
        if not self.brackets:
            self.problem("E104", f"unmatched `{self.text[start]}`", start, end)
            return
        close = self.text[start]
        opener = self.brackets[-1]
        if _CLOSING[self.text[opener]] != close:
            self.problem(
                "E104", f"`{close}` does not match the opening `{self.text[opener]}`", start, end, opener=opener
            )
            if any(_CLOSING[self.text[at]] == close for at in self.brackets):
                while _CLOSING[self.text[self.brackets[-1]]] != close:
                    self.brackets.pop()
        self.brackets.pop()

    def newline(self, start: int, end: int) -> None:
        if self.brackets:
            self.blank(start, end)
            return
        if end - start == 2:
            self.blank(start, start + 1)
        self.line(end)

    def semicolon(self, start: int, end: int) -> None:
        """Read a semicolon as a line break, where one statement ends and another may begin."""
        last = start - 1
        while last >= 0 and self.text[last] == " ":
            last -= 1
        if self.brackets or last < 0 or self.text[last] in "\n;:":
            return  # the grammar refuses it
        if _ENDS.match(self.text, end):
            self.blank(start, end)
            return
        if self.line_start >= 0 and _HEAD.match(self.text, self.line_start):
            colon = self.colon(start)
            if colon is not None:
                if self.text[colon + 1] != " " or self.line_level == MAX_BLOCKS:
                    return
                self.line_level += 1
                self.heads.append(colon + 1)
                self.found.levels[colon + 2] = self.line_level
        self.line_start = -1  # no head of a body follows
        self.blank(start, end, "\n")
        if self.line_level:
            self.found.levels[end] = self.line_level
        else:
            while self.text[end] == " ":
                end += 1
            self.starts.append(end)

    def colon(self, end: int) -> int | None:
        """Return where the colon of the head at the start of the line is; None if there is none before `end`."""
        depth = 0
        for match in _COLON.finditer(self.text, self.line_start, end):
            if match[0] in ("(", "[", "{"):
                depth += 1
            elif match[0] in (")", "]", "}"):
                depth -= 1
            elif match[0] == ":" and not depth:
                return match.start()
        return None

    def join(self, start: int, end: int) -> None:
        if self.before(start).strip():
            self.blank(start, end)

    def tab(self, start: int, end: int) -> None:
        if self.before(start).strip():
            self.problem("E102", "unexpected tab", start, end, "use spaces")
        elif start >= self.done:  # the line goes on with the one above
            self.blank(start, end)

    def odd(self, start: int, end: int) -> None:
        char = self.text[start]
        self.problem("E102", f"invalid character {_name(char)}", start, end, _instead(char))

    def before(self, at: int) -> str:
        """Return the text before a position on its line."""
        return self.text[self.text.rfind("\n", 0, at) + 1 : at]


_COMPOUND = re.compile(r"(?:async|for|if|try|while|with)\b")
_HEAD = re.compile(r"(?:if|elif|else|for|while|def|try|except|finally|class|with)\b")
_ENDS = re.compile(r" *(?:#|\r?\n|\Z)")
_STRING = r"\"{3}(?:[^\"\\]|\\[\s\S]|\"(?!\"\"))*\"{3}|'{3}(?:[^'\\]|\\[\s\S]|'(?!''))*'{3}"
_COLON = re.compile(rf"{_STRING}|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[()\[\]{{}}:]")
_CONTINUES = re.compile(r"(?:elif|else|except|finally)\b")


def _columns(indentation: str) -> tuple[int, int]:
    """Return the width of an indentation with tabs of eight columns and of one: CPython requires that both agree."""
    return len(indentation.expandtabs(8)), len(indentation)


def _name(char: str) -> str:
    known = unicodedata.name(char, "")
    return f"U+{ord(char):04X}" + (f" ({known})" if known else "")


def _instead(char: str) -> str | None:
    """Return a hint at the character that was probably meant."""
    plain = _LOOKALIKES.get(char) or unicodedata.normalize("NFKC", char)
    if re.match(HIDDEN, char):
        return "remove it"
    if plain != char and plain.isascii():
        return f"write `{plain}`" if plain.strip() else "write a space"
    return "names consist of a–z, A–Z, 0–9 and _" if char.isalpha() else None
