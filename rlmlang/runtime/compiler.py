"""Compile a checked program to closures and evaluate it.

Every expression becomes a function of a `Frame`. It returns a plain value, or an unresolved one
(`pending.py`) if it needs an answer that has not arrived; work on unresolved values is done as
a job once they are known. So each CALL starts as soon as its arguments are known, and a program cannot
observe the order of evaluation. Statements are compiled likewise (`statements.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked
from rlmlang.language.types import FLOAT, parts_of
from rlmlang.runtime import applications, comprehensions, expressions, lookups, statements
from rlmlang.runtime.aliases import levels, variables_of
from rlmlang.runtime.closures import Code, Compiler, FrameNames
from rlmlang.runtime.effects import bound_in, changes_anything, defined_in
from rlmlang.runtime.emit.programs import emitted_program
from rlmlang.runtime.emitted import whole_program, with_emitted_expression
from rlmlang.runtime.frames import Frame
from rlmlang.runtime.outcomes import Run
from rlmlang.runtime.pending import copied
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import Value, has_infinity, infinite


class ProgramCompiler(Compiler):
    """Compiles one program, with a handler for each kind of expression."""

    def __init__(self, checked: Checked, emits: bool = True) -> None:
        body = checked.module.statements
        names = {*checked.inputs, *bound_in(body)}
        scope = FrameNames(names, None, None, variables_of(checked.tables, body, checked.inputs), defined_in(body))
        super().__init__(checked, scope, changes_anything(body), emitted_program(checked) if emits else None)

    def program(self, begin: int) -> Code:
        """Compile the program from a statement on."""
        if begin == 0 and self.emitted is not None and (whole := whole_program(self.emitted, [*self.checked.inputs])):
            return whole
        body = list(self.checked.module.statements[begin:])
        entry = self.checked.entry
        if entry is None:
            last = body[-1]
            assert isinstance(last, nodes.ExprStatement)
            return statements.result_of(self, [*body[:-1], nodes.Return(last.value, span=last.span)])
        before = statements.body_of(self, body)
        function, names = (
            applications.compile_function(self, entry, entry.node.span),
            [param.name.id for param in entry.node.params],
        )
        site = entry.node.span.end

        def run(frame: Frame) -> Value:
            given = [frame.variables.pop(name) for name in names]
            before(frame)
            return function(frame)(given, frame, site, 0)

        return run

    def code(self, node: nodes.Expr) -> Code:
        code = _CODE[type(node)](self, node)
        if self.emitted is None or not _is_loop(node):
            return code
        return with_emitted_expression(self.emitted, self, node, code)

    def body(self, statements_: Sequence[nodes.Statement]) -> Run:
        return statements.body_of(self, statements_)

    def start(
        self, evaluation: Evaluation, checked: Checked, inputs: Mapping[str, Value]
    ) -> tuple[Callable[[Frame], Value], Frame]:
        return start(evaluation, checked, inputs, emits=self.emitted is not None)


def _is_loop(node: nodes.Expr) -> bool:
    """Return whether an expression has turns: a comprehension, or an application to a generator or a `lambda`."""
    if not isinstance(node, nodes.Apply):
        return isinstance(node, nodes.Comprehension)
    args = [*node.args, *(keyword.value for keyword in node.keywords)]
    return any(isinstance(arg, (nodes.Comprehension, nodes.Lambda)) for arg in args)


_CODE: dict[type, Callable[[Compiler, Any], Code]] = {
    nodes.Constant: expressions.constant,
    nodes.Name: expressions.name,
    nodes.FString: expressions.fstring,
    nodes.ListExpr: expressions.of_list,
    nodes.TupleExpr: expressions.of_tuple,
    nodes.SetExpr: expressions.of_set,
    nodes.DictExpr: expressions.of_dict,
    nodes.Unary: expressions.unary,
    nodes.Binary: expressions.binary,
    nodes.Logic: expressions.logic,
    nodes.Compare: expressions.compare,
    nodes.IsNone: expressions.is_none,
    nodes.Conditional: expressions.conditional,
    nodes.Attribute: expressions.attribute,
    nodes.Index: lookups.index,
    nodes.Slice: expressions.of_slice,
    nodes.Comprehension: comprehensions.comprehension,
    nodes.Apply: applications.apply,
    nodes.Call: expressions.call,
}


def start(
    evaluation: Evaluation, checked: Checked, inputs: Mapping[str, Value], begin: int = 0, emits: bool = True
) -> tuple[Code, Frame]:
    """Return the code of a program from a statement on, and the frame of its variables, which it is called with.

    Unless it `emits`, all of it is closures.
    """
    program = CompiledProgram(checked, begin, emits)
    return program.code, program.frame(evaluation, inputs)


class CompiledProgram:
    """A program compiled from a statement on, to be evaluated any number of times."""

    def __init__(self, checked: Checked, begin: int = 0, emits: bool = True) -> None:
        compiler = ProgramCompiler(checked, emits)
        self.code = compiler.program(begin)
        # a program changes only what belongs to it
        self._changeable = {name: levels(type_) for name, type_ in checked.inputs.items() if compiler.changes}
        self._end = checked.module.statements[-1].span
        self._has_floats = FLOAT in parts_of(checked.type)

    def frame(self, evaluation: Evaluation, variables: Mapping[str, Value]) -> Frame:
        """Return the frame of the variables that the code is called with."""
        own = dict(variables)
        for name, depth in self._changeable.items():
            if name in own:
                own[name] = copied(own[name], depth, evaluation.meter)
        return Frame(evaluation, None, own)

    async def evaluate(self, evaluation: Evaluation, variables: Mapping[str, Value]) -> Value:
        """Return the value, given the inputs and, where it begins at a later statement, the variables by then.

        Raises RunError, BudgetError, ModelError, UsageError.
        """
        frame = self.frame(evaluation, variables)
        value = await evaluation.run(lambda: self.code(frame), frame, self._end)
        if self._has_floats and has_infinity(value):
            raise infinite().at(self._end)
        return value


async def evaluate(
    evaluation: Evaluation, checked: Checked, variables: Mapping[str, Value], begin: int = 0, emits: bool = True
) -> Value:
    """Compile a program from a statement on, and return its value: see `CompiledProgram.evaluate`."""
    return await CompiledProgram(checked, begin, emits).evaluate(evaluation, variables)
