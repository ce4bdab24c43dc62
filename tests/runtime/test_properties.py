"""Properties that every well-typed program has: of its text, its value, its cost and its budget."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

from rlmlang import testing
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.limits import Limits
from rlmlang.calls.prices import Price
from rlmlang.errors import BudgetError, ModelError, RunError
from rlmlang.language.check import check
from rlmlang.language.parse import parse
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import canonical, to_json
from rlmlang.storage.store import Store
from rlmlang.testing import Case, echo_model, programs
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Shuffled
from tests.support.oracle import ERRORS, LIMITS, evaluate, exact_text

# Texts ---------------------------------------------------------------------------


@given(programs())
def test_formatting_keeps_the_tree(case: Case) -> None:
    tree = parse(Source(case.text))
    text = format_module(tree)
    note(text)
    assert parse(Source(text)) == tree


@given(programs())
def test_formatting_twice_is_formatting_once(case: Case) -> None:
    text = format_module(parse(Source(case.text)))
    note(text)
    assert format_module(parse(Source(text))) == text


@given(programs())
def test_formatting_keeps_the_comments(case: Case) -> None:
    tree = parse(Source(case.text))
    text = format_module(tree)
    assert [c.text for c in parse(Source(text)).comments] == [c.text for c in tree.comments]


class _Flat(ast.NodeTransformer):
    """Makes `(a or b) or c` of Python's tree the same as `a or b or c`."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        first = node.values[0]
        if isinstance(first, ast.BoolOp) and type(first.op) is type(node.op):
            node.values[:1] = first.values
        return node


@given(programs())
def test_python_accepts_every_program(case: Case) -> None:
    """Python accepts it as written and as formatted, and parses both to the same tree."""
    text = format_module(parse(Source(case.text)))
    written, formatted = (ast.dump(_Flat().visit(ast.parse(each))) for each in (case.text, text))
    assert written == formatted


@given(programs())
def test_well_typed_programs_check(case: Case) -> None:
    checked = check(Source(case.text))
    again = check(Source(format_module(checked.module)))
    assert again.type == checked.type
    assert again.inputs == checked.inputs


# Values --------------------------------------------------------------------------


def outcome(case: Case, **options: Any) -> tuple[str, Any]:
    """Return the value as text, or the code and place of the error."""
    try:
        result = testing.run(case, **options)
    except (RunError, BudgetError, ModelError) as error:
        first = error.first
        assert first.span is not None or isinstance(error, BudgetError)
        return first.code, (first.span.line, first.span.column) if first.span else None
    return "value", exact_text(result.value)


def agrees_with_python(case: Case) -> str:
    """Compare the value with CPython's. Returns the code of the error, or `value`."""
    code, value = outcome(case)
    if code in LIMITS:
        return code
    try:
        expected = exact_text(evaluate(case.text, case.inputs))
    except tuple(ERRORS) as error:
        assert code in ERRORS[type(error)], repr(error)
    else:
        assert (code, value) == ("value", expected)
    return code


@given(programs(calls=False))
def test_the_pure_fragment_means_what_python_says(case: Case) -> None:
    """So do 20,000 programs in `test_random_programs.py`."""
    event(agrees_with_python(case))


@given(programs(calls=False, depth=5, statements=2))
def test_deep_expressions_mean_what_python_says(case: Case) -> None:
    event(agrees_with_python(case))


@given(programs())
def test_a_value_is_of_the_programs_type(case: Case) -> None:
    program = case.compile()
    code, _ = outcome(case)
    assume(code == "value")
    value = testing.run(case).value
    again = from_json(json.loads(canonical(value)), program.type)
    assert canonical(again) == canonical(value)


# Calls ---------------------------------------------------------------------------


class Failing(Shuffled):
    """The echo model that answers out of order, and always fails the same calls."""

    capabilities = Capabilities()

    def __init__(self, seed: int, share: int, concurrency: int = 8) -> None:
        super().__init__(lambda request: None, seed, concurrency=concurrency, context=1_000_000)
        self.echo = echo_model()
        self.share = share

    async def generate(self, request: Request) -> Reply:
        await self.wait(request)
        reply = await self.echo.generate(request)
        if self.share and len(reply.text) % self.share == 0:
            raise ModelError.of("E404", f"refused: {reply.text}")
        return reply


@given(programs(), st.integers(0, 2**32), st.sampled_from([0, 2, 3]), st.integers(1, 3))
def test_the_timing_of_answers_changes_nothing(case: Case, seed: int, share: int, depth: int) -> None:
    """Nor does the number of calls at a time: neither the value nor which error is reported."""
    limits = Limits(max_depth=depth, max_calls=10_000)
    serial = outcome(case, model=Failing(0, share, concurrency=1), limits=limits)
    event(serial[0])
    assert outcome(case, model=Failing(seed, share), limits=limits) == serial
    assert outcome(case, model=Failing(seed + 1, share, concurrency=2), limits=limits) == serial


@given(programs())
def test_the_memo_changes_nothing(case: Case) -> None:
    many = Limits(max_calls=100_000)
    with_memo = outcome(case, limits=many)
    assert outcome(case, limits=many, memo=False) == with_memo


@given(case=programs())
def test_a_store_makes_the_second_run_free(case: Case, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "s")
    try:
        first = outcome(case, store=store)
        assume(first[0] == "value")
        trace = Trace()
        assert outcome(case, store=store, trace=trace) == first
        assert trace.usage.calls == 0
    finally:
        store.close()


@given(programs(depth=2), st.integers(1, 3))
def test_programs_that_callees_write_give_values_of_the_type(case: Case, depth: int) -> None:
    code, _ = outcome(case, limits=Limits(max_depth=depth))
    event(code)
    assert code in {"value"} | set().union(*ERRORS.values()) | LIMITS | {"E501", "E508"}


# Cost and budget -----------------------------------------------------------------


PRICES = {"*": Price(input=2, output="0.4", cached=0.000001)}


@given(programs(), st.integers(1, 2))
def test_what_a_run_takes_lies_within_its_estimate(case: Case, depth: int) -> None:
    limits = Limits(max_depth=depth)
    model = echo_model()
    code, _ = outcome(case, limits=limits, model=model)
    assume(code == "value")
    cost = case.compile().cost(limits=limits, model=model, prices=PRICES, **case.inputs)
    result = testing.run(case, model=model, limits=limits, prices=PRICES)
    names = ("calls", "prompt_tokens", "completion_tokens", "cost", "steps", "bytes")
    taken = {name: getattr(result.usage, name) for name in names}
    taken["depth"] = max((record.level for record in result.trace.calls), default=0)
    event(f"calls {min(taken['calls'], 5)}")
    for name, value in taken.items():
        low, high = getattr(cost, name)
        assert low <= value, name
        assert high is None or value <= high, name


ROLE_PRICES = {"echo": Price(input=20, output=4), "cheap": Price(input=1, output="0.2")}


@given(programs(), st.integers(1, 2))
def test_what_two_models_take_lies_within_the_estimate(case: Case, depth: int) -> None:
    """A leaf costs its own model's price, be it of the program or below a call that a program answers."""
    cheap = echo_model()
    cheap.name, cheap.identity = "cheap", '{"kind": "cheap"}'
    models: dict[str, Any] = {
        "model": echo_model(), "models": {"leaf": cheap}, "prices": ROLE_PRICES, "limits": Limits(max_depth=depth),
    }  # fmt: skip
    code, _ = outcome(case, **models)
    assume(code == "value")
    cost = case.compile().cost(**models, **case.inputs)
    result = testing.run(case, **models)
    low, high = cost.cost
    assert result.usage.cost is not None
    assert low <= result.usage.cost
    assert high is None or result.usage.cost <= high
    for record in result.trace.calls:
        price = ROLE_PRICES[record.model]
        assert record.model == ("cheap" if record.level == depth else "echo")
        if record.cost is not None:
            assert record.cost == price.of(record.prompt_tokens, record.completion_tokens)


@given(programs())
def test_each_place_that_calls_is_costed_by_itself(case: Case) -> None:
    code, _ = outcome(case)
    assume(code == "value")
    result = testing.run(case, memo=False)
    cost = case.compile().cost(**case.inputs)
    made: dict[int, int] = {}
    for record in result.trace.calls:
        made[record.span.start] = made.get(record.span.start, 0) + 1
    bounds = {site.span.start: site.calls for site in cost.sites}
    for start, count in made.items():
        low, high = bounds.get(start, (0, 0))
        assert low <= count
        assert high is None or count <= high


limits_ = st.builds(
    Limits,
    max_calls=st.none() | st.integers(0, 6),
    max_depth=st.integers(0, 2),
    max_prompt_tokens=st.none() | st.integers(0, 12) | st.integers(0, 60),
    max_completion_tokens=st.none() | st.integers(0, 8) | st.integers(0, 40),
    max_cost=st.none() | st.sampled_from([0.0, 0.00001, 0.00005, 0.0001]),
    max_share=st.sampled_from([1.0, 0.5, 0.2]),
    max_answer_tokens=st.integers(1, 40),
    max_steps=st.sampled_from([50, 1_000, 5_000_000]),
    max_bytes=st.sampled_from([100, 32_000_000]),
    concurrency=st.none() | st.integers(1, 4),
)


class Stingy(Shuffled):
    """The echo model whose answers are truncated to the tokens granted, as those of real models are."""

    async def generate(self, request: Request) -> Reply:
        await self.wait(request)
        reply = await echo_model().generate(request)
        if reply.completion_tokens <= request.max_tokens:
            return reply
        return Reply(reply.text[:1], reply.prompt_tokens, request.max_tokens, "length")

    def count_tokens(self, request: Request) -> int:
        return echo_model().count_tokens(request)


@given(programs(), limits_, st.integers(0, 2**32))
def test_no_budget_is_ever_exceeded(case: Case, limits: Limits, seed: int) -> None:
    trace = Trace()
    model = Stingy(lambda request: None, seed, context=1_000_000)
    code, _ = outcome(case, model=model, limits=limits, trace=trace, prices=PRICES)
    event(code)
    usage = trace.usage
    exact = Decimal(str(limits.max_cost or 0))
    assert limits.max_cost is None or (usage.cost is not None and usage.cost <= exact)
    for limit, used in (
        (limits.max_calls, usage.calls),
        (limits.max_prompt_tokens, usage.prompt_tokens),
        (limits.max_completion_tokens, usage.completion_tokens),
    ):
        assert limit is None or used <= limit
    assert all(record.level <= limits.max_depth for record in trace.calls)
    assert trace.active == {}


# Strategies ----------------------------------------------------------------------


@given(testing.types().flatmap(lambda t: st.tuples(st.just(t), testing.values(t))))
def test_values_survive_as_json_and_as_program_text(pair: tuple[Type, Any]) -> None:
    type_, value = pair
    assert to_json(from_json(json.loads(canonical(value)), type_)) == to_json(value)
    program = Case(f"x: {type_} = {testing.literal_text(value)}\nx")
    result = program.compile().run()
    assert exact_text(result.value) == exact_text(value)


@given(testing.types().flatmap(lambda t: st.tuples(st.just(t), testing.values(t))))
def test_values_survive_as_answers(pair: tuple[Type, Any]) -> None:
    type_, value = pair
    assume(AnswerFormat.of(type_).style == "json")
    assert exact_text(AnswerFormat.of(type_).read(canonical(value))) == exact_text(value)
    json.dumps(AnswerFormat.of(type_).schema)


@given(testing.types().flatmap(lambda t: st.tuples(st.just(t), testing.expressions(t, calls=False))))
def test_expressions_fit_their_type(pair: tuple[Type, str]) -> None:
    type_, text = pair
    check(Source(f"def f() -> {type_}:\n    return {text}\nf()"))


def test_the_echo_model_answers_alike_and_by_sample() -> None:
    program = Case('[CALL("a", 1), CALL("a", 1, sample=1), CALL("a", 1)]').compile()
    first, second, third = program.run(model=echo_model()).value
    assert first == third
    assert program.run(model=echo_model(1)).value == [first, second, third]
    assert len({program.run(model=Fake(lambda request: str(request.sample))).value[i] for i in (0, 1)}) == 2
