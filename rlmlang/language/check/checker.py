"""The checker of one program or library file: its state, and how its expressions are checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rlmlang.language import nodes
from rlmlang.language.check import applications, comprehensions, expressions, programs
from rlmlang.language.check.body import BodyCheck
from rlmlang.language.check.checked import Checked, CheckedFunction, Tables
from rlmlang.language.check.constants import constants, is_constant
from rlmlang.language.check.function_arguments import function_argument
from rlmlang.language.check.inference import facts, truth_of
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.problems import Problems, TooManyProblems
from rlmlang.language.check.scope import FindFunction, Instance, Names
from rlmlang.language.check.statements import statement
from rlmlang.language.types import (
    BOOL,
    NEVER,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    SetType,
    TupleType,
    Type,
    fits,
    primitive_of,
    same_constant,
    without_none,
)

MAX_WORK = 200_000  # decision 24
"""Expressions checked in one program: loops, functions, and lambdas that are arguments are checked more than once."""


class Checker:
    """Checks one file, and holds the names, types and problems found so far.

    The rules for each kind of statement and expression are functions in other modules.
    """

    def __init__(
        self,
        library: FindFunction,
        damaged: frozenset[str] = frozenset(),
        expected: Type | None = None,
        in_library: bool = False,
        problems: Problems | None = None,
        names: Names | None = None,
    ) -> None:
        self.problems = Problems() if problems is None else problems
        self.names = Names(self.problems, library, damaged) if names is None else names
        self.tables = Tables()
        self.expected = expected
        """The type that the program's value must have."""
        self.in_library = in_library
        """Whether the file is of the standard library."""
        self.body = BodyCheck(self.names.scope)
        """The body that is being checked."""
        self.active: list[Instance] = []
        """The functions whose bodies are being checked, from outside to inside."""
        self.work = 0
        """How many expressions have been checked; what takes longer counts as more of them."""

    # Expressions

    def infer(self, node: nodes.Expr) -> Type:
        """Return the type of an expression, after its problems are reported."""
        self.work += 1
        if self.work > MAX_WORK:
            message = "the program is too large to be checked: functions, lambdas or loops nest too deeply"
            self.problems.error("E103", message, node.span)
            raise TooManyProblems
        known = len(self.problems)
        type_ = self.problems.bounded(self.type_of(node), node.span)
        if self.problems.provisional and len(self.problems) > known:
            type_ = NEVER  # as long as types are too narrow, what fails is taken as not evaluated
        self.tables.types[node.node_id] = type_
        return type_

    def type_of(self, node: nodes.Expr) -> Type:
        """Apply the rule for the kind of expression; its parts are checked by `infer` and `expect`."""
        match node:
            case nodes.Name():
                return expressions.name(self, node)
            case nodes.Constant():
                return primitive_of(node.value)
            case nodes.Apply():
                return applications.apply(self, node)
            case nodes.Call():
                return applications.call(self, node)
            case nodes.Attribute():
                return expressions.attribute(self, node)
            case nodes.Binary():
                return expressions.binary(self, node)
            case nodes.Compare():
                return expressions.compare(self, node)
            case nodes.FString():
                return expressions.fstring(self, node)
            case nodes.Comprehension():
                return comprehensions.comprehension(self, node)
            case nodes.ListExpr():
                return ListType(expressions.common_type(self, node.items))
            case nodes.SetExpr():
                return SetType(expressions.key_type(self, node.items, "the element of a set"))
            case nodes.TupleExpr():
                return expressions.tuple_display(self, node)
            case nodes.DictExpr():
                return expressions.dict_display(self, node)
            case nodes.Index():
                return expressions.index(self, node)
            case nodes.Slice():
                return expressions.slice_(self, node)
            case nodes.Conditional():
                return expressions.conditional(self, node)
            case nodes.Logic():
                return expressions.logic(self, node)
            case nodes.Unary():
                return expressions.unary(self, node)
            case nodes.IsNone():
                self.infer(node.value)
                self.decide(node)
                return BOOL
            case nodes.Starred():
                self.infer(node.value)
                hint = "write the arguments one by one, or pass the list"
                return self.problems.error("E117", "a starred expression is not allowed here", node.span, hint)
            case nodes.Walrus():
                raise AssertionError("the parser makes assignments of `:=`")
            case nodes.Lambda():
                return self.problems.error("E124", "a lambda is only allowed where a function is expected", node.span)

    def expect(self, node: nodes.Expr, expected: Type, what: str, code: str = "E210") -> Type:
        """Check an expression against a type, which is returned. Messages call the expression `what`."""
        inner = without_none(expected)
        match node, inner:
            case (_, FunctionType()):
                function_argument(self, node, inner.params, inner.result, what)
                return expected
            case (nodes.ListExpr(items=items), ListType(item=wanted)) | (
                nodes.SetExpr(items=items),
                SetType(item=wanted),
            ):
                for item in items:
                    if isinstance(item, nodes.Starred):
                        self.expect(item.value, IterableType(wanted), "the starred value", code)
                    else:
                        self.expect(item, wanted, "the element", code)
            case (nodes.TupleExpr(), TupleType()) if _pairs_up(node, inner):
                for item, type_ in zip(node.items, inner.items):
                    self.expect(item, type_, "the element", code)
            case (nodes.DictExpr(), DictType()):
                for key, item in node.items:
                    self.expect(key, inner.key, "the key", code)
                    self.expect(item, inner.value, "the value", code)
            case (nodes.Conditional(), _):
                truth = self.test(node.test)
                if truth is not False:
                    with self.names.inside("facts", facts(self, node.test, True)):
                        self.expect(node.then, expected, what, code)
                if truth is not True:
                    with self.names.inside("facts", facts(self, node.test, False)):
                        self.expect(node.other, expected, what, code)
            case (nodes.Comprehension(kind="list") as made, ListType(item=wanted)) | (
                nodes.Comprehension(kind="set") as made,
                SetType(item=wanted),
            ):
                comprehensions.in_turns(self, lambda: self._expect_parts(made, None, wanted, code))
            case (nodes.Comprehension(kind="dict"), DictType()) if node.key is not None:
                comprehensions.in_turns(self, lambda: self._expect_parts(node, inner.key, inner.value, code))
            case _:
                found = self.infer(node)
                values = constants(node, self.names.scope)
                if values is not None and isinstance(inner, LiteralType):
                    if all(any(same_constant(v, w) for w in inner.values) for v in values):
                        return expected
                if not fits(found, expected):
                    mismatch(self.problems, node, found, expected, what, code)
                return expected
        self.tables.types[node.node_id] = expected
        return expected

    def _expect_parts(self, node: nodes.Comprehension, key: Type | None, element: Type, code: str) -> None:
        """Check a turn of a comprehension against the types of the parts of its result."""
        with comprehensions.clauses(self, node):
            if key is not None and node.key is not None:
                self.expect(node.key, key, "the key", code)
            self.expect(node.element, element, "the element" if key is None else "the value", code)

    def test(self, node: nodes.Expr) -> bool | None:
        """Check a condition: only its truth matters, so `and` and `or` need no common type.

        Returns its value, if the types in it decide it.
        """
        if not isinstance(node, nodes.Logic):
            self.infer(node)
            return truth_of(self, node)
        if self.test(node.left) is not (node.op == "or"):  # else the right side is never evaluated
            with self.names.inside("facts", facts(self, node.left, node.op == "and")):
                self.test(node.right)
        self.tables.types[node.node_id] = BOOL
        return self.decide(node)

    def decide(self, node: nodes.Expr) -> bool | None:
        """Note the value of a test that the types in it decide, and return it."""
        truth = truth_of(self, node)
        if truth is None:
            self.tables.decided.pop(node.node_id, None)
        else:
            self.tables.decided[node.node_id] = truth
        return truth

    def is_constant(self, node: nodes.Expr) -> bool:
        """Return whether an expression may be a default."""
        return is_constant(node)

    # Statements

    def block(self, statements: Iterable[nodes.Statement]) -> None:
        """Check statements in order."""
        for each in statements:
            self.statement(each)

    def statement(self, node: nodes.Statement) -> None:
        """Check a statement that gives no value to the program, if it can be reached."""
        statement(self, node)

    def value(self, node: nodes.Expr) -> Type:
        """Check the expression that is the value of the program."""
        if self.expected is None:
            return self.infer(node)
        return self.expect(node, self.expected, "the program's value", "E227")

    def program(self, module: nodes.Module, inputs: Mapping[str, Type] | None = None, complete: bool = True) -> Checked:
        """Check a program. `inputs` are the types of the values that are given to it.

        With `complete` false it is the beginning of a program, which needs no value.
        """
        return programs.check_program(self, module, inputs, complete)

    def functions(self, module: nodes.Module) -> dict[str, CheckedFunction]:
        """Check a library file, which holds functions only, each with all its types."""
        return programs.check_library(self, module)


def _pairs_up(node: nodes.TupleExpr, type_: TupleType) -> bool:
    return len(node.items) == len(type_.items) and not any(isinstance(item, nodes.Starred) for item in node.items)
