"""The built-in model `nano`: a transformer of 100,000 parameters that recurses by nature.

    rlmlang run product.rlm --model nano          # where the program says mul(a, b)

It does not answer a call, but writes a program that splits the arguments and calls itself on the parts,
down to what it knows by heart: that 7 and 8 are 15, with nothing carried. The ordinary interpreter runs
these programs. What nano reads is never longer than a line, so that size is no matter of skill: it adds
numbers of a thousand digits like those of four.

    tasks/     what it can do, and for each context the program that is right
    tokens     the lexemes that it reads and writes, and the tokenizer as a file
    grammar    what it may write: no built-ins, no operators but `+`
    data       what it learns from
    train      how: `make train-nano`
    model      the transformer, in numpy
    engine     the backend, `--model nano`
    problems   problems of any size, each with what Python says
    evaluate   the sweep over all contexts, and whole problems
    weights/   weights, configuration, tokenizer, and the log of the training

docs/nano.md tells what was measured.
"""
