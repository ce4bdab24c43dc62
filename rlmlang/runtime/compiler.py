"""Compile a checked program to closures and evaluate it.

Every expression becomes a function of a `Frame`. It returns a plain value, or an unresolved one
(`pending.py`) if it needs an answer that has not arrived; work on unresolved values is done as
a job once they are known. So each CALL starts as soon as its arguments are known, and a program cannot
observe the order of evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked
from rlmlang.runtime import applications, comprehensions, expressions
from rlmlang.runtime.closures import Code, Compiler, Frame, unpack
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import Value


class ProgramCompiler(Compiler):
    """Compiles one program, with a handler for each kind of expression."""

    def program(self, known: Container[str]) -> Code:
        """Compile the whole program, without the bindings whose names are all `known`."""
        steps: list[Code] = []
        value: Code | None = None
        for statement in self.checked.module.statements:
            match statement:
                case nodes.Binding(names=names) if all(name.id in known for name in names):
                    self.scope.names.update(name.id for name in names)
                case nodes.Binding():
                    steps.append(self.bind(statement))
                case nodes.ExprStatement():
                    value = self.code(statement.value)
        assert value is not None
        final = value

        def run(frame: Frame) -> Value:
            for step in steps:
                step(frame)
            return final(frame)

        return run

    def bind(self, node: nodes.Binding) -> Code:
        names = [name.id for name in node.names]
        outer, self.binding = self.binding, self.binding or names[0]
        value = self.code(node.value)
        self.binding = outer
        self.scope.names.update(names)
        if len(names) == 1:
            (name,) = names

            def bind_one(frame: Frame) -> None:
                frame.variables[name] = value(frame)

            return bind_one
        site = node.span.start

        def bind_all(frame: Frame) -> None:
            unpack(value(frame), names, frame, site)

        return bind_all

    def code(self, node: nodes.Expr) -> Code:
        return _CODE[type(node)](self, node)

    async def evaluate(self, evaluation: Evaluation, checked: Checked, inputs: Mapping[str, Value]) -> Value:
        return await evaluate(evaluation, checked, inputs)


_CODE: dict[type, Callable[[Compiler, Any], Code]] = {
    nodes.Constant: expressions.constant,
    nodes.Name: expressions.name,
    nodes.FString: expressions.fstring,
    nodes.ListExpr: expressions.of_list,
    nodes.TupleExpr: expressions.of_tuple,
    nodes.DictExpr: expressions.of_dict,
    nodes.Unary: expressions.unary,
    nodes.Binary: expressions.binary,
    nodes.Logic: expressions.logic,
    nodes.Compare: expressions.compare,
    nodes.IsNone: expressions.is_none,
    nodes.Conditional: expressions.conditional,
    nodes.Attribute: expressions.attribute,
    nodes.Index: expressions.index,
    nodes.Slice: expressions.of_slice,
    nodes.Comprehension: comprehensions.comprehension,
    nodes.Apply: applications.apply,
    nodes.Call: expressions.call,
}


async def evaluate(evaluation: Evaluation, checked: Checked, inputs: Mapping[str, Value]) -> Value:
    """Return the value of a program. Bindings whose names are all among the inputs are not evaluated.

    Raises RunError, BudgetError, ModelError, UsageError.
    """
    program = ProgramCompiler(checked).program(inputs)
    frame = Frame(evaluation, None, dict(inputs))
    return await evaluation.run(lambda: program(frame), frame, checked.module.statements[-1].span)
