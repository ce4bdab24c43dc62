"""A model's tokens, and their sets by how they can be part of a program."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from rlmlang.decode import gguf
from rlmlang.errors import ModelError
from rlmlang.language.parse.layout import HIDDEN

Mask = np.ndarray[Any, np.dtype[np.bool_]]
"""Booleans [vocabulary]."""

_WORD = re.compile(r" ?[A-Za-z0-9_]+")
_IN_WORD = re.compile("[A-Za-z0-9_]")
_SIGNS_ONLY = re.compile(r" *[!-\"$-/:-@\[-^`{-~][ !-\"$-/:-@\[-^`{-~]*")
_BETWEEN = re.compile(r" +|[^\n#]*[\n#].*", re.DOTALL)
HIDDEN_CHARACTERS = re.compile(rf"{HIDDEN}|\r")


class Vocabulary:
    """Tokens as bytes. `encode` returns the tokens of a text by the model's own tokenizer."""

    def __init__(self, tokens: Sequence[bytes | None], eos: Iterable[int], encode: Callable[[str], list[int]]) -> None:
        self.tokens = tuple(tokens)
        """The bytes of each token; None for tokens without text, such as those that end a turn."""
        self.eos = frozenset(eos)
        self.encode = encode
        self.texts = tuple(_text(token) for token in self.tokens)
        """The text of each token; None also for parts of characters and for hidden characters."""
        self.known: dict[tuple[int, str, int, bool], tuple[np.ndarray[Any, Any], tuple[str, ...]]] = {}
        """What `decode.mask` has found out about positions in lines by their shape, eight tokens to a byte, and what it
        has to find out for each."""

        self.masks: dict[Hashable, np.ndarray[Any, Any]] = {}
        """The masks of positions in texts that were written, eight tokens to a byte."""

    @property
    def size(self) -> int:
        return len(self.tokens)

    def bytes_of(self, token: int) -> bytes:
        return self.tokens[token] or b""

    @classmethod
    def of_transformers(cls, tokenizer: Any) -> Vocabulary:
        """Return the vocabulary of a fast Hugging Face tokenizer, byte-level or with byte fallback."""
        size = len(tokenizer)
        special = set(tokenizer.all_special_ids) | {
            number for number, added in tokenizer.added_tokens_decoder.items() if added.special
        }
        names = tokenizer.convert_ids_to_tokens(list(range(size)))
        byte_level = _is_byte_level(names)
        tokens = [None if i in special or name is None else _bytes(name, byte_level) for i, name in enumerate(names)]
        ends = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []

        def encode(text: str) -> list[int]:
            found: list[int] = tokenizer.encode(text, add_special_tokens=False)
            return found

        return cls(tokens, ends, encode)

    @classmethod
    def of_gguf(cls, path: Path, encode: Callable[[str], list[int]]) -> Vocabulary:
        """Return the vocabulary of a GGUF file, byte-level or with byte fallback.

        Raises OSError, and ValueError for a damaged file.
        """
        head = gguf.read_head(path)
        try:
            names, types = head["tokenizer.ggml.tokens"], head["tokenizer.ggml.token_type"]
        except KeyError as error:
            raise ValueError(f"{path} has no {error}") from None
        byte_level = head.get("tokenizer.ggml.model") == b"gpt2"
        tokens = [_gguf_bytes(name.decode("utf-8", "replace"), type_, byte_level) for name, type_ in zip(names, types)]
        listed = {head.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom")}
        named = {i for i, name in enumerate(names) if types[i] in gguf.MARKS and name in gguf.ENDS}
        return cls(tokens, {i for i in listed if i is not None} | named, encode)

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Return a vocabulary with a token for each byte, and token 256 for the end."""
        return cls([*(bytes([i]) for i in range(256)), None], [256], lambda text: list(text.encode()))

    def mask(self) -> Mask:
        """Return a mask in which nothing is allowed."""
        return np.zeros(self.size, dtype=np.bool_)

    def where(self, test: Callable[[str], bool]) -> Mask:
        """Return the mask of the tokens whose text passes a test."""
        mask = self.mask()
        mask[[i for i, text in enumerate(self.texts) if text and test(text)]] = True
        return mask

    # The kinds of tokens

    @cached_property
    def broken(self) -> Mask:
        """Return the tokens that contain parts of characters."""
        mask = self.mask()
        mask[[i for i, token in enumerate(self.tokens) if token and _is_broken(token)]] = True
        return mask

    def continuing(self, tail: bytes) -> list[tuple[str, bool, list[int]]]:
        """Return the tokens with parts of characters that may follow the first bytes of one.

        Each entry has the characters that its tokens complete, whether another one begins, and the tokens.
        """
        if tail not in self._continuing:
            found: dict[tuple[str, bool], list[int]] = {}
            for token in map(int, self.broken.nonzero()[0]):
                whole = split(tail + self.bytes_of(token))
                if whole is not None and any(whole) and (not whole[1] or self.completes(whole[1])):
                    found.setdefault((whole[0], bool(whole[1])), []).append(token)
            self._continuing[tail] = [(text, goes_on, tokens) for (text, goes_on), tokens in found.items()]
        return self._continuing[tail]

    def completes(self, tail: bytes) -> bool:
        """Return whether there are tokens that complete the first bytes of a character."""
        end = completed(tail)
        return end is not None and all(byte in self.single for byte in end)

    @cached_property
    def _continuing(self) -> dict[bytes, list[tuple[str, bool, list[int]]]]:
        return {}

    @cached_property
    def single(self) -> dict[int, int]:
        """Return the tokens of single bytes, by byte."""
        return {token[0]: i for i, token in enumerate(self.tokens) if token and len(token) == 1}

    @cached_property
    def words(self) -> dict[str, list[int]]:
        """Return the tokens of letters, digits and `_`, with or without a space before them, by text."""
        found: dict[str, list[int]] = {}
        for i, text in enumerate(self.texts):
            if text and _WORD.fullmatch(text):
                found.setdefault(text, []).append(i)
        return found

    @cached_property
    def names(self) -> tuple[Mask, Mask, Mask]:
        """Return the tokens that may start a name, those that may after a space, and those that may continue one."""
        return (
            self.where(lambda text: text.isascii() and text.isidentifier()),
            self.where(lambda text: text[0] == " " and text.isascii() and text[1:].isidentifier()),
            self.where(lambda text: text[0] != " " and _WORD.fullmatch(text) is not None),
        )

    def going_on(self, texts: Iterable[str]) -> Mask:
        """Return the tokens that begin a word among the texts, and those that end one and go on with a sign."""
        mask = self.mask()
        for text in texts:
            for end in range(1, len(text) + 1):
                mask[self.words.get(text[:end], [])] = True
            for root in (self.mixed, self.between):
                at = root.at(text)
                todo = [] if at is None else [below for char, below in at.below.items() if not _IN_WORD.match(char)]
                while todo:
                    at = todo.pop()
                    mask[at.tokens] = True
                    todo.extend(at.below.values())
        return mask

    @cached_property
    def apart(self) -> Mask:
        """Return the tokens that cannot continue a word."""
        return self.where(lambda text: not _IN_WORD.match(text))

    @cached_property
    def apart_from_lines(self) -> Mask:
        """Return the tokens that cannot continue a line end."""
        return self.where(lambda text: text[0] not in " \n#")

    @cached_property
    def signless(self) -> Mask:
        """Return the tokens that cannot continue an operator."""
        return self.where(lambda text: text[0] not in "=<>!*/-+.\"'0123456789")

    def plain(self, ends: str) -> Mask:
        """Return the tokens that change nothing inside a text that one of the characters `ends`."""
        if ends not in self._plain:
            stop = re.compile(f"[{re.escape(ends)}\t\r\n]")
            self._plain[ends] = self.where(lambda text: not stop.search(text))
        return self._plain[ends]

    @cached_property
    def first(self) -> np.ndarray[Any, Any]:
        """Return the code of each token's first character, 0 where there is none."""
        return np.array([ord(text[0]) if text else 0 for text in self.texts])

    def plain_after_first(self, ends: str) -> Mask:
        """Return the tokens that change nothing from their second character on."""
        if ends not in self._plain_after_first:
            stop = re.compile(f"[{re.escape(ends)}\t\r\n]")
            self._plain_after_first[ends] = self.where(lambda text: not stop.search(text, 1))
        return self._plain_after_first[ends]

    @cached_property
    def _plain_after_first(self) -> dict[str, Mask]:
        return {}

    @cached_property
    def _plain(self) -> dict[str, Mask]:
        return {}

    @cached_property
    def signs(self) -> Trie:
        """Return a trie of the tokens of signs, which no name is part of."""
        return self._trie(lambda text: _SIGNS_ONLY.fullmatch(text) is not None)

    @cached_property
    def mixed(self) -> Trie:
        """Return a trie of the ASCII tokens of both signs and letters or digits."""
        return self._trie(
            lambda text: text.isascii() and not any(p.fullmatch(text) for p in (_SIGNS_ONLY, _WORD, _BETWEEN))
        )

    @cached_property
    def between(self) -> Trie:
        """Return a trie of the tokens of spaces alone, and of those with a line end or the sign of a comment."""
        return self._trie(lambda text: _BETWEEN.fullmatch(text) is not None)

    def _trie(self, test: Callable[[str], bool]) -> Trie:
        return trie((text, i) for i, text in enumerate(self.texts) if text and test(text))

    @cached_property
    def digits(self) -> Trie:
        """Return a trie of the words that numbers begin with."""
        return self._trie(
            lambda text: re.fullmatch(r" ?([0-9][0-9_eE]*|0[xX][0-9a-fA-F_]*|0[oObB][0-7_]*)", text) is not None
        )

    @cached_property
    def further_digits(self) -> Trie:
        """Return a trie of the words that may continue numbers."""
        return self._trie(lambda text: re.fullmatch("[xXoO]?[0-9a-fA-F_]*", text) is not None)

    def ending(self, ends: str) -> tuple[Trie, Trie]:
        """Return the tokens that are not plain inside a text that one of the characters `ends`, as two tries.

        The second one has those in which a name, a line end or a comment may follow the text.
        """
        if ends not in self._ending:
            plain, more = self.plain(ends), re.compile(f"[{re.escape(ends)}].*[A-Za-z0-9_]|.*[\n#]", re.DOTALL)
            tokens = [(text, i) for i, text in enumerate(self.texts) if text and not plain[i]]
            self._ending[ends] = (
                trie(each for each in tokens if not more.search(each[0])),
                trie(each for each in tokens if more.search(each[0])),
            )
        return self._ending[ends]

    @cached_property
    def everything(self) -> Trie:
        """Return a trie of all tokens that have a text."""
        return trie((text, i) for i, text in enumerate(self.texts) if text)

    @cached_property
    def _ending(self) -> dict[str, tuple[Trie, Trie]]:
        return {}


class Trie:
    """Tokens by their characters, each with those that begin with it below."""

    __slots__ = ("below", "tokens")

    def __init__(self) -> None:
        self.below: dict[str, Trie] = {}
        self.tokens: list[int] = []

    def at(self, text: str) -> Trie | None:
        """Return what is below some characters, or None if nothing is."""
        found: Trie | None = self
        for char in text:
            found = found.below.get(char) if found is not None else None
        return found


def trie(tokens: Iterable[tuple[str, int]]) -> Trie:
    """Return the trie of tokens, given with their texts."""
    root = Trie()
    for text, token in tokens:
        at = root
        for char in text:
            at = at.below.setdefault(char, Trie())
        at.tokens.append(token)
    return root


def split(data: bytes) -> tuple[str, bytes] | None:
    """Return the whole characters that bytes start with, and the rest of the bytes; None if they are not text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(data)
    except UnicodeDecodeError:
        return None
    return None if HIDDEN_CHARACTERS.search(text) else (text, decoder.getstate()[0])


@lru_cache(maxsize=4096)
def completed(tail: bytes) -> bytes | None:
    """Return bytes that complete the first bytes of a character to a visible one."""
    for more, middle in product(range(1, 4), (b"\xbf", b"\x80")):  # the first byte may exclude one of them
        for last in range(0xBF, 0x7F, -1):
            end = middle * (more - 1) + bytes([last])
            found = split(tail + end)
            if found is not None and found[0] and not found[1]:
                return end
    return None


def _is_broken(token: bytes) -> bool:
    try:
        token.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _text(token: bytes | None) -> str | None:
    if not token:
        return None
    try:
        text = token.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if HIDDEN_CHARACTERS.search(text) else text


# Hugging Face --------------------------------------------------------------------


def _bytes_by_sign() -> dict[str, int]:
    """Return the bytes that the characters of byte-level tokenizers stand for (GPT-2's table)."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    signs = {chr(byte): byte for byte in shown}
    hidden = (byte for byte in range(256) if byte not in shown)
    return signs | {chr(256 + i): byte for i, byte in enumerate(hidden)}


_SIGNS = _bytes_by_sign()


def _is_byte_level(names: Sequence[str | None]) -> bool:
    return any(name and name.startswith("Ġ") for name in names) and not any(name == "<0x0A>" for name in names)


def _bytes(name: str, byte_level: bool) -> bytes | None:
    if byte_level:
        try:
            return bytes(_SIGNS[char] for char in name)
        except KeyError:  # an added token, written as it is
            return name.encode()
    if match := re.fullmatch("<0x([0-9A-F]{2})>", name):
        return bytes([int(match[1], 16)])
    return name.replace("▁", " ").encode()


def _gguf_bytes(name: str, type_: int, byte_level: bool) -> bytes | None:
    if type_ in (gguf.UNKNOWN, gguf.CONTROL, gguf.UNUSED):
        return None
    return name.encode() if byte_level and type_ == gguf.USER_DEFINED else _bytes(name, byte_level)


def open_vocabulary(name: str) -> Vocabulary:
    """Return the vocabulary of a tokenizer: `bytes`, `smollm2`, or a path of Hugging Face.

    Raises ModelError E407.
    """
    if name == "bytes":
        return Vocabulary.of_bytes()
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast
    except ImportError:
        raise ModelError.of("E407", f"the tokenizer {name} needs more", hint="pip install 'rlmlang[hf]'") from None
    try:
        if name == "smollm2":
            path = gguf.smollm2_path()
            found = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        elif name.endswith(".json"):
            found = PreTrainedTokenizerFast(tokenizer_file=name)  # type: ignore[no-untyped-call]
        elif name.endswith(".gguf"):
            found = AutoTokenizer.from_pretrained(Path(name).parent, gguf_file=Path(name).name)
        else:
            found = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError.of("E407", f"no tokenizer at {name}: {error}") from error
    return Vocabulary.of_transformers(found)
