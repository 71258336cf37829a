"""practice.py look: the first steps of a network from a blank file, array by array."""

import numpy as np
import pytest
from own_programs import BASE

import practice
from exercises import looked
from marker.trial import load_learner_module
from support.errors import UserError


@pytest.fixture
def few(monkeypatch):
    """200 images."""
    given = [a[:200] for a in looked.digits.few_images()]
    monkeypatch.setattr(looked.digits, "few_images", lambda: given)


def test_the_rows_are_the_sizes_of_what_the_file_computes(tmp_path, few):
    (file := tmp_path / "own_network.py").write_text(BASE)
    losses, rows = looked.measure_first_steps(load_learner_module(file), "own_network")
    assert 2 < len(losses) <= looked.DEFAULT_N_STEPS and np.isfinite(losses).all()
    module = load_learner_module(file)
    names = [f'["{name}"]' for name in module.first_weights(np.random.default_rng(0))]
    assert [path for path, *_ in rows] == names
    for path, weights, gradient, step in rows:
        assert weights > 0 and gradient > 0
        assert (step is not None) == path.startswith('["W'), path
        assert step is None or 0 < step < 1


def test_arrays_that_do_not_learn_are_named(tmp_path, few, capsys):
    without = "    return {name: (name != 'W1') * g for name, g in right(params, images, labels).items()}"
    program = BASE.replace("def gradients(", "def right(")
    program = program.replace("def train(", f"def gradients(params, images, labels):\n{without}\n\n\ndef train(")
    (file := tmp_path / "own_network.py").write_text(program)
    looked.main("own_network", file)
    assert 'No gradient arrives: ["W1"].' in capsys.readouterr().out


def test_only_a_network_from_a_blank_file_is_looked_at(tmp_path):
    for name in ("dz1", "own_block"):
        with pytest.raises(UserError, match="look is for own_network and own_gpt"):
            practice.main(["--folder", str(tmp_path), "look", name])
