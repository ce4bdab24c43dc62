"""Where lines begin and end: the blocks that are open, what is in scope, and how far the next line may be indented.

Whenever a line ends, the whole statement of the program that it belongs to is checked, with all blocks closed: loops
are checked until the types of their variables are settled, and changes of values with everything that was written.
So what is accepted line by line checks as a whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cached_property
from typing import Literal

from attrs import evolve, field, frozen

from rlmlang.decode.blocks import (
    MAX_LEVEL,
    WrittenBlock,
    changes,
    continued,
    ends,
    is_effect,
    is_head,
    leaves,
    must_continue,
    with_open_tests,
)
from rlmlang.decode.decorators import word_below
from rlmlang.decode.interning import number_of
from rlmlang.decode.lines_around import LinesAround
from rlmlang.decode.partial import Environment, PartialChecker
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import Stack, stack_after, tables
from rlmlang.decode.state import BODY, LINE
from rlmlang.language import nodes
from rlmlang.language.check.problems import TooManyProblems
from rlmlang.language.check.programs import value_printed
from rlmlang.language.check.scope import Definition
from rlmlang.language.parse.tree import is_docstring
from rlmlang.language.types import NONE, fits

MAX_TEXTS = 2_000
"""The most texts of which is kept what completes their next lines."""

_after_texts: dict[int, dict[int, tuple[str, ...] | None]] = {}
"""By the number of a text, what completes lines after it, by shape; None if nothing does."""

_accepted: set[int] = set()
"""The numbers of texts, each up to a line end, that check with all blocks closed."""

_DECORATED = (nodes.Function, nodes.Record)

WrittenUnit = Literal["program", "statement", "call"]


@frozen(eq=False, slots=False)
class Point:
    """The start of a line."""

    base: Environment
    """What is in scope before the statement of the program that is being written, the last one that `block` is in."""
    block: WrittenBlock = field(factory=WrittenBlock)
    """The innermost open block."""
    unit: WrittenUnit = "program"
    floor: int = 0
    """The level of the lines of the unit, which contain all others: of a function's body it is 1."""
    before: int = 0
    """How many statements of the block at this level come before the unit."""
    written: int = -1
    """The number of the text before, up to the last line end."""
    judges: bool = True
    """Whether lines are judged with those around them; not those with variables that stand for all of their type."""

    @cached_property
    def environment(self) -> Environment | None:
        """Return what is in scope here; None after a statement that leaves the block.

        In a block that is never reached, as after `while False:`, it is what would be in scope if it were.
        """
        block = self._checked_block
        if block.outer is None and not block.statements:
            return self.base
        return self._reached or self.base.at_end_of(with_open_tests(block))

    @cached_property
    def _reached(self) -> Environment | None:
        """Return what is in scope here; None if the line is never reached."""
        return self.base.at_end_of(self._checked_block)

    @property
    def _checked_block(self) -> WrittenBlock:
        if must_continue(self.block):  # with `except`, from wherever the `try` fails
            return evolve(self.block, statements=self.block.statements[:-1])
        return self.block

    @cached_property
    def chained(self) -> Environment | None:
        """Return what is in scope in an `elif`, `else` or `except` that continues the last statement, if one may."""
        match self.chain:
            case nodes.If() | nodes.For() | nodes.While():
                found = self.base.in_chain_of(self.block)
                return found or self.base.in_chain_of(with_open_tests(self.block))
            case nodes.Try():
                return evolve(self, block=evolve(self.block, statements=self.block.statements[:-1])).environment
        return None

    @property
    def chain(self) -> nodes.If | nodes.For | nodes.While | nodes.Try | None:
        """Return the last statement if it may be continued."""
        return self.block.chain() if self.is_begun or self.block.level > self.floor else None

    @property
    def is_begun(self) -> bool:
        """Return whether the unit has a statement at its level, if this line has that level."""
        return self.block.level == self.floor and len(self.block.statements) > self.before

    @property
    def continues_only(self) -> bool:
        """Return whether only a continuation of the last statement may follow: it would be the unit's second."""
        return self.unit == "statement" and self.is_begun

    @cached_property
    def stack(self) -> Stack:
        """Return the parser's stack at the start of the line."""
        match self.chain:
            case nodes.If():
                return stack_after("if", HOLE, ":", BODY, "pass", LINE)
            case nodes.For() | nodes.While():
                return stack_after("while", HOLE, ":", BODY, "pass", LINE)
            case nodes.Try(handlers=()):
                return stack_after("try", ":", BODY, "pass", LINE)
            case nodes.Try():
                return stack_after("try", ":", BODY, "pass", LINE, "except", ":", BODY, "pass", LINE)
        return tables().start("start")

    # What is written here

    @property
    def may_declare(self) -> bool:
        """Return whether a function of the host may be declared here: where inputs may be."""
        return self.block.outer is None and self.block.decorator is None and self.base.inputs

    def may_begin(self, lexeme: str) -> bool:
        """Return whether a line may begin with a lexeme, as far as its block says."""
        match lexeme:
            case "elif":
                return isinstance(self.chain, nodes.If)
            case "else":
                return self.chain is not None and not must_continue(self.block)
            case "except":
                return isinstance(self.chain, nodes.Try)
            case _ if self.block.kind == "class":
                if tables().terminal(lexeme) in ("STRING", "RAW_STRING", "LONG_STRING"):
                    return not self._is_described
                return lexeme.isidentifier() and lexeme not in tables().fixed
            case _ if (decorator := self.block.decorator) is not None:
                assert self.environment is not None
                return lexeme == word_below(self.environment, decorator)
            case _ if must_continue(self.block):
                return False
            case _ if self.continues_only:
                return False
            case "@":
                return bool(self.defining_words)
            case "return":
                return self.block.within("def") is not None
            case "break" | "continue":
                return self.block.is_looping
            case "class":
                return self.block.outer is None
        return True

    @property
    def defining_words(self) -> tuple[str, ...]:
        """Return the words that may begin a definition below a decorator here."""
        if self.block.level >= MAX_LEVEL or self.block.kind == "class":
            return ()
        return ("def",) if self.block.outer is not None else ("def", "class")

    @property
    def _is_described(self) -> bool:
        """Return whether the last line is a string that describes a part of a record."""
        return bool(self.block.statements) and is_docstring(self.block.statements[-1])

    def after(self, statement: nodes.Statement | nodes.Decorator, lexemes: tuple[str, ...] = ()) -> Ending | None:
        """Return how a line ends that is a statement, its head, or above one, or None if it may not.

        The lexemes that it is written with are given where lines may follow it.
        """
        written = number_of((self.content, lexemes)) if lexemes else -1
        if isinstance(statement, nodes.Decorator):
            if self.environment is None or word_below(self.environment, statement.value) not in self.defining_words:
                return None
            return Ending(evolve(self, block=evolve(self.block, decorator=statement.value), written=written))
        point, block = self, self.block
        if block.decorator is not None and not (is_head(statement) and isinstance(statement, _DECORATED)):
            return None
        if block.outer is None and block.statements and continued(statement) is None:
            assert self.environment is not None
            block = WrittenBlock(decorator=block.decorator)
            point = evolve(self, base=self.environment, block=block, before=0)
        if not is_head(statement):
            block = block.added(statement)
        elif block.level < MAX_LEVEL:
            block = block.opened(statement, point.base.checker().default_of(statement))
        else:
            return None
        if written not in _accepted:
            if not point.base.accepts(block):
                return None
            if lexemes:
                if len(_accepted) >= 10 * MAX_TEXTS:
                    _accepted.clear()
                _accepted.add(written)
        ending = Ending(evolve(point, block=block, written=written), statement)
        if is_head(statement) or (block.outer is not None and self._reached is None and not leaves(statement)):
            return ending if ending.point.environment is not None else None
        if ending.levels and not leaves(statement) and ending.point._reached is None:
            return None  # such as `assert 1 is None`
        return ending if ending.levels or ending.may_end else None

    @cached_property
    def unjudged(self) -> Point:
        """Return the same point for lines that are not judged with those around them."""
        twin = evolve(self, judges=False)
        twin.__dict__["tells_names_apart"] = self.tells_names_apart
        return twin

    def verdict(self, statement: nodes.Statement, checker: PartialChecker) -> bool | None:
        """Return whether a line that a checker accepts also checks with all that is written; None if any such does."""
        if not self.judges or (self._reached is not None and not self._around.matter_to(statement, checker)):
            return None
        return self.after(statement) is not None

    @cached_property
    def _around(self) -> LinesAround:
        return LinesAround(self.block, self.tells_names_apart)

    @cached_property
    def content(self) -> int:
        """Return the number of all that is written before the line, its level included (decision 143).

        Points of equal texts have the same one, whichever matcher came to them.
        """
        return number_of((self.written, self.block.level, self.judges))

    @cached_property
    def closings(self) -> dict[int, tuple[str, ...] | None]:
        """Return what completes lines that the lines around them matter to, by shape; None if nothing does."""
        while len(_after_texts) >= MAX_TEXTS:
            del _after_texts[next(iter(_after_texts))]
        return _after_texts.setdefault(self.content, {})

    @cached_property
    def flags(self) -> Hashable:
        """Return what else a line depends on that is written here."""
        block, chain = self.block, type(self.chain).__name__
        lines = (each for each in block.statements if isinstance(each, nodes.AnnotatedAssign))
        fields = tuple((each.name.id, each.value is None) for each in lines)
        return (
            self.judges, self.unit, self.tells_names_apart, block.outer is None, block.is_looping,
            block.within("def") is None, block.level >= MAX_LEVEL, must_continue(block), chain, self.continues_only,
            (fields, self._is_described) if block.kind == "class" else (), block.decorator is not None,
        )  # fmt: skip

    @cached_property
    def tells_names_apart(self) -> bool:
        """Return whether variables of one type may differ in what may be done with them, as they may share values."""
        here = self.environment or self.base
        return self.base.changed or any(changes(each, here.is_plain) for each in self.block.all_statements)


@frozen(eq=False, slots=False)
class Ending:
    """The end of a line that checks."""

    point: Point
    """Where the next line begins, if it is in the same block."""
    statement: nodes.Statement | None = None
    """The line; none before the first one, and none above a definition."""

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Return the levels that the next line may have."""
        block, floor = self.point.block, self.point.floor
        if self.statement is None or is_head(self.statement):
            return (block.level,)
        if self.point.unit != "statement" and self.is_value:
            return ()
        found: list[int] = []
        at = block
        while True:
            last = at.statements[-1]
            once = self.point.unit == "statement" and at.level == floor
            if must_continue(at):
                return (*found, at.level)
            if (at.chain() is not None) if once else not leaves(last) or self._may_go_on(at):
                if not is_head(last) or evolve(self.point, block=at).environment is not None:
                    found.append(at.level)
            if at.level == floor or (at.kind == "def" and not self._is_over(at)):
                return tuple(found)
            at = at.ended()

    def _may_go_on(self, block: WrittenBlock) -> bool:
        """Return whether lines may follow that are never reached; what ends the unit ends the text (decision 139)."""
        return block.level > self.point.floor or (self.point.unit == "program" and block.outer is None)

    @property
    def _ends_try(self) -> bool:
        """Return whether the line is in a `try` that has no `except` yet."""
        block: WrittenBlock | None = self.point.block
        while block is not None and block.level >= self.point.floor:
            if block.kind == "try" or must_continue(block):
                return True
            block = block.outer
        return False

    @property
    def is_last(self) -> bool:
        """Return whether nothing may follow the line."""
        return not self.levels and self.may_end

    @property
    def is_value(self) -> bool:
        """Return whether the line is the value of the program."""
        if self.point.block.outer is not None or not isinstance(self.statement, nodes.ExprStatement):
            return False
        return not is_effect(self.statement) and not self._changes_alone and not self._is_docstring

    @property
    def _is_docstring(self) -> bool:
        """Return whether the line is a text before all else, which may be about the program."""
        assert self.statement is not None
        return is_docstring(self.statement) and self.point.base.inputs and not self.point.base.entries

    @cached_property
    def _may_be_value(self) -> bool:
        """Return whether the line may be the value of the program though it can be followed: `print(x)`, `xs.pop()`."""
        if self.point.block.outer is not None or not isinstance(self.statement, nodes.ExprStatement):
            return False
        checker, shown = self.point.base.checker(), value_printed(self.statement.value)
        try:
            type_ = checker.value(self.statement.value if shown is None else shown)
        except TooManyProblems:
            return False
        return type_ != NONE and not checker.problems and not checker.unknown

    @cached_property
    def _changes_alone(self) -> bool:
        """Return whether the line applies a function of the program that returns nothing, as it changes something."""
        match self.statement:
            case nodes.ExprStatement(value=nodes.Apply(callee=nodes.Name(id=name)) as applied):
                checker = self.point.base.checker()
                is_own = isinstance(self.point.base.entries.get(name), Definition)
                return is_own and checker.infer(applied) == NONE
        return False

    @cached_property
    def may_end(self) -> bool:
        """Return whether the text may end after the line."""
        if self.statement is None or is_head(self.statement) or self._ends_try:
            return False
        levels = (each.level for each in _functions(self.point.block) if each.level > self.point.floor)
        if not all(self._is_over(self.point.block.at(level)) for level in levels):
            return False
        if self.point.unit == "statement":
            return True
        block = self.point.block.at(self.point.floor)
        return self._gives_value if block.outer is None else self._is_over(block)

    @property
    def _gives_value(self) -> bool:
        """Return whether a program may end here: with an expression, or with the function that it is."""
        block, base = self.point.block, self.point.base
        is_value = self.is_value or self._may_be_value or (self.point.block.outer is None and self._changes_alone)
        if is_value or not base.inputs:
            return is_value
        (*_, last) = block.at(0).statements
        if not isinstance(last, nodes.Function) or last.is_declared or any(param.is_rest for param in last.params):
            return False
        checker = base.after(self.point.block)
        assert checker is not None
        result = checker.result_of(last)
        if base.expected is not None and (result is None or not fits(result, base.expected)):
            return False
        if checker.is_open(last):  # it may change what something else holds
            checker.follow_program(last)
        return not checker.problems

    def _is_over(self, block: WrittenBlock) -> bool:
        """Return whether the body of a function may end here: its end is never reached, or it may give None.

        None has to fit where the function applies itself.
        """
        if block.default is None or ends(block.statements):
            return True
        may_end = block.may_end or evolve(self.point, block=block).environment is None
        return may_end and self.point.base.accepts(block.ended())

    def at(self, level: int) -> Point | None:
        """Return where the next line begins that has a level, or None if it may not."""
        if level not in self._points:
            point: Point | None = None
            if level in self.levels:
                block = self.point.block
                point = self.point if level == block.level else evolve(self.point, block=block.at(level))
            self._points[level] = point if point is not None and point.environment is not None else None
        return self._points[level]

    @cached_property
    def _points(self) -> dict[int, Point | None]:
        return {}


def _functions(block: WrittenBlock) -> Iterator[WrittenBlock]:
    """Yield the open functions that a block is in."""
    at: WrittenBlock | None = block
    while at is not None:
        if at.kind == "def":
            yield at
        at = at.outer
