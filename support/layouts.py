"""How a GGUF file stores a network: its names for sizes and arrays. networks.py says which network has which layout."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """How a GGUF file stores a network: its names for the architecture, the sizes and the arrays.

    The network's class in NumPy must have the method `use_arrays(arrays)`, and its classes in NumPy and PyTorch the
    method `add_lora(rank)`: see llama_np.py.
    """

    architecture: str
    sizes: dict[str, str]  # {argument of the network's class: key in the file}
    arrays: dict[str, str]  # {name in params: name in the file}; {} stands for a block's number
    fit: Callable  # (**sizes) -> True if a network can have these sizes
    implied: dict[str, Callable]  # {another key in the file: sizes -> the only value that is supported}
    recipe: dict  # {option: value} of a run that starts from a file


def has_valid_llama_sizes(width, blocks, heads, kv_heads, hidden, context_length, rope_theta, eps, **_):
    whole = all(isinstance(size, int) and size > 0 for size in (width, blocks, heads, kv_heads, hidden, context_length))
    real = all(isinstance(number, float) and 0 < number < np.inf for number in (rope_theta, eps))
    return whole and real and heads % kv_heads == width % (2 * heads) == 0


LLAMA = Layout(
    architecture="llama",
    sizes={
        "width": "embedding_length",
        "blocks": "block_count",
        "heads": "attention.head_count",
        "kv_heads": "attention.head_count_kv",
        "hidden": "feed_forward_length",
        "context_length": "context_length",
        "rope_theta": "rope.freq_base",
        "eps": "attention.layer_norm_rms_epsilon",
    },
    arrays={
        "embed.E": "token_embd.weight",
        "blocks.{}.norm1.gamma": "blk.{}.attn_norm.weight",
        "blocks.{}.attention.query.W": "blk.{}.attn_q.weight",
        "blocks.{}.attention.key.W": "blk.{}.attn_k.weight",
        "blocks.{}.attention.value.W": "blk.{}.attn_v.weight",
        "blocks.{}.attention.out.W": "blk.{}.attn_output.weight",
        "blocks.{}.norm2.gamma": "blk.{}.ffn_norm.weight",
        "blocks.{}.mlp.gate.W": "blk.{}.ffn_gate.weight",
        "blocks.{}.mlp.up.W": "blk.{}.ffn_up.weight",
        "blocks.{}.mlp.down.W": "blk.{}.ffn_down.weight",
        "norm.gamma": "output_norm.weight",
    },
    fit=has_valid_llama_sizes,
    implied={
        "vocab_size": lambda sizes: sizes["vocab_size"],
        "rope.dimension_count": lambda sizes: sizes["width"] // sizes["heads"],
        "attention.key_length": lambda sizes: sizes["width"] // sizes["heads"],
        "attention.value_length": lambda sizes: sizes["width"] // sizes["heads"],
        "expert_count": lambda sizes: 0,
    },
    # Tested with SmolLM2 only.
    recipe={"dataset": "shakespeare", "steps": 100, "batch_size": 4, "context_length": 128, "lora": 8}
    | {"optimizer": "adamw", "lr": 0.002, "weight_decay": 0.0},
)
