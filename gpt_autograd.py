"""The small GPT of gpt_np.py on a tape: the forward pass, and no derivative; autograd_np.py finds them.

Read it between gpt_np.py, where every derivative is written out, and gpt_torch.py. The embedding is `E[x]`, whose
derivative the tape knows as that of any index; the blocks are those of vit_autograd.py.

Shapes: B texts, T places (words) in each, V words to choose from, C channels; h heads.
"""

import numpy as np

import gpt_np
from autograd_np import Tensor
from vit_autograd import OnTape, softmax


class GPT(OnTape, gpt_np.GPT):
    """Embedding, positions, blocks, norm, linear. Its first weights, `params`, are gpt_np.GPT's."""

    def __init__(self, width=64, blocks=2, heads=4, words=128, starts=10, places=49, seed=0, dtype=np.float32):
        super().__init__(width, blocks, heads, words, starts, places, seed, dtype)

    def forward(self, x):
        """Words x (B, T) to logits (B, T, V). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        a = self.tensors["embed.E"][x] + self.tensors["positions.P"]  # (B, T, C)
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["attention"].heads)
        self.logits = self.linear("linear", self.norm("norm", a))
        return self.logits.value

    def softmax(self, scores):
        """Row i of the weights (B, h, T, T) has i + 1 weights, then zeros: -inf, a constant, hides the later scores."""
        hidden = np.where(np.tri(scores.shape[-1], dtype=bool), 0, -np.inf)  # (T, T)
        return softmax(scores + hidden.astype(scores.value.dtype))
