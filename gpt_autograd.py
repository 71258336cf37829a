"""The small GPT of gpt_np.py on a tape: only the forward pass, because autograd_np.py finds the derivatives.

Read it between gpt_np.py, which has every derivative, and gpt_torch.py. The embedding is `E[x]`, which the tape
differentiates as it does any other indexing. The blocks are those of vit_autograd.py.

Shapes: B texts, T tokens in each, V tokens in the vocabulary, C channels; h heads.
"""

import numpy as np

import gpt_np
from autograd_np import Tensor
from vit_autograd import OnTape, softmax


class GPT(OnTape, gpt_np.GPT):
    """The network: embedding, positions, blocks, norm, linear layer. `params` are at first those of gpt_np.GPT."""

    def __init__(
        self, width=64, blocks=2, heads=4, vocab_size=128, n_start_tokens=10, context_length=49, seed=0,
        dtype=np.float32,
    ):  # fmt: skip
        super().__init__(width, blocks, heads, vocab_size, n_start_tokens, context_length, seed, dtype)

    def forward(self, x):
        """Return the logits (B, T, V) of token ids x (B, T). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        a = self.tensors["embed.E"][x] + self.tensors["positions.P"]  # (B, T, C)
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["attention"].heads)
        self.logits = self.linear("linear", self.norm("norm", a))
        return self.logits.value

    def softmax(self, scores):
        """scores (B, h, T, T) -> weights of the same shape. Row i has i + 1 weights, then zeros.

        Adding -inf, a constant, masks the scores of later positions.
        """
        mask = np.where(np.tri(scores.shape[-1], dtype=bool), 0, -np.inf)  # (T, T)
        return softmax(scores + mask.astype(scores.value.dtype))
