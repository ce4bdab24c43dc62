"""The transformer of nano: a Llama of some 100,000 parameters, read from safetensors and computed with numpy.

It is saved as a `LlamaForCausalLM` of Hugging Face's libraries, with which it is trained. Here it reads pieces of many
texts at a time, which needs no other library and, at this size, takes less time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from rlmlang.errors import ModelError

Array = np.ndarray[Any, np.dtype[np.float32]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


BLOCK = 16  # decision 85
"""The rows of a matrix product. With 64, two threads of OpenBLAS took 1.4 ms a pass, and one 0.4 ms."""


@frozen
class NanoConfig:
    """The settings in `config.json` that the computation needs."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float

    @property
    def head(self) -> int:
        """The size of an attention head."""
        return self.hidden_size // self.num_attention_heads


@frozen
class NanoLayer:
    """The matrices of a layer, premultiplied with the weights of the norms before them."""

    qkv: Array
    out: Array
    gate_up: Array
    down: Array


class NanoTransformer:
    """The transformer whose weights are in a folder. Raises ModelError E407."""

    def __init__(self, folder: Path) -> None:
        try:
            data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            weights = read_safetensors(folder / "model.safetensors")
            data["rope_theta"] = data["rope_parameters"]["rope_theta"]
            self.config = config = NanoConfig(**{name: data[name] for name in NanoConfig.__annotations__})
            self.layers = [_layer(weights, f"model.layers.{i}.", config) for i in range(config.num_hidden_layers)]
            self.embedding = weights["model.embed_tokens.weight"]
            self.unembedding = np.ascontiguousarray(self.embedding.T * weights["model.norm.weight"][:, None])
        except OSError as error:
            raise ModelError.of("E407", f"cannot read {error.filename or folder}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError.of("E407", f"the weights in {folder} are damaged: {error}") from error
        frequencies = config.rope_theta ** -(np.arange(0, config.head, 2) / config.head)
        angles = np.outer(np.arange(config.max_position_embeddings), frequencies)[:, None, None]
        cos, sin = np.cos(angles), np.sin(angles)
        self._cos = np.stack([cos, cos], axis=-2).astype(np.float32)
        self._sin = np.stack([-sin, sin], axis=-2).astype(np.float32)

    def new_cache(self, rows: int) -> Array:
        """Return an empty cache of keys and values: [layers, 2, rows, heads, positions, features]."""
        config = self.config
        shape = (rows, config.num_attention_heads, config.max_position_embeddings, config.head)
        return np.zeros((config.num_hidden_layers, 2, *shape), dtype=np.float32)

    def read(self, tokens: Integers, rows: Integers, positions: Integers, cache: Array) -> Array:
        """Read tokens, each in its row of the cache at its position. All before it are in the cache or among them.

        Return the output of the last layer for each, which `logits` takes.
        """
        config, count, width = self.config, len(tokens), int(positions.max()) + 1
        heads, head, inner = config.num_attention_heads, config.head, config.intermediate_size
        cos, sin = self._cos[positions], self._sin[positions]
        later = np.where(np.arange(width) > positions[:, None], np.float32(-1e9), np.float32(0))[:, None]
        x = self.embedding[tokens]
        for layer, (keys, values) in zip(self.layers, cache):
            qkv = (_product(self._normed(x), layer.qkv)).reshape(count, 3, heads, head)
            # Rotary positions: pairs of numbers, one of each half of a head, are rotated.
            pairs = qkv[:, :2].reshape(count, 2, heads, 2, head // 2)
            qk = (pairs * cos + pairs[..., ::-1, :] * sin).reshape(count, 2, heads, head)
            keys[rows, :, positions], values[rows, :, positions] = qk[:, 1], qkv[:, 2]
            scores = np.matmul(keys[rows, :, :width], qk[:, 0, :, :, None])[..., 0] + later
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            seen = np.matmul(scores[:, :, None], values[rows, :, :width])[:, :, 0] / scores.sum(-1, keepdims=True)
            x = x + _product(seen.reshape(count, -1), layer.out)
            gate_up = _product(self._normed(x), layer.gate_up)
            gate = gate_up[:, :inner]
            x = x + _product(gate / (1 + np.exp(-gate)) * gate_up[:, inner:], layer.down)
        return x

    def logits(self, x: Array) -> Array:
        """Return the logits of the next tokens, from what `read` returns."""
        return _product(self._normed(x), self.unembedding)

    def _normed(self, x: Array) -> Array:
        squares = np.einsum("ij,ij->i", x, x) / np.float32(self.config.hidden_size)
        normed: Array = x / np.sqrt(squares + np.float32(self.config.rms_norm_eps))[:, None]
        return normed


def _product(x: Array, matrix: Array) -> Array:
    """Return `x @ matrix`, computed in blocks of rows that are too small for the library to start threads."""
    count, width = x.shape
    if count <= BLOCK:
        return x @ matrix
    padded = np.zeros((-(-count // BLOCK) * BLOCK, width), dtype=x.dtype)
    padded[:count] = x
    return (padded.reshape(-1, BLOCK, width) @ matrix).reshape(len(padded), -1)[:count]


def _layer(weights: dict[str, Array], name: str, config: NanoConfig) -> NanoLayer:
    def matrix(*parts: str) -> Array:
        return np.concatenate([weights[f"{name}{part}_proj.weight"] for part in parts]).T

    qkv = matrix("self_attn.q", "self_attn.k", "self_attn.v") * weights[f"{name}input_layernorm.weight"][:, None]
    qkv[:, : config.hidden_size] /= config.head**0.5
    gate_up = matrix("mlp.gate", "mlp.up") * weights[f"{name}post_attention_layernorm.weight"][:, None]
    return NanoLayer(*map(np.ascontiguousarray, (qkv, matrix("self_attn.o"), gate_up, matrix("mlp.down"))))


def read_safetensors(path: Path) -> dict[str, Array]:
    """Return the float32 tensors of a file. Raises OSError, ValueError, KeyError."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:start])
    tensors.pop("__metadata__", None)
    found = {}
    for name, tensor in tensors.items():
        if tensor["dtype"] != "F32":
            raise ValueError(f"{name} is of type {tensor['dtype']}")
        begin, end = tensor["data_offsets"]
        found[name] = np.frombuffer(data[start + begin : start + end], np.float32).reshape(tensor["shape"])
    return found
