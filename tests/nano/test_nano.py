"""The built-in model: its tasks, tokens, grammar and weights, and runs of it like of any other model."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import rlmlang
from benchmarks.nano.evaluate import measure, request_of, sweep
from benchmarks.nano.problems import PROBLEMS
from rlmlang.calls.limits import Limits
from rlmlang.calls.prompt import program_header
from rlmlang.cli import main
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary, open_vocabulary
from rlmlang.errors import BudgetError, ModelError, UsageError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import STR, ListType, Type
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.models.local.weights import digest
from rlmlang.models.registry import open_model
from rlmlang.nano import tokens
from rlmlang.nano.engine import WEIGHTS, NanoModel
from rlmlang.nano.grammar import Writer
from rlmlang.nano.model import NanoTransformer
from rlmlang.nano.tasks import TASKS, contexts, prompt, visible
from rlmlang.runtime.values import Value
from rlmlang.storage.store import Store
from tests.support.library import ASSERTIONS, Assertion
from tests.support.places import ROOT

pytestmark = pytest.mark.heavy

CONTEXTS = list(contexts())
NUMBERS = st.integers(0, 10**12).map(str)


class Perfect:
    """Writes the programs of `tasks`, in the contexts of `contexts`."""

    name = identity = "perfect"
    context = 10_000
    concurrency = 8
    capabilities = Capabilities(free=True, recursive=True)

    def __init__(self) -> None:
        self.known = {(task.name, shown): text for task, shown, text in CONTEXTS}

    def count_tokens(self, request: Request) -> int:
        return 1

    async def generate(self, request: Request) -> Reply:
        shown = tuple(visible(value) for _, value in request.arguments)
        return Reply(self.known[request.instruction, shown], 1, 1, "stop")

    async def aclose(self) -> None:
        pass


DEEP = Limits(max_depth=100_000, max_calls=None, max_steps=10**10)


# Tasks and their programs ------------------------------------------------------------


MOST = {"modpow": 3, "fibonacci": 60, "knapsack": 6, "matrix_chain": 5, "sat": 5, "qbf": 6, "zebra": 2}
"""The largest size that is tried of a problem, where it is not 9."""


@pytest.mark.parametrize("name", PROBLEMS)
@given(data=st.data(), draw=st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_programs_are_right(name: str, data: st.DataObject, draw: random.Random) -> None:
    problem = PROBLEMS[name]
    program = problem.compiled()
    size = data.draw(st.integers(1, MOST.get(name, 9)))
    inputs = problem.inputs(draw, size)
    if name in ("add", "sub", "mul", "compare"):  # of any lengths, and zero
        inputs = data.draw(st.tuples(NUMBERS, NUMBERS))
    found = program.run(dict(zip(program.inputs, inputs)), model=Perfect(), limits=DEEP)
    assert found.value == problem.solve(*inputs)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('sort([])', []),
        ('total([])', "0"),
        ('total(["5"])', "5"),
        ('lcs("", "ab")', "0"),
        ('lps("")', "0"),
        ('lps("a+b-c-b+a")', "9"),
        ('knapsack([], [], "9")', "0"),
        ('knapsack(["10"], ["7"], "9")', "0"),
        ('matrix_chain(["10", "30"])', "0"),
        ('modpow("7", "0", "1")', "0"),
        ('fibonacci("0")', "0"),
        ('boolean("1")', "1"),
        ('boolean("!!((0 > 1) = !(1 ^ 1))")', "1"),
        ('sat([])', "1"),
        ('sat(["+a", "-a"])', "0"),
        ('qbf("AaEb", ["+a-b", "-a+b"])', "1"),
        ('qbf("EaAb", ["+a-b", "-a+b"])', "0"),
        ('zebra(["=a1", "=b1"])', []),
        ('zebra(["{ab", "}ab"])', []),
    ],
)  # fmt: skip
def test_small_and_odd_problems(text: str, value: Value) -> None:
    assert rlmlang.compile(text + "\n").run(model=Perfect(), limits=DEEP).value == value


def test_contexts_are_few_and_short() -> None:
    assert 8_000 < len(CONTEXTS) < 10_000
    assert len({prompt(task.name, shown) for task, shown, _ in CONTEXTS}) == len(CONTEXTS)
    assert max(len(tokens.encode(prompt(task.name, shown) + text)) for task, shown, text in CONTEXTS) < 60


@pytest.mark.parametrize(
    ("value", "shown"),
    [("", '""'), ("7", '"7"'), ("12", "str[]"), ("1" * 99, "str[]"), ([], "[]"), (["12"], "[.]"), (["1"] * 9, "list[]")],
)  # fmt: skip
def test_only_short_arguments_are_visible(value: Value, shown: str) -> None:
    assert visible(value) == shown


# Tokens ------------------------------------------------------------------------------


def test_tokens_are_the_texts_that_they_represent() -> None:
    for task, shown, text in CONTEXTS:
        whole = prompt(task.name, shown) + text
        assert tokens.decode(tokens.encode(whole)) == whole


@pytest.mark.parametrize("text", ["x", 'len("1")', '"add" ', "arg9"])
def test_other_texts_have_no_tokens(text: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        tokens.encode(text)


def test_the_tokenizer_of_the_weights_is_the_same() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    assert tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))) == list(tokens.TOKENS)
    for task, shown, text in CONTEXTS[::7]:
        whole = prompt(task.name, shown) + text
        assert tokenizer.encode(whole) == tokens.encode(whole)
        assert tokenizer.decode(tokens.encode(whole)) == whole


# What may be written -----------------------------------------------------------------


def writer(task: str) -> Writer:
    kinds = TASKS[task].kinds
    return Writer.of(
        {name: TASKS[task].takes(i) for i, name in zip(range(len(kinds)), tokens.NAMES)}, TASKS[task].gives
    )


def header(task: str, shown: Sequence[str]) -> str:
    request = request_of(task, shown)
    return program_header(request.arguments, request.type)


def type_of(task: str) -> Type:
    return STR if TASKS[task].gives == "str" else ListType(STR)


def test_the_right_programs_may_be_written() -> None:
    for task, _, text in CONTEXTS:
        writing = writer(task.name)
        for token in [*tokens.encode(text), tokens.NUMBERS[tokens.END]]:
            assert token in writing.allowed(), text
            writing.write(token)
        assert writing.done


@given(st.sampled_from(sorted(TASKS)), st.randoms(use_true_random=False))
def test_whatever_may_be_written_checks(task: str, random: Any) -> None:
    writing, written = writer(task), []
    while not writing.done and len(written) < 300:
        allowed = [int(token) for token in writing.allowed()]
        closing = [token for token in allowed if tokens.TOKENS[token] in (")", ", ", "\n", tokens.END, '""', "arg1")]
        written.append(random.choice(closing if closing and len(written) > 40 else allowed))
        writing.write(written[-1])
    if writing.done:
        text = tokens.decode(written[:-1])
        shown = next(shown for each, shown, _ in CONTEXTS if each.name == task)
        check(Source(header(task, shown) + text + "\n"), type_of(task))


def test_the_masks_of_the_language_take_nano_s_programs() -> None:
    """By the tokens of nano, and some of them byte by byte."""
    one_of_each = {task.name: (shown, text) for task, shown, text in CONTEXTS}
    own = open_vocabulary(str(WEIGHTS))
    for i, (task, (shown, text)) in enumerate(one_of_each.items()):
        constraint = Constraint(header(task, shown), type_of(task))
        ways = [(own, tokens.encode(text)), (Vocabulary.of_bytes(), list(text.encode()))]
        for vocabulary, written in ways[: 2 if i % 6 == 0 else 1]:
            matcher = Matcher(constraint, vocabulary, 400)
            for token in written:
                assert matcher.allows(token), (text, vocabulary.bytes_of(token))
                matcher.commit(token)
            assert matcher.allows(tokens.NUMBERS["\n"] if vocabulary is own else ord("\n"))


# The transformer ---------------------------------------------------------------------


def test_it_calculates_what_transformers_does() -> None:
    import torch
    from transformers import LlamaForCausalLM

    theirs, ours = LlamaForCausalLM.from_pretrained(WEIGHTS), NanoTransformer(WEIGHTS)
    texts = [np.array(tokens.encode(prompt(task.name, shown) + text)) for task, shown, text in CONTEXTS[::400]]
    memory = ours.new_cache(len(texts))
    rows = np.concatenate([np.full(len(text), i) for i, text in enumerate(texts)])
    places = np.concatenate([np.arange(len(text)) for text in texts])
    found = ours.logits(ours.read(np.concatenate(texts), rows, places, memory))
    with torch.no_grad():
        expected = np.concatenate([theirs(torch.tensor(text)[None]).logits[0].numpy() for text in texts])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_pieces_are_read_like_the_whole() -> None:
    model = NanoTransformer(WEIGHTS)
    text = np.array(max((tokens.encode(text) for _, _, text in CONTEXTS), key=len))
    zeros = np.zeros(len(text), dtype=int)
    whole = model.read(text, zeros, np.arange(len(text)), model.new_cache(1))
    memory = model.new_cache(3)
    for start, end in ((0, 5), (5, 6), (6, len(text))):
        piece = model.read(text[start:end], zeros[start:end] + 2, np.arange(start, end), memory)
        np.testing.assert_allclose(piece, whole[start:end], atol=1e-4)


@pytest.mark.parametrize("damage", ["", "{", '{"hidden_size": 1}', "[]"])
def test_damaged_weights_are_reported(damage: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((WEIGHTS / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError) as caught:
        NanoModel(tmp_path)
    (tmp_path / "config.json").write_text(damage)
    with pytest.raises(ModelError) as other:
        NanoModel(tmp_path)
    assert (caught.value.first.code, other.value.first.code) == ("E407", "E407")


# The weights -------------------------------------------------------------------------


def test_the_weights_are_those_of_the_log() -> None:
    log = json.loads((WEIGHTS / "training.json").read_text())
    assert log["sha256"] == digest(WEIGHTS / "model.safetensors")
    assert log["log"][-1]["wrong"] == 0
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 2_000_000


def test_every_context_is_answered_rightly() -> None:
    assert asyncio.run(sweep(NanoModel())) == []


def test_a_short_training_is_the_same_again(tmp_path: Path) -> None:
    from benchmarks.nano.train import Settings, train

    def trained(name: str, seed: int) -> tuple[int, str]:
        folder = tmp_path / name
        small = Settings(seed=seed, steps=3, facts=16, short=16, long=8, width=16, inner=16, heads=2, sweep=3)
        return train(small, folder), digest(folder / "model.safetensors")

    first, again, other = trained("first", 1), trained("again", 1), trained("other", 2)
    assert first == again
    assert first[1] != other[1]
    assert first[0] > 1000
    unskilled = NanoModel(tmp_path / "first")
    replies = [asyncio.run(unskilled.generate(request_of("add", shown))) for shown in (('""', '""', '"1"'),)]
    assert replies[0].completion_tokens > 0
    assert unskilled.identity != NanoModel().identity


# Runs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "count"),
    [("add", 1, 30), ("add", 100, 3), ("sub", 100, 3), ("mul", 2, 10), ("mul", 16, 2), ("div", 12, 2),
     ("gcd", 6, 2), ("compare", 50, 3), ("sort", 0, 1), ("sort", 60, 1)],
)  # fmt: skip
def test_problems_are_solved(name: str, size: int, count: int) -> None:
    found = asyncio.run(measure(NanoModel(), name, size, count))
    assert found.right == found.of == count
    assert found.context <= 60


def test_a_thousand_digits_are_a_thousand_levels() -> None:
    a, b = "9" * 1000, "1"
    program = PROBLEMS["add"].compiled()
    result = program.run(a=a, b=b, model="nano")
    assert result.value == "1" + "0" * 1000
    assert max(call.level for call in result.trace.calls) > 1000
    assert max(call.prompt_tokens + call.completion_tokens for call in result.trace.calls) <= 60
    with pytest.raises(BudgetError) as caught:
        program.run(a=a, b=b, model="nano", limits=Limits(max_depth=500, max_calls=None, max_steps=10**9))
    assert caught.value.first.code == "E502"


NANO = [each for each in ASSERTIONS if each.id and each.id.split("-")[0] in PROBLEMS]


@pytest.mark.parametrize("assertion", NANO)
def test_the_library_s_assertions_hold_with_nano(assertion: Assertion) -> None:
    assert rlmlang.compile(assertion.text + "\n").run(model="nano").value is True


def test_all_of_the_library_is_tried() -> None:
    assert len(NANO) == len(PROBLEMS)


def test_calls_are_one_call_at_every_depth() -> None:
    result = rlmlang.compile('mul("1234567", "7654321")\n').run(model="nano")
    assert result.value == str(1234567 * 7654321)
    asked = [(call.instruction, call.arguments) for call in result.trace.calls]
    assert len({repr(each) for each in asked}) == len(asked) == result.usage.calls
    assert result.usage.memo_hits > 0


def test_a_run_is_stored_and_replayed(tmp_path: Path) -> None:
    program = rlmlang.compile('mul("123", "45") + add("1", "2")\n')
    store = tmp_path / "answers.db"
    first = program.run(model="nano", store=store)
    again = program.run(model="nano", store=store)
    assert (first.value, again.value) == ("55353", "55353")
    assert again.usage.calls == 0
    kept = Store(store)
    try:
        assert rlmlang.replay(first.run_id, store=kept).value == "55353"
    finally:
        kept.close()


# Calls that nano cannot answer -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('CALL("Sum up", "text")', "no task `Sum up`"),
        ('CALL("add", "1", "2")', "`add` takes 3 arguments, not 2"),
        ('CALL("add", "1", "x", "0")', "does not take what argument 2 is"),
        ('CALL("add", "1", "2", "10")', "does not take what argument 3 is"),
        ('CALL("add", "1", 2, "0")', "does not take what argument 2 is"),
        ('CALL[list[str]]("sort", [1, 2])', "does not take what argument 1 is"),
        ('CALL[int]("add", "1", "2", "0")', "gives a str, not a int"),
        ('div("5", "0")[0]', "does not take what argument 2 is"),
        ('add("12", "3x")', "`sum` does not take what argument 2 is"),
        ('knapsack(["1", "2"], ["3"], "9")', "`knapsack` does not take these arguments together"),
        ('sat([""])', "`qbf` does not take these arguments together"),
        ('boolean("(0|1")', "`boolean` does not take these arguments together"),
        ('lcs("É", "e")', "`same` does not take what argument 1 is"),
    ],
)
def test_other_calls_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ModelError) as caught:
        rlmlang.compile(text + "\n").run(model="nano")
    assert problem in caught.value.first.message


def test_direct_answers_are_refused() -> None:
    with pytest.raises(BudgetError) as caught:
        rlmlang.compile('add("1", "2")\n').run(model="nano", limits=Limits(max_depth=1))
    assert (caught.value.first.code, caught.value.first.hint) == ("E502", "raise max_depth")


def test_programs_are_not_mended() -> None:
    deep = "<answer>:3:1: error[E405]: a program of nano does not work: <answer>:2:8: error[E301]: index 0"
    request = request_of("add", ('"1"', '"2"', '"0"'))
    with pytest.raises(ModelError) as caught:
        asyncio.run(NanoModel().generate(evolve(request, repair=("x", deep))))
    assert caught.value.first.message == "a program of nano does not work: <answer>:2:8: error[E301]: index 0"


def test_calls_that_are_given_up_leave_their_rows() -> None:
    async def main() -> list[str]:
        model = NanoModel()
        requests = [request_of(task.name, shown) for task, shown, _ in CONTEXTS[:200]]
        tasks = [asyncio.ensure_future(model.generate(request)) for request in requests]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        kept = await asyncio.gather(*tasks[1::2])
        assert all(task.cancelled() for task in tasks[::2])
        last = asyncio.ensure_future(model.generate(requests[0]))
        await asyncio.sleep(0)
        await model.aclose()
        with pytest.raises(asyncio.CancelledError):
            await last
        return [reply.text for reply in kept]

    assert asyncio.run(main()) == [text for _, _, text in CONTEXTS[1:200:2]]


# The command line --------------------------------------------------------------------


def test_it_is_a_model_like_others(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "product.rlm"
    file.write_text("a: str\nb: str\nmul(a, b)\n")
    given_ = ["--input", f"a={10**20 + 1}", "--input", "b=99", "--model", "nano", "--no-store", "--json"]
    assert main(["run", str(file), *given_]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value"] == str((10**20 + 1) * 99)
    assert main(["ask", "multiply", *given_]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert asked["value"] == found["value"]
    assert 'CALL("scale", a, b[-1], "0")' in asked["program"]
    assert main(["run", str(file), *given_, "--max-depth", "9"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E502"


def test_its_options_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        open_model("nano:small")
    assert caught.value.first.code == "E605"


# Models that recurse by nature -------------------------------------------------------


class Circling(Perfect):
    """Calls itself in a circle."""

    async def generate(self, request: Request) -> Reply:
        other = {"strip": 'CALL("trim", "0", arg1)', "trim": 'CALL("strip", arg2)'}
        return Reply(other[request.instruction], 1, 1, "stop")


def test_calls_that_wait_for_each_other_end() -> None:
    with pytest.raises(BudgetError) as caught:
        rlmlang.compile('CALL("strip", "123")\n').run(model=Circling(), limits=Limits(max_depth=50, max_calls=None))
    assert caught.value.first.code == "E502"


def test_others_keep_an_answer_for_each_depth() -> None:
    class Shallow(Perfect):
        capabilities = Capabilities(free=True)

    program = rlmlang.compile('add("1111", "1111")\n')
    deep, shallow = (program.run(model=model, limits=DEEP) for model in (Perfect(), Shallow()))
    assert deep.value == shallow.value == "2222"
    assert (deep.usage.calls, shallow.usage.calls) == (6, 9)  # that 1 and 1 are 2: once, and at each level


class Rabbits(Perfect):
    """As many letters as Fibonacci's numbers say, each call waiting for two that share all below them."""

    async def generate(self, request: Request) -> Reply:
        if not request.program:
            raise BudgetError.of("E502", "too deep")
        ((_, months),) = request.arguments
        text = '"x"' if len(months) < 2 else 'CALL("f", arg1[:-1]) + CALL("f", arg1[:-2])'
        return Reply(text, 1, 1, "stop")


def test_calls_that_share_what_is_below_them_are_as_deep_as_the_longest_way() -> None:
    program = rlmlang.compile(f'len(CALL("f", "{"m" * 20}"))\n')
    result = program.run(model=Rabbits(), limits=Limits(max_depth=22))
    assert (result.value, result.usage.calls, result.usage.memo_hits) == (10946, 21, 18)
    with pytest.raises(BudgetError) as caught:
        program.run(model=Rabbits(), limits=Limits(max_depth=12))
    assert caught.value.first.code == "E502"


def test_nano_is_a_plug_in_that_nothing_else_names() -> None:
    package = ROOT / "rlmlang"
    naming = [path for path in package.rglob("*.py") if re.search(r"\bnano\b", path.read_text(encoding="utf-8"), re.I)]
    assert naming
    assert {path.relative_to(package).parts[0] for path in naming} == {"nano"}
