"""The tree that CPython should see for a tree of rlmlang's: what a program means, down to each node."""

from __future__ import annotations

import ast as python
from functools import singledispatch
from typing import Any

from rlmlang.language import hidden_names, nodes
from rlmlang.language.source import Source, Span

OPERATORS: dict[str, python.AST] = {
    "+": python.Add(), "-": python.Sub(), "*": python.Mult(), "/": python.Div(), "//": python.FloorDiv(),
    "%": python.Mod(), "**": python.Pow(), "==": python.Eq(), "!=": python.NotEq(), "<": python.Lt(),
    "<=": python.LtE(), ">": python.Gt(), ">=": python.GtE(), "in": python.In(), "not in": python.NotIn(),
    "and": python.And(), "or": python.Or(), "<<": python.LShift(), ">>": python.RShift(), "&": python.BitAnd(),
    "is": python.Is(), "is not": python.IsNot(), "|": python.BitOr(), "^": python.BitXor(),
}  # fmt: skip
SIGNS: dict[str, python.AST] = {"-": python.USub(), "+": python.UAdd(), "not": python.Not(), "~": python.Invert()}
LOAD, STORE = python.Load(), python.Store()


class Alike(python.NodeTransformer):
    """`a or b or c` as `(a or b) or c`, and so on: what means the same in one form."""

    def visit_FormattedValue(self, node: python.FormattedValue) -> Any:
        self.generic_visit(node)
        if isinstance(node.format_spec, python.JoinedStr) and not node.format_spec.values:
            node.format_spec = None
        return node

    def visit_Raise(self, node: python.Raise) -> Any:
        self.generic_visit(node)
        if isinstance(node.exc, python.Call) and not node.exc.args:
            node.exc = node.exc.func
        return node

    def visit_ExceptHandler(self, node: python.ExceptHandler) -> Any:
        self.generic_visit(node)
        if isinstance(node.type, python.Tuple) and len(node.type.elts) == 1:
            node.type = node.type.elts[0]
        return node

    def visit_BoolOp(self, node: python.BoolOp) -> Any:
        self.generic_visit(node)
        made = node.values[0]
        for value in node.values[1:]:
            made = python.BoolOp(node.op, [made, value])
        return made


def dump(tree: python.AST) -> str:
    return python.dump(Alike().visit(tree))


def seen_by_python(text: str) -> str:
    return dump(python.parse(text))


@singledispatch
def as_python(node: Any) -> Any:
    raise AssertionError(type(node))


def every(nodes: tuple[Any, ...]) -> list[Any]:
    return [as_python(node) for node in nodes]


def maybe(node: Any) -> Any:
    return None if node is None else as_python(node)


@as_python.register
def _(node: nodes.Module) -> Any:
    return python.Module(every(node.statements), [])


@as_python.register
def _(node: nodes.Input) -> Any:
    return python.AnnAssign(python.Name(node.name.id, STORE), as_python(node.type), maybe(node.default), 1)


METHODS = (hidden_names.DELETE, hidden_names.DELETE_SLICE, hidden_names.SET_SLICE)
NO_BOUND = nodes.Constant(None, span=Span(Source(""), 0, 0))


@as_python.register
def _(node: nodes.Assign) -> Any:
    match node.targets, node.value:
        case (nodes.TupleTarget(items=items),), nodes.Apply(callee=nodes.Name(id=name), args=(value,)):
            if (places := hidden_names.places_of(name)) is not None:
                names = [target(item) for item in items]
                names[places[0]] = python.Starred(names[places[0]], STORE)
                return python.Assign([python.Tuple(names, STORE)], as_python(value))
    return python.Assign([target(each) for each in node.targets], as_python(node.value))


@as_python.register
def _(node: nodes.AnnotatedAssign) -> Any:
    return python.AnnAssign(python.Name(node.name.id, STORE), as_python(node.type), maybe(node.value), 1)


@as_python.register
def _(node: nodes.AugmentedAssign) -> Any:
    return python.AugAssign(target(node.target), OPERATORS[node.op], as_python(node.value))  # type: ignore[arg-type]


@as_python.register
def _(node: nodes.If) -> Any:
    orelse = every(node.orelse)
    for branch in reversed(node.branches):
        orelse = [python.If(as_python(branch.test), every(branch.body), orelse)]
    return orelse[0]


@as_python.register
def _(node: nodes.For) -> Any:
    return python.For(target(node.target), as_python(node.iterable), every(node.body), every(node.orelse))


@as_python.register
def _(node: nodes.While) -> Any:
    return python.While(as_python(node.test), every(node.body), every(node.orelse))


@as_python.register
def _(node: nodes.Return) -> Any:
    return python.Return(maybe(node.value))


@as_python.register
def _(node: nodes.Pass) -> Any:
    return python.Pass()


@as_python.register
def _(node: nodes.Break) -> Any:
    return python.Break()


@as_python.register
def _(node: nodes.Continue) -> Any:
    return python.Continue()


@as_python.register
def _(node: nodes.Assert) -> Any:
    return python.Assert(as_python(node.test), maybe(node.message))


@as_python.register
def _(node: nodes.Raise) -> Any:
    error = maybe(node.error)
    return python.Raise(error if node.message is None else python.Call(error, [as_python(node.message)], []))


@as_python.register
def _(node: nodes.Try) -> Any:
    return python.Try(every(node.body), every(node.handlers), every(node.orelse), [])


@as_python.register
def _(node: nodes.Handler) -> Any:
    errors = every(node.errors)
    kind = errors[0] if len(errors) == 1 else python.Tuple(errors, LOAD)
    return python.ExceptHandler(kind if errors else None, node.name and node.name.id, every(node.body))


@as_python.register
def _(node: nodes.Import) -> Any:
    names = [python.alias(name.name, name.alias and name.alias.id) for name in node.names]
    return python.Import(names) if node.module is None else python.ImportFrom(node.module, names, 0)


@as_python.register
def _(node: nodes.ExprStatement) -> Any:
    match node.value:
        case nodes.Apply(callee=nodes.Attribute(value=value, name=name), args=args) if name in METHODS:
            if name == hidden_names.DELETE:
                return python.Delete([python.Subscript(as_python(value), as_python(args[0]), python.Del())])
            bounds = python.Slice(*(None if bound == NO_BOUND else as_python(bound) for bound in args[-3:]))
            if name == hidden_names.DELETE_SLICE:
                return python.Delete([python.Subscript(as_python(value), bounds, python.Del())])
            return python.Assign([python.Subscript(as_python(value), bounds, STORE)], as_python(args[0]))
    return python.Expr(as_python(node.value))


@as_python.register
def _(node: nodes.Record) -> Any:
    fields: list[Any] = [
        python.AnnAssign(python.Name(field.name.id, STORE), as_python(field.type), None, 1) for field in node.fields
    ]
    return python.ClassDef(node.name.id, [], [], fields, every(node.decorators))


@as_python.register
def _(node: nodes.Function) -> Any:
    params = [python.arg(param.name.id, maybe(param.type)) for param in node.params]
    rest = params.pop() if node.params and node.params[-1].is_rest else None
    defaults = [as_python(param.default) for param in node.params if param.default is not None]
    args: Any = python.arguments([], params, rest, [], [], None, defaults)
    return python.FunctionDef(node.name.id, args, every(node.body), every(node.decorators), maybe(node.result))


@as_python.register
def _(node: nodes.HostBody) -> Any:
    return python.Expr(python.Constant(...))


@as_python.register
def _(node: nodes.TypeName) -> Any:
    if node.name in ("None", "..."):
        head: Any = python.Constant(None if node.name == "None" else ...)
    else:
        first, *attributes = node.name.split(".")
        head = python.Name(first, LOAD)
        for attribute in attributes:
            head = python.Attribute(head, attribute, LOAD)
    if not node.args:
        return head
    args = every(node.args)
    return python.Subscript(head, args[0] if len(args) == 1 else python.Tuple(args, LOAD), LOAD)


@as_python.register
def _(node: nodes.TypeUnion) -> Any:
    return python.BinOp(as_python(node.left), python.BitOr(), as_python(node.right))


@as_python.register
def _(node: nodes.TypeList) -> Any:
    return python.List(every(node.items), LOAD)


@as_python.register
def _(node: nodes.TypeLiteral) -> Any:
    if type(node.value) is int and node.value < 0:
        return python.UnaryOp(python.USub(), python.Constant(-node.value))
    return python.Constant(node.value)


@as_python.register
def _(node: nodes.Constant) -> Any:
    return python.Constant(node.value)


@as_python.register
def _(node: nodes.Name) -> Any:
    return python.Name(node.id, LOAD)


@as_python.register
def _(node: nodes.FString) -> Any:
    return python.JoinedStr(
        [python.Constant(part) if isinstance(part, str) else as_python(part) for part in node.parts]
    )


@as_python.register
def _(node: nodes.Hole) -> Any:
    spec = python.JoinedStr([python.Constant(node.spec)]) if node.spec else None
    return python.FormattedValue(as_python(node.value), ord(node.conversion or "\0") or -1, spec)


@as_python.register
def _(node: nodes.ListExpr) -> Any:
    return python.List(every(node.items), LOAD)


@as_python.register
def _(node: nodes.TupleExpr) -> Any:
    return python.Tuple(every(node.items), LOAD)


@as_python.register
def _(node: nodes.SetExpr) -> Any:
    return python.Set(every(node.items))


@as_python.register
def _(node: nodes.Starred) -> Any:
    return python.Starred(as_python(node.value), LOAD)


@as_python.register
def _(node: nodes.DictExpr) -> Any:
    return python.Dict([as_python(key) for key, _ in node.items], [as_python(value) for _, value in node.items])


@as_python.register
def _(node: nodes.Walrus) -> Any:
    return python.NamedExpr(target(node.target), as_python(node.value))


@as_python.register
def _(node: nodes.Unary) -> Any:
    return python.UnaryOp(SIGNS[node.op], as_python(node.operand))  # type: ignore[arg-type]


@as_python.register
def _(node: nodes.Binary) -> Any:
    return python.BinOp(as_python(node.left), OPERATORS[node.op], as_python(node.right))  # type: ignore[arg-type]


@as_python.register
def _(node: nodes.Logic) -> Any:
    return python.BoolOp(OPERATORS[node.op], [as_python(node.left), as_python(node.right)])  # type: ignore[arg-type]


@as_python.register
def _(node: nodes.Compare) -> Any:
    operators: list[Any] = [OPERATORS[op] for op, _ in node.rest]
    return python.Compare(as_python(node.first), operators, [as_python(operand) for _, operand in node.rest])


@as_python.register
def _(node: nodes.IsNone) -> Any:
    operator = python.IsNot() if node.negated else python.Is()
    return python.Compare(as_python(node.value), [operator], [python.Constant(None)])


@as_python.register
def _(node: nodes.Conditional) -> Any:
    return python.IfExp(as_python(node.test), as_python(node.then), as_python(node.other))


@as_python.register
def _(node: nodes.Attribute) -> Any:
    return python.Attribute(as_python(node.value), node.name, LOAD)


@as_python.register
def _(node: nodes.Index) -> Any:
    return python.Subscript(as_python(node.value), as_python(node.index), LOAD)


@as_python.register
def _(node: nodes.Slice) -> Any:
    parts = [maybe(part) for part in (node.start, node.stop, node.step)]
    return python.Subscript(as_python(node.value), python.Slice(*parts), LOAD)


@as_python.register
def _(node: nodes.Comprehension) -> Any:
    clauses: list[Any] = []
    for clause in node.clauses:
        if isinstance(clause, nodes.ForClause):
            clauses.append(python.comprehension(target(clause.target), as_python(clause.iterable), [], 0))
        else:
            clauses[-1].ifs.append(as_python(clause.test))
    if node.key is not None:
        return python.DictComp(as_python(node.key), as_python(node.element), clauses)
    kind = {"list": python.ListComp, "set": python.SetComp, "generator": python.GeneratorExp}[node.kind]
    return kind(as_python(node.element), clauses)


def target(node: nodes.Target) -> Any:
    if isinstance(node, nodes.Name):
        return python.Name(node.id, STORE)
    if isinstance(node, nodes.Index):
        return python.Subscript(as_python(node.value), as_python(node.index), STORE)
    return python.Tuple([target(item) for item in node.items], STORE)


@as_python.register
def _(node: nodes.Lambda) -> Any:
    args = [python.arg(param.id) for param in node.params]
    return python.Lambda(python.arguments([], args, None, [], [], None, []), as_python(node.body))


@as_python.register
def _(node: nodes.Keyword) -> Any:
    return python.keyword(node.name, as_python(node.value))


@as_python.register
def _(node: nodes.Apply) -> Any:
    match node:
        case nodes.Apply(callee=nodes.Name(id=hidden_names.MERGED), args=args):
            keys: list[Any] = []
            values: list[Any] = []
            for arg in args:
                pairs = arg.items if isinstance(arg, nodes.DictExpr) and arg.items else [(None, arg)]
                keys += [maybe(key) for key, _ in pairs]
                values += [as_python(value) for _, value in pairs]
            return python.Dict(keys, values)
    return python.Call(as_python(node.callee), every(node.args), every(node.keywords))


@as_python.register
def _(node: nodes.Call) -> Any:
    head: Any = python.Name("CALL", LOAD)
    if node.type is not None:
        head = python.Subscript(head, as_python(node.type), LOAD)
    return python.Call(head, every(node.args), every(node.keywords))
