"""Emit operators: Python's own where types allow it, with what the reference checks and charges around them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import partial, reduce

from rlmlang.language import nodes
from rlmlang.language.source import Span
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import METER, Emitter, emits
from rlmlang.runtime.emit.facts import FREE_CHARS, SAFE_BITS, SMALL, Emitted
from rlmlang.runtime.emit.metering import charge_items, charge_sum, charge_text
from rlmlang.runtime.emit.parts import replayable
from rlmlang.runtime.emit.unit import CannotEmit, Redo
from rlmlang.runtime.operators import COMPARISONS, OPERATORS

_NUMBERS = ("int", "float", "bool")
_WHOLE = ("int", "bool")
_HASHED = ("dict", "set")
_SCALARS = ("int", "float", "bool", "None")


@emits(nodes.Unary)
def unary(e: Emitter, node: nodes.Unary) -> Emitted:
    operand = e.expr(node.operand)
    if node.op == "not":
        return Emitted(python.negated(operand.code))
    if node.op == "+":
        return operand
    if e.kind(node.operand) in _NUMBERS:
        code: ast.expr = ast.UnaryOp(python.UNARY[node.op], operand.code)
        bits = _bits(operand, e.kind(node.operand))
        if e.kind(node.operand) != "int" or (bits is not None and bits < SAFE_BITS):
            return Emitted(code, None if bits is None else bits + 1)
        return Emitted(_within(e, code, SMALL, "finite", node.span))
    raise CannotEmit(f"unary {node.op}")  # of a value that cannot be there


@emits(nodes.Binary)
def binary(e: Emitter, node: nodes.Binary) -> Emitted:
    left, right = e.operands([node.left, node.right])
    return operation(e, node, left, right, (e.kind(node.left), e.kind(node.right)))


def operation(
    e: Emitter, node: nodes.Binary | nodes.AugmentedAssign, left: Emitted, right: Emitted, kinds: tuple[str, str]
) -> Emitted:
    """Emit an operation on two values of these kinds."""
    op, work = node.op, OPERATORS[node.op]
    if e.fast is None and op == "+" and kinds in (("str", "str"), ("list", "list"), ("tuple", "tuple")):
        return _joined_sequences(e, node, left, right, kinds[0] == "str")
    if kinds[0] not in _NUMBERS or kinds[1] not in _NUMBERS or op not in _BITS:
        return Emitted(e.helper(work, left.code, right.code, span=node.span))
    if op == "**" and not _is_small_power(left, right):
        return Emitted(e.helper(work, left.code, right.code, span=node.span))
    integers = kinds[0] in _WHOLE and kinds[1] in _WHOLE
    a, b = replayable(e, left, right)
    operated = python.binary(a, op, b)
    code: ast.expr = operated
    if op in ("&", "|", "^") and kinds == ("bool", "bool"):
        return Emitted(code)
    bits = _BITS[op](_bits(left, kinds[0]), _bits(right, kinds[1]), right.code) if integers else None
    if op in ("/", "//", "%") or not integers or op == "**":  # what may fail by itself
        python.located(code, e.line(node.span, Redo(work, (a, b))))
    if integers and op in ("//", "%") and not any(each.bits is not None and each.bits < 64 for each in (left, right)):
        code = _divided(e, op, a, operated, node.span)
    elif integers and op == "//" and bits is None:
        return Emitted(_within(e, code, SMALL, "finite", node.span))
    if _is_within(op, integers, bits):
        return Emitted(code, bits)
    if integers:
        return Emitted(_within(e, code, SMALL, "finite_product" if op in ("*", "**") else "finite", node.span))
    again = e.helper(work, deepcopy(a), deepcopy(b), span=node.span)  # which fails, or computes with infinities
    return Emitted(_in_range(e, code, sys.float_info.max, lambda result: again))


def _within(e: Emitter, code: ast.expr, limit: float, check: str, span: Span) -> ast.expr:
    """Return code of a number that is checked, and charged, if it is larger than a limit."""

    def checked(result: ast.expr) -> ast.expr:
        call = python.call(check, python.load(METER), result)
        python.located(call, e.line(span))
        return call

    return _in_range(e, code, limit, checked)


def _in_range(e: Emitter, code: ast.expr, limit: float, otherwise: Callable[[ast.expr], ast.expr]) -> ast.expr:
    """Return code of a number, or of something else if it is larger than a limit."""
    result = e.unit.fresh("t")
    bound = ast.NamedExpr(python.store(result), code)
    in_range = ast.Compare(python.const(-limit), [ast.LtE(), ast.LtE()], [bound, python.const(limit)])
    return ast.IfExp(in_range, python.load(result), otherwise(python.load(result)))


def _divided(e: Emitter, op: str, a: ast.expr, code: ast.BinOp, span: Span) -> ast.expr:
    """Return code of a division of ints that may be large, and then cost more."""
    first = e.unit.fresh("t")
    in_range = ast.Compare(
        python.const(-SMALL),
        [ast.LtE(), ast.LtE()],
        [ast.NamedExpr(python.store(first), a), python.const(SMALL)],
    )
    code.left = python.load(first)
    charged = python.call(
        "quotient" if op == "//" else "remainder", python.load(METER), python.load(first), deepcopy(code.right)
    )
    python.located(charged, e.line(span))
    return ast.IfExp(in_range, code, charged)


def _joined_sequences(
    e: Emitter, node: nodes.Binary | nodes.AugmentedAssign, left: Emitted, right: Emitted, texts: bool
) -> Emitted:
    left, right = e.in_order([partial(e.simple, left), partial(e.simple, right)])
    charged = charge_text if texts else charge_items
    charged(e, _plus(_length(left), _length(right)), node.span)
    chars = None if left.chars is None or right.chars is None else left.chars + right.chars
    return Emitted(python.binary(python.again(left.code), "+", python.again(right.code)), chars=chars)


def _is_within(op: str, integers: bool, bits: int | None) -> bool:
    """Return whether a result needs no check: it is never larger than its operands, or known to be small."""
    if integers:
        return op in ("/", "//", "%") or (bits is not None and bits <= SAFE_BITS)
    return False


def _is_small_power(left: Emitted, right: Emitted) -> bool:
    exponent = _exponent(right.code)
    return exponent is not None and left.bits is not None and left.bits * exponent <= SAFE_BITS


def _exponent(code: ast.expr) -> int | None:
    """Return the exponent, if it is a constant that is not negative."""
    value = code.value if isinstance(code, ast.Constant) else None
    return value if isinstance(value, int) and value >= 0 else None


def _bits(value: Emitted, kind: str) -> int | None:
    return 1 if kind == "bool" else value.bits


def _sum_bits(a: int | None, b: int | None, right: ast.expr) -> int | None:
    return None if a is None or b is None else max(a, b) + 1


def _product_bits(a: int | None, b: int | None, right: ast.expr) -> int | None:
    return None if a is None or b is None else a + b


def _larger_bits(a: int | None, b: int | None, right: ast.expr) -> int | None:
    return None if a is None or b is None else max(a, b) + 1


def _power_bits(a: int | None, b: int | None, right: ast.expr) -> int | None:
    exponent = _exponent(right)
    return None if a is None or exponent is None else a * exponent + 1


_BITS = {
    "+": _sum_bits,
    "-": _sum_bits,
    "*": _product_bits,
    "/": lambda a, b, right: None,
    "//": lambda a, b, right: None if a is None else a + 1,
    "%": lambda a, b, right: b,
    "**": _power_bits,
    "&": _larger_bits,
    "|": _larger_bits,
    "^": _larger_bits,
}
"""The bits of the results of arithmetic, from those of the operands."""


@emits(nodes.Compare)
def compare(e: Emitter, node: nodes.Compare) -> Emitted:
    exprs = [node.first, *(operand for _, operand in node.rest)]
    ops = [op for op, _ in node.rest]
    parts = [e.apart(expr, in_any_case=i < 2) for i, expr in enumerate(exprs)]
    if len(ops) > 1:
        if all(e.kind(expr) in _SCALARS for expr in exprs) and not any(block for block, _ in parts[2:]):
            left, right = _joined(e, parts[:2])
            rest = [right, *(value for _, value in parts[2:])]
            return Emitted(ast.Compare(left.code, [python.COMPARE[op] for op in ops], [each.code for each in rest]))
        return _chain(e, node, exprs, ops, parts)
    left, right = _joined(e, parts)
    return Emitted(_comparison(e, node, ops[0], left, right, (e.kind(exprs[0]), e.kind(exprs[1]))))


def _joined(e: Emitter, parts: list[tuple[list[ast.stmt], Emitted]]) -> list[Emitted]:
    """Add what two operands need, which have been emitted apart."""

    def add(part: tuple[list[ast.stmt], Emitted]) -> Emitted:
        e.extend(part[0])
        return part[1]

    return e.in_order([partial(add, part) for part in parts])


def _chain(
    e: Emitter,
    node: nodes.Compare,
    exprs: list[nodes.Expr],
    ops: list[str],
    parts: list[tuple[list[ast.stmt], Emitted]],
) -> Emitted:
    """Emit a chain of comparisons, in which each operand is evaluated once, and only as long as the chain holds."""
    result = e.unit.fresh("t")
    left, right = map(e.simple, _joined(e, parts[:2]))
    outer = e.block
    for i, op in enumerate(ops):
        if i > 0:
            block: list[ast.stmt] = []
            e.add(ast.If(python.load(result), block, []))  # what follows is added to the block
            e.block = block
            left = Emitted(python.again(right.code), right.bits, right.chars)
            e.extend(parts[i + 1][0])
            right = e.simple(parts[i + 1][1])
        kinds = e.kind(exprs[i]), e.kind(exprs[i + 1])
        e.add(python.assign(result, _comparison(e, node, op, left, right, kinds)))
    e.block = outer
    return Emitted(python.load(result))


def _comparison(
    e: Emitter, node: nodes.Compare, op: str, left: Emitted, right: Emitted, kinds: tuple[str, str]
) -> ast.expr:
    """Return code of one comparison, which costs as much as its operands are large."""
    if op in ("is", "is not"):
        return python.compare(e.no_literal(left.code), op, right.code)
    if kinds[0] in _SCALARS and kinds[1] in (*_SCALARS, *_HASHED):
        return python.compare(left.code, op, right.code)
    if kinds[1] in _HASHED and kinds[0] == "str" and op in ("in", "not in"):
        right = Emitted(right.code, chars=0)  # only the hash of the text is looked at
        kinds = "str", "str"
    if kinds != ("str", "str"):
        return e.helper(COMPARISONS[op], left.code, right.code, span=node.span)
    if left.is_short and right.is_short:
        return python.compare(left.code, op, right.code)
    left, right = e.in_order([partial(e.simple, left), partial(e.simple, right)])
    long = [each for each in (left, right) if not each.is_short]
    is_long: list[ast.expr] = [python.compare(_length(each), ">", python.const(FREE_CHARS)) for each in long]
    sizes: list[ast.expr] = [python.binary(_length(each), "//", python.const(FREE_CHARS + 1)) for each in long]
    steps = reduce(_plus, sizes)
    reference = e.helper(COMPARISONS[op], python.again(left.code), python.again(right.code), span=node.span)
    any_long = is_long[0] if len(is_long) == 1 else ast.BoolOp(python.OR, is_long)
    if e.fast is not None:
        return ast.IfExp(any_long, reference, python.compare(left.code, op, right.code))
    charged: list[ast.stmt] = []
    with e.within(charged):
        charge_sum(e, steps, reference)
    e.add(python.when(any_long, charged))
    return python.compare(left.code, op, right.code)


def _length(text: Emitted) -> ast.expr:
    return python.call("len", python.again(text.code))


def _plus(a: ast.expr, b: ast.expr) -> ast.expr:
    return python.binary(a, "+", b)
