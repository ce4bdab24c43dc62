"""Fragments of programs as lexemes: applications, arguments, attributes, types and constants, with holes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rlmlang.decode.closings.constants import constant, listed, spread
from rlmlang.decode.partial import Environment
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.state import BracketFrame, LineState
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, NUMBER_METHODS, Builtin, Signature
from rlmlang.language.check import library_function
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.expressions import methods_of
from rlmlang.language.check.scope import Definition, Variable
from rlmlang.language.type_variables import Solution, solve, substitute, variables
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    DictType,
    FunctionType,
    ListType,
    RecordType,
    TupleType,
    Type,
    base_of,
)

_INSTANCES: tuple[Type, ...] = (STR, INT, ListType(STR), FLOAT, BOOL, TupleType((STR, STR)))
"""The types that are put in for the type variables of a signature."""


_library_applications: dict[str, tuple[tuple[tuple[str, ...], Type], ...]] = {
    "isinstance": ((("(", '""', ",", "int", ")"), BOOL),),  # its second argument is a type
}


def applications(environment: Environment, name: str) -> tuple[tuple[tuple[str, ...], Type], ...]:
    """Return ways to apply a function, as lexemes from the bracket on, each with the type of its result."""
    own = name in environment.entries
    known = None if own else _library_applications.get(name)
    if known is not None:
        return known
    found: list[tuple[tuple[str, ...], Type]] = []
    for params, result in _forms(environment, name):
        names = sorted(set().union(variables(result), *map(variables, params)))
        for type_ in _INSTANCES if names else (STR,):
            solution = dict.fromkeys(names, type_)
            arguments = spread([constant(substitute(param, solution)) for param in params])
            found.append((("(", *arguments, ")"), substitute(result, solution)))
    ways = tuple({type_: (arguments, type_) for arguments, type_ in reversed(found)}.values())
    if not own:
        _library_applications[name] = ways
    return ways


def applications_giving(environment: Environment, name: str, goal: Type) -> Iterator[list[str]]:
    """Yield applications of a function, as lexemes from the bracket on, that give a type: `drop([0], 0)` a list."""
    for params, result in _forms(environment, name):
        solution: Solution = {}
        if variables(result) and solve(result, goal, solution):
            free = dict.fromkeys(set().union(*map(variables, params)), STR)
            yield ["(", *spread([constant(substitute(param, free | solution)) for param in params]), ")"]


def _forms(environment: Environment, name: str) -> Iterator[tuple[list[Type], Type]]:
    match function_named(environment, name):
        case Definition() | CheckedFunction() as function:
            required = [t for t, param in zip(function.params, function.node.params) if _is_required(param)]
            yield required, function.result
        case RecordType() as record:
            yield [type_ for _, type_ in record.fields], record
        case Variable(type=FunctionType(params=params, result=result)):
            yield list(params), result
        case Builtin() as builtin:
            yield from _forms_of(builtin)
        case None if name in BUILTINS:
            yield from _forms_of(BUILTINS[name])


def _is_required(param: nodes.Param) -> bool:
    return param.default is None and not param.is_rest


def _forms_of(builtin: Builtin) -> Iterator[tuple[list[Type], Type]]:
    for signature in builtin.signatures:
        if not any(param.required and param.keyword_only for param in signature.params):
            yield [param.type for param in signature.params if param.required], signature.result


def member_calls(module: str, name: str) -> Iterator[list[str]]:
    """Yield what follows the name of a member of a module: nothing, or its application."""
    member = MODULES[module][name]
    if not isinstance(member, Builtin):
        yield []
        return
    for count in sorted({sum(param.required for param in signature.params) for signature in member.signatures}):
        yield ["(", *listed([HOLE] * count), ")"]


def attributes(type_: Type) -> tuple[str, ...]:
    """Return the fields or methods of a type."""
    if isinstance(type_, RecordType):
        return tuple(name for name, _ in type_.fields)
    return tuple(methods(type_))


def methods(type_: Type) -> Mapping[str, Builtin]:
    """Return the methods of a type, those of numbers too."""
    match base_of(type_):
        case base if base in (INT, BOOL):
            return NUMBER_METHODS["int"]
        case base if base == FLOAT:
            return NUMBER_METHODS["float"]
    return methods_of(type_)


def parameters(prefix: LineState) -> list[str]:
    """Return the parameters of the function whose arguments are being written."""
    frame = prefix.frame
    assert frame is not None
    if frame.callee is None:
        return ["sample"] if not frame.method else []
    names: list[str] = []
    if frame.module:
        member = MODULES[frame.module].get(frame.callee)
        signatures = list(member.signatures) if isinstance(member, Builtin) else []
    elif frame.method:
        tables_ = [methods[frame.callee] for methods in METHODS.values() if frame.callee in methods]
        signatures = [signature for method in tables_ for signature in method.signatures]
    else:
        entry = function_named(prefix.environment, frame.callee)
        if isinstance(entry, (CheckedFunction, Definition)):
            return [param.name.id for param in entry.node.params]
        if isinstance(entry, RecordType):
            return [name for name, _ in entry.fields]
        if isinstance(entry, Builtin):
            return [param.name for signature in entry.signatures for param in signature.params if not param.variadic]
        signatures = list(BUILTINS[frame.callee].signatures) if frame.callee in BUILTINS else []
    for signature in signatures:
        names += [param.name for param in signature.params if not param.variadic and param.name != "self"]
    return names


def function_named(environment: Environment, name: str) -> object:
    """Return what a name is bound to in scope or in the library; None for built-ins and unknown names."""
    entry = environment.entries.get(name)
    if entry is None and name not in BUILTINS and (found := library_function(name)) is not None:
        return found
    return entry


def lacking(environment: Environment, frame: BracketFrame) -> Iterator[list[str]]:
    """Yield the arguments that an open call still needs, as lexemes with holes, in each likely way."""
    given = frame.commas + frame.filled
    if frame.starred:
        yield []
        return
    if frame.callee is None or frame.keywords:
        if frame.callee is not None:
            yield from _lacking_keywords(environment, frame)
        elif not frame.method and not given:
            yield [HOLE]
        return
    if frame.callee == "isinstance":
        yield listed([HOLE, "int"][given:])
        return
    if frame.callee == "next" and not given:
        yield ["(", HOLE, "for", HOLE, "in", HOLE, ")", ",", HOLE]
    if frame.module:
        member = MODULES[frame.module].get(frame.callee)
        builtins = [member] if isinstance(member, Builtin) else []
    elif frame.method:
        builtins = [methods[frame.callee] for methods in METHODS.values() if frame.callee in methods]
    else:
        entry = function_named(environment, frame.callee)
        if isinstance(entry, (CheckedFunction, Definition, RecordType)):
            required = (
                sum(map(_is_required, entry.node.params))
                if isinstance(entry, (CheckedFunction, Definition))
                else len(entry.fields) - len(entry.defaults)
            )
            yield listed([HOLE] * max(0, required - given))
            return
        if isinstance(entry, Variable) and isinstance(entry.type, FunctionType):
            yield listed([HOLE] * max(0, len(entry.type.params) - given))
            return
        if isinstance(entry, Builtin):
            builtins = [entry]
        elif frame.callee not in BUILTINS:  # a parameter, or a name that is not bound yet
            yield from (listed([HOLE] * max(0, count - given)) for count in (1, 2, 0))
            return
        else:
            builtins = [BUILTINS[frame.callee]]
    counts = dict.fromkeys(
        sum(param.required and not param.keyword_only for param in signature.params) - frame.method
        for builtin in builtins
        for signature in builtin.signatures
        if not frame.lambda_commas or _most_taken(signature) > frame.lambda_commas
    )  # in the order of the table, which has the usual form first
    for count in counts:
        yield listed([HOLE] * max(0, count - given))


def _most_taken(signature: Signature) -> int:
    """Return how many parameters a function may have that is an argument."""
    return max(
        (len(param.type.params) for param in signature.params if isinstance(param.type, FunctionType)), default=0
    )


def _lacking_keywords(environment: Environment, frame: BracketFrame) -> Iterator[list[str]]:
    assert frame.callee is not None
    entry = function_named(environment, frame.callee)
    if frame.method or not isinstance(entry, (CheckedFunction, Definition, RecordType)):
        if not frame.method and not frame.module and entry is None and frame.callee in BUILTINS:
            yield from _missing([p.name for p in BUILTINS[frame.callee].signatures[0].params if p.required], frame)
        return
    if isinstance(entry, (CheckedFunction, Definition)):
        names = [param.name.id for param in entry.node.params if _is_required(param)]
    else:
        names = [name for name, _ in entry.fields if name not in entry.defaults]
    yield from _missing(names, frame)


def _missing(names: Sequence[str], frame: BracketFrame) -> Iterator[list[str]]:
    """Yield arguments by name for those of some parameters that have none."""
    positional = frame.commas + frame.filled - len(frame.keywords)
    missing = [name for name in names[max(positional, 0) :] if name not in frame.keywords]
    out: list[str] = []
    for name in missing:
        out += [*([","] if out else []), name, "=", HOLE]
    yield out


def calls(environment: Environment, name: str) -> Iterator[list[str]]:
    """Yield applications of a function, with holes."""
    seen: set[int] = set()
    for arguments in lacking(environment, BracketFrame("(", "call", None, 1, 0, callee=name)):
        if len(arguments) not in seen:
            seen.add(len(arguments))
            yield ["(", *arguments, ")"]
    if not seen:
        yield ["(", ")"]


def attribute_suffixes(type_: Type | None, name: str) -> Iterator[list[str]]:
    """Yield what follows an attribute: nothing for a field, and the application of a method."""
    if type_ is None or isinstance(type_, RecordType):
        yield []
        return
    yield from method_calls(methods(type_)[name])


def representative_attributes(type_: Type) -> tuple[str, ...]:
    """Return one attribute of a type for each type of result; integers first, as most operators take them."""
    if isinstance(type_, RecordType):
        return tuple(name for name, _ in type_.fields)
    found: dict[Type, str] = {}
    for name, method in methods(type_).items():
        for signature in method.signatures:
            found.setdefault(signature.result, name)
    return tuple(found[type_] for type_ in sorted(found, key=lambda type_: type_ != INT))


def representatives(methods: Mapping[str, Builtin]) -> list[str]:
    """Return one method for each number of parameters and type of result."""
    found: dict[tuple[int, Type], str] = {}
    for name, method in methods.items():
        for signature in method.signatures:
            found.setdefault((len(signature.params), signature.result), name)
    return list(dict.fromkeys(found.values()))


def method_calls(method: Builtin, by_type: bool = False) -> Iterator[list[str]]:
    """Yield applications of a method, with holes; by the name of its type, the receiver is an argument."""
    bound = not by_type and method.signatures[0].params[:1] and method.signatures[0].params[0].name == "self"
    counts = {
        sum(param.required and not param.keyword_only for param in signature.params) - bool(bound)
        for signature in method.signatures
    }
    for count in sorted(counts):
        yield ["(", *listed([HOLE] * count), ")"]


def type_arguments(head: str) -> Iterator[list[str]]:
    """Yield the arguments of a generic type up to the closing bracket, with holes."""
    match head:
        case "list" | "set" | "CALL":
            yield [HOLE, "]"]
        case "dict":
            yield ["str", ",", HOLE, "]"]
        case "tuple":
            yield [HOLE, "]"]
            yield [HOLE, ",", HOLE, "]"]
            yield [HOLE, ",", HOLE, ",", HOLE, "]"]
        case "union":
            yield [HOLE, ",", "None", "]"]
        case "Literal" | "literal":
            yield ['"a"', "]"]
        case "Callable" | "callable":
            yield ["[", HOLE, "]", ",", HOLE, "]"]
        case "[":
            yield [HOLE, "]", ",", HOLE, "]"]
        case _:
            yield [HOLE]


def types_of(environment: Environment) -> list[Type]:
    """Return the types of the names in scope, and of their parts."""
    found: dict[Type, None] = {}
    for entry in environment.entries.values():
        type_ = entry.type if isinstance(entry, Variable) else entry if isinstance(entry, RecordType) else None
        if type_ is not None and not isinstance(type_, FunctionType):
            found[type_] = None
            if isinstance(type_, ListType):
                found[type_.item] = None
            elif isinstance(type_, RecordType):
                found[ListType(type_)] = None
    return list(found)


def instances(type_: Type, likely: Sequence[Type]) -> Iterator[Type]:
    """Yield a type of a signature with types in place of its variables, the likely ones first."""
    names = sorted(variables(type_))
    if not names:
        yield type_
        return
    for each in dict.fromkeys(
        [*likely, STR, INT, ListType(STR), TupleType((STR, STR)), FLOAT, BOOL, DictType(STR, STR)]
    ):
        yield substitute(type_, dict.fromkeys(names, each))


def requoted(lexeme: str, quote: str) -> str:
    """Return a string constant with quotes that can be used in an f-string with the given quote."""
    return f"'{lexeme[1:-1]}'" if quote == '"' and lexeme[0] == '"' else lexeme
