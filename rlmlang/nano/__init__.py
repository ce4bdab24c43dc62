"""The model `nano`: a transformer of 100,000 parameters that answers every call by recursion.

    rlmlang run product.rlm --model nano          # for a program such as mul(a, b)

It does not answer a call directly, but writes a program that splits the arguments and calls itself on the parts, down
to facts that it knows by heart: 7 and 8 are 15, without a carry. The ordinary interpreter runs these programs. A prompt
of nano is never longer than a line, so its accuracy does not depend on the size of the arguments: it adds numbers of a
thousand digits like those of four.

    tasks/     what it can do, and the right program for each context
    tokens     the lexemes that it reads and writes, and the tokenizer as a file
    grammar    what it may write: no built-ins, no operators but `+`
    model      the transformer, in numpy
    engine     the backend, `--model nano`
    weights/   weights, configuration, tokenizer, and the log of the training

It is a plug-in: an entry point in pyproject.toml registers it, as another package would register a model of its own.
`benchmarks/nano/` trains and measures it; docs/nano.md gives the figures.
"""

from __future__ import annotations

from rlmlang.models.registry import Backend

BACKEND = Backend(
    "nano",
    "a small model that answers by recursion: arithmetic and sorting by calls of itself (docs/nano.md)",
    "rlmlang.nano.engine:open_model",
    (("numpy", "pip install 'rlmlang[nano]'"),),
    limits={"max_depth": 100_000, "max_calls": None, "max_steps": 10**12},
)
