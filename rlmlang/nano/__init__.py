"""The built-in model `nano`: a transformer of 100,000 parameters that recurses by nature.

    rlmlang run product.rlm --model nano          # where the program says mul(a, b)

It does not answer a call, but writes a program that splits the arguments and calls itself on the parts,
down to what it knows by heart: that 7 and 8 are 15, with nothing carried. The ordinary interpreter runs
these programs. What nano reads is never longer than a line, so that size is no matter of skill: it adds
numbers of a thousand digits like those of four.

    tasks/     what it can do, and for each context the program that is right
    tokens     the lexemes that it reads and writes, and the tokenizer as a file
    grammar    what it may write: no built-ins, no operators but `+`
    model      the transformer, in numpy
    engine     the backend, `--model nano`
    weights/   weights, configuration, tokenizer, and the log of the training

It is a plug-in by the entry point `nano` in pyproject.toml, as a model of any other package is. `benchmarks/nano/`
trains and measures it; docs/nano.md gives the figures.
"""

from __future__ import annotations

from rlmlang.models.registry import Backend

BACKEND = Backend(
    "nano",
    "the model that recurses by nature: arithmetic and sorting by calls of itself (docs/nano.md)",
    "rlmlang.nano.engine:open_model",
    (("numpy", "pip install 'rlmlang[nano]'"),),
    limits={"max_depth": 100_000, "max_calls": None, "max_steps": 10**12},
)
