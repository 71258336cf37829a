"""llama_np.py: what it knows beside what test_networks.py holds of every network."""

import numpy as np
import pytest

import main_np
from gpt_np import sample
from layers_np import compute_gradient_differences
from llama_np import GroupedQueryAttention, Llama, RMSNorm, RotaryEmbedding
from loading.options import parse_options
from mlp_np import softmax_cross_entropy
from support.errors import UserError
from vit_np import split


def network(**more):
    sizes = {
        "width": 12,
        "blocks": 2,
        "heads": 6,
        "kv_heads": 2,
        "hidden": 7,
        "vocab_size": 9,
        "n_start_tokens": 1,
        "context_length": 8,
    }
    return Llama(**sizes | {"dtype": np.float64} | more)


def test_what_a_head_sees_of_two_words_is_how_far_they_are_apart():
    """The same query and key, moved together, have the same product; moved apart, another. No length changes."""
    q, k = np.random.default_rng(0).normal(size=(2, 1, 8))
    turn = RotaryEmbedding()

    def product(i, j):
        return (turn.forward(q, i) @ turn.forward(k, j).T).item()

    assert product(0, 0) == pytest.approx((q @ k.T).item(), rel=1e-12)
    for far in (0, 1, 5, 100):
        assert product(1000 + far, 1000) == pytest.approx(product(far, 0), rel=1e-9, abs=1e-9)
        assert np.linalg.norm(turn.forward(q, far)) == pytest.approx(np.linalg.norm(q), rel=1e-12)
    assert len({round(product(far, 0), 6) for far in range(9)}) == 9


def test_rms_norm_knows_the_size_of_a_place_and_not_its_mean():
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 50))
    y = RMSNorm(50).forward(x)
    assert (y**2).mean(axis=-1) == pytest.approx(np.ones((2, 3)), abs=1e-5)
    assert y == pytest.approx(RMSNorm(50).forward(7 * x), abs=1e-5) and (y.mean(axis=-1) > 0.5).all()


def test_heads_that_share_a_key_are_side_by_side():
    """As in llama.cpp and in the files: head j of the queries has head j // g of the keys, and its own weights."""
    rng = np.random.default_rng(0)
    layer, x = GroupedQueryAttention(rng, 12, heads=6, kv_heads=2), rng.normal(size=(1, 4, 12))
    layer.forward(x)
    q, k, _, _ = layer.layers.values()
    for head in range(6):
        mine = (
            RotaryEmbedding().forward(split(q.forward(x), 6)[0, head]),
            RotaryEmbedding().forward(split(k.forward(x), 2)[0, head // 3]),
        )
        scores = np.where(np.tri(4, dtype=bool), mine[0] @ mine[1].T / np.sqrt(2), -np.inf)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        assert layer.weights[0, head] == pytest.approx(p, abs=1e-12)


def test_the_table_is_one_array_and_has_one_gradient():
    """Of both uses, which central differences know as one. Its rows for words that only start a text are no answers."""
    model = network()
    assert model.layers["linear"].embedding is model.layers["embed"]
    assert sum(name.startswith(("embed", "linear")) for name in model.params) == 1
    assert model.forward(np.array([[9, 1]])).shape == (1, 2, 9)
    small = network(width=4, heads=2, kv_heads=1, hidden=3, blocks=1)
    small.params["embed.E"] += np.random.default_rng(0).normal(size=(10, 4))  # where it is less bent
    assert compute_gradient_differences(small, np.array([[9, 0, 3], [9, 3, 3]]))["embed.E"] < 1e-5
    model.params["embed.E"][...] = 1.0  # in place, as the optimizer does
    assert model.layers["embed"].forward(np.array([[2]])).tolist() == [[[1.0] * 12]]


def test_its_first_loss_is_that_of_guessing():
    options = parse_options("np", "--model", "llama", "--dataset", "shakespeare")
    model, _ = main_np.build(options)
    x = np.random.default_rng(0).integers(0, 65, (8, 65))
    loss, _ = softmax_cross_entropy(model.forward(x[:, :-1]).reshape(-1, 65), x[:, 1:].ravel())
    assert loss == pytest.approx(np.log(65), abs=0.05)
    assert sum(p.size for p in model.params.values()) == 96_640


def test_kept_keys_give_what_the_whole_text_gives():
    """One word at a time, several at once, or a long prompt and then single words."""
    model, words = network(), np.random.default_rng(0).integers(0, 9, (3, 8))
    right = model.forward(words)
    for cuts in (range(1, 8), (5, 6, 7), (3, 5), (2,), ()):
        place = 0
        for part in np.split(words, cuts, axis=1):
            logits = model.decode_step(part, place)
            place += part.shape[1]
            assert logits == pytest.approx(right[:, place - 1], abs=1e-12), cuts


@pytest.mark.parametrize("after", ["embed", "blocks.0", "blocks.1", "norm"])
def test_a_layer_that_a_reader_inserts_is_passed_with_kept_keys_too(after):
    model, words = network(), np.random.default_rng(0).integers(0, 9, (3, 8))
    new = RMSNorm(12)
    new.params["gamma"] = np.linspace(0.5, 2, 12)
    layers = {}
    for name, layer in model.layers.items():
        layers |= {name: layer} | ({"new": new} if name == after else {})
    model.layers = layers
    model.decode_step(words[:, :5], 0)
    assert model.decode_step(words[:, 5:], 5) == pytest.approx(model.forward(words)[:, -1], abs=1e-12)


def test_a_network_for_a_files_arrays_takes_no_memory_of_its_own():
    model, other = network(seed=None, hidden=10**9, dtype=np.float32), network(dtype=np.float32)
    assert model.params["blocks.0.mlp.up.W"].strides == (0, 0)
    model = network(seed=None, dtype=np.float32)
    model.use_arrays(other.params)
    assert all(model.params[name] is array for name, array in other.params.items())
    assert (model.forward(np.array([[9, 1]])) == other.forward(np.array([[9, 1]]))).all()


def test_top_p_keeps_the_likeliest_that_have_that_probability_together():
    """The one that reaches it is kept; the likeliest always."""
    p = np.array([0.1, 0.4, 0.2, 0.3])
    for top_p, kept in ((1e-6, {1}), (0.39, {1}), (0.41, {1, 3}), (0.69, {1, 3}), (0.71, {1, 2, 3}), (1, {0, 1, 2, 3})):
        drawn = [sample(np.log(p)[np.newaxis], 1, np.array([u]), top_p=top_p).item() for u in np.arange(0, 1, 0.01)]
        assert {*drawn} == kept, top_p
        assert drawn.count(1) == pytest.approx(100 * 0.4 / p[[*kept]].sum(), abs=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--kv-heads 3", "--heads 4 cannot share --kv-heads 3 evenly"),
        ("--width 12", "--width 12 gives each of 4 --heads 3 chan"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(words, said):
    with pytest.raises(UserError, match=said):
        parse_options("np", "--model", "llama", *words.split())


def adapted(seed=1):
    """A network with adapters whose B are not 0, and the arrays that stay as they are, by their names."""
    model = network()
    frozen = {name: p.copy() for name, p in model.params.items()}
    model.add_lora(rank=2)
    for name, p in model.params.items():
        p += np.random.default_rng(seed).normal(0, 0.1, p.shape) * name.endswith(".B")
    return model, frozen


def test_adapters_change_nothing_at_first_and_are_all_that_learns():
    model, words = network(), np.array([[9, 0, 3], [9, 3, 3]])
    before = model.forward(words)
    model.add_lora(rank=2)
    assert (model.forward(words) == before).all()
    assert {name.rpartition(".")[2] for name in model.params} == {"A", "B"}
    assert len(model.params) == 2 * 7 * len([name for name in model.layers if name.startswith("blocks")])
    grads = model.backward(np.ones_like(before))
    assert list(grads) == list(model.params) and not hasattr(model.layers["linear"], "dE")
    assert all((grads[name] == 0).all() == name.endswith(".A") for name in grads)  # while B is 0, only B learns


@pytest.mark.slow
def test_adapters_learn_as_in_pytorch():
    """There each matrix is W + scale A B, and autograd finds the rest: after 20 steps, in float64, the same weights."""
    torch = pytest.importorskip("torch")
    from llama_torch import Llama as Twin

    model, frozen = adapted()
    twin = Twin(12, 2, 6, 2, 7, 9, 1, 8).double()
    theirs = {name: torch.tensor(p, requires_grad=True) for name, p in model.params.items()}
    optimizer = torch.optim.AdamW([*theirs.values()], lr=0.01, weight_decay=0)
    means, squares = ({name: np.zeros_like(p) for name, p in model.params.items()} for _ in range(2))
    rng = np.random.default_rng(0)
    for step in range(1, 21):
        x, y = rng.integers(0, 9, (2, 3, 8))
        weights = {}
        for name, p in frozen.items():
            path, _, kind = name.rpartition(".")
            whole = torch.tensor(p.T if kind == "W" else p)
            if kind == "W":
                whole = whole + 2 * (theirs[f"{path}.A"] @ theirs[f"{path}.B"]).T
            weights[f"{path}.{ {'W': 'weight', 'E': 'weight'}.get(kind, kind) }"] = whole
        logits = torch.func.functional_call(twin, weights, torch.tensor(x))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(y).flatten())
        optimizer.zero_grad()
        loss.backward()
        ours, dlogits = main_np.compute_loss(model.forward(x), y)
        grads = model.backward(dlogits)
        assert ours == pytest.approx(loss.item(), abs=1e-12)
        for name, p in theirs.items():
            assert np.abs(grads[name] - p.grad.numpy()).max() < 1e-12, name
        optimizer.step()
        main_np.update_adamw(model.params, means, squares, grads, 0.01, step=step)
    assert max(np.abs(p - theirs[name].detach().numpy()).max() for name, p in model.params.items()) < 1e-11
    assert all((model.layers["embed"].params["E"] == frozen["embed.E"]).ravel())
