"""A transformer and its tokenizer, loaded by the package transformers from files of this machine."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import cached_property
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError
from rlmlang.models.local.chat_template import ChatTemplate
from rlmlang.models.local.kv_cache import Rows
from rlmlang.models.local.steering import Logits

transformers: Any = import_module("transformers")
"""The package, untyped: its types change from release to release."""


class ChatTokenizer:
    """A tokenizer, and the chat template of its model. Raises ModelError E407."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _quiet(path):
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(**_source(path))
        if not getattr(self.tokenizer, "is_fast", False):
            raise ModelError.of("E407", f"{path} has no tokenizer of the package `tokenizers`")
        if not self.tokenizer.chat_template:
            raise ModelError.of("E407", f"{path} has no chat template", hint="use a checkpoint of a chat model")
        # This tokenizer has no added tokens: it reads no text as the special tokens that end a turn. It may also be
        # used from several threads.
        plain = json.loads(self.tokenizer.backend_tokenizer.to_str()) | {"added_tokens": [], "post_processor": None}
        self._plain = Tokenizer.from_str(json.dumps(plain))
        self._plain.no_truncation()
        self.template = ChatTemplate(
            self._apply,
            self._encode_plain,
            lambda piece, first: list(self.tokenizer.encode(piece, add_special_tokens=False)),
        )

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, none of them special."""
        found: list[int] = self._plain.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).ids
        return found

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens of the model."""
        if self.path.is_dir():
            found = Vocabulary.of_transformers(self.tokenizer)
        else:
            found = Vocabulary.of_gguf(self.path, self.encode)
        found.encode = self.encode
        return found

    @cached_property
    def guidance(self) -> Any:
        """The tokenizer in llguidance's form."""
        from llguidance.hf import from_tokenizer

        return from_tokenizer(self.tokenizer, n_vocab=self.vocabulary.size, eos_token=sorted(self.vocabulary.eos))

    def _encode_plain(self, text: str) -> list[int]:
        tokens = self.encode(text)
        if any(self.vocabulary.tokens[token] is None and token != self.tokenizer.unk_token_id for token in tokens):
            raise ModelError.of(
                "E400", "the prompt contains a special token of this model, which its tokenizer cannot encode as text"
            )
        return tokens

    def _apply(self, messages: list[dict[str, str]]) -> str:
        try:
            prompt: str = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except Exception:  # a template raises what it likes
            return ""
        return prompt


class TorchModel:
    """A causal language model that reads several texts at once. Raises ModelError E407."""

    def __init__(self, path: Path, dtype: str) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            # Otherwise heads that share keys get copies, which took 60 % of a pass over 31 rows of 480 tokens.
            os.environ.setdefault("TRANSFORMERS_SDPA_FORCE_GQA", "1")
        with _quiet(path):
            load = _from_folder if path.is_dir() else _from_gguf
            self.model = load(path, getattr(torch, dtype)).to(self.device).eval()
        self.config = self.model.config.get_text_config()
        parameters = inspect.signature(self.model.forward).parameters
        self._cache = "cache" if "cache" in parameters else "past_key_values"
        try:
            known = {"logits_to_keep", "position_ids", "attention_mask", self._cache} <= set(parameters)
            is_supported = known and {"full_attention", "sliding_attention"}.issuperset(
                getattr(self.config, "layer_types", None) or ()
            )
            is_supported = is_supported and self._agrees()
        except Exception:  # the code is not made for rows of different lengths
            is_supported = False
        if not is_supported:
            raise ModelError.of(
                "E407",
                f"models of the kind `{self.config.model_type}` cannot be run here",
                hint="run it in a server, and name it `openai:MODEL@URL`",
            )

    @property
    def context(self) -> int:
        """The length of the longest text in tokens. Where layers attend to a window alone, it is that of the window."""
        longest = int(getattr(self.config, "max_position_embeddings", None) or 2**31)
        window = getattr(self.config, "sliding_window", None)
        layers = getattr(self.config, "layer_types", None)
        slides = "sliding_attention" in layers if layers else getattr(self.config, "use_sliding_window", True)
        return min(longest, window) if window and slides else longest

    @property
    def ends(self) -> set[int]:
        """The tokens that end a turn, as far as the model's configuration names them."""
        found = self.model.generation_config.eos_token_id
        return set(found if isinstance(found, list) else [] if found is None else [found])

    @property
    def size(self) -> int:
        """The number of tokens that have logits."""
        return int(self.config.vocab_size)

    def read(self, rows: Rows, first: int, starts: Sequence[int], pieces: Sequence[Sequence[int]]) -> list[Logits]:
        """Read a piece in each row from `first` on, after `starts` tokens; return the logits after each piece."""
        width = max(map(len, pieces))
        ids = torch.zeros(len(pieces), width, dtype=torch.long)
        for row, piece in enumerate(pieces):
            ids[row, : len(piece)] = torch.tensor(piece)
        ends = sorted({len(piece) - 1 for piece in pieces})
        with torch.inference_mode():
            positions, visible = rows.begin(first, starts, width)
            mask = torch.zeros(visible.shape, dtype=self.model.dtype, device=self.device)
            out = self.model(
                input_ids=ids.to(self.device),
                position_ids=positions,
                attention_mask=mask.masked_fill_(~visible, torch.finfo(mask.dtype).min),
                use_cache=True,
                logits_to_keep=torch.tensor(ends, device=self.device),
                **{self._cache: rows},
            )
            logits = out.logits[torch.arange(len(pieces)), [ends.index(len(piece) - 1) for piece in pieces]]
            return list(logits.float().cpu().numpy())

    def _agrees(self) -> bool:
        """Return whether a few tokens give the same logits in rows of different lengths as alone."""
        left, right = [[(i * k + 1) % self.size for i in range(6)] for k in (3, 7)]
        rows = Rows(2, self.device)
        self.read(rows, 1, [0], [left[:2]])
        found = self.read(rows, 0, [0, 2], [right[:3], left[2:]])
        with torch.inference_mode():
            ids = [torch.tensor([text], device=self.device) for text in (right[:3], left)]
            alone = [self.model(input_ids=each, use_cache=False).logits[0, -1].float().cpu().numpy() for each in ids]
        tolerance = 1e-3 if self.model.dtype == torch.float32 else 0.1
        return all(np.abs(a - b).max() <= tolerance * np.abs(b).max() for a, b in zip(found, alone))


# Loading -------------------------------------------------------------------------


def _source(path: Path) -> dict[str, Any]:
    """Return the arguments that say where transformers finds the files; it never uses the network."""
    if path.is_dir():
        return {"pretrained_model_name_or_path": path, "local_files_only": True}
    return {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name, "local_files_only": True}


def _from_folder(path: Path, dtype: torch.dtype) -> Any:
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        **_source(path), dtype=dtype, output_loading_info=True
    )
    _check_missing(path, report["missing_keys"])
    return model


def _from_gguf(path: Path, dtype: torch.dtype) -> Any:
    """Return a model with dequantized weights. (`from_pretrained` would need the package accelerate for that.)"""
    gguf: Any = import_module("transformers.modeling_gguf_pytorch_utils")
    config = transformers.AutoConfig.from_pretrained(**_source(path))
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    read = gguf.load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model, torch_dtype=dtype)
    report = model.load_state_dict(read["tensors"], strict=False)
    model.tie_weights()
    _check_missing(path, set(report.missing_keys) - set(model.all_tied_weights_keys))
    return model


def _check_missing(path: Path, names: Any) -> None:
    if names:
        raise ModelError.of("E407", f"{path} has no weights for {', '.join(sorted(names)[:3])}")


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """Silence messages and progress bars; what transformers raises becomes ModelError E407."""
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(StringIO()):  # tqdm draws there
            yield
    except ModelError:
        raise
    except Exception as error:  # transformers raises errors of many kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError.of("E407", f"transformers cannot load {path}: {reason}") from error
    finally:
        logging.set_verbosity(verbosity)
