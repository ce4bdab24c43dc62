"""The table of built-ins: each row has a name, typed overloads, doc, examples, cost, properties and code.

The rows are in the other modules of this folder, each a decorator above its code.
Everything else in the package that depends on a built-in reads it from its row: the checker, the interpreter, the cost
estimate, the masks and the language card in prompts. To add a built-in, add a row.

A signature is written as in Python. Capital letters are type variables, `K` one that has
an order, `H` one that may be a key; `Any` takes values of every type, `Iterable[T]` whatever Python iterates over,
`Natural` an integer constant. The code is called as `code(meter, *args, **keywords)`: the arguments that were given,
by position, and from the first omitted one on by keyword. It charges the meter before it makes anything large.

The code of a method that `changes` its receiver gets a value that nothing else holds, changes it in place, and
returns what the method gives in Python.

Code never calls functions. Where a parameter is a function of n parameters, the code receives the list of its
results: for the elements at the same place of the first n other arguments that are containers, as many as the shortest
has, or, where those are declared as type variables (`max(a, b, key=…)`), for the positional arguments themselves. A
built-in that cannot be written so is a special form, which the interpreter and the cost estimate evaluate themselves.
"""

from __future__ import annotations

import ast as python
import typing
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import cached_property
from typing import Any

from attrs import frozen

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    MATCH,
    NATURAL,
    NEVER,
    NONE,
    PATTERN,
    STR,
    UNKNOWN,
    CounterType,
    DefaultDictType,
    DequeType,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    OpenTupleType,
    SetType,
    TupleType,
    Type,
    TypeVar,
    optional,
    primitive_of,
)

Implementation = Callable[..., Any]

Bounds = tuple[float, float]
"""The least and the most that the length of a text or container may be, or the value of an int."""

BoundsRule = Callable[[Sequence[Bounds]], Bounds]
"""Gives the bounds of a result from those of the arguments, by position and then by keyword."""


class SpecialForm(Enum):
    """A way to evaluate an application that is not an application of code to values."""

    FOLD = auto()
    """Apply the first argument to a state and each element of the second, from the state in the third."""
    PROGRAM = auto()
    """Check and run the program in the first argument on the inputs in the second."""
    ANY = auto()
    """Stop at the first true element of a generator; anything else is given to the code."""
    ALL = auto()
    """Stop at the first false element of a generator; anything else is given to the code."""
    NEXT = auto()
    """Give the first element of a generator, or else the second argument."""
    PRINT = auto()
    """Show the text that the code gives for the arguments; the value is None."""
    ISINSTANCE = auto()
    """Whether a value is of one of the types that the second argument names, as far as the checker does not know it.
    The code gets the value and the names."""


@frozen
class Parameter:
    """A parameter of a signature."""

    name: str
    type: Type
    required: bool
    keyword_only: bool = False
    variadic: bool = False
    """Whether it takes all further arguments, by position or, if it is `keyword_only`, by keyword."""
    positional_only: bool = False
    """Whether it is given by position alone, so that its name is free for a keyword."""


@frozen
class Signature:
    """One overload of a built-in. `text` is its source."""

    params: tuple[Parameter, ...]
    result: Type
    text: str


@frozen(eq=False, slots=False)
class Builtin:
    """A built-in function, or a method, whose first parameter is `self`."""

    name: str
    texts: tuple[str, ...]
    doc: str
    examples: tuple[str, ...]
    """Expressions whose value is True."""
    cost: str
    code: Implementation
    moves: int | None = None
    """How many levels of containers the code makes around elements that it moves without looking at them, so that
    they may be answers that are still pending; None if it looks at them. A method that changes its receiver moves
    what it gets for a type variable alone (`x: T`), and the elements of other containers."""
    bounds: BoundsRule | None = None
    """The length of the result, or its value if it is an int; None if nothing is known of it beforehand."""
    form: SpecialForm | None = None
    changes: bool = False
    """Whether the method changes its receiver in place, or a function its first argument."""
    module: str | None = None
    """The module that it is imported from."""
    variant: Callable[[str], Builtin | None] | None = None
    """Gives the row in the place of this one, if there is another one for this constant as first argument."""
    starred: Builtin | None = None
    """The row in the place of this one where an argument is starred."""

    @cached_property
    def signatures(self) -> tuple[Signature, ...]:
        return tuple(map(parse_signature, self.texts))

    @property
    def card(self) -> str:
        """The line for the language card in prompts."""
        return f"{self.texts[0]}: {self.doc}"


@frozen(eq=False)
class ModuleConstant:
    """A constant of a module, such as `math.pi`."""

    name: str
    module: str
    type: Type
    value: Any
    doc: str


BUILTINS: dict[str, Builtin] = {}
SYNTAX: dict[str, dict[str, Builtin]] = {"list": {}, "dict": {}, "": {}}
"""What statements apply (`language/hidden_names.py`): methods by the type of their receiver, functions by no type."""
METHODS: dict[str, dict[str, Builtin]] = {
    name: {} for name in ("str", "list", "dict", "set", "tuple", "Counter", "deque", "Match", "Pattern")
}
NUMBER_METHODS: dict[str, dict[str, Builtin]] = {"int": {}, "float": {}}
"""The methods of numbers. Masks do not offer them, since a dot behind digits begins a fraction."""
STATIC: dict[str, dict[str, Builtin]] = {"dict": {}, "str": {}}
"""What is applied by the name of a type: `dict.fromkeys(xs)`."""
MODULES: dict[str, dict[str, Builtin | ModuleConstant]] = {
    name: {}
    for name in (
        "math",
        "re",
        "string",
        "json",
        "itertools",
        "functools",
        "collections",
        "statistics",
        "heapq",
        "bisect",
        "operator",
        "copy",
        "sys",
    )
}
"""The modules that a program may import, besides `typing`, with what they have."""

_Code = typing.TypeVar("_Code", bound=Implementation)


def builtin(
    *texts: str,
    doc: str,
    examples: list[str],
    cost: str,
    moves: int | None = None,
    bounds: BoundsRule | None = None,
    form: SpecialForm | None = None,
    module: str | None = None,
    starred: Builtin | None = None,
    changes: bool = False,
) -> Callable[[_Code], _Code]:
    """Enter a function into the table, or one of a module."""

    def enter(code: _Code) -> _Code:
        name = texts[0].partition("(")[0]
        row = Builtin(
            name, texts, doc, tuple(examples), cost, code, moves, bounds, form, changes, module, starred=starred
        )
        if module is None:
            BUILTINS[name] = row
        else:
            MODULES[module][name] = row
        return code

    return enter


def method(
    of: str,
    *texts: str,
    doc: str,
    examples: list[str],
    cost: str,
    moves: int | None = None,
    bounds: BoundsRule | None = None,
    changes: bool = False,
) -> Callable[[_Code], _Code]:
    """Enter a method of a type into the table. An example of one that `changes` something is a program of lines."""

    def enter(code: _Code) -> _Code:
        name = texts[0].partition("(")[0]
        (METHODS[of] if of in METHODS else NUMBER_METHODS[of])[name] = Builtin(
            name, texts, doc, tuple(examples), cost, code, moves, bounds, changes=changes
        )
        return code

    return enter


def static_method(of: str, *texts: str, doc: str, examples: list[str], cost: str) -> Callable[[_Code], _Code]:
    """Enter what is applied by the name of a type into the table."""

    def enter(code: _Code) -> _Code:
        name = texts[0].partition("(")[0]
        STATIC[of][name] = Builtin(name, texts, doc, tuple(examples), cost, code)
        return code

    return enter


def of_syntax(
    of: str, name: str, *texts: str, cost: str, moves: int | None = None, changes: bool = False
) -> Callable[[_Code], _Code]:
    """Enter what a statement applies into the table."""

    def enter(code: _Code) -> _Code:
        SYNTAX[of][name] = Builtin(name, texts, "", (), cost, code, moves, changes=changes)
        return code

    return enter


def constant(module: str, name: str, value: Any, doc: str) -> None:
    """Enter a constant of a module into the table."""
    MODULES[module][name] = ModuleConstant(name, module, primitive_of(value), value, doc)


def module_member(module: str, name: str) -> Builtin | ModuleConstant | None:
    """Return what a module has under a name, or None if there is no such module or name."""
    return MODULES.get(module, {}).get(name)


# Signatures ----------------------------------------------------------------------


def parse_signature(text: str) -> Signature:
    """Return a signature from its text, which Python's own parser reads."""
    head, _, result = text.rpartition(" -> ")
    tree = python.parse(f"def {head} -> {result}: ...").body[0]
    assert isinstance(tree, python.FunctionDef)
    args = tree.args
    params: list[Parameter] = []
    by_position = [*args.posonlyargs, *args.args]
    optional_from = len(by_position) - len(args.defaults)
    for i, arg in enumerate(by_position):
        alone = i < len(args.posonlyargs)
        params.append(Parameter(arg.arg, _annotated(arg), required=i < optional_from, positional_only=alone))
    if args.vararg is not None:
        params.append(Parameter(args.vararg.arg, _annotated(args.vararg), required=False, variadic=True))
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        params.append(Parameter(arg.arg, _annotated(arg), required=default is None, keyword_only=True))
    if args.kwarg is not None:
        params.append(Parameter(args.kwarg.arg, _annotated(args.kwarg), False, keyword_only=True, variadic=True))
    assert tree.returns is not None
    return Signature(tuple(params), _type(tree.returns), text)


def _annotated(arg: python.arg) -> Type:
    assert arg.annotation is not None
    return _type(arg.annotation)


_PRIMITIVES: dict[str, Type] = {
    "str": STR, "int": INT, "float": FLOAT, "bool": BOOL, "Natural": NATURAL,
    "Match": MATCH, "Pattern": PATTERN, "Any": UNKNOWN, "Never": NEVER,
}  # fmt: skip


def _type(node: python.expr) -> Type:
    match node:
        case python.Constant(value=None):
            return NONE
        case python.Name(id=name):
            return _PRIMITIVES.get(name) or TypeVar(name)
        case python.BinOp(left=left):
            return optional(_type(left))
        case python.Subscript(value=python.Name(id="Callable"), slice=python.Tuple(elts=[python.List(elts), result])):
            return FunctionType(tuple(map(_type, elts)), _type(result))
        case python.Subscript(value=python.Name(id="dict"), slice=python.Tuple(elts=[key, value])):
            return DictType(_type(key), _type(value))
        case python.Subscript(value=python.Name(id="defaultdict"), slice=python.Tuple(elts=[key, value])):
            return DefaultDictType(_type(key), _type(value))
        case python.Subscript(value=python.Name(id="deque"), slice=item):
            return DequeType(_type(item))
        case python.Subscript(value=python.Name(id="Counter"), slice=key):
            return CounterType(_type(key), INT)
        case python.Subscript(value=python.Name(id="tuple"), slice=python.Tuple(elts=[item, python.Constant()])):
            return OpenTupleType(_type(item))
        case python.Subscript(value=python.Name(id="tuple"), slice=python.Tuple(elts=parts)):
            return TupleType(tuple(map(_type, parts)))
        case python.Subscript(value=python.Name(id="tuple"), slice=item):
            return TupleType((_type(item),))
        case python.Subscript(value=python.Name(id=name), slice=item):
            inner = _type(item)
            return SetType(inner) if name == "set" else ListType(inner) if name == "list" else IterableType(inner)
    raise AssertionError(python.dump(node))
