"""Compile applications of functions of the host, which start like CALLs: as soon as their arguments are known."""

from __future__ import annotations

from rlmlang.errors import RlmError
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.source import Span
from rlmlang.runtime.aliases import levels
from rlmlang.runtime.call_site import CallSite
from rlmlang.runtime.closures import Compiler, RuntimeFunction
from rlmlang.runtime.frames import Frame, charge
from rlmlang.runtime.pending import UNRESOLVED, copied, resolved
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.steps import APPLICATION
from rlmlang.runtime.values import Value


def apply_host(compiler: Compiler, checked: CheckedFunction, span: Span) -> RuntimeFunction:
    """Compile an application of a function of the host, which is written at `span`."""
    name, names = checked.node.name.id, tuple(param.name.id for param in checked.node.params)
    within = compiler.scope.within or compiler.binding
    at = CallSite.of_function(span, checked.result, names, checked.params, within)
    kept = [levels(type_) if compiler.changes else 0 for type_ in checked.params]
    shared = levels(checked.result) if compiler.changes else 0

    def ask(given: list[Value], frame: Frame, place: Place) -> Value:
        meter = frame.evaluation.meter
        try:
            meter.walk(*given)
            result = frame.evaluation.call(at, (name, *given), 0, place)
        except RlmError as error:
            raise PlacedError(error.at(span), place) from None
        return copied(result, shared, meter)  # equal applications share a result

    def function(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
        charge(caller, APPLICATION, span, site, turn)
        place, meter = Place(caller, site, turn), caller.evaluation.meter
        given = [copied(resolved(arg), size, meter) for arg, size in zip(args, kept)]
        if any(value.__class__ in UNRESOLVED for value in given):
            return caller.evaluation.defer(given, place, lambda: ask([*map(resolved, given)], caller, place))
        return ask(given, caller, place)

    return function
