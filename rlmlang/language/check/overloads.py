"""Resolve overloads of built-ins, and match arguments with parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Union

from attrs import frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.builtins import Builtin, Parameter, Signature, SpecialForm
from rlmlang.language.check.checked import CheckedFunction, NativeTarget, positional
from rlmlang.language.check.problems import Hint, did_you_mean
from rlmlang.language.check.scope import Referent, Variable
from rlmlang.language.source import Span
from rlmlang.language.type_variables import Solution, solve, substitute, variables
from rlmlang.language.types import (
    NATURAL,
    NEVER,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    IterableType,
    RecordType,
    Type,
    Unknown,
    fits,
    item_type,
)
from rlmlang.render import counted

ArgumentTypes = Mapping[int, Type]
"""The types of arguments by `node_id`, without those that are functions."""


@frozen
class Overload:
    """An overload that accepts the number and the names of the given arguments."""

    signature: Signature
    arguments: dict[str, list[nodes.Expr]]
    """The arguments by the name of their parameter; several for a variadic one."""

    def pairs(self) -> Iterator[tuple[Parameter, nodes.Expr]]:
        for param, _, arg in self._named():
            yield param, arg

    def _named(self) -> Iterator[tuple[Parameter, str, nodes.Expr]]:
        """Yield each argument with its parameter, and with the name by which it can be given."""
        names = {param.name for param in self.signature.params if not _takes_keywords(param)}
        for param in self.signature.params:
            if _takes_keywords(param):
                for name in (name for name in self.arguments if name not in names):
                    yield param, name, self.arguments[name][0]
            else:
                for arg in self.arguments.get(param.name, ()):
                    yield param, param.name, arg

    def solve(self, types: ArgumentTypes) -> Solution | None:
        """Return the type variables, as far as arguments that are not functions determine them.

        None if an argument has the wrong type, or is a function where a value is expected, or a value
        where a function is.
        """
        solution: Solution = {}
        for param, arg in self.pairs():
            found = types.get(arg.node_id)
            if isinstance(param.type, FunctionType):
                if found is not None and found != UNKNOWN:
                    return None
            elif param.type == NATURAL and isinstance(arg, nodes.Constant) and type(arg.value) is int:
                continue
            elif found is None or not solve(param.type, found, solution):
                return None
        return solution

    def target(self, builtin: Builtin) -> NativeTarget:
        """Return what to apply: arguments by position, and by keyword after the first one that is omitted."""
        args: list[nodes.Expr] = []
        keywords: list[tuple[str, nodes.Expr]] = []
        gap = False
        for param in self.signature.params:
            values = self.arguments.get(param.name, [])
            if param.keyword_only or gap:
                keywords.extend((name, value) for each, name, value in self._named() if each is param)
            else:
                args.extend(values)
                gap = not values and not param.variadic
        return NativeTarget(builtin, self.signature, tuple(args), tuple(keywords))


def match_overload(
    signature: Signature, args: Sequence[nodes.Expr], keywords: Sequence[nodes.Keyword]
) -> Overload | nodes.Keyword | None:
    """Match arguments with parameters. Returns the keyword that does not fit, or None if their number is wrong.

    `*xs` gives any number of arguments, which only a variadic parameter takes.
    """
    found: dict[str, list[nodes.Expr]] = {}
    params = positional(signature, len(args))
    if len(params) < len(args):
        return None
    for param, arg in zip(params, args):
        if isinstance(arg, nodes.Starred) and not param.variadic:
            return None
        found.setdefault(param.name, []).append(arg)
    names = {param.name for param in signature.params if not (param.variadic or param.positional_only)} - {"self"}
    takes_all = any(map(_takes_keywords, signature.params))
    for keyword in keywords:
        if not (keyword.name in names or takes_all) or keyword.name in found:
            return keyword
        found[keyword.name] = [keyword.value]
    if any(param.required and param.name not in found for param in signature.params):
        return None
    return Overload(signature, found)


def _takes_keywords(param: Parameter) -> bool:
    """Return whether a parameter takes all further keywords."""
    return param.keyword_only and param.variadic


def taking_dicts(overloads: list[Overload], types: ArgumentTypes) -> list[Overload]:
    """Leave out overloads that take the keys of a dict where others take the dict itself, which Python then does."""
    dicts = {
        arg.node_id
        for overload in overloads
        for param, arg in overload.pairs()
        if param.name != "self" and isinstance(param.type, DictType) and isinstance(types.get(arg.node_id), DictType)
    }
    return [
        overload
        for overload in overloads
        if not any(arg.node_id in dicts and isinstance(param.type, IterableType) for param, arg in overload.pairs())
    ]


def result_type(signature: Signature, solution: Solution) -> Type:
    """Return the type of the result; variables that no argument determines become `Never`, as in `[]`."""
    return substitute(signature.result, dict.fromkeys(variables(signature.result), NEVER) | solution)


def count_problem(node: nodes.Apply, builtin: Builtin, args: Sequence[nodes.Expr]) -> tuple[str, str, Span, Hint]:
    """Return why no overload accepts the number or the names of the arguments."""
    reasons = [match_overload(signature, args, node.keywords) for signature in builtin.signatures]
    keyword = next((reason for reason in reasons if isinstance(reason, nodes.Keyword)), None)
    forms = _forms(builtin.signatures)
    if keyword is not None and all(isinstance(reason, nodes.Keyword) for reason in reasons):
        names = [param.name for signature in builtin.signatures for param in signature.params]
        if keyword.name in names:
            return "E208", f"`{keyword.name}` cannot be used here", keyword.span, forms
        message = f"`{builtin.name}` has no parameter `{keyword.name}`"
        return "E206", message, keyword.span, did_you_mean(keyword.name, names, forms)
    if (starred := next((arg for arg in node.args if isinstance(arg, nodes.Starred)), None)) is not None:
        message = f"`{builtin.name}` does not take any number of arguments here"
        return "E117", message, starred.span, "write the arguments one by one, or pass the list"
    return "E207", f"wrong number of arguments for `{builtin.name}`", node.span, forms


def overload_problem(
    node: nodes.Apply, builtin: Builtin, overloads: Sequence[Overload], types: ArgumentTypes
) -> Diagnostic:
    """Return the diagnostic that no overload accepts arguments of these types."""
    given = ", ".join(str(types.get(arg.node_id, "function")) for arg in node.args)
    forms = _forms([overload.signature for overload in overloads])
    if builtin.name == "sum" and any(item_type(type_) == STR for type_ in types.values()):
        forms = 'join texts: `"".join(xs)`'
    return Diagnostic("E211", f"no overload of `{builtin.name}` accepts ({given})", node.span, forms)


def _forms(signatures: Sequence[Signature]) -> str:
    noun = "signature" if len(signatures) == 1 else "signatures"
    return f"{noun}: {'; '.join(signature.text for signature in signatures)}"


# Functions as arguments ----------------------------------------------------------


Reference = Union[CheckedFunction, RecordType, NativeTarget, None]
"""What to apply for a name that is passed as a function; None for a parameter."""


_APPLIED_ONLY = (SpecialForm.FOLD, SpecialForm.PROGRAM, SpecialForm.NEXT)
"""The built-ins that cannot be passed as functions, besides those that change something."""


def resolve_reference(node: nodes.Name, entry: Referent, params: Sequence[Type]) -> tuple[Reference, Type] | None:
    """Resolve a name that is passed as a function. Returns what to apply, and its result type.

    None if it does not accept such parameters.
    """
    match entry:
        case CheckedFunction():
            required = sum(param.default is None for param in entry.node.params)
            if required <= len(params) <= len(entry.params) and all(map(fits, params, entry.params)):
                return entry, entry.result
        case RecordType():
            if len(params) == len(entry.fields) and all(map(fits, params, (type_ for _, type_ in entry.fields))):
                return entry, entry
        case Variable(type=FunctionType() as type_):
            if len(params) == len(type_.params) and all(map(fits, params, type_.params)):
                return None, type_.result
        case Variable(type=Unknown()):
            return None, UNKNOWN
        case Builtin() if entry.form not in _APPLIED_ONLY and not entry.changes:
            for signature in entry.signatures:
                if not isinstance(match_overload(signature, [node] * len(params), ()), Overload):
                    continue
                solution: Solution = {}
                pairs = zip(positional(signature, len(params)), params)
                if all(solve(param.type, type_, solution) for param, type_ in pairs):
                    return NativeTarget(entry, signature, (), ()), result_type(signature, solution)
    return None


# Arguments of functions and records ----------------------------------------------


@frozen
class NamedParameter:
    name: str
    type: Type
    default: nodes.Expr | None = None


Refusal = tuple[str, str, Span, Hint]
"""The code, message, span and hint of a problem with arguments."""


def match_parameters(
    node: nodes.Apply, function: str, params: Sequence[NamedParameter], code: str
) -> tuple[dict[str, nodes.Expr], list[Refusal]]:
    """Return the arguments by parameter, and the problems with their names and number.

    `code` is the code of a wrong number.
    """
    found: dict[str, nodes.Expr] = {}
    refusals: list[Refusal] = []
    known = [param.name for param in params]
    listed = f"its parameters are {', '.join(known[:9])}" if known else "it has no parameters"
    if len(node.args) > len(params):
        message = f"`{function}` takes {counted(len(params), 'argument')}, not {len(node.args)}"
        return {}, [(code, message, node.args[len(params)].span, listed if function.isidentifier() else None)]
    for param, arg in zip(params, node.args):
        found[param.name] = arg
    for keyword in node.keywords:
        if keyword.name not in known:
            message = f"`{function}` has no parameter `{keyword.name}`"
            refusals.append(("E206", message, keyword.span, did_you_mean(keyword.name, known, listed)))
        elif keyword.name in found:
            refusals.append(("E208", f"multiple values for the argument `{keyword.name}`", keyword.span, None))
        else:
            found[keyword.name] = keyword.value
    missing = [param.name for param in params if param.name not in found and param.default is None]
    if missing and all(keyword.name in known for keyword in node.keywords):
        names = ", ".join(f"`{name}`" for name in missing)
        noun = "argument" if len(missing) == 1 else "arguments"
        refusals.append((code, f"missing {noun} {names} of `{function}`", node.span, None))
    return found, refusals
