"""Options: recipes, ranges, and what contradicts what."""

import json
import re

import pytest

import write
from conftest import rows
from loading.network import make_network
from loading.options import parse, parse_options, restore_options
from networks import NETWORKS
from support.errors import UserError
from support.options import (
    CALL_OPTIONS,
    NUMPY_OPTIONS,
    PYTORCH_OPTIONS,
    make_run_title,
    option,
    select_options_to_save,
)

CHOSEN = """
    np                                        | hidden=512 epochs=5 steps=None init=he name=np title=784-512-10
    np --steps 7                              | steps=7 epochs=None
    np --recipe np_nn                         | batch_size=256 steps=4000 epochs=None init=geohot pixels=raw
    np --recipe np_nn --epochs 2 --init he    | epochs=2 steps=None init=he hidden=512
    torch --recipe geohot                     | hidden=128 steps=1000 init=pytorch name=torch
    np --autograd                             | title=784-512-10.on.the.tape
    np --model resnet                         | widths=(16,32,64) augment=shift optimizer=sgd name=resnet_np hidden=
    np --model resnet --widths 4,8            | widths=(4,8) title=ResNet.4-8
    np --model resnet --widths 4,8 --blocks 3 | title=ResNet.4-8.×.3
    torch --model vit --patch 4               | optimizer=adamw name=vit_torch title=ViT.64.×.3,.4.heads,.patch.4
    np --model gpt                           | recipe=default dataset=mnist batch_size=32 epochs=4 name=gpt_np
    np --model gpt --dataset names           | recipe=names dataset=names batch_size=128 epochs=8 name=gpt_names_np
    torch --model gpt --recipe names         | recipe=names dataset=names name=gpt_names_torch augment=none
    np --model gpt --recipe default --dataset names | recipe=default dataset=names batch_size=32
    np --model gpt --dataset shakespeare     | recipe=texts context_length=64 batch_size=32 name=gpt_texts_np
    np --model gpt --recipe best             | dataset=shakespeare context_length=64 width=128 name=gpt_texts_np
    np --model gpt --dataset data.py --context-length 9 | recipe=texts dataset=data.py context_length=9 width=64
"""


@pytest.mark.parametrize(("line", "values"), [*rows(CHOSEN)])
def test_what_is_typed_overrides_the_recipe_and_that_the_rest(line, values):
    options = parse_options(*line.split())
    called, _, framework = make_run_title(options).partition(" in ")
    assert framework == ("PyTorch" if line.startswith("torch") else "" if options.call.autograd else "NumPy")
    found = vars(options.run) | vars(options.call) | {"title": called.replace(" ", "."), "name": options.name}
    for name, value in (pair.split("=") for pair in values.split()):
        assert str(found.get(name, "")).replace(", ", ",") == value, name


OLD_NAMES = {  # {as it was typed: as it is typed now}
    "--model llama --dataset shakespeare --places 9": "--model llama --dataset shakespeare --context-length 9",
    "--model llama --keys=4": "--model llama --kv-heads=4",
}


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_old_names_of_options_still_work(old, new):
    assert parse_options("np", *old.split()).run == parse_options("np", *new.split()).run
    assert write.make_parser().parse_args(["--top", "3"]).top_k == 3


def test_what_is_wrong_is_said_by_the_new_name():
    for model, message in (("llama", "--heads 4 cannot share --kv-heads 3 evenly"), ("gpt", "arguments: --keys 3")):
        with pytest.raises(UserError, match=message):  # the GPT has it under neither name
            parse_options("np", "--model", model, "--keys", "3")


@pytest.mark.parametrize("recipe", ["names", "best"])
def test_a_recipe_for_other_data_is_refused(recipe):
    for dataset in {"mnist", "names"} - {recipe}:
        with pytest.raises(UserError, match=f"^--recipe {recipe} is for .*, which --dataset {dataset} does not have$"):
            parse_options("np", "--model", "gpt", "--recipe", recipe, "--dataset", dataset)


@pytest.mark.parametrize("model", [model for model, network in NETWORKS.items() if not network.writes])
def test_a_network_that_reads_refuses_names(model):
    what = f"--dataset names has names, and --model {model} learns from images: take --model gpt or --model llama"
    with pytest.raises(UserError, match=f"^{what}$"):
        parse_options("np", "--model", model, "--dataset", "names")


def test_names_have_no_pixels_and_are_not_moved():
    for words, said in (
        ("--augment shift", "moves images, and these are names"),
        ("--pixels raw", "learns from tokens"),
    ):
        with pytest.raises(UserError, match=said):
            parse_options("np", "--model", "gpt", "--dataset", "names", *words.split())


@pytest.mark.parametrize("model", NETWORKS)
def test_every_option_is_explained_with_its_default(capsys, model):
    for framework, others in (("np", PYTORCH_OPTIONS), ("torch", NUMPY_OPTIONS)):
        with pytest.raises(SystemExit, match="0"):
            parse_options(framework, "--model", model, "-h")
        found = re.findall(r"(?s)\n  --([a-z0-9-]+)(.*?)(?=\n  --|\n\n|\n$)", capsys.readouterr().out)
        explained = {name.replace("-", "_"): " ".join(words.split()) for name, words in found}
        run = select_options_to_save(parse_options(framework, "--model", model))
        assert explained.keys() == run.keys() | CALL_OPTIONS.keys() - others.keys()
        for name, value in run.items():
            value = ",".join(map(str, value)) if isinstance(value, tuple) else value
            assert explained[name].endswith(f"(default: {value})") == (value is not None), name


def test_an_option_that_is_new(monkeypatch):
    """It has its own default, also in the runs of older checkpoints, and no network is made without it."""
    new = {"dropout": option("the share of units to leave out", 0.3, type=float)}
    kept = select_options_to_save(parse_options("np", "--lr", 0.2))
    monkeypatch.setitem(NETWORKS, "mlp", NETWORKS["mlp"]._replace(options=NETWORKS["mlp"].options | new))
    for options in (parse("np", []), restore_options("np", kept, "w.npz")):
        assert options.run.dropout == 0.3
        for framework in ("np", "autograd"):
            with pytest.raises(UserError, match="does not know dropout"):
                make_network(framework, options)
    assert options.run.lr == 0.2
    assert not hasattr(parse("np", ["--model", "vit"]).run, "dropout")


def test_each_network_says_what_may_be_typed(monkeypatch):
    """Also where another, before it in the table, has an option of the same name."""
    cloth = {"patch": option("a piece of cloth", type=str)}
    monkeypatch.setitem(NETWORKS, "mlp", NETWORKS["mlp"]._replace(options=cloth))
    assert parse("np", ["--model", "vit", "--patch", "7"]).run.patch == 7


VALUES = """
    --hidden                  | 1 16384                | 0 16385 1.5 1e3 −1 ٣x
    --steps                   | 1 10000000             | 0 10000001 inf
    --seed                    | 0 18446744073709551615 | -1 18446744073709551616 nan
    --hold-out                | 0 10000000             | -1 10000001
    --lr                      | 1e-30 1e30             | 0 -1 1e31 nan inf -inf 1e999 fast
    --momentum                | 0 0.9999               | 1 -0.1 nan
    --recipe                  | default best np_nn     | none
    --dtype                   | float32 float64        | int8
    --model resnet --widths   | 1 8,8 1024             | 0 8,,8 1025 x
    --model vit --heads       | 1 64                   | 0 5
    --model vit --patch       | 2 28                   | 1 5
    --model resnet --recipe   | best                   | np_nn
    --model resnet --hidden   |                        | 5
    --model vit --widths      |                        | 8,8
    --blocks                  |                        | 2
    --hid                     |                        | 5
    --epochs 1 --steps        |                        | 1
"""


@pytest.mark.parametrize(("words", "right", "wrong"), [*rows(VALUES)])
def test_options_have_their_values_and_no_others(words, right, wrong):
    *words, flag = words.split()
    for value in right.split():
        options = parse_options("np", *words, flag, value)
        kept = json.loads(json.dumps(select_options_to_save(options)))  # as in a checkpoint
        assert select_options_to_save(restore_options("np", kept, "w.npz")) == select_options_to_save(options)
        found = getattr(options.run, flag[2:].replace("-", "_"))
        assert found == (tuple(map(int, value.split(","))) if flag == "--widths" else type(found)(value))
    for value in ["", *wrong.split()]:
        with pytest.raises(UserError, match=flag) as caught:
            parse_options("np", *words, f"{flag}={value}")
        assert "\n" not in str(caught.value)
