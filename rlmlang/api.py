"""The Python API: `load` or `compile` a program, look at its cost, run it; `ask`, `complete`, `resume`, `replay`.

Each of them has an asynchronous twin whose name begins with `a`. Options are the same everywhere:

- `model`: the name of a model (`"smollm2"`), one that is open (`open_model`), a function or coroutine function from
  chat messages to text, or any object of the protocol `Model`. What is given by name is opened for this run alone.
- `models`: other models by what they do: the one under `"leaf"` answers directly, so that a cheap model reads where
  `model` writes programs.
- `store`: a `Store`, or the path or URL of one, in which answers and runs are kept; None for no store.
- `limits`: `Limits`, or a mapping of those that differ from the usual ones. A limit may also be given by its own name,
  as in `repairs=0`, unless an input of the program has that name.
- `prices`: the prices of models by their names or patterns of them; `max_cost` needs that of the model, unless it
  runs in this process.
- `memo`: whether equal calls are one call.
- `writing`: how models write programs: by `statements`, each shown what those before it give; in `turns` of a chat,
  each a block of statements, shown likewise; or `whole`. None for what suits the model.
- `guidance`: your own words for the models, which stand in every prompt of the run.
- `functions`: the functions of the host that the program declares, by name: any function, or what
  `rlmlang.function` makes of one.
- `trace`: a `Trace` to watch the run with while it is active, or to inspect after an error.
"""

from __future__ import annotations

from rlmlang.asking import QUESTION, QUESTION_SOURCE, aask, acomplete, answered, ask, complete, values_beside_question
from rlmlang.programs import Completion, Program, Result, compile, load, open_model
from rlmlang.resuming import areplay, aresume, replay, resume

__all__ = [
    "QUESTION",
    "QUESTION_SOURCE",
    "Completion",
    "Program",
    "Result",
    "aask",
    "acomplete",
    "answered",
    "areplay",
    "aresume",
    "ask",
    "compile",
    "complete",
    "load",
    "open_model",
    "replay",
    "resume",
    "values_beside_question",
]
