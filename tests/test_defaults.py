"""What is so if nobody says otherwise: typed here by hand, because -h, a table or a picture says whatever it is.

Whoever changes a default changes it here, too, and in the docs.
"""

import importlib

import pytest

from conftest import ROOT, rows
from loading.options import parse_options
from support import options as opt

# What a run does. The numbers are those of docs/results.md.
EVERY_RUN = """
dataset mnist, ink light, pixels standardised, dtype float32, seed 0, steps None, schedule linear, hold_out 0,
out learning_curves, resume None, stop_after None, device auto, amp None, compile False, autograd False,
prove False
"""
RUNS = """
mlp                             | parts 1, hidden 512, init he, epochs 5, batch_size 128, lr 0.1, optimizer sgd, \\
                                  momentum 0.9, weight_decay 0.0, augment none
resnet                          | parts 2, widths 16;32;64, blocks 1, epochs 8, batch_size 64, lr 0.1, optimizer sgd, \\
                                  momentum 0.9, weight_decay 0.0005, augment shift
vit                             | parts 2, width 64, blocks 3, heads 4, patch 7, epochs 8, batch_size 128, lr 0.003, \\
                                  optimizer adamw, momentum 0.9, weight_decay 0.05, augment shift
gpt                             | parts 2, width 64, blocks 2, heads 4, context_length None, epochs 4, batch_size 32, \\
                                  lr 0.003, optimizer adamw, momentum 0.9, weight_decay 0.05, augment none
llama                           | parts 2, width 64, blocks 2, heads 4, kv_heads 2, hidden 176, \\
                                  context_length None, start None, lora None, epochs 4, batch_size 32, \\
                                  lr 0.003, optimizer adamw, momentum 0.9, weight_decay 0.05, augment none
"""
# What an option is where no recipe says it.
OPTIONS = """
dataset mnist, ink light, pixels standardised, dtype float32, seed 0, parts 2, epochs None, steps None, batch_size None,
lr None, optimizer sgd, momentum 0.9, weight_decay 0.0, augment none, schedule linear, hold_out 0
"""
PROGRAMS = """
predict x.png     | pictures ['x.png'], weights None, show None, cut None
write             | prompt None, weights None, temperature 0.8, seed 0, top_k None, top_p 1, count None, \\
                    letters None, start None, raw False, out None
look              | picture None, label None, test None, weights None, digit None, patch None, out learning_curves, \\
                    training None
plot runs         | runs ['runs'], out experiments/comparison.png
page.build        | weights None, out ROOT/page/index.html
page.site OUT     | out OUT
lab.twins         | what mlp
lab.bench         | print False
lab.nanogpt       | seed None, busy False
"""
# What stands in no option.
NUMBERS = """
predict.MIN_CONFIDENCE              | 0.9
write.PIXEL_SCALE, write.MARGIN_PIXELS  | 4, 16
write.DEFAULT_OUT, write.DEFAULT_N_LETTERS  | written.png, 300
look.MAX_UNITS, look.MAX_MISTAKES     | 64, 24
look.DEFAULT_TEST_INDEX, look.DEFAULT_DIGIT     | 247, 2
views.training.FIRST_LOSS_RANGE, views.training.INPUT_STD_RANGE   | (0.5, 2), (0.05, 10)
views.training.OUTPUT_STD_RANGE    | (0.01, 100)
views.training_table.DEVIATIONS_TIMES_SEEDS, views.training_table.RANGE_MARGIN | 80, 0.1
views.training.MAX_MISREAD_EXAMPLES      | 24
views.training.MAX_LEAKED_FRACTION, views.training.MAX_DEAD_FRACTION   | 0.01, 0.25
views.training.ROUNDING_TOLERANCE, views.training.UPDATE_SIZE_RANGE    | 0.0001, (1e-05, 0.2)
support.texts.PATCH_SIDE       | 4
support.texts.CONTEXT_LENGTHS      | {'images': 49, 'names': 12, 'texts': 64}
"""


def as_table(values):
    """{name: its value in words} of a namespace, or of a row "name value, name value"."""
    if isinstance(values, str):
        return {name: value for name, _, value in (part.strip().partition(" ") for part in values.split(", "))}
    return {name: opt.format_value(value) if isinstance(value, tuple) else str(value) for name, value in values.items()}


@pytest.mark.parametrize("framework", ["np", "torch"])
@pytest.mark.parametrize(("model", "said"), [*rows(RUNS)])
def test_the_options_of_a_run(model, said, framework):
    options = parse_options(framework, "--model", model)
    wanted = as_table(" ".join(EVERY_RUN.split()) + ", " + said) | {"model": model, "recipe": "default"}
    found = as_table(vars(options.run) | vars(options.call))
    assert {name: value.replace(",", ";") for name, value in found.items()} == wanted
    assert options.name == ("" if model == "mlp" else f"{model}_") + framework
    assert not vars(options.run).keys() & vars(options.call).keys() and vars(options.call).keys() == {*opt.CALL_OPTIONS}


def test_an_option_that_no_recipe_names():
    assert as_table(opt.defaults()) == as_table(" ".join(OPTIONS.split()))


class Parsed(Exception):
    """The program would now begin."""


@pytest.mark.parametrize(("program", "said"), [*rows(PROGRAMS)])
def test_the_options_of_a_program(program, said, monkeypatch):
    parse, (name, *words) = opt.Parser.parse_args, program.split()

    def stop(parser, *arguments):
        assert parser.description, "-h says what the program is for"
        raise Parsed(vars(parse(parser, *arguments)))

    main = importlib.import_module(name).main
    monkeypatch.setattr(opt.Parser, "parse_args", stop)
    monkeypatch.setattr("sys.argv", [name, *words])
    with pytest.raises(Parsed) as found:
        main()
    assert as_table(found.value.args[0]) == as_table(said.replace("ROOT", str(ROOT)))


@pytest.mark.parametrize(("names", "said"), [*rows(NUMBERS)])
def test_what_stands_in_no_option(names, said):
    found = []
    for name in names.split(", "):
        module, _, attribute = name.rpartition(".")
        found.append(getattr(importlib.import_module(module), attribute))
    assert ", ".join(map(str, found)) == said
