"""What the exercises of chapter 8 call right is what PyTorch computes, and what this project does."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from exercises.catalogue import BY_NAME
from gpt_np import next_words
from llama_np import Rotation
from support.tokens import joined


def drawn(name):
    return BY_NAME[name].draw(0)


def tensors(*arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def same(one, other, rel=1e-12):
    assert np.asarray(one) == pytest.approx(np.asarray(other), rel=rel, abs=1e-12)


def test_rms_norm():
    for g in drawn("rms_norm_dx"):
        (x,) = tensors(g.x)
        y = x * torch.rsqrt((x**2).mean(dim=-1, keepdim=True) + 0.3) * torch.tensor(g.gamma)
        y.backward(torch.tensor(g.dy))
        same(g.dx, x.grad)


def test_the_turn():
    for g in drawn("rotate"):
        turn = Rotation(g.base)
        same(g.y, turn.forward(g.x))
        same(g.dx, turn.backward(g.dy))


def test_the_gate():
    for g in drawn("swiglu_dx"):
        x, Wg, Wu, Wd = tensors(g.x, g.Wg, g.Wu, g.Wd)
        ((F.silu(x @ Wg) * (x @ Wu)) @ Wd).backward(torch.tensor(g.dy))
        same(g.dx, x.grad)


def test_shared_keys():
    for g in drawn("shared_keys_backward"):
        q, k = tensors(g.q, g.k)
        scores = q @ k.repeat_interleave(g.h // g.s, dim=1).transpose(2, 3) / g.d**0.5
        scores.backward(torch.tensor(g.dscores))
        same(g.dq, q.grad)
        same(g.dk, k.grad)


def test_a_pair_is_joined():
    for g in drawn("merge_tokens"):
        letters = [chr(97 + word) for word in g.words]
        pair = chr(97 + g.first), chr(97 + g.second)
        assert joined(letters, pair) == ["".join(pair) if word == g.new else chr(97 + word) for word in g.joined]


def test_the_likeliest_words():
    """A word is drawn if, and as often as, it has been kept."""
    for g in drawn("top_p"):
        u = np.tile((np.arange(1000) + 0.5) / 1000, (g.B, 1))
        words = np.array([next_words(np.log(g.p), 1, u[:, i], top_p=g.enough) for i in range(1000)])  # (1000, B)
        shares = np.array([np.bincount(of_text, minlength=g.V) for of_text in words.T]) / 1000
        assert shares == pytest.approx(g.kept, abs=2e-3)
