"""The tokens of nano: whole lexemes of the programs that it writes, and the visible forms of arguments.

A text is split greedily, the longest token first, so the tokenizer needs no training.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rlmlang.nano.tasks import TASKS
from rlmlang.nano.tasks.base import DIGITS, EMPTY, LIST, LONG, ORDER, TEXTS
from rlmlang.nano.tasks.logic import CLOSE, NOT, OPEN, OPERATORS
from rlmlang.nano.tasks.puzzles import ALPHABET, RELATIONS
from rlmlang.nano.tasks.sequences import CHARACTERS

PAD, END = "<pad>", "<end>"

SLICES = [
    "[:-1]", "[:-4]", "[-1:]", "[-2:-1]", "[-5:-4]", "[1:-1]", "[::2]", "[1::2]", "[1:2]",
    "[5:10]", "[10:15]", "[15:20]",
    *(f"[:{i}]" for i in range(1, len(ALPHABET))), *(f"[{i}:]" for i in range(1, len(ALPHABET))),
]  # fmt: skip
"""The slices: a part of a list or text has the type of the whole."""
ITEMS = [f"[{i}]" for i in range(-3, len(ALPHABET))]

NAMES = ("arg1", "arg2", "arg3", "arg4", "arg5")
LITERALS = (EMPTY, *DIGITS, *ORDER, '"-"', '"+"', '"|"', f'"{ALPHABET}"')
"""The literals of programs."""
SHOWN = dict.fromkeys((*CHARACTERS, OPEN, CLOSE, NOT, *OPERATORS, '"E"', '"A"', *RELATIONS))
"""The further texts that arguments may be."""
CALLS = {"CALL(": "str", f"CALL[{TEXTS}](": TEXTS}
"""The beginnings of calls, and the types of their answers."""

TOKENS = tuple(dict.fromkeys((
    PAD, END, *LITERALS, *SHOWN, *NAMES, "d", "d = ", *CALLS, ", ", ")", " + ", "\n",
    *SLICES, *ITEMS, LONG, *LIST, "[", "]", *(f'"{name}"' for name in TASKS),
)))  # fmt: skip

NUMBERS = {token: number for number, token in enumerate(TOKENS)}

PATTERN = "|".join(map(re.escape, sorted(TOKENS, key=len, reverse=True)))


def encode(text: str) -> list[int]:
    """Return the tokens of a text. Raises ValueError if a part of it is no token."""
    found = re.findall(f"{PATTERN}|.", text, re.DOTALL)
    try:
        return [NUMBERS[token] for token in found]
    except KeyError as error:
        raise ValueError(f"nano has no token for {error}") from None


def decode(tokens: Iterable[int]) -> str:
    """Return the text of tokens."""
    return "".join(TOKENS[token] for token in tokens)


def save(folder: Path) -> None:
    """Write the tokenizer in the format of Hugging Face's libraries."""
    special = [
        {"id": NUMBERS[token], "content": token, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for token in (PAD, END)
    ]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False},
        "post_processor": None, "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": NUMBERS, "unk_token": PAD},
    }  # fmt: skip
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": PAD, "eos_token": END,
        "clean_up_tokenization_spaces": False,
    }  # fmt: skip
    _write(folder / "tokenizer.json", tokenizer)
    _write(folder / "tokenizer_config.json", config)


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
