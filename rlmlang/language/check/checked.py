"""The result of checking a program, which the cost estimate and the compiler use.

It is kept beside the tree, in tables of the file that the tree is of: the type of each expression,
and for each application what it applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Union

from attrs import define, field, fields, frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.builtins import Builtin, ModuleConstant, Parameter, Signature
from rlmlang.language.types import (
    FunctionType,
    Primitive,
    RecordType,
    Type,
    TypeVar,
)


@frozen
class Sources:
    """The arguments of a built-in that a function among them is applied to."""

    places: tuple[int, ...]
    themselves: bool = False
    """Whether it is applied to each of these arguments, and not to the elements at the same place in them."""


@frozen
class NativeTarget:
    """A built-in or method; the receiver of a method is its first argument."""

    builtin: Builtin
    signature: Signature
    args: tuple[nodes.Expr, ...]
    keywords: tuple[tuple[str, nodes.Expr], ...]

    @property
    def parameter_types(self) -> list[Type]:
        """Return the types of the parameters that `args` and then `keywords` go to."""
        params = positional(self.signature, len(self.args))
        named = {param.name: param.type for param in self.signature.params}
        keywords = [named.get(name, self.signature.params[-1].type) for name, _ in self.keywords]
        return [param.type for param in params] + keywords

    @property
    def operands(self) -> list[tuple[int, Sources | None]]:
        """Return the places of the arguments in `args`, followed by `keywords`, in the order of their evaluation.

        With an argument that is a function come the places of those whose elements it is applied to, which are
        evaluated before it.
        """
        types = self.parameter_types
        values = [place for place, type_ in enumerate(types) if not isinstance(type_, FunctionType)]
        if len(values) == len(types):
            return [(place, None) for place in values]
        due: list[tuple[int, int, Sources | None]] = [(place, place, None) for place in values]
        containers = [place for place in values if not isinstance(types[place], Primitive)]
        for place, type_ in enumerate(types):
            if isinstance(type_, FunctionType):
                themselves = isinstance(types[0], TypeVar)
                places = range(len(self.args)) if themselves else containers[: len(type_.params)]
                due.append((max([place, *places]), place, Sources(tuple(places), themselves)))
        due.sort(key=lambda each: (each[0], each[2] is not None))
        return [(place, sources) for _, place, sources in due]

    @property
    def in_order(self) -> list[nodes.Expr]:
        """Return the arguments in the order of the parameters, for a signature without variadic or optional ones."""
        names = [param.name for param in self.signature.params]
        by_name = dict(zip(names, self.args)) | dict(self.keywords)
        return [by_name[name] for name in names]

    @property
    def generator(self) -> nodes.Comprehension | None:
        """Return the generator that is the first argument; None if something else is."""
        first = self.args[0] if self.args else None
        return first if isinstance(first, nodes.Comprehension) and first.kind == "generator" else None


@frozen
class FunctionTarget:
    """A function of the program or the standard library; one argument a parameter."""

    function: CheckedFunction
    args: tuple[nodes.Expr, ...]


@frozen
class RecordTarget:
    """A record constructor; one argument a field."""

    type: RecordType
    args: tuple[nodes.Expr, ...]


@frozen
class ParameterTarget:
    """A parameter of function type."""

    name: str
    args: tuple[nodes.Expr, ...]


ApplyTarget = Union[NativeTarget, FunctionTarget, RecordTarget, ParameterTarget]


OuterVariable = tuple[int, str]
"""A variable that a function reads without binding it: the `node_id` of the name of the function that binds it, or -1
for the program, and the name."""


@define(eq=False)
class CheckedFunction:
    """A function of the program or the standard library, checked for the types of its parameters.

    A function is checked anew for each combination of the types of its arguments and of the outer variables that it
    reads, and each has a CheckedFunction of its own. Only the checker changes it, which completes that of a recursive
    function while others already refer to it.
    """

    node: nodes.Function
    params: tuple[Type, ...]
    result: Type
    tables: Tables
    """What is known of the expressions in it."""
    in_library: bool = False
    """Whether it is of the standard library, and so sees nothing of the program."""
    reads: frozenset[OuterVariable] = frozenset()
    """The variables of the functions around it, and of the program, that it or a function which it applies reads.
    An application passes their values along, as further arguments (functions are not values, so nothing can
    outlive a variable)."""
    is_recursive: bool = False
    """Whether it applies itself, also by way of others."""
    makes_calls: bool = False
    """Whether it, or a function that it applies, contains a CALL or runs a program."""
    prints: bool = False
    """Whether it, or a function that it applies, contains a `print`."""
    is_host: bool = False
    """Whether whoever runs the program hands it in. Its node has no body then, and an application is a call."""

    @property
    def keeps_results(self) -> bool:
        """Return whether it is decorated, so that it is evaluated once for equal arguments."""
        return bool(self.node.decorators)


@frozen(eq=False)
class Tables:
    """What is known of the expressions of one file, by their `node_id`."""

    types: dict[int, Type] = field(factory=dict)
    targets: dict[int, ApplyTarget] = field(factory=dict)
    """What each `Apply` applies."""
    references: dict[int, CheckedFunction | NativeTarget | RecordType | ModuleConstant] = field(factory=dict)
    """What each `Name`, or `Attribute` of a module, refers to that is given where a function is expected, unless it is
    a parameter, and the constants of modules."""
    written_out: dict[int, nodes.Lambda] = field(factory=dict)
    """The lambda that means the same as an `Attribute` that is given where a function is expected: `lambda x: d[x]` for
    `d.get` as a key, `lambda x: x.lower()` for `str.lower`, `lambda x: math.sqrt(x)` for `math.sqrt`."""
    spread: dict[int, nodes.Apply] = field(factory=dict)
    """Applications of functions of the program with one argument for each parameter, where `*args` or a starred
    argument is among those that are written."""
    answers: dict[int, Type] = field(factory=dict)
    """The type of what the model answers to each `Call`; with `default=None`, the value may be None as well."""
    decided: dict[int, bool] = field(factory=dict)
    """The value of each test (`isinstance`, `is None`, and what `not`, `and` and `or` make of them) that its types
    decide. It is evaluated like any other, but what it rules out is not checked: a branch of an `if` or of a
    conditional expression, and the right operand of `and` and `or`."""
    widened: dict[int, frozenset[str]] = field(factory=dict)
    """The changes that give a variable a wider type, by the start of their span, with the variables that have it: the
    one that is changed, and those that its value was taken out of."""
    unreached: set[int] = field(factory=set)
    """The statements that can never be reached, by the start of their span. They are not checked: nothing is known of
    the expressions in them."""

    def copy(self) -> Tables:
        """Return tables that can be added to without changing these."""
        return Tables(**{part.name: copy(getattr(self, part.name)) for part in fields(Tables)})


@frozen(eq=False)
class Checked:
    """A program that checked: it can be costed and run."""

    module: nodes.Module
    inputs: dict[str, Type]
    records: dict[str, RecordType]
    type: Type
    tables: Tables
    entry: CheckedFunction | None = None
    """The last `def`, if the program is a function: the inputs are its arguments, and its result is the value."""
    notes: tuple[Diagnostic, ...] = ()
    """What is no mistake but worth knowing, such as statements that were left out."""
    host: Mapping[str, CheckedFunction] = field(factory=dict)
    """The functions of the host that it declares, by name."""


def positional(signature: Signature, count: int) -> list[Parameter]:
    """Return the parameters that `count` positional arguments go to."""
    params = [param for param in signature.params if not param.keyword_only]
    if params and params[-1].variadic:
        params.extend([params[-1]] * (count - len(params)))
    return params[:count]


def applied_functions(*tables: Tables) -> dict[CheckedFunction, None]:
    """Return all functions that are applied in tables, or in those of such functions, in the order they are found."""
    found: dict[CheckedFunction, None] = {}
    due = list(tables)
    while due:
        each = due.pop()
        targets = [target.function for target in each.targets.values() if isinstance(target, FunctionTarget)]
        references = [function for function in each.references.values() if isinstance(function, CheckedFunction)]
        for function in (*targets, *references):
            if function not in found:
                found[function] = None
                due.append(function.tables)
    return found
