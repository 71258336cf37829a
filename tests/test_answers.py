"""What the exercises of chapters 7 and 8 call right is what PyTorch computes, and what this project does."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import main_np
from exercises.catalogue import BY_NAME
from gpt_np import sample
from lab import nanogpt
from llama_np import RotaryEmbedding
from support.tokens import merge_pair


def drawn(name):
    return BY_NAME[name].draw_trials(0)


def tensors(*arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def same(one, other, rel=1e-12):
    assert np.asarray(one) == pytest.approx(np.asarray(other), rel=rel, abs=1e-12)


# --- Chapter 7 ---


def test_heads():
    for g in drawn("split_heads"):
        for mine, part in zip((g.q, g.k, g.v), torch.tensor(g.qkv).split(g.C, dim=2), strict=True):
            same(mine, part.view(g.B, g.T, g.h, g.d).transpose(1, 2))
        same(g.y, torch.tensor(g.mixed).transpose(1, 2).contiguous().view(g.B, g.T, g.C))


def test_gelu():
    for g in drawn("gelu"):
        (z,) = tensors(g.z)
        a = F.gelu(z)
        a.backward(torch.tensor(g.da))
        same(g.a, a.detach())
        same(g.dz, z.grad)
        assert 0 < (F.gelu(z, approximate="tanh") - a).abs().max() < 0.001  # as the lesson says


def test_one_table():
    for g in drawn("tied_weights"):
        E, a = tensors(g.E, g.a)
        e, logits = F.embedding(torch.tensor(g.x), E), F.linear(a, E)
        torch.autograd.backward([e, logits], [torch.tensor(g.de), torch.tensor(g.dlogits)])
        same(g.dE, E.grad)
        same(g.da, a.grad)


def test_adamw():
    for g in drawn("adamw"):
        how = {"lr": g.lr, "weight_decay": g.weight_decay * (g.old_p.ndim > 1)}
        (p,) = tensors(g.old_p)
        p.grad = torch.tensor(g.dp)
        optimizer = torch.optim.AdamW([p], betas=(g.beta1, g.beta2), eps=g.eps, **how)
        means = {"exp_avg": torch.tensor(g.old_m), "exp_avg_sq": torch.tensor(g.old_s)}
        optimizer.state[p] = {"step": torch.tensor(g.t - 1.0)} | means
        optimizer.step()
        same(g.p, p.detach())
        p, m, s = ({"p": a.copy()} for a in (g.old_p, g.old_m, g.old_s))
        main_np.update_adamw(p, m, s, {"p": g.dp}, g.lr, g.beta1, g.weight_decay, g.t, g.beta2, g.eps)
        same([g.p, g.m, g.s], [p["p"], m["p"], s["p"]])


def test_the_norm():
    for g in drawn("clip_norm"):
        dW, db = tensors(g.dW, g.db)
        dW.grad, db.grad = dW.detach().clone(), db.detach().clone()
        torch.nn.utils.clip_grad_norm_([dW, db], g.most)
        same(g.clipped_dW, dW.grad, rel=2e-6)  # PyTorch adds 1e-6 to the norm
        same(g.clipped_db, db.grad, rel=2e-6)


def test_the_rate(monkeypatch):
    for g in drawn("learning_rate"):
        for name, value in {"MAX_LR": g.lr, "MIN_LR": g.least, "WARMUP_STEPS": g.warm, "N_STEPS": g.steps}.items():
            monkeypatch.setattr(nanogpt, name, value)
        same(g.rate, nanogpt.compute_rate(min(g.t, g.steps)))


# --- Chapter 8 ---


def test_rms_norm():
    for g in drawn("rms_norm_dx"):
        (x,) = tensors(g.x)
        y = x * torch.rsqrt((x**2).mean(dim=-1, keepdim=True) + 0.3) * torch.tensor(g.gamma)
        y.backward(torch.tensor(g.dy))
        same(g.dx, x.grad)


def test_the_turn():
    for g in drawn("rotate"):
        rotary = RotaryEmbedding(g.base)
        same(g.y, rotary.forward(g.x))
        same(g.dx, rotary.backward(g.dy))


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
        assert merge_pair(letters, pair) == ["".join(pair) if word == g.new else chr(97 + word) for word in g.joined]


def test_the_likeliest_words():
    """A word is drawn if, and as often as, it has been kept."""
    for g in drawn("top_p"):
        u = np.tile((np.arange(1000) + 0.5) / 1000, (g.B, 1))
        words = np.array([sample(np.log(g.p), 1, u[:, i], top_p=g.enough) for i in range(1000)])  # (1000, B)
        shares = np.array([np.bincount(of_text, minlength=g.V) for of_text in words.T]) / 1000
        assert shares == pytest.approx(g.kept, abs=2e-3)
