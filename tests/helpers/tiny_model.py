"""A GGUF file with two tiny blocks, written by the package's own writer."""

import numpy as np

from support.tokens import list_byte_letters

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PAIRS = ("t h", "th e", "Ġ t", "Ġ the", "Ġt h", "e r", "0 1", "Ã ©")
WORDS = [*CONTROL, *list_byte_letters(), "th", "the", "Ġt", "Ġthe", "Ġth", "er", "01", "Ã©"]
SIZES = {"width": 32, "blocks": 2, "heads": 4, "kv_heads": 2, "hidden": 64, "context_length": 120}
# SmolLM2's, whose SHA-256 sum is known.
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou "
    "are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
    "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\n' }}{% endif %}"
)


def facts_of(sizes=SIZES):
    """{name: value} of such a file."""
    facts = {
        "embedding_length": sizes["width"],
        "block_count": sizes["blocks"],
        "attention.head_count": sizes["heads"],
        "attention.head_count_kv": sizes["kv_heads"],
        "feed_forward_length": sizes["hidden"],
        "context_length": sizes["context_length"],
        "rope.freq_base": 50_000.0,
        "attention.layer_norm_rms_epsilon": 2e-5,
        "vocab_size": len(WORDS),
        "rope.dimension_count": sizes["width"] // sizes["heads"],
    }
    words = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": WORDS,
        "tokenizer.ggml.token_type": [3] * len(CONTROL) + [1] * (len(WORDS) - len(CONTROL)),
        "tokenizer.ggml.merges": [*PAIRS],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": TEMPLATE,
    }
    return {f"llama.{name}": value for name, value in facts.items()} | words


def arrays_of(sizes=SIZES, seed=0):
    """{name: array} of such a file."""
    rng, C, H, d = np.random.default_rng(seed), sizes["width"], sizes["hidden"], sizes["width"] // sizes["heads"]
    shapes = {"token_embd": (len(WORDS), C), "output_norm": (C,)}
    for i in range(sizes["blocks"]):
        of_block = {"attn_norm": (C,), "attn_q": (C, C), "attn_k": (sizes["kv_heads"] * d, C)}
        of_block |= {"attn_v": (sizes["kv_heads"] * d, C), "attn_output": (C, C), "ffn_norm": (C,)}
        of_block |= {"ffn_gate": (H, C), "ffn_up": (H, C), "ffn_down": (C, H)}
        shapes |= {f"blk.{i}.{name}": shape for name, shape in of_block.items()}
    return {
        f"{name}.weight": rng.normal(len(shape) == 1, 0.3, shape).astype(np.float32) for name, shape in shapes.items()
    }


def write_model(path, architecture="llama", arrays=None, packed=None, leave_out=(), **facts):
    """Write a GGUF file. facts: others than `facts_of` gives, by their names with _ for ".". packed: {name: a type of
    the package}, by which an array is packed."""
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    of_kind = {str: writer.add_string, int: writer.add_uint32, float: writer.add_float32, list: writer.add_array}
    given = {name: value for name, value in facts_of().items() if name not in leave_out}
    for name, value in (given | {name.replace("__", "."): value for name, value in facts.items()}).items():
        (writer.add_bool if isinstance(value, bool) else of_kind[type(value)])(name, value)
    for name, array in (arrays_of() if arrays is None else arrays).items():
        if kind := (packed or {}).get(name):
            writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
