"""The Python API: what is public, the options of every function, models that stay open, and functions as models."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import typing
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest

import rlmlang
from rlmlang import errors
from rlmlang.annotations import type_text
from rlmlang.diagnostics import CODES
from rlmlang.execution import LimitsByName
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.inputs import OPTIONS
from rlmlang.storage import upkeep
from tests.support.fakes import Fake, obedient
from tests.support.places import ROOT

# What is public --------------------------------------------------------------------------


def test_what_is_public_is_listed_in_order() -> None:
    assert rlmlang.__all__ == sorted(rlmlang.__all__)
    assert len(rlmlang.__all__) == len(set(rlmlang.__all__))
    homes = [name for names in rlmlang._HOMES.values() for name in names]
    assert sorted(homes) == rlmlang.__all__


@pytest.mark.parametrize("name", rlmlang.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    thing = getattr(rlmlang, name)
    assert thing.__doc__, name
    assert name in dir(rlmlang)


def test_nothing_else_is_public() -> None:
    code = "import rlmlang; print(*(name for name in vars(rlmlang) if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"annotations", "TYPE_CHECKING"}


def test_type_checkers_see_what_is_public() -> None:
    """The imports for type checkers name the same things as the table for imports at run time."""
    text = (ROOT / "rlmlang" / "__init__.py").read_text(encoding="utf-8")
    for home, names in rlmlang._HOMES.items():
        module = import_module(f"rlmlang.{home}")
        block = text.partition(f"from rlmlang.{home} import ")[2].partition("\n    from ")[0].partition("\n\n")[0]
        found = {word.strip(" (),") for word in block.replace("\n", " ").replace("__version__: str", "").split()}
        assert set(names) == found - {""}
        assert all(hasattr(module, name) for name in names)


@pytest.mark.parametrize("name", ["rlmlang.errors", "rlmlang.models.scripted", "rlmlang.testing"])
def test_public_modules_list_and_document_what_is_public(name: str) -> None:
    assert f"`{name}`" in (rlmlang.__doc__ or "")
    module = import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    for each in module.__all__:
        assert getattr(module, each).__doc__, each


def test_every_error_class_is_public() -> None:
    classes = {name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, Exception)}
    assert classes == set(errors.__all__) - {"CODES", "Diagnostic"}
    assert classes <= set(rlmlang.__all__)


TWINS = {"run": rlmlang.Program.run, "ask": rlmlang.ask, "complete": rlmlang.complete, "resume": rlmlang.resume,
         "replay": rlmlang.replay}  # fmt: skip
ASYNC_TWINS = {"run": rlmlang.Program.arun, "ask": rlmlang.aask, "complete": rlmlang.acomplete,
               "resume": rlmlang.aresume, "replay": rlmlang.areplay}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_signature(name: str) -> None:
    sync, awaited = inspect.signature(TWINS[name]), inspect.signature(ASYNC_TWINS[name])
    assert sync.parameters == awaited.parameters
    assert sync.return_annotation == awaited.return_annotation
    assert inspect.iscoroutinefunction(ASYNC_TWINS[name])
    open_ended = [p.annotation for p in sync.parameters.values() if p.kind is p.VAR_KEYWORD]
    assert open_ended == {"run": ["object"], "replay": []}.get(name, ["Unpack[LimitsByName]"])


# Errors ----------------------------------------------------------------------------------

BASES = {"1": errors.ProgramError, "2": errors.ProgramError, "3": errors.RunError, "4": errors.ModelError,
         "5": errors.BudgetError, "6": errors.UsageError, "7": errors.RequestError}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_every_code_makes_an_error_of_its_class(code: str) -> None:
    base = BASES[code[1]]
    error = base.of(code, "wrong")
    assert isinstance(error, base)
    assert type(error) is base or code in type(error).codes
    special = ("E104", *errors.NotInLanguage.codes, *errors.FunctionFailed.codes)
    assert (type(error) is base) == (code[1] in "1237" and code not in special)


def test_a_class_that_a_code_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="E506 is the code of StepsExhausted, which is no ModelError"):
        errors.ModelError.of("E506", "wrong")
    assert type(errors.MissingModel.of("E605", "wrong")) is errors.MissingModel


def test_an_error_says_where_and_what_to_do() -> None:
    with pytest.raises(rlmlang.StepsExhausted) as caught:
        rlmlang.compile("xs = range(10)\n[x * x for x in xs][0]\n", "a.rlm").run(limits={"max_steps": 20})
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("a.rlm:2:1: error[E506]: ")
    assert lines[1:3] == ["   2 | [x * x for x in xs][0]", "     | ^^^^^^^^^^^^^^^^^^^"]
    assert lines[3].startswith("hint: ")


# Inputs ----------------------------------------------------------------------------------


def test_inputs_that_are_named_like_options() -> None:
    program = rlmlang.compile("model: str\ninputs: int\nmodel * inputs\n")
    assert program.run({"model": "ab", "inputs": 2}).value == "abab"
    assert program.run(inputs={"model": "ab", "inputs": 2}).value == "abab"
    assert program.cost(inputs={"model": "ab", "inputs": 2}).calls == (0, 0)
    with pytest.raises(rlmlang.InputMismatch, match="an input named `inputs` is given in the mapping"):
        program.run(inputs=2)  # type: ignore[arg-type]


def test_an_input_that_is_named_like_an_option_is_given_in_the_mapping() -> None:
    assert {*inspect.signature(rlmlang.Program.run).parameters} - {"named"} == OPTIONS
    with pytest.raises(rlmlang.UsageError, match=r'E601.*\n(.*\n)*hint: give it in the mapping, run\(\{"model": …\}\)'):
        rlmlang.compile("model: str\nmodel\n").run(model="M")


def test_an_input_that_is_given_twice() -> None:
    with pytest.raises(rlmlang.InvalidOption, match="`x` is given twice"):
        rlmlang.compile("x: int\nx\n").run({"x": 1}, x=2)


def test_limits_by_name() -> None:
    program = rlmlang.compile('[CALL("up", x) for x in ["a", "b"]]')
    with pytest.raises(rlmlang.CostExceedsBudget):
        program.run(model=Fake(obedient), limits={"max_calls": 1})
    with pytest.raises(rlmlang.InvalidOption, match="did you mean `max_calls`"):
        program.run(model=Fake(obedient), limits={"max_call": 1})


def test_a_model_is_missing() -> None:
    with pytest.raises(rlmlang.MissingModel, match="model=…"):
        rlmlang.compile('CALL("up", "a")').run()
    assert rlmlang.compile("1 + 1").run().value == 2


# Questions and texts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("list[str]", "list[str]"),
        (str, "str"),
        (int, "int"),
        (bool, "bool"),
        (None, "None"),
        (list[str], "list[str]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, float], "tuple[int, float]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (dict[int, str], "dict[int, str]"),
        (set[str], "set[str]"),
        (Literal["yes", "no"], 'Literal["yes", "no"]'),
        (int | None, "int | None"),
        (Literal[1, 2] | None, "Literal[1, 2] | None"),
    ],
)
def test_types_of_python(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text
    assert str(rlmlang.compile(f"x: {text}\nx\n").type) == text


BARE = [vars(typing)[name] for name in ("List", "Dict", "Tuple")]
"""Generic types without their arguments."""

WITHOUT_ELEMENTS = [Literal[[1]], list[Literal[[1]]], tuple[()]]  # type: ignore[valid-type]


@pytest.mark.parametrize(
    "annotation",
    [bytes, dict[list[int], str], set[list[str]], list, int | str, [int], 3, *BARE, *WITHOUT_ELEMENTS],
)
def test_what_is_no_type(annotation: Any) -> None:
    with pytest.raises(rlmlang.InvalidOption, match="is not a type of the language"):
        type_text(annotation)


def by_program(text: str) -> Callable[[Any], Any]:
    return lambda request: text if request.program else obedient(request)


def test_a_question_is_answered_by_a_program() -> None:
    model = Fake(by_program('len(book) + len(CALL("up", notes[0]))'))
    result = rlmlang.ask("How long?", {"book": "abc", "notes": ["xy"]}, type=int, model=model)
    assert (result.value, str(result.type), result.usage.calls) == (5, "int", 2)
    assert result.program.source.text == 'book: str\nnotes: list[str]\nlen(book) + len(CALL("up", notes[0]))\n'
    assert result.program.run(model=model, book="abc", notes=["xy"]).value == 5
    assert result.run_id == result.trace.run_id
    assert repr(result).startswith("Result(value=5, type=int, usage=")


def test_the_program_of_an_answer_from_the_store_is_the_one_that_gave_it(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    asked = {"question": "How long?", "inputs": {"book": "abc"}, "type": int, "store": place}
    first = rlmlang.ask(**asked, model=Fake(by_program('len(book) + len(CALL("up", book))')))
    again = rlmlang.ask(**asked, model=Fake(by_program("never asked")))
    assert (again.value, again.usage.calls) == (first.value, 0)
    assert again.program.source.text == first.program.source.text
    assert again.program.run(model=Fake(obedient), book="abcd").value == 8
    with rlmlang.Store(place) as store:
        for other in ("up", "upper"):  # of other answers nothing is taken
            rlmlang.ask(other, {"book": "abc"}, model=Fake(by_program("book")), store=store)
        upkeep.forget_run(store, next(run for run in store.runs() if run.id == first.run_id))
    assert rlmlang.ask(**asked, model=Fake(by_program("1"))).program.source.text == "book: str\n1\n"


def test_a_question_without_levels_is_answered_directly() -> None:
    model = Fake(obedient)
    result = rlmlang.ask("up", {"len": "a"}, model=model, limits={"max_depth": 0})
    assert result.value == "A"
    assert result.program.source.text == "len_: str\nquestion__: str\nCALL[str](question__, len_=len_)\n"


def test_questions_and_texts_are_awaited() -> None:
    async def scenario() -> tuple[Any, Any]:
        asked = await rlmlang.aask("up", {"text": "a"}, model=Fake(obedient), limits={"max_depth": 0})
        text = await rlmlang.acomplete("say it", model=lambda messages: "So it is.")
        return asked.value, text.value

    assert asyncio.run(scenario()) == ("A", "So it is.")


@pytest.mark.parametrize(
    "begin",
    [
        lambda: rlmlang.compile("1").run(),
        lambda: rlmlang.ask("up", model="smollm2"),
        lambda: rlmlang.complete("up", model="smollm2"),
        lambda: rlmlang.resume(store="nowhere"),
        lambda: rlmlang.replay(store="nowhere"),
        lambda: rlmlang.open_model(lambda messages: "x").__enter__(),
    ],
)
def test_what_would_block_an_event_loop_is_refused(begin: Callable[[], Any]) -> None:
    async def inside() -> None:
        begin()

    with pytest.raises(rlmlang.InvalidOption, match=r"inside a running event loop\nhint: write `(await|async with) "):
        asyncio.run(inside())


def test_a_question_is_resumed_with_its_levels(tmp_path: Path) -> None:
    model = Fake(by_program('CALL("up", "a")'))
    place = tmp_path / "runs.db"
    first = rlmlang.ask("How?", model=model, store=place)
    again = rlmlang.resume("last", store=place, model=model, limits={"max_depth": 1})
    assert (again.value, again.usage.calls, again.run_id) == ("A", 0, first.run_id)
    assert rlmlang.replay(first.run_id[:6], store=place).value == "A"
    with pytest.raises(rlmlang.RunNotFound):
        rlmlang.replay("nothing", store=place)


# Models that stay open -------------------------------------------------------------------


class LoopBound(Fake):
    """A model that works on the first event loop alone, as one with connections does."""

    loop: asyncio.AbstractEventLoop | None = None
    closed = 0

    async def generate(self, request: Any) -> Any:
        self.loop = self.loop or asyncio.get_running_loop()
        assert asyncio.get_running_loop() is self.loop
        return await super().generate(request)

    async def aclose(self) -> None:
        assert asyncio.get_running_loop() is self.loop
        self.closed += 1


PROGRAM = 'x: str\nCALL("up", x)\n'


def test_an_open_model_has_one_event_loop_for_all_runs(tmp_path: Path) -> None:
    model = LoopBound(obedient)
    program = rlmlang.compile(PROGRAM)
    with rlmlang.OpenModel(model) as opened, rlmlang.Store(tmp_path / "runs.db") as store:
        assert [program.run(model=opened, store=store, x=x).value for x in "aba"] == ["A", "B", "A"]
        assert rlmlang.ask("up", {"x": "c"}, model=opened, limits={"max_depth": 0}).value == "C"
        assert model.closed == 0
    assert model.closed == 1
    opened.close()
    assert model.closed == 1
    with pytest.raises(rlmlang.InvalidOption, match="is closed"):
        program.run(model=opened, x="d")


def test_threads_share_an_open_model() -> None:
    model = LoopBound(obedient)
    program, values = rlmlang.compile(PROGRAM), []
    with rlmlang.OpenModel(model) as opened:
        threads = [
            threading.Thread(target=lambda x=x: values.append(program.run(model=opened, x=x).value)) for x in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(values) == ["A", "B", "C", "D"]


def test_a_model_is_opened_in_asynchronous_code(tmp_path: Path) -> None:
    async def scenario() -> list[Any]:
        program = rlmlang.compile(PROGRAM)
        async with rlmlang.open_model(lambda messages: "x") as model, rlmlang.Store(tmp_path / "a.db") as store:
            results = await asyncio.gather(*(program.arun(model=model, store=store, x=x) for x in "abc"))
            return [result.value for result in results]

    assert asyncio.run(scenario()) == ["x"] * 3


def test_a_scripted_model_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "replies.toml"
    path.write_text('[[reply]]\ninstruction = "up"\ntext = "A"\n')
    with rlmlang.open_model(f"scripted:{path}") as model:
        path.unlink()
        program = rlmlang.compile(PROGRAM)
        assert program.cost(model=model, x="a").calls == (1, 1)
        assert [program.run(model=model, x=x).value for x in "ab"] == ["A", "A"]
    with pytest.raises(rlmlang.UnknownModel):
        rlmlang.open_model("nothing")


@pytest.mark.parametrize("through", ["itself", "another"])
def test_a_function_that_runs_a_program_on_its_own_open_model_is_refused(through: str) -> None:
    """Such a run would wait for itself without end."""
    inner = rlmlang.compile('CALL("inner")')

    def model(messages: list[dict[str, str]]) -> str:
        if through == "itself":
            return str(inner.run(model=opened).value)
        return str(inner.run(model=lambda messages: str(inner.run(model=opened).value)).value)

    with rlmlang.open_model(model) as opened:
        with pytest.raises(rlmlang.InvalidOption, match="is in use by the run that this is part of") as caught:
            rlmlang.compile(PROGRAM).run(model=opened, x="a")
        assert "a model of its own" in (caught.value.first.hint or "")


def test_a_function_runs_a_program_on_another_open_model() -> None:
    inner = rlmlang.compile('CALL("inner")')
    other = rlmlang.open_model(lambda messages: "b")
    with other, rlmlang.open_model(lambda messages: str(inner.run(model=other).value)) as opened:
        assert rlmlang.compile(PROGRAM).run(model=opened, x="a").value == "b"
        assert inner.run(model=other).value == "b"


def test_an_open_model_is_closed_where_the_outermost_with_ends() -> None:
    model = LoopBound(obedient)
    program = rlmlang.compile(PROGRAM)
    with rlmlang.open_model(model) as opened:
        assert rlmlang.open_model(opened) is opened
        with rlmlang.open_model(opened), opened:
            assert program.run(model=opened, x="a").value == "A"
        assert model.closed == 0
        assert program.run(model=opened, x="b").value == "B"
    assert model.closed == 1
    with pytest.raises(rlmlang.InvalidOption, match="is closed"), opened:
        pass


@pytest.mark.parametrize("thing", [3, None, Path("a.toml"), Fake, b"smollm2", {}])
def test_what_is_no_model_is_refused(thing: Any) -> None:
    for opening in (rlmlang.open_model, rlmlang.OpenModel):
        with pytest.raises(rlmlang.UsageError, match="E605"):
            opening(thing)
    if thing is not None:
        for begin in (rlmlang.compile("1").run, rlmlang.compile("1").cost):
            with pytest.raises(rlmlang.UnknownModel, match="model is a name, a function, or an object of the protocol"):
                begin(model=thing)


def test_a_run_without_a_model_is_resumed_and_replayed(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    first = rlmlang.compile("1 + 1").run(store=place)
    assert rlmlang.resume("last", store=place).value == 2
    assert rlmlang.replay(first.run_id, store=place).value == 2


@pytest.mark.real
@pytest.mark.parametrize("name", ["smollm2", "nano"])
def test_a_real_model_stays_open(name: str) -> None:
    program = rlmlang.compile('CALL("Say hello")' if name == "smollm2" else 'add("1", "2")')
    with rlmlang.open_model(name) as model:
        first, second = (program.run(model=model) for _ in range(2))
    assert first.value == second.value
    assert second.usage.calls >= 1


# Functions as models ---------------------------------------------------------------------


def shout(messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"].split("```")[1].strip().upper()


async def ashout(messages: list[dict[str, str]]) -> str:
    await asyncio.sleep(0)
    return shout(messages)


class Shout:
    async def __call__(self, messages: list[dict[str, str]]) -> str:
        return await ashout(messages)


@pytest.mark.parametrize("function", [shout, ashout, Shout(), lambda messages: ashout(messages)])
def test_a_function_is_a_model(function: Any) -> None:
    result = rlmlang.compile(PROGRAM).run(model=function, x="abc")
    assert result.value == "ABC"
    assert result.usage.calls == 1
    assert result.usage.prompt_tokens > result.usage.completion_tokens > 0


def test_a_function_is_given_messages() -> None:
    seen: list[Any] = []

    def model(messages: list[dict[str, str]]) -> str:
        seen.append((messages, threading.current_thread()))
        return "x"

    rlmlang.compile(PROGRAM).run(model=model, x="abc")
    ((messages, thread),) = seen
    assert [sorted(message) for message in messages] == [["content", "role"]] * 2
    assert [message["role"] for message in messages] == ["system", "user"]
    assert thread is not threading.main_thread()


def test_functions_run_at_the_same_time() -> None:
    barrier = threading.Barrier(8, timeout=60)

    def model(messages: list[dict[str, str]]) -> str:
        barrier.wait()
        return "x"

    text = '[CALL("say", i) for i in range(8)]'
    assert rlmlang.compile(text).run(model=model).value == ["x"] * 8


def test_a_function_that_fails() -> None:
    def model(messages: list[dict[str, str]]) -> str:
        raise LookupError("no such model")

    with pytest.raises(rlmlang.ModelFailed, match=r"test_api.*model failed: LookupError: no such model") as caught:
        rlmlang.compile(PROGRAM).run(model=model, x="a")
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.first.hint is None
    with pytest.raises(rlmlang.ModelFailed, match="returned int; expected str"):
        rlmlang.compile(PROGRAM).run(model=lambda messages: 3, x="a")  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    "error", [StopIteration(), SystemExit(2), GeneratorExit(), pytest.fail.Exception("no"), StopAsyncIteration()]
)
def test_whatever_a_function_raises_ends_its_call(error: BaseException) -> None:
    def model(messages: list[dict[str, str]]) -> str:
        raise error

    with pytest.raises(rlmlang.ModelFailed, match=rf"failed: {type(error).__name__}(: (no|2))?\n") as caught:
        rlmlang.compile(PROGRAM).run(model=model, x="a", limits={"max_seconds": 5})
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "model", [lambda prompt: prompt.upper(), lambda prompt: "Say " + prompt, lambda: "x", lambda messages: None]
)
def test_a_function_that_does_not_take_messages_is_reported_with_what_it_gets(model: Any) -> None:
    with pytest.raises(rlmlang.ModelFailed, match="E400") as caught:
        rlmlang.compile(PROGRAM).run(model=model, x="a")
    assert caught.value.first.hint == (
        "the function gets a list of messages, each a dict with `role` and `content`, and returns text"
    )


def test_a_function_whose_text_is_too_long() -> None:
    limits = {"max_answer_tokens": 5}
    with pytest.raises(rlmlang.AnswerTruncated):
        rlmlang.compile(PROGRAM).run(model=lambda messages: "x" * 21, limits=limits, x="a")
    assert rlmlang.compile(PROGRAM).run(model=lambda messages: "x" * 20, limits=limits, x="a").value == "x" * 20


def test_answers_of_a_function_serve_later_runs_under_an_identity(tmp_path: Path) -> None:
    program, place = rlmlang.compile(PROGRAM), tmp_path / "runs.db"
    assert [program.run(model=shout, store=place, x="a").usage.calls for _ in range(2)] == [1, 1]
    named = [rlmlang.FunctionModel(shout, identity="1") for _ in range(2)]
    assert [program.run(model=model, store=place, x="a").usage.calls for model in named] == [1, 0]
    with rlmlang.open_model(shout) as opened:
        assert [program.run(model=opened, store=place, x="a").usage.calls for _ in range(2)] == [1, 0]


def test_a_run_is_resumed_with_the_same_function(tmp_path: Path) -> None:
    program, place = rlmlang.compile('[CALL("up", x) for x in CALL[list[str]]("list")]'), tmp_path / "runs.db"

    def listed(messages: list[dict[str, str]]) -> str:
        return '["a", "b", "c"]' if "list" in messages[-1]["content"] else shout(messages)

    with pytest.raises(rlmlang.CallsExhausted):
        program.run(model=listed, store=place, limits={"max_calls": 2})
    with pytest.raises(rlmlang.MissingModel, match="give it: model=…"):
        rlmlang.resume(store=place)
    result = rlmlang.resume(store=place, model=listed, limits={"max_calls": None})
    assert (result.value, result.usage.calls) == (["A", "B", "C"], 2)


# A run estimates once --------------------------------------------------------------------


def test_a_run_is_estimated_and_its_inputs_are_bound_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rlmlang import execution
    from rlmlang.cli import main

    counts = {"follow": 0, "bind_inputs": 0}

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(execution, name)

        def count(*args: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*args, **named)

        return count

    for name in counts:
        monkeypatch.setattr(execution, name, counted(name))
    rlmlang.compile(PROGRAM).run(model=Fake(obedient), x="a", store=tmp_path / "runs.db")
    assert counts == {"follow": 1, "bind_inputs": 1}
    (tmp_path / "replies.toml").write_text('[[reply]]\ninstruction = "up"\ntext = "A"\n')
    (tmp_path / "program.rlm").write_text(PROGRAM)
    args = ["run", str(tmp_path / "program.rlm"), "-i", "x=a", "-m", f"scripted:{tmp_path}/replies.toml", "--no-store"]
    assert main(args) == 0
    assert counts == {"follow": 2, "bind_inputs": 2}


def test_the_trace_says_how_many_calls_are_planned() -> None:
    class Watching:
        started = hit = finished = lambda self, record: None

    trace = rlmlang.Trace(watchers=[Watching()])
    text = 'xs: list[str]\n[CALL("up", x) for x in xs] + [CALL("say", xs[0]) for x in xs if x == CALL("up", "a")]'
    rlmlang.compile(text).run(model=Fake(obedient), xs=["a", "b"], trace=trace)
    assert trace.planned_calls == (2, 6)


# Options of wrong values -----------------------------------------------------------------

WRONG = [
    *(("memo", value) for value in ("no", 1, None)),
    *(("writing", value) for value in ("no", 1, True, [])),
    *(("prices", value) for value in (3, {"x": 3}, {3: rlmlang.Price(1, 1)}, "x")),
    *(("store", value) for value in (3, b"x", "", "a\0b", Path(), Path("a\0b"))),
    *(("trace", value) for value in (3, 0, "x.jsonl")),
    *(("limits", value) for value in (3, "max_calls", [("max_calls", 1)])),
]


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_an_option_of_a_wrong_value_is_named(option: str, value: Any) -> None:
    model = Fake(obedient)
    for begin in (
        lambda **options: rlmlang.compile("1").run(**options),
        lambda **options: rlmlang.ask("up", **options),
        lambda **options: rlmlang.complete("up", **options),
    ):
        with pytest.raises(rlmlang.InvalidOption, match=rf"\b{option} is .*, not "):
            begin(model=model, **{option: value})
    assert model.requests == []


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (lambda: rlmlang.compile(None), "text is text, not None"),  # type: ignore[arg-type]
        (lambda: rlmlang.compile("1", 3), "name is text, not 3"),  # type: ignore[arg-type]
        (lambda: rlmlang.load(None), "path is the path of a file, not None"),  # type: ignore[arg-type]
        (lambda: rlmlang.ask(3, model="smollm2"), "question is text, not 3"),  # type: ignore[arg-type]
        (lambda: rlmlang.complete(3, model="smollm2"), "prompt is text, not 3"),  # type: ignore[arg-type]
        (
            lambda: rlmlang.complete("a", start=None, model="smollm2"),  # type: ignore[arg-type]
            "start is text, not None",
        ),
        *(
            (
                lambda tokens=tokens: rlmlang.complete("a", max_tokens=tokens, model="smollm2"),
                f"max_tokens is a whole number from 1, or None, not {tokens!r}",
            )
            for tokens in ("3", 0, -1, True)
        ),
        *(
            (
                lambda run_id=run_id, again=again: again(run_id, store="nowhere"),
                f"run_id is 'last', or the prefix of an id, as text, not {run_id!r}",
            )
            for run_id in (3, None, [])
            for again in (rlmlang.resume, rlmlang.replay)
        ),
        (lambda: rlmlang.compile("1").cost(limits={3: 4}), "there is no limit `3`"),  # type: ignore[dict-item]
        (
            lambda: rlmlang.compile("1").cost(limits={"max_calls": -1}),
            "max_calls is a whole number from 0 or None, not -1",
        ),
        (
            lambda: rlmlang.compile("1").cost(prices={"x": 3}),
            "prices is a mapping from names of models to Price, or None, not {'x': 3}",
        ),  # type: ignore[dict-item]
    ],
)
def test_an_argument_of_a_wrong_value_is_named(begin: Callable[[], Any], message: str) -> None:
    with pytest.raises(rlmlang.InvalidOption) as caught:
        begin()
    assert caught.value.first.message == message


@pytest.mark.parametrize("inputs", [3, {3: 4}, [("x", 1)], ""])
def test_inputs_that_are_no_mapping_of_names(inputs: Any) -> None:
    program = rlmlang.compile("x: int\nx\n")
    for begin in (program.run, program.cost, lambda given: rlmlang.ask("up", given, model=Fake(obedient)),
                  lambda given: rlmlang.complete("up", given, model=Fake(obedient))):  # fmt: skip
        with pytest.raises(rlmlang.InputMismatch, match=r"inputs is no mapping|the names of inputs are text, not 3"):
            begin(inputs)


def test_a_path_that_no_file_system_has() -> None:
    with pytest.raises(rlmlang.FileUnreadable, match=r"cannot read '\\x00': embedded null"):
        rlmlang.load("\0")
    for name in ("scripted:\0", "gguf:\0"):
        with pytest.raises(rlmlang.UnknownModel, match="holds a null character"):
            rlmlang.open_model(name)


def test_a_question_needs_a_model() -> None:
    with pytest.raises(rlmlang.MissingModel, match="a question needs a model\nhint: give one: model="):
        rlmlang.ask("up", model=None)  # type: ignore[arg-type]
    with pytest.raises(rlmlang.MissingModel, match="a text needs a model"):
        rlmlang.complete("up", model=None)  # type: ignore[arg-type]


def test_an_empty_prefix_finds_no_run(tmp_path: Path) -> None:
    rlmlang.compile("1").run(store=tmp_path / "runs.db")
    with pytest.raises(rlmlang.RunNotFound, match="no run '' in the store"):
        rlmlang.resume("", store=tmp_path / "runs.db")


def test_a_store_that_is_closed(tmp_path: Path) -> None:
    store = rlmlang.Store(tmp_path / "runs.db")
    store.close()
    store.close()
    with pytest.raises(rlmlang.UsageError, match=r"error\[E606\]: the store .*runs.db is closed"):
        rlmlang.compile("1").run(store=store)


ASKS = 'CALL[int]("How many?")'


def counting(answers: list[str]) -> ScriptedModel:
    """A model that gives some answers in turn."""
    return ScriptedModel(lambda request: answers.pop(0))


def test_a_limit_may_be_given_by_its_own_name() -> None:
    with pytest.raises(errors.AnswerMismatch):
        rlmlang.compile(ASKS).run(model=counting(["many", "3"]), repairs=0)
    assert rlmlang.compile(ASKS).run(model=counting(["many", "more", "3"]), repairs=2).value == 3
    program = rlmlang.compile("def f(n):\n    return CALL[int]('How many?', n)\n")
    assert program.run(n=1, model=counting(["many", "more", "3"]), repairs=2, max_calls=3).value == 3
    with pytest.raises(errors.CostExceedsBudget):
        program.run(n=1, model=counting(["3"]), limits={"repairs": 0}, max_calls=0)
    with pytest.raises(errors.CallsExhausted):
        program.run(n=1, model=counting(["many"]), limits=rlmlang.Limits(repairs=2), max_calls=1)
    assert program.cost(n=1, repairs=4).calls == (1, 5)
    rows = list(program.map([{"n": 1}, {"n": 2}], model=counting(["many", "3"]), repairs=0, concurrency=1))
    assert [row.error is None for row in rows] == [False, True]


def test_a_question_takes_limits_by_their_names(tmp_path: Path) -> None:
    model = counting(["wrong(", "wrong(", "return 1"])
    with pytest.raises(errors.CallsExhausted):
        rlmlang.ask("How many?", type=int, model=model, store=tmp_path / "s.db", max_calls=2)
    found = rlmlang.resume(model=model, store=tmp_path / "s.db", max_calls=None)
    assert found.value == 1
    with pytest.raises(errors.CallsExhausted):
        rlmlang.complete("Count", model=lambda messages: 'CALL("one") CALL("two")', max_calls=1)
    session = rlmlang.Session("s", store=tmp_path / "s.db")
    with pytest.raises(errors.CallsExhausted):
        session.ask("How many?", model=lambda messages: "wrong(", max_calls=1)


def test_an_input_with_the_name_of_a_limit_is_the_input() -> None:
    assert rlmlang.compile("repairs: int\nrepairs").run(repairs=3).value == 3
    assert rlmlang.compile("def f(repairs):\n    return repairs\nf(1)\n").run(repairs=3).value == 3
    rows = rlmlang.compile("repairs: int\nrepairs").map([{"repairs": 3}])
    assert [row.value for row in rows] == [3]


def test_a_limit_that_is_wrong_says_so() -> None:
    program = rlmlang.compile("n: int\nn")
    with pytest.raises(errors.UsageError, match=r"error\[E607\]: repairs is a whole number from 0, not -1"):
        program.run(n=1, repairs=-1)
    with pytest.raises(errors.UsageError, match=r"error\[E607\]: the limit `repairs` is given twice"):
        program.run(n=1, repairs=0, limits={"repairs": 0})
    for given in ({"max_call": 3}, {"inputs": {"n": 1, "max_calls": 3}}):
        with pytest.raises(errors.UsageError, match="E602") as caught:
            program.run(**{"n": 1, **given} if "inputs" not in given else given)
        assert caught.value.first.hint == "a limit is given by its name, as max_calls=…"
    with pytest.raises(errors.UsageError, match=r"error\[E607\]: there is no option or limit `functons`") as caught:
        rlmlang.ask("?", model=lambda messages: "", functons={})  # type: ignore[call-arg]
    assert caught.value.first.hint == "did you mean `functions`?"


def test_the_limits_that_may_be_given_by_name_are_all() -> None:
    assert typing.get_type_hints(LimitsByName) == typing.get_type_hints(rlmlang.Limits)
