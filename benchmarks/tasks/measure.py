"""Measure how well models write programs: each model gets each task in several modes.

    python -m benchmarks.tasks.measure --model smollm2 --out results.jsonl
    python -m benchmarks.tasks.measure --model gguf:model.gguf --modes free,types --limit 26 --out results.jsonl
    python -m benchmarks.tasks.measure --table --out results.jsonl

The prompt describes the language, and gives the head of a function with the task as its docstring:
- `free`: the model writes the function without constraint;
- `syntax`: its body is constrained to a grammar;
- `types`: its body is constrained token by token to what parses and checks;
- `whole`, `statements`, `turns`: the model is asked as by `rlmlang ask --writing`: it corrects what does not work;
- `direct`: no program but the answer, as from a program of a single CALL; programs are compared with this;
- `python`: the model is asked for a plain Python function, without a word about this language, and CPython runs it in a
  process of its own. **This executes what a model writes**, which is what the language is there to avoid.

In all other modes it is asked once. The program is parsed, checked and run with the same model for its calls;
their answers are constrained to their types in every mode. A program that is not finished after `--max-tokens` is used
as it is. Each result is a line of `--out`; results in the file are not measured again, and several models may share a
file. The tasks are in `tasks.jsonl`, which `generate.py` writes and documents.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import math
import re
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import Any, get_args

from attrs import evolve, field, frozen

import rlmlang
from rlmlang import Limits, RlmError, RunError
from rlmlang.api import Program
from rlmlang.calls.prompt import FUNCTION, Message, argument_names, fenced, function_head, program_header
from rlmlang.calls.writing import Writing
from rlmlang.calls.written_program import whole_program
from rlmlang.decode.constraint import Constraint
from rlmlang.language.check import check
from rlmlang.language.parse import parse
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.models.base import Model, Reply, Request
from rlmlang.models.registry import open_model
from rlmlang.runtime.inputs import with_input_types
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import to_json
from rlmlang.trace.recorder import Trace

HERE = Path(__file__).parent
TEXTS = HERE.parent.parent / "examples" / "inputs"
WRITINGS: tuple[Any, ...] = get_args(Writing)
MODES = ("python", "free", "syntax", "types", *WRITINGS, "direct")
STAGES = ("parses", "checks", "reads", "asks", "runs", "right")
LIMITS = Limits(max_calls=20, max_depth=1, max_seconds=300, max_answer_tokens=64)


# Tasks ---------------------------------------------------------------------------


def _read_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs, with files replaced by their texts."""
    return {
        name: (TEXTS / value["file"]).read_text(encoding="utf-8") if isinstance(value, dict) else value
        for name, value in inputs.items()
    }


@frozen
class Task:
    """A question with its right answer (`generate.py` explains the fields)."""

    id: str
    kind: str
    instruction: str
    inputs: dict[str, Any] = field(converter=_read_inputs)
    type: str
    answer: Any
    score: str
    reference: str
    leaves: list[Any]

    def request(self, constrained: bool, max_tokens: int) -> Request:
        """Return the request for a program."""
        type_ = rlmlang.compile(f"answer: {self.type}\nanswer\n").type
        request = Request(self.instruction, tuple(self.inputs.items()), type_, program=True, max_tokens=max_tokens)
        if not constrained:
            return request
        head = function_head(self.instruction, request.arguments, type_)
        return evolve(request, constraint=Constraint(head, type_, within=True))

    def solution(self) -> str:
        """Return a function that gives the answer, as a model would write it."""
        request = self.request(False, 1)
        return function_head(self.instruction, request.arguments, request.type) + indent(self.reference, "    ")

    def declared(self) -> str:
        """Return the declarations of the inputs."""
        request = self.request(False, 1)
        return program_header(request.arguments, request.type)

    def single_call(self) -> str:
        """Return the program that passes everything to the model."""
        arguments = "".join(f", {name}={name}" for name in self.inputs)
        return f"CALL[{self.type}]({json.dumps(self.instruction, ensure_ascii=False)}{arguments})\n"

    def is_right(self, value: Any) -> bool:
        """Return whether a value, as JSON data, is a right answer."""
        if self.score in ("text", "mentions") and not isinstance(value, str):
            return False  # as plain Python may give
        match self.score:
            case "text":
                return _folded(value) == _folded(self.answer)
            case "mentions":
                said = re.findall(r"\w+", value.casefold())
                return len(said) <= self.answer["most"] and {word.casefold() for word in self.answer["words"]} <= {
                    *said
                }
        return _equal(value, self.answer)


def read_tasks(kinds: Sequence[str] = (), limit: int | None = None, path: Path = HERE / "tasks.jsonl") -> list[Task]:
    """Return the tasks, the first of every kind before the second ones."""
    with open(path, encoding="utf-8") as file:
        tasks = [Task(**json.loads(line)) for line in file]
    tasks.sort(key=lambda task: int(task.id.rpartition("-")[2]))
    return [task for task in tasks if not kinds or task.kind in kinds][:limit]


def _folded(text: str) -> str:
    return re.sub(r"^\W+|\W+$", "", text).casefold()


def _equal(value: Any, answer: Any) -> bool:
    if isinstance(answer, list):
        return isinstance(value, list) and len(value) == len(answer) and all(map(_equal, value, answer))
    if isinstance(answer, float):
        return isinstance(value, int | float) and math.isclose(value, answer, rel_tol=1e-6)
    return type(value) is type(answer) and bool(value == answer)


# Measuring -----------------------------------------------------------------------


async def measure(task: Task, model: Model, mode: str, max_tokens: int, leaf: Model | None = None) -> dict[str, Any]:
    """Measure one task in one mode: the text, which stages succeeded, and its cost.

    `leaf` answers the calls of the program, else the model itself does.
    """
    begin = time.perf_counter()
    found: dict[str, Any] = {"kind": task.kind, "needs": bool(task.leaves), **dict.fromkeys(STAGES, False)}
    request = task.request(mode in ("syntax", "types"), max_tokens)
    try:
        if mode in WRITINGS:
            await _ask(found, task, model, mode, max_tokens, leaf)
        elif mode == "direct":
            header = program_header(request.arguments, request.type)
            found["program"] = header + task.single_call()
        else:
            asked = _plain(request) if mode == "python" else request
            reply = await model.generate(asked)
            text = whole_program(reply.opening + reply.text, task.instruction, request.arguments, request.type)
            found |= _spent(reply) | {"program": text, "asks": "CALL" in text}
        found["seconds_written"] = time.perf_counter() - begin
        if mode == "python":
            await _run_by_cpython(found, request)
        elif mode not in WRITINGS:
            limits = evolve(LIMITS, max_answer_tokens=max_tokens) if mode == "direct" else LIMITS
            await _follow(found, request, leaf or model, limits)
        found["right"] = task.is_right(found["value"])
    except RlmError as error:
        found |= {"error": error.first.code, "message": error.first.message}
    return found | {"seconds": time.perf_counter() - begin}


def _spent(reply: Reply) -> dict[str, Any]:
    return {"finish": reply.finish, "tokens": reply.completion_tokens, "forced": reply.forced_tokens}


async def _ask(
    found: dict[str, Any], task: Task, model: Model, writing: Any, max_tokens: int, leaf: Model | None
) -> None:
    """Ask as `rlmlang ask` does, and record what came of it. Raises RlmError."""
    trace = Trace()
    limits = evolve(LIMITS, max_answer_tokens=max_tokens)
    try:
        result = await rlmlang.aask(
            task.instruction,
            task.inputs,
            type=task.type,
            model=model,
            models=leaf and {"leaf": leaf},
            writing=writing,
            limits=limits,
            trace=trace,
        )
        found |= {"value": to_json(result.value), "runs": True}
    finally:
        found |= _calls(trace, written=1)
        if trace.first is not None and trace.first.program:
            program = trace.first.program
            found |= {"program": program, "asks": "CALL" in program, "tokens": trace.first.completion_tokens}
            found |= {"attempts": trace.first.attempts, "finish": "stop" if found["runs"] else "length"}
            found["parses"] = found["checks"] = found["reads"] = found["runs"]


async def _follow(found: dict[str, Any], request: Request, model: Model, limits: Limits) -> None:
    """Parse, check and run the program, and record which stages succeed. Raises RlmError."""
    source = Source(found["program"], "<program>")
    parse(source)
    found["parses"] = True
    values = dict(zip(argument_names(request.arguments), (value for _, value in request.arguments)))
    checked = with_input_types(check(source, request.type), values, request.type)
    found["checks"] = True
    found["reads"] = any(name in values for name in _names_read(found["program"]))
    trace = Trace()
    try:
        result = await Program(checked).arun(values, model=model, limits=limits, trace=trace)
        found["value"] = as_data(result.value, request.type)
        found["runs"] = True
    finally:
        found |= _calls(trace)


def _calls(trace: Trace, written: int = 0) -> dict[str, int]:
    """Return what the calls of a program cost; the first `written` are those that wrote one."""
    asked = trace.calls[written:]
    return {
        "calls": len(asked),
        "asked_again": sum(call.attempts > 1 for call in asked if call.form == "leaf"),
        "leaf_tokens": sum(call.completion_tokens for call in asked),
    }


def _names_read(program: str) -> set[str]:
    """Return the names that a program, which is also a Python program, reads, but for the parameters of its helpers."""
    found: set[str] = set()
    left: list[tuple[ast.AST, frozenset[str]]] = [(ast.parse(program), frozenset())]
    while left:
        node, hidden = left.pop()
        if isinstance(node, ast.FunctionDef) and node.name != FUNCTION:
            hidden |= {param.arg for param in node.args.args}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in hidden:
            found.add(node.id)
        left += [(child, hidden) for child in ast.iter_child_nodes(node)]
    return found


@frozen(slots=False)
class _PlainRequest(Request):
    """A request for a plain Python function."""

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        head = function_head(self.instruction, self.arguments, self.type)
        return (
            Message("system", "You are a Python programmer. Answer with code only."),
            Message("user", f"Complete this function:\n\n{fenced(head.rstrip(), 'python')}"),
        )


def _plain(request: Request) -> Request:
    return _PlainRequest(
        request.instruction, request.arguments, request.type, program=True, max_tokens=request.max_tokens
    )


_CPYTHON = """
import json, sys, typing
program, inputs = json.load(sys.stdin)
names = {name: getattr(typing, name) for name in typing.__all__}
output, sys.stdout = sys.stdout, sys.stderr
exec(program, names)
json.dump(names["answer"](**inputs), output)
"""


async def _run_by_cpython(found: dict[str, Any], request: Request) -> None:
    """Run the program by CPython in a process of its own, for at most ten seconds. Raises RunError."""
    try:
        ast.parse(found["program"])
    except SyntaxError as error:
        raise RunError.of("E300", str(error)) from None
    found["parses"] = True
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", _CPYTHON, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    given = json.dumps([found["program"], {name: to_json(value) for name, value in request.arguments}])
    try:
        output, _ = await asyncio.wait_for(process.communicate(given.encode()), 10)
        found["value"] = json.loads(output)
    except (TimeoutError, ValueError):
        process.kill() if process.returncode is None else None
        raise RunError.of("E300", "it has no value") from None
    found["runs"] = True


def as_data(value: Any, type_: Type) -> Any:
    """Return a value as JSON data of the type: an int becomes a float where a float is expected."""
    return to_json(from_json(to_json(value), type_))


def mode_of(name: str, mode: str) -> str:
    """Return the name of a model with the constraint of the mode."""
    if mode in ("free", "direct", "python", *WRITINGS) or (mode == "types" and name.startswith("hf:")):
        return name  # and "types" is the only mode of `hf:`
    return f"{name}{'&' if '?' in name else '?'}constrain={mode}"


async def measure_all(
    name: str,
    modes: Sequence[str],
    tasks: Sequence[Task],
    out: Path,
    max_tokens: int,
    at_once: int = 1,
    leaf_name: str | None = None,
) -> None:
    """Measure what is not in `out` yet. Raises RlmError if the model cannot be opened."""
    free = asyncio.Semaphore(at_once)
    both = name if leaf_name is None else f"{name} with {leaf_name}"
    done = {(each["model"], each["mode"], each["task"]) for each in read_results(out)}
    todo = {mode: [task for task in tasks if (both, mode, task.id) not in done] for mode in modes}
    leaf = None if leaf_name is None else open_model(leaf_name)
    left = sum(map(len, todo.values()))
    with open(out, "a", encoding="utf-8") as file:
        for mode in filter(todo.get, modes):
            model = open_model(mode_of(name, mode))
            try:

                async def one(task: Task, model: Model = model, mode: str = mode) -> None:
                    nonlocal left
                    async with free:
                        _print_progress(f"{left} to go: {label(both)}, {mode}, {task.id}")
                        found = await measure(task, model, mode, max_tokens, leaf)
                    print(json.dumps({"model": both, "mode": mode, "task": task.id, **found}), file=file, flush=True)
                    left -= 1

                await asyncio.gather(*map(one, todo[mode]))
            finally:
                await model.aclose()
    if leaf is not None:
        await leaf.aclose()
    _print_progress("")


def _print_progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# Tables --------------------------------------------------------------------------


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the results in a file, none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def label(name: str) -> str:
    """Return a model's name without folders and options."""
    return Path(name.partition("?")[0].removeprefix("gguf:")).stem


def table(results: Iterable[dict[str, Any]]) -> str:
    """Return a Markdown table with a row for each model and mode.

    `ends` is the share of programs that were not truncated, `reads` the share that check and use an input, `asks` of
    those tasks that need reading the share whose program has a CALL.
    """
    rows = [
        "| model | mode | n | ends | parses | checks | reads | asks | runs | right | tokens | seconds |",
        "|---|---|" + "--:|" * 10,
    ]
    for (model, mode), cell in _cells(results).items():
        written = [each for each in cell if "tokens" in each]
        needed = [each for each in cell if each.get("needs")] or cell
        shares = [statistics.mean(each[stage] for each in (needed if stage == "asks" else cell)) for stage in STAGES]
        if written:
            ends = statistics.mean(each["finish"] == "stop" for each in written)
            shown = [f"{share:.0%}" for share in (ends, *shares)]
            tokens = f"{statistics.median(each['tokens'] for each in written):.0f}"
        else:  # the model wrote no program
            shown = ["–"] * 5 + [f"{share:.0%}" for share in shares[4:]]
            tokens = "–"
        seconds = f"{statistics.median(each['seconds'] for each in cell):.1f}"
        rows.append("| " + " | ".join([model, mode, str(len(cell)), *shown, tokens, seconds]) + " |")
    return "\n".join(rows)


def codes_table(results: Iterable[dict[str, Any]]) -> str:
    """Return the most frequent error codes of each model and mode."""
    rows = ["| model | mode | errors |", "|---|---|---|"]
    for (model, mode), cell in _cells(results).items():
        codes = Counter(each["error"] for each in cell if "error" in each)
        frequent = ", ".join(f"{code} {count}" for code, count in codes.most_common(5))
        rows.append(f"| {model} | {mode} | {frequent} |")
    return "\n".join(rows)


def kinds_table(results: Iterable[dict[str, Any]]) -> str:
    """Return how many tasks of each kind were right, by model and mode."""
    cells = _cells(results)
    rows = ["| right, by kind | " + " | ".join(map(" ".join, cells)) + " |", "|---|" + "--:|" * len(cells)]
    for kind in dict.fromkeys(each["kind"] for cell in cells.values() for each in cell):
        right = [[each["right"] for each in cell if each["kind"] == kind] for cell in cells.values()]
        rows.append(f"| {kind} | {' | '.join(f'{sum(found)} of {len(found)}' for found in right)} |")
    return "\n".join(rows)


def _cells(results: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the results by model and mode, in order."""
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in sorted(results, key=lambda each: (label(each["model"]), MODES.index(each["mode"]))):
        cells.setdefault((label(each["model"]), each["mode"]), []).append(each)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model's name, as of `rlmlang run --model`")
    parser.add_argument("--leaf-model", help="another model that answers the calls of programs")
    parser.add_argument("--modes", default=",".join(MODES), help="separated by commas (default: %(default)s)")
    parser.add_argument("--kinds", default="", help="of tasks, separated by commas (default: all)")
    parser.add_argument("--limit", type=int, help="the number of tasks; the first of every kind come first")
    parser.add_argument(
        "--max-tokens", type=int, default=220, help="of a program or a direct answer (default: %(default)s)"
    )
    parser.add_argument("--at-once", type=int, default=1, help="tasks, for engines that share the work of several")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; results in it are not measured again")
    parser.add_argument("--table", action="store_true", help="print what --out holds as Markdown, measure nothing")
    options = parser.parse_args()
    if options.table:
        results = read_results(options.out)
        print(f"{table(results)}\n\n{codes_table(results)}\n\n{kinds_table(results)}")
        return
    modes = options.modes.split(",")
    if options.model is None or not {*modes} <= {*MODES}:
        parser.error(f"give a --model; --modes are {', '.join(MODES)}")
    tasks = read_tasks([kind for kind in options.kinds.split(",") if kind], options.limit)
    asyncio.run(
        measure_all(options.model, modes, tasks, options.out, options.max_tokens, options.at_once, options.leaf_model)
    )


if __name__ == "__main__":
    main()
