"""Applications: overloads of built-ins, arguments of functions, functions as arguments, CALL."""

from __future__ import annotations

from collections.abc import Iterator

from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, Builtin, Parameter, Signature
from rlmlang.language.check.checked import (
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
    positional,
)
from rlmlang.language.check.expressions import Expressions, methods_of
from rlmlang.language.check.scope import Variable, closest
from rlmlang.language.types import (
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    FunctionType,
    Never,
    OptionalType,
    RecordType,
    Solution,
    Type,
    Unknown,
    fits,
    join,
    solve,
    substitute,
    variables,
)


class Applications(Expressions):
    """The part of the checker that types applications and CALLs."""

    def of_apply(self, node: nodes.Apply) -> Type:
        callee = node.callee
        if isinstance(callee, nodes.Attribute):
            return self.apply_method(node, callee)
        if not isinstance(callee, nodes.Name):
            self.infer(callee)
            self.infer_arguments(node)
            return self.error("E214", "this is not a function", callee.span)
        entry = self.lookup(callee)
        match entry:
            case None:
                self.infer_arguments(node)
                return UNKNOWN
            case Builtin():
                return self.apply_builtin(node, entry, None)
            case CheckedFunction():
                params = [(p.name.id, t, p.default) for p, t in zip(entry.node.params, entry.params)]
                args = self.match_arguments(node, callee.id, params)
                if args is not None:
                    self.tables.targets[node.node_id] = FunctionTarget(entry, args)
                return entry.result
            case RecordType():
                args = self.match_arguments(node, callee.id, [(n, t, None) for n, t in entry.fields], "E228")
                if args is not None:
                    self.tables.targets[node.node_id] = RecordTarget(entry, args)
                return entry
            case Variable(type=Unknown()):
                self.infer_arguments(node)
                return UNKNOWN
            case Variable(type=FunctionType() as type_):
                params = [(f"argument {i + 1}", t, None) for i, t in enumerate(type_.params)]
                args = self.match_arguments(node, callee.id, params)
                if args is not None:
                    self.tables.targets[node.node_id] = ParameterTarget(callee.id, args)
                return type_.result
        self.infer_arguments(node)
        return self.error("E214", f"`{callee.id}` is {entry.type}, not a function", callee.span)

    def infer_arguments(self, node: nodes.Apply | nodes.Call) -> None:
        for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not isinstance(arg, nodes.Lambda):
                self.infer(arg)

    def match_arguments(
        self,
        node: nodes.Apply,
        name: str,
        params: list[tuple[str, Type, nodes.Expr | None]],
        code: str = "E207",
    ) -> tuple[nodes.Expr, ...] | None:
        """The arguments in the order of the parameters, each checked; None after an error."""
        errors = len(self.problems)
        found: dict[str, nodes.Expr] = {}
        if len(node.args) > len(params):
            wanted = _counted(len(params), "argument")
            self.error(code, f"`{name}` takes {wanted}, not {len(node.args)}", node.args[len(params)].span)
            self.infer_arguments(node)
            return None
        for (param, _, _), arg in zip(params, node.args):
            found[param] = arg
        known = [param for param, _, _ in params]
        strange = any(keyword.name not in known for keyword in node.keywords)
        for keyword in node.keywords:
            if keyword.name not in known:
                near = closest(keyword.name, known)
                hint = f"did you mean `{near}`?" if near else _listed(known)
                self.error("E206", f"`{name}` has no parameter `{keyword.name}`", keyword.span, hint)
            elif keyword.name in found:
                self.error("E208", f"`{keyword.name}` is given twice", keyword.span)
            else:
                found[keyword.name] = keyword.value
        missing = [param for param, _, default in params if param not in found and default is None]
        if missing and not strange:
            listed = ", ".join(f"`{param}`" for param in missing)
            self.error(code, f"`{name}` is not given {listed}", node.span)
        for param, type_, default in params:
            if param in found:
                self.expect(found[param], type_, f"`{param}`")
            elif default is not None:
                found[param] = default
        return None if len(self.problems) > errors else tuple(found[param] for param in known)

    def apply_method(self, node: nodes.Apply, callee: nodes.Attribute) -> Type:
        receiver = self.infer(callee.value)
        if callee.name.startswith("_"):
            self.infer_arguments(node)
            return self.error(
                "E204", f"`{callee.name}`: attributes that start with `_` cannot be used", callee.name_span
            )
        if isinstance(receiver, Unknown):
            self.infer_arguments(node)
            return UNKNOWN
        if isinstance(receiver, OptionalType):
            self.infer_arguments(node)
            return self.may_be_none(callee.value)
        if isinstance(receiver, Never):
            self.infer_arguments(node)
            return self.no_element(callee.value)
        method = methods_of(receiver).get(callee.name)
        if method is None:
            self.infer_arguments(node)
            if isinstance(receiver, RecordType) and receiver.field(callee.name) is not None:
                return self.error("E214", f"`{callee.name}` is a field, not a function", callee.name_span)
            return self.no_attribute(callee, receiver, methods_of(receiver))
        return self.apply_builtin(node, method, callee.value)

    def apply_builtin(self, node: nodes.Apply, builtin: Builtin, receiver: nodes.Expr | None) -> Type:
        args = node.args if receiver is None else (receiver, *node.args)
        types: dict[int, Type] = {}
        errors = len(self.problems)
        for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not isinstance(arg, nodes.Lambda) and not self.names_function(arg):
                types[arg.node_id] = self.infer(arg)
        if receiver is not None:
            types[receiver.node_id] = self.tables.types[receiver.node_id]
        shapes: list[tuple[Signature, dict[str, list[nodes.Expr]]]] = []
        for signature in builtin.signatures:
            bound = _shape(signature, args, node.keywords)
            if isinstance(bound, dict):
                shapes.append((signature, bound))
        if not shapes:
            return self.wrong_shape(node, builtin, args)
        for signature, bound in shapes:
            solution: Solution = {}
            if all(
                solve(param.type, types[arg.node_id], solution)
                for param, arg in _bound_pairs(signature, bound)
                if arg.node_id in types and not isinstance(param.type, FunctionType)
            ) and not any(
                isinstance(param.type, FunctionType) == (arg.node_id in types) and types.get(arg.node_id) != UNKNOWN
                for param, arg in _bound_pairs(signature, bound)
            ):
                for param, arg in _bound_pairs(signature, bound):
                    if isinstance(param.type, FunctionType):
                        self.solve_function(param, arg, solution)
                self.tables.targets[node.node_id] = _native(builtin, signature, bound)
                return self.instantiate(signature.result, solution, signature)
        if len(self.problems) > errors:
            return UNKNOWN
        return self.no_overload(node, builtin, shapes, types)

    def instantiate(self, result: Type, solution: Solution, signature: Signature) -> Type:
        return substitute(result, dict.fromkeys(variables(result), NEVER) | solution)

    def solve_function(self, param: Parameter, arg: nodes.Expr, solution: Solution) -> None:
        """Check a function argument and learn the type variables of its result."""
        wanted = param.type
        assert isinstance(wanted, FunctionType)
        params = tuple(substitute(p, solution) for p in wanted.params)
        if wanted.result in wanted.params:
            # `step: (A, T) -> A`: the result must fit what went in; widen once if it does not
            known = len(self.problems)
            self.function_value(arg, params, None, f"`{param.name}`")
            joined = join(params[0], self.last_result)
            if len(self.problems) == known and joined is not None and joined != params[0]:
                solve(wanted.result, joined, solution)
                params = tuple(substitute(p, solution) for p in wanted.params)
            del self.problems[known:]
            self.function_value(arg, params, substitute(wanted.result, solution), f"`{param.name}`")
            return
        self.function_value(arg, params, None, f"`{param.name}`")
        if not solve(wanted.result, self.last_result, solution):
            self.error("E210", f"`{param.name}` gives {self.last_result}, which has no order", arg.span)

    last_result: Type = UNKNOWN
    """The result type of the function that `function_value` saw last."""

    def function_value(self, node: nodes.Expr, params: tuple[Type, ...], result: Type | None, what: str) -> Type:
        """Check an argument that must be a function of `params`; `result` None accepts any result."""
        self.last_result = UNKNOWN
        found: Type = UNKNOWN
        if isinstance(node, nodes.Lambda):
            found = self.check_lambda(node, params, result, what)
        elif isinstance(node, nodes.Name):
            entry = self.lookup(node)
            if entry is not None:
                found = self.reference(node, entry, params, what)
        else:
            self.error(
                "E210",
                f"{what} must be a function of {_counted(len(params), 'argument')}",
                node.span,
                "write `lambda x: …`",
            )
        if result is not None and not fits(found, result) and not isinstance(node, nodes.Lambda):
            self.error("E210", f"{what} gives {found}; it must give {result}", node.span)
        self.last_result = found
        return FunctionType(params, found if result is None else result)

    def check_lambda(self, node: nodes.Lambda, params: tuple[Type, ...], result: Type | None, what: str) -> Type:
        if len(node.params) != len(params):
            wanted = _counted(len(params), "argument")
            return self.error("E207", f"{what} must take {wanted}, not {len(node.params)}", node.span)
        with self.inside("lambda"):
            for name, type_ in zip(node.params, params):
                self.bind(name, Variable(type_, name.span))
            if result is not None:
                return self.expect(node.body, result, f"the result of {what}")
            return self.infer(node.body)

    def reference(
        self,
        node: nodes.Name,
        entry: Variable | CheckedFunction | RecordType | Builtin,
        params: tuple[Type, ...],
        what: str,
    ) -> Type:
        """A function by its name; returns its result type for arguments of types `params`."""
        match entry:
            case CheckedFunction():
                required = sum(p.default is None for p in entry.node.params)
                wanted = entry.params[: len(params)]
                if required <= len(params) <= len(entry.params) and all(map(fits, params, wanted)):
                    self.tables.references[node.node_id] = entry
                    return entry.result
            case RecordType():
                if len(params) == len(entry.fields) and all(map(fits, params, (t for _, t in entry.fields))):
                    self.tables.references[node.node_id] = entry
                    return entry
            case Variable(type=FunctionType() as type_):
                if len(params) == len(type_.params) and all(map(fits, params, type_.params)):
                    return type_.result
            case Builtin():
                for signature in entry.signatures:
                    bound = _shape(signature, tuple(node for _ in params), ())
                    solution: Solution = {}
                    if isinstance(bound, dict) and all(
                        solve(param.type, type_, solution)
                        for param, type_ in zip(positional(signature, len(params)), params)
                    ):
                        self.tables.references[node.node_id] = NativeTarget(entry, signature, (), ())
                        return self.instantiate(signature.result, solution, signature)
            case Variable(type=Unknown()):
                return UNKNOWN
            case Variable():
                return self.error("E210", f"{what} must be a function; `{node.id}` is {entry.type}", node.span)
        shown = ", ".join(map(str, params))
        return self.error("E210", f"{what} must take ({shown}); `{node.id}` does not", node.span)

    def names_function(self, node: nodes.Expr) -> bool:
        if not isinstance(node, nodes.Name):
            return False
        entry = self.scope.find(node.id)
        if entry is None:
            return node.id in BUILTINS or self.from_library(node.id) is not None
        return isinstance(entry, (CheckedFunction, RecordType)) or (
            isinstance(entry, Variable) and isinstance(entry.type, FunctionType)
        )

    def wrong_shape(self, node: nodes.Apply, builtin: Builtin, args: tuple[nodes.Expr, ...]) -> Type:
        """No overload takes this many arguments or these names: say why, by the first overload."""
        reasons = [_shape(signature, args, node.keywords) for signature in builtin.signatures]
        keyword = next((r for r in reasons if isinstance(r, nodes.Keyword)), None)
        forms = "; ".join(signature.text for signature in builtin.signatures)
        if keyword is not None and all(isinstance(r, nodes.Keyword) for r in reasons):
            names = [p.name for s in builtin.signatures for p in s.params]
            if keyword.name in names:
                return self.error("E208", f"`{keyword.name}` cannot be given here", keyword.span, f"it is {forms}")
            near = closest(keyword.name, names)
            hint = f"did you mean `{near}`?" if near else f"it is {forms}"
            return self.error("E206", f"`{builtin.name}` has no parameter `{keyword.name}`", keyword.span, hint)
        return self.error("E207", f"wrong number of arguments for `{builtin.name}`", node.span, f"it is {forms}")

    def no_overload(
        self,
        node: nodes.Apply,
        builtin: Builtin,
        shapes: list[tuple[Signature, dict[str, list[nodes.Expr]]]],
        types: dict[int, Type],
    ) -> Type:
        if len(shapes) == 1:
            signature, bound = shapes[0]
            solution: Solution = {}
            for param, arg in _bound_pairs(signature, bound):
                if isinstance(param.type, FunctionType):
                    if arg.node_id in types:
                        return self.error("E210", f"`{param.name}` must be a function", arg.span, "write `lambda x: …`")
                elif arg.node_id not in types:
                    return self.error("E215", f"`{param.name}` is a value, not a function", arg.span)
                elif not solve(param.type, types[arg.node_id], solution):
                    wanted = substitute(param.type, solution)
                    what = f"`{param.name}`" if param.name != "self" else "the receiver"
                    found = types[arg.node_id]
                    if isinstance(found, OptionalType) and solve(param.type, found.item, solution):
                        return self.may_be_none(arg)
                    return self.mismatch(arg, types[arg.node_id], wanted, what)
        for arg in node.args:
            if isinstance(types.get(arg.node_id), OptionalType):
                return self.may_be_none(arg)
        given = ", ".join(str(types.get(arg.node_id, "function")) for arg in node.args)
        forms = "; ".join(signature.text for signature, _ in shapes)
        return self.error("E211", f"`{builtin.name}` does not take ({given})", node.span, f"it is {forms}")

    def of_call(self, node: nodes.Call) -> Type:
        result: Type = STR
        if node.type is not None:
            result = self.resolve(node.type)
            if result == NONE:
                result = self.error("E220", "a model cannot answer with None alone", node.type.span, "write `T | None`")
        if not node.args:
            self.error("E207", "CALL needs its instruction first", node.span, 'write `CALL("what to do", …)`')
        for i, arg in enumerate(node.args):
            if i == 0:
                self.expect(arg, STR, "the instruction")
            else:
                self.infer(arg)
        for keyword in node.keywords:
            if keyword.name == "sample":
                self.expect(keyword.value, INT, "`sample`")
            else:
                self.infer(keyword.value)
        return result


Expressions.handlers = {
    nodes.Constant: Applications.of_constant,
    nodes.Name: Applications.of_name,
    nodes.FString: Applications.of_fstring,
    nodes.ListExpr: Applications.of_list,
    nodes.TupleExpr: Applications.of_tuple,
    nodes.DictExpr: Applications.of_dict,
    nodes.Unary: Applications.of_unary,
    nodes.Binary: Applications.of_binary,
    nodes.Logic: Applications.of_logic,
    nodes.Compare: Applications.of_compare,
    nodes.IsNone: Applications.of_is_none,
    nodes.Conditional: Applications.of_conditional,
    nodes.Attribute: Applications.of_attribute,
    nodes.Index: Applications.of_index,
    nodes.Slice: Applications.of_slice,
    nodes.Comprehension: Applications.of_comprehension,
    nodes.Lambda: Applications.of_lambda,
    nodes.Apply: Applications.of_apply,
    nodes.Call: Applications.of_call,
}


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _listed(names: list[str]) -> str:
    return f"its parameters are {', '.join(names[:9])}" if names else "it has no parameters"


# Matching arguments with the parameters of a built-in ------------------------------


def _shape(
    signature: Signature, args: tuple[nodes.Expr, ...], keywords: tuple[nodes.Keyword, ...]
) -> dict[str, list[nodes.Expr]] | nodes.Keyword | None:
    """The arguments by parameter; the keyword that does not fit; or None for a wrong number."""
    bound: dict[str, list[nodes.Expr]] = {}
    params = positional(signature, len(args))
    if len(params) < len(args):
        return None
    for param, arg in zip(params, args):
        bound.setdefault(param.name, []).append(arg)
    names = {param.name for param in signature.params if not param.variadic and param.name != "self"}
    for keyword in keywords:
        if keyword.name not in names or keyword.name in bound:
            return keyword
        bound[keyword.name] = [keyword.value]
    if any(param.required and param.name not in bound for param in signature.params):
        return None
    return bound


def _bound_pairs(signature: Signature, bound: dict[str, list[nodes.Expr]]) -> Iterator[tuple[Parameter, nodes.Expr]]:
    for param in signature.params:
        for arg in bound.get(param.name, ()):
            yield param, arg


def _native(builtin: Builtin, signature: Signature, bound: dict[str, list[nodes.Expr]]) -> NativeTarget:
    """Leading arguments by position; from the first omitted one on, by keyword."""
    args: list[nodes.Expr] = []
    keywords: list[tuple[str, nodes.Expr]] = []
    gap = False
    for param in signature.params:
        values = bound.get(param.name, [])
        if param.keyword_only or gap:
            keywords.extend((param.name, value) for value in values)
        else:
            args.extend(values)
            gap = not values and not param.variadic
    return NativeTarget(builtin, signature, tuple(args), tuple(keywords))
