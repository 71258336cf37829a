"""Makes the options of a run from a command line or a checkpoint."""

from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

from data import SOURCES
from networks import NETWORKS, OPTIMIZERS, file_prefix
from support import options as tables
from support.checkpoint import GROUPS, check_no_reserved_names, load_checkpoint
from support.errors import UserError
from support.options import Options, Parser, flag, format_value, option, select_options_to_save


def parse_options_and_checkpoint(framework, description, argv=None):
    """Return (options, checkpoint) from a command line: the `Options`, and the `Checkpoint` of --resume or None.

    framework: "np" or "torch". description: the text of -h. argv: None for the program's own command line. A resumed
    run has the options of its checkpoint. Raises UserError if the options are invalid.
    """
    path = find_option("resume", argv)
    saved_options = None
    checkpoint = None
    if path is None:
        base_model = find_base_model(argv)
    else:
        options, checkpoint = read_options_and_checkpoint(framework, path, find_option("start", argv))
        # my_network.py does not save an optimizer's state, and draws its batches in another order.
        if not all(checkpoint.groups.get(state_name) for state_name in options.optimizer.state_names):
            raise UserError(
                f"{path} does not come from a run of main_np.py or main_torch.py: it can be used, but not continued"
            )
        saved_options = select_options_to_save(options)
        base_model = options.base_model
    facts = checkpoint and checkpoint.facts
    options = parse(framework, argv, description, saved_options, facts, base_model)
    if checkpoint:
        source = SOURCES[options.run.dataset]
        if not options.source.has_same_kind(source):
            explanation = f"{path} has learned from {options.source.noun}"
            raise UserError(f"--dataset {options.run.dataset} has {source.noun}, and {explanation}")
    return options, checkpoint


def parse_options(framework, *argv):
    """Return the `Options` of a new run with these command-line arguments.

    Raises UserError if they are invalid, or for --resume, because such a run is not new.
    """
    argv = [str(word) for word in argv]
    options = parse(framework, argv, base_model=find_base_model(argv))
    if options.call.resume:
        raise UserError("this program cannot --resume a run: give the options of a new run")
    return options


def read_options_and_checkpoint(framework, path, start=None):
    """Load a checkpoint, and return (options, checkpoint): the `Options` of its run, and the `Checkpoint`.

    start: the path of the GGUF file that the run was fine-tuned from, if it has moved since. Raises UserError if a file
    is missing or damaged.
    """
    checkpoint = load_checkpoint(path)
    saved_options = checkpoint.options
    facts = checkpoint.facts
    base_model = None
    if saved_options.get("start"):
        from loading.gguf_file import reopen_base_model

        base_model = reopen_base_model(checkpoint, start)
    options = restore_options(framework, saved_options, path, facts, base_model)
    if any(array.dtype != options.run.dtype for array in checkpoint.groups["params"].values()):
        checkpoint.refuse(f"not all numbers are {options.run.dtype}")
    unknown = checkpoint.groups.keys() - {*GROUPS, *options.optimizer.state_names}
    if unknown:
        checkpoint.refuse(f"--optimizer {options.run.optimizer} has no {min(unknown)}")
    return options, checkpoint


def find_base_model(argv):
    """Return the `BaseModel` that --start and --model name on a command line.

    Return None if --start is not given, or if the network of --model cannot start from a file.
    """
    model = find_option("model", argv, next(iter(NETWORKS)))
    path = find_option("start", argv)
    if path is None or model not in NETWORKS or not NETWORKS[model].gguf:
        return None
    from loading.gguf_file import BaseModel  # imported here, because few runs need it

    return BaseModel(path, model)


# --- The command line -------------------------------------------------------------------------------------------------


def parse(framework, argv=None, description="", saved_options=None, facts=None, base_model=None):
    """Return the `Options` of a run. Raises UserError if they are invalid.

    An option that is not on the command line takes its value from `saved_options` (the options of the run to continue),
    else from the recipe, else from the defaults in the tables. framework: "np" or "torch". facts: what a checkpoint
    says about its data. base_model: the `BaseModel` of --start, or None; it has a recipe and fixes some options.
    """
    saved_options = saved_options or {}
    preset = find_preset(framework, argv, saved_options, base_model)
    parser = make_parser(framework, argv, description, preset, saved_options, base_model)
    length = {name: parser.get_default(name) for name in ("epochs", "steps")}
    parser.set_defaults(epochs=None, steps=None)
    arguments = parser.parse_args(argv)
    if arguments.epochs and arguments.steps:
        parser.error("--epochs and --steps exclude each other")
    if not (arguments.epochs or arguments.steps):
        vars(arguments).update(length)
    check_saved(arguments, saved_options, {"dataset": facts, "start": base_model})
    check_decided(arguments, base_model)
    options = make_options(arguments, framework, facts, base_model)
    options.source.check(options, NETWORKS)
    made_for = SOURCES[preset.recipe["dataset"]] if "dataset" in preset.recipe else options.source
    if not made_for.has_same_kind(options.source):
        needs = f"--recipe {preset.recipe_name} is for {made_for.noun}"
        raise UserError(f"{needs}, which --dataset {arguments.dataset} does not have")
    options.network.check(options, options.run.batch_size)
    return options


class Preset(NamedTuple):
    """The network and the recipe of a run. They decide which other options there are, and their defaults."""

    model: str  # the network's key in NETWORKS
    recipe_name: str | None  # None with --start
    recipe: dict  # {option: value}


def find_preset(framework, argv, saved_options, base_model):
    """Return the `Preset` of a command line. Raises UserError if both --recipe and --start are given."""
    parser = Parser(add_help=False)
    parser.add_argument("--model", default=saved_options.get("model", next(iter(NETWORKS))), choices=[*NETWORKS])
    parser.add_argument("--recipe", default=saved_options.get("recipe"))
    parser.add_argument("--dataset")
    arguments, _ = parser.parse_known_args(argv)
    network = NETWORKS[arguments.model]
    name = arguments.recipe
    if base_model and name:
        raise UserError(f"--recipe {name} is for a new network, but --start has its own")
    if not base_model:
        name = name or choose_recipe_name(arguments.dataset and SOURCES[arguments.dataset], network)
    recipe = network.recipes.get(name, {}) | (base_model.recipe if base_model else {})
    in_framework = {  # a value may differ between NumPy and PyTorch
        option_name: value[framework] if isinstance(value, dict) else value for option_name, value in recipe.items()
    }
    return Preset(arguments.model, name, in_framework)


def make_parser(framework, argv, description, preset, saved_options, base_model):
    """Return the parser of a run's command line, with all options from the tables, their defaults and help texts.

    For the other arguments than the `Preset`, see `parse`.
    """
    network = NETWORKS[preset.model]
    recipe_help = f"a named set of options; options that you give override it{network.about_recipes}"
    groups = {
        "what to train": {
            "model": option("the network; `--model NAME -h` explains the options of each", choices=[*NETWORKS]),
            "recipe": option(recipe_help, choices=[*network.recipes]),
        }
        | network.options
        | (tables.BASE_MODEL_OPTIONS if network.gguf else {})
        | tables.define_run_options(SOURCES),
        "how to train": tables.define_training_options(OPTIMIZERS),
        "whether it is right": tables.CHECK_OPTIONS,
        "where it goes": tables.OUTPUT_OPTIONS,
    }
    groups |= (
        {"who finds the derivatives": tables.NUMPY_OPTIONS}
        if framework == "np"
        else {"what only PyTorch can do": tables.PYTORCH_OPTIONS}
    )

    defaults = {"model": preset.model, "recipe": preset.recipe_name}
    resumed_path = find_option("resume", argv)
    if resumed_path:  # a resumed run writes into the folder of its checkpoint
        defaults["out"] = str(Path(resumed_path).parent)
    defaults |= preset.recipe | saved_options | (base_model.decides if base_model else {})
    parser = Parser(description=description)
    parser.set_defaults(**{name: settings["default"] for name, settings in tables.CALL_OPTIONS.items()})
    for heading, table in groups.items():
        group = parser.add_argument_group(heading)
        for name, settings in table.items():
            default = defaults.get(name, settings.get("default"))
            default_text = "" if isinstance(default, (bool, type(None))) else f" (default: {format_value(default)})"
            group.add_argument(flag(name), **settings | {"help": settings["help"] + default_text.replace("%", "%%")})
            parser.set_defaults(**{name: default})
    return parser


def check_saved(arguments, saved_options, may_have_moved):
    """Raise UserError if an option differs from its value in `saved_options`, the options of the run to continue.

    may_have_moved: {option that names a file: true if the file may have moved}. Such an option may differ.
    """
    # The model comes first, because it decides which other options there are.
    for name in sorted(saved_options, key=lambda name: name != "model"):
        value = getattr(arguments, name, None)
        if value not in (None, saved_options[name]) and not may_have_moved.get(name):
            has = (
                "which did not use it"
                if saved_options[name] is None
                else f"a run with {format_value(saved_options[name])}"
            )
            raise UserError(f"{flag(name)} {format_value(value)} contradicts {arguments.resume}, {has}")


def check_decided(arguments, base_model):
    """Raise UserError if an option differs from its value in the file of --start. base_model: a `BaseModel` or None."""
    fixed_options = base_model.decides if base_model else {}
    for name, value in fixed_options.items():
        if getattr(arguments, name) != value:
            option_text = f"{flag(name)} {format_value(getattr(arguments, name))}"
            raise UserError(f"{option_text} contradicts {arguments.start}, which has {value}: leave it out")


def make_options(arguments, framework, facts, base_model):
    """Return the `Options` of a run. arguments: the parsed command line, a namespace. For the others, see `parse`."""
    optimizer = OPTIMIZERS[arguments.optimizer]
    check_no_reserved_names(optimizer.state_names)
    read_as = {name: value for name, value in vars(arguments).items() if name in ("ink", "context_length") and value}
    if base_model:
        read_as |= {"byte_pairs": base_model.byte_pairs, "cut_by": base_model.sha256}
    source = SOURCES.get_source_with_facts(arguments.dataset, **(facts or {}) | read_as)
    call = {name: value for name, value in vars(arguments).items() if name in tables.CALL_OPTIONS}
    run = {name: value for name, value in vars(arguments).items() if name not in tables.CALL_OPTIONS}
    name = file_prefix(arguments.model) + ("lora_" if base_model else source.prefix) + framework
    network = NETWORKS[arguments.model]
    return Options(Namespace(**run), Namespace(**call), network, optimizer, source, base_model, framework, name)


def choose_recipe_name(source, network):
    """Return the name of the recipe that is used without --recipe.

    It is the network's recipe for this kind of examples ("names" or "texts") if there is one, and otherwise "default".
    source: a `Source`, or None without --dataset.
    """
    return source.noun if source and source.noun in network.recipes else "default"


def find_option(name, argv=None, default=None):
    """Return the value of one option on a command line, a text, or `default` if it is not given."""
    parser = Parser(add_help=False)
    parser.add_argument(flag(name), default=default)
    return getattr(parser.parse_known_args(argv)[0], name)


def restore_options(framework, saved_options, path, facts=None, base_model=None):
    """Return the `Options` of a checkpoint. saved_options: its options, a dict. path: the checkpoint, for messages.

    They go through the parser, like all options. An option that is missing, because the checkpoint is older than the
    option, has its default. Raises UserError if they are invalid. facts, base_model: see `parse`.
    """
    saved_values = {name: value for name, value in saved_options.items() if value is not None and name != "data"}
    try:
        argv = [f"{flag(name)}={format_value(value)}" for name, value in saved_values.items()]
        options = parse(framework, argv, facts=facts, base_model=base_model)
        unknown = sorted(saved_values.keys() - select_options_to_save(options).keys())
        if unknown:
            raise UserError(f"unknown option {unknown[0]!r}")
        return options
    except UserError as error:
        raise UserError(f"{path}: its options are not valid here: {error}") from None
