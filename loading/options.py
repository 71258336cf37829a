"""The options of a run: as somebody types them, or as a checkpoint has kept them."""

from argparse import Namespace
from pathlib import Path

from data import SOURCES
from networks import NETWORKS, OPTIMIZERS, prefix
from support import options as tables
from support.checkpoint import GROUPS, check_names, load_checkpoint
from support.errors import UserError
from support.options import Options, Parser, as_typed, flag, option, run_options


def begin(framework, description, argv=None):
    """The options that the user typed, and the `Checkpoint` that --resume names or None; UserError if they are wrong.

    framework: "np" or "torch". A resumed run keeps its own options.
    """
    path, kept, checkpoint = asked("resume", argv), None, None
    if path is None:
        base_model = base_model_of(argv)
    else:
        options, checkpoint = read(framework, path, asked("start", argv))
        # my_network.py keeps none of that, and draws its batches in another order.
        if not all(checkpoint.groups.get(what) for what in options.rule.remembers):
            raise UserError(f"{path} is not of a run of main_np.py or main_torch.py: it can be used, but not continued")
        kept, base_model = run_options(options), options.base_model
    facts = checkpoint and checkpoint.facts
    options = parse(framework, argv, description, kept, facts, base_model)
    if checkpoint and not options.source.is_like(there := SOURCES[options.run.dataset]):
        learned = f"{path} has learned from {options.source.noun}"
        raise UserError(f"--dataset {options.run.dataset} has {there.noun}, and {learned}")
    return options, checkpoint


def parse_options(framework, *argv):
    """The options of a new run with these arguments; UserError for --resume: that run is not new."""
    argv = [str(word) for word in argv]
    options = parse(framework, argv, base_model=base_model_of(argv))
    if options.call.resume:
        raise UserError("--resume continues a run, which this program does not do: give the options of a new run")
    return options


def read(framework, path, start=None):
    """The options of the run in a checkpoint, and the `Checkpoint`.

    start: where the file now is from which that run started; None if it is where it was.
    """
    checkpoint = load_checkpoint(path)
    kept, facts = checkpoint.options, checkpoint.facts
    base_model = None
    if kept.get("start"):
        from loading.gguf_file import base_model_again

        base_model = base_model_again(checkpoint, start)
    options = restore(framework, kept, path, facts, base_model)
    if any(array.dtype != options.run.dtype for array in checkpoint.groups["params"].values()):
        checkpoint.refuse(f"not all numbers are {options.run.dtype}")
    if unknown := checkpoint.groups.keys() - {*GROUPS, *options.rule.remembers}:
        checkpoint.refuse(f"--optimizer {options.run.optimizer} remembers no {min(unknown)}")
    return options, checkpoint


def base_model_of(argv):
    """The `BaseModel` of what is typed for --start and --model; None if there is no such option, or it is not typed."""
    model, path = asked("model", argv, next(iter(NETWORKS))), asked("start", argv)
    if path is None or model not in NETWORKS or not NETWORKS[model].gguf:
        return None
    from loading.gguf_file import BaseModel  # here, because hardly a run needs it

    return BaseModel(path, model)


# --- The command line -------------------------------------------------------------------------------------------------


def parse(framework, argv=None, description="", saved=None, facts=None, base_model=None):
    """The `Options` of a run; UserError if they make no sense.

    What is not typed is what `saved` says, the options of a run that continues; or else the recipe; or else the tables.
    framework: "np" or "torch". facts: what a checkpoint knows of its data. base_model: the `BaseModel` of --start, if
    it is given: it has a recipe, and decides some of the options.
    """
    saved = saved or {}
    model, recipe, name = recipe_of(framework, argv, saved, base_model)
    parser = make_parser(framework, argv, description, model, name, recipe, saved, base_model)
    length = {name: parser.get_default(name) for name in ("epochs", "steps")}
    parser.set_defaults(epochs=None, steps=None)
    typed = parser.parse_args(argv)
    if typed.epochs and typed.steps:
        parser.error("--epochs and --steps exclude each other")
    if not (typed.epochs or typed.steps):
        vars(typed).update(length)
    check_saved(typed, saved, {"dataset": facts, "start": base_model})
    check_decided(typed, base_model)
    options = make_options(typed, framework, facts, base_model)
    options.source.check(options, NETWORKS)
    made_for = SOURCES[recipe["dataset"]] if "dataset" in recipe else options.source
    if not made_for.is_like(options.source):
        raise UserError(f"--recipe {name} is for {made_for.noun}, and --dataset {typed.dataset} is none of them")
    options.network.check(options, options.run.batch_size)
    return options


def recipe_of(framework, argv, saved, base_model):
    """(the key of the network in NETWORKS, {option: value} of its recipe, the recipe's name): they decide which other
    options there are, and their defaults."""
    parser = Parser(add_help=False)
    parser.add_argument("--model", default=saved.get("model", next(iter(NETWORKS))), choices=[*NETWORKS])
    parser.add_argument("--recipe", default=saved.get("recipe"))
    parser.add_argument("--dataset")
    typed, _ = parser.parse_known_args(argv)
    network, name = NETWORKS[typed.model], typed.recipe
    if base_model and name:
        raise UserError(f"--recipe {name} is for a network that begins anew, and --start has one of its own")
    if not base_model:
        name = name or recipe_for(typed.dataset and SOURCES[typed.dataset], network)
    recipe = network.recipes.get(name, {}) | (base_model.recipe if base_model else {})
    in_framework = {  # where NumPy and PyTorch differ
        option: value[framework] if isinstance(value, dict) else value for option, value in recipe.items()
    }
    return typed.model, in_framework, name


def make_parser(framework, argv, description, model, recipe_name, recipe, saved, base_model):
    """The parser of a run's command line: for each option of each table its default, and what -h says."""
    network = NETWORKS[model]
    about = f"a named set of options; others that are given override it{network.about_recipes}"
    groups = {
        "what to train": {
            "model": option("the network; `--model NAME -h` explains the options of each", choices=[*NETWORKS]),
            "recipe": option(about, choices=[*network.recipes]),
        }
        | network.options
        | (tables.WHAT_IT_KNOWS if network.gguf else {})
        | tables.what_to_train(SOURCES),
        "how to train": tables.how_to_train(OPTIMIZERS),
        "whether it is right": tables.WHETHER_IT_IS_RIGHT,
        "where it goes": tables.WHERE_IT_GOES,
    }
    groups |= (
        {"who finds the derivatives": tables.OF_NUMPY}
        if framework == "np"
        else {"what only PyTorch can do": tables.OF_PYTORCH}
    )

    defaults = {"model": model, "recipe": recipe_name}
    if resumed := asked("resume", argv):  # a run goes on where it is
        defaults["out"] = str(Path(resumed).parent)
    defaults |= recipe | saved | (base_model.decides if base_model else {})
    parser = Parser(description=description)
    parser.set_defaults(**{name: how["default"] for name, how in tables.OF_A_CALL.items()})
    for heading, table in groups.items():
        group = parser.add_argument_group(heading)
        for name, how in table.items():
            default = defaults.get(name, how.get("default"))
            shown = "" if isinstance(default, (bool, type(None))) else f" (default: {as_typed(default)})"
            group.add_argument(flag(name), **how | {"help": how["help"] + shown.replace("%", "%%")})
            parser.set_defaults(**{name: default})
    return parser


def check_saved(typed, saved, moved):
    """UserError if an option of a run that continues is another. moved: {option: whether its file may have moved}."""
    for name in sorted(saved, key=lambda name: name != "model"):  # the model first: it decides which others there are
        value = getattr(typed, name, None)
        if value not in (None, saved[name]) and not moved.get(name):
            has = "which did not use it" if saved[name] is None else f"a run with {as_typed(saved[name])}"
            raise UserError(f"{flag(name)} {as_typed(value)} contradicts {typed.resume}, {has}")


def check_decided(typed, base_model):
    """UserError if an option is another than the file of --start says."""
    for name, value in base_model.decides.items() if base_model else ():
        if getattr(typed, name) != value:
            given = f"{flag(name)} {as_typed(getattr(typed, name))}"
            raise UserError(f"{given} contradicts {typed.start}, which has {value}: the file decides that")


def make_options(typed, framework, facts, base_model):
    """The `Options` that are typed, a namespace. facts: what a checkpoint knows of its data, or None."""
    rule = OPTIMIZERS[typed.optimizer]
    check_names(rule.remembers)
    read_as = {name: value for name, value in vars(typed).items() if name in ("ink", "context_length") and value}
    if base_model:
        read_as |= {"byte_pairs": base_model.byte_pairs, "cut_by": base_model.sha256}
    source = SOURCES.find(typed.dataset, **(facts or {}) | read_as)
    call = {name: value for name, value in vars(typed).items() if name in tables.OF_A_CALL}
    run = {name: value for name, value in vars(typed).items() if name not in tables.OF_A_CALL}
    name = prefix(typed.model) + ("lora_" if base_model else source.prefix) + framework
    network = NETWORKS[typed.model]
    return Options(Namespace(**run), Namespace(**call), network, rule, source, base_model, framework, name)


def recipe_for(source, network):
    """The recipe that a network takes if none is asked for: the one that is called after these examples ("names",
    "texts"), or the default. source: a `Source`, or None if nobody names one."""
    return source.noun if source and source.noun in network.recipes else "default"


def asked(name, argv=None, default=None):
    """What is typed for that option alone, a word; the default if it is not."""
    parser = Parser(add_help=False)
    parser.add_argument(flag(name), default=default)
    return getattr(parser.parse_known_args(argv)[0], name)


def restore(framework, saved, path, facts=None, base_model=None):
    """The `Options` that a checkpoint has (a dict); UserError if they make no sense here.

    They go through the parser, as all options do. One that the file does not have, because it is older than the
    option, is its default.
    """
    given = {name: value for name, value in saved.items() if value is not None and name != "data"}
    try:
        typed = [f"{flag(name)}={as_typed(value)}" for name, value in given.items()]
        options = parse(framework, typed, facts=facts, base_model=base_model)
        if unknown := sorted(given.keys() - run_options(options).keys()):
            raise UserError(f"unknown option {unknown[0]!r}")
        return options
    except UserError as error:
        raise UserError(f"{path}: its options make no sense here: {error}") from None
