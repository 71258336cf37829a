"""Checkpoints: all that was learned comes back to the bit, and whatever else a file holds is refused in one line."""

import json
import os
import zipfile

import numpy as np
import pytest

import main_np
from networks import begin, parse_options
from support.checkpoint import load_checkpoint, save_checkpoint
from support.errors import UserError
from support.history import History
from support.options import run_options
from support.run import check_history, make_plan


def options_of(*argv):
    return parse_options("np", *argv)


def resume(path, *argv):
    return begin("np", "", ["--resume", str(path), *argv])


@pytest.fixture
def saved(tmp_path):
    """A small checkpoint: (path, options, plan, params, momentum, history)."""
    options = options_of("--hidden", "3", "--epochs", "4", "--seed", str(2**63 + 1))
    plan = make_plan(options, 60000)
    rng = np.random.default_rng(0)
    params = {"W1": rng.normal(size=(784, 3)).astype(np.float32), "b1": rng.normal(size=3).astype(np.float32)}
    momentum = {name: 2 * p for name, p in params.items()}
    history = History([0.1] * 500, [0.5] * 500, [468], [0.3], [0.9])
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, run_options(options), {"params": params, "momentum": momentum, "statistics": {}}, history)
    return path, options, plan, params, momentum, history


def test_a_checkpoint_comes_back_bit_for_bit(saved):
    path, options, plan, params, momentum, history = saved
    resumed, checkpoint = resume(path)
    assert run_options(resumed) == run_options(options)
    new = {name: np.zeros_like(p) for name, p in params.items()}, {name: np.zeros_like(p) for name, p in params.items()}
    checkpoint.copy_to(dict(zip(("params", "momentum"), new, strict=True)))
    assert check_history(checkpoint, plan).numbers() == history.numbers()
    for old, back in zip((params, momentum), new, strict=True):
        assert all((old[name] == back[name]).all() for name in old)
    with np.load(path, allow_pickle=False) as npz:  # what the file says of itself
        assert (npz["step"], npz["format"]) == (500, 1)


def test_a_resumed_run_keeps_its_options(saved):
    path = str(saved[0])
    assert resume(path, "--out", "there", "--hidden", "3")[0].out == "there"
    for argv in (["--hidden", "4"], ["--lr", "0.2"], ["--epochs", "5"], ["--steps", "9"], ["--recipe", "geohot"]):
        with pytest.raises(UserError, match=f"{argv[0]} {argv[1]} contradicts"):
            resume(path, *argv)


def rewrite(path, **changes):
    """The same checkpoint with some of its arrays replaced, or dropped where None."""
    with np.load(path, allow_pickle=False) as npz:
        arrays = dict(npz) | {name.replace("__", "/"): value for name, value in changes.items()}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


DAMAGES = {
    "NaN": ({"params__W1": np.full((784, 3), np.nan, np.float32)}, "not finite"),
    "infinite momentum": ({"momentum__b1": np.full(3, np.inf, np.float32)}, "not finite"),
    "NaN in the history": ({"history__train_loss": np.full(500, np.nan)}, "not finite"),
    "text for numbers": ({"params__W1": np.array("W1")}, "not finite"),
    "newer": ({"format": 99}, "format 99"),
    "no format": ({"format": None}, "not a checkpoint"),
    "no step": ({"step": None}, "do not fit"),
    "another step": ({"step": 499}, "do not fit"),
    "no options": ({"options": None}, "do not fit"),
    "options that are no JSON": ({"options": "{"}, "do not fit"),
    "options that are no dict": ({"options": "[]"}, "do not fit"),
    "an option out of range": ({"options": '{"hidden": -3}'}, "--hidden"),
    "an unknown option": ({"options": '{"hiden": 3}'}, "hiden"),
    "an option of this call": ({"options": '{"resume": "x"}'}, "resume is not of a run"),
    "a history cut short": ({"history__train_accuracy": np.zeros(3)}, "do not fit"),
    "an unknown history": ({"history__weather": np.zeros(3)}, "do not fit"),
    "a history in two dimensions": ({"history__train_loss": np.zeros((500, 1))}, "do not fit"),
    "no options at all": ({"options": "{}"}, "missing"),
    "a variance below 0": ({"statistics__norm.var": np.full(3, -1.0)}, "not finite"),
    "a mean square below 0": ({"squares__b1": np.full(3, -1.0)}, "not finite"),
    "an unknown group": ({"paramz__W1": np.zeros(3)}, "do not fit"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_one_line(saved, damage):
    path = saved[0]
    changes, word = DAMAGES[damage]
    rewrite(path, **changes)
    with pytest.raises(UserError, match=word) as caught:
        resume(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"params__b1": np.zeros(4, np.float32)},
        {"params__W1": np.zeros((784, 3))},
        {"params__W2": np.zeros((3, 10), np.float32)},
        {"momentum__b1": None},
        {"statistics__mean": np.zeros(3, np.float32)},
    ],
)
def test_a_checkpoint_of_another_network(saved, changes):
    path, _, _, params, momentum, _ = saved
    rewrite(path, **changes)
    _, checkpoint = resume(path)
    with pytest.raises(UserError, match="another network"):
        checkpoint.copy_to({"params": params, "momentum": momentum, "statistics": {}})


def test_a_checkpoint_without_its_test_results(saved):
    path, _, plan, *_ = saved
    rewrite(path, **{f"history__test_{name}": np.array([]) for name in ("step", "loss", "accuracy")})
    _, checkpoint = resume(path)
    with pytest.raises(UserError, match="no test result"):
        check_history(checkpoint, plan)


def test_a_checkpoint_of_neither_epochs_nor_steps(saved):
    options = {name: value for name, value in run_options(saved[1]).items() if name not in ("epochs", "steps")}
    rewrite(saved[0], options=json.dumps(options))
    with pytest.raises(UserError, match="missing"):
        resume(saved[0])


def test_a_checkpoint_beyond_its_run(saved):
    path, _, plan, *_ = saved
    _, checkpoint = resume(path)
    with pytest.raises(UserError, match="step 500 of 400"):
        check_history(checkpoint, plan._replace(steps=400))


@pytest.mark.parametrize("size", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_checkpoint(saved, size):
    path = saved[0]
    content = path.read_bytes()
    path.write_bytes(content[: size if isinstance(size, int) else int(size * len(content))])
    with pytest.raises(UserError, match="not a checkpoint"):
        load_checkpoint(path)


def test_one_wrong_bit_anywhere_is_noticed_or_harmless(saved):
    path = saved[0]
    content = path.read_bytes()
    want = load_checkpoint(path)
    rng = np.random.default_rng(0)
    for position in rng.integers(len(content), size=200):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 1 << rng.integers(8)]) + content[position + 1 :]
        )
        try:
            got = load_checkpoint(path)
        except UserError:
            continue
        assert all((got.groups["params"][name] == p).all() for name, p in want.groups["params"].items())
        assert got.history.numbers() == want.history.numbers()


def test_nothing_that_executes_is_loaded(saved, tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("executed").touch, ())

    rewrite(saved[0], params__W1=np.array([Evil()], dtype=object))
    with pytest.raises(UserError, match="not a checkpoint"):
        load_checkpoint(saved[0])
    assert not (tmp_path / "executed").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("format.npy", "w") as file:
        for _ in range(512):
            file.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match="not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_packed_is_refused_before_it_is_unpacked(saved, method, monkeypatch):
    """Even where it lies about its size, so that only unpacking would tell."""
    path, content = saved[0], bytes(2**20)
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr("params/bomb.npy", content)
        archive.infolist()[-1].file_size = 10  # what the directory will say
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *arguments, **more: pytest.fail("an entry was opened"))
    with pytest.raises(UserError, match="not a checkpoint"):
        load_checkpoint(path)


def test_a_pipe_is_refused_before_it_is_read(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs a named pipe, which Windows lacks")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    with pytest.raises(UserError, match="cannot read"):
        load_checkpoint(tmp_path / "pipe")


@pytest.mark.parametrize(
    "argv",
    [
        ["--hidden", "16384"],
        ["--model", "resnet", "--widths", ",".join(["1024"] * 400), "--blocks", "50"],
        ["--model", "resnet", "--widths", "1024", "--blocks", "50"],
        ["--model", "vit", "--width", "1024", "--blocks", "50"],
    ],
)
def test_options_of_a_larger_network_than_its_arrays(saved, argv):
    """They are refused before anybody builds such a network, which would fill the memory."""
    rewrite(saved[0], options=json.dumps(run_options(options_of(*argv))))
    with pytest.raises(UserError, match="another network than its options say"):
        resume(saved[0])


def words(sizes):
    return [word for name, size in sizes.items() for word in (f"--{name}", str(size))]


@pytest.mark.parametrize("larger", [{"blocks": 50}, {"width": 8}, {"patch": 2}, {"patch": 28}])
def test_options_of_a_larger_transformer_than_its_arrays(tmp_path, larger):
    """The same where the file is a transformer's, and only one of the sizes is another."""
    small = {"width": 4, "blocks": 1, "heads": 2, "patch": 14}
    small, large = (options_of("--model", "vit", *words(sizes)) for sizes in (small, small | larger))
    model, optimizer = main_np.build(small)
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, run_options(small), main_np.get_arrays(model, optimizer), History([], [], [], [], []))
    assert resume(path)[0].width == small.width
    rewrite(path, options=json.dumps(run_options(large)))
    with pytest.raises(UserError, match="another network than its options say"):
        resume(path)


def test_a_file_from_before_there_was_a_choice_of_optimizers(saved):
    """Its options name none. It was SGD with momentum, and it goes on."""
    path, options, _, params, _, _ = saved
    rewrite(path, options=json.dumps({n: value for n, value in run_options(options).items() if n != "optimizer"}))
    resumed, checkpoint = resume(path)
    assert run_options(resumed) == run_options(options)
    assert resumed.optimizer == "sgd"
    checkpoint.copy_to({"params": params, "momentum": {name: np.zeros_like(p) for name, p in params.items()}})
    with pytest.raises(UserError, match="--optimizer adamw contradicts"):
        resume(path, "--optimizer", "adamw")


@pytest.mark.parametrize("group", ["params", "momentum", "squares", "statistics"])
def test_what_would_be_refused_is_not_saved(saved, group):
    path, options, _, params, momentum, history = saved
    before = path.read_bytes()
    groups = {"params": params, "momentum": momentum, "squares": momentum}
    groups["statistics"] = {"norm.var": np.ones(3, np.float32)}
    groups[group] = {name: np.full_like(array, np.inf) for name, array in groups[group].items()}
    with pytest.raises(UserError, match="no longer finite at step 500: lower --lr"):
        save_checkpoint(path, run_options(options), groups, history)
    assert path.read_bytes() == before


def test_a_checkpoint_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path, ""):
        with pytest.raises(UserError, match="cannot read"):
            resume(path)
