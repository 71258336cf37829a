"""All exercises, in the order of the lessons, and which one `next` leads to.

A file that is no exercise, or a broken one, is left out and named in BROKEN: all others go on.
"""

import importlib.util

from exercises import ROOT
from exercises.exercise import Exercise
from support.errors import UserError

# The order of the lessons, in parts: a title, the folder, and the exercises in the order in which the lesson asks for
# them. (The cases are in no lesson; they follow the first.) A file that is not named here comes after them, in the last
# part of its folder.
ORDER = (
    ("The MLP: a derivative at a time", "chapter1", """
        logits softmax loss dlogits dW2_db2 da1 dz1 dW1_db1 update first_weights numerical_gradient own_network"""),
    ("Further: another activation, a deeper network, weight decay, PyTorch", "chapter2", """
        tanh second_hidden_layer weight_decay torch_gradient"""),
    ("Detective work: programs that train badly", "chapter3", """
        case_nan case_batch_size case_flat case_guessing case_restless case_floor case_one_at_a_time case_sudden
        case_behind case_strangers case_coin case_wears_out case_too_good case_writer"""),
    ("The tape: your own autograd", "chapter5", """
        tape_product tape_accumulate tape_order tape_backward tape_broadcast tape_relu tape_max tape_matmul
        tape_train"""),
    ("The ResNet: convolution, normalisation, shortcut", "chapter2", """
        conv_dW conv_dx batch_norm_dx shortcut"""),
    ("The transformer: normalisation, softmax, attention", "chapter4", """
        layer_norm_dx softmax_backward attention"""),
    ("The GPT: a network that writes", "chapter6", """
        k_means bigram embedding_backward positions_backward next_targets text_loss causal_mask causal_backward
        next_word kept_keys own_gpt"""),
    ("From here to nanoGPT: heads, dropout, GELU, and how it is trained", "chapter7", """
        split_heads merge_heads dropout gelu tied_weights adamw learning_rate accumulate clip_norm
        own_block"""),
)  # fmt: skip


BROKEN = []  # a line for each file that is left out: which, and why


def read(file):
    """The exercise in a file; None, and a line in BROKEN, if it cannot be used."""
    try:
        exercise = Exercise(file)
        if exercise.case:
            exercise.recorded  # noqa: B018  (which says what to do if there is nothing)
    except (Exception, SystemExit) as error:  # whatever becomes of a file that somebody is still writing
        where = file.relative_to(ROOT)
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        BROKEN.append(f"{where} is left out: {kind}{' '.join(str(error).replace(str(file), where.name).split())}")
    else:
        return exercise


def in_folder(folder, names, is_last):
    """The exercises of a folder with these names; if it is the folder's last part, also those that ORDER leaves out."""
    if is_last:
        named = {name for _, _, listed in ORDER for name in listed.split()}
        names += sorted({path.stem for path in (ROOT / "exercises" / folder).glob("[!_]*.py")} - named)
    files = (ROOT / "exercises" / folder / f"{name}.py" for name in names)
    return tuple(exercise for exercise in map(read, files) if exercise)


LAST = {folder: title for title, folder, _ in ORDER}
PARTS = {title: in_folder(folder, names.split(), LAST[folder] == title) for title, folder, names in ORDER}
EXERCISES = tuple(exercise for part in PARTS.values() for exercise in part)
CHAPTERS = {folder: tuple(e for e in EXERCISES if e.file.parent.name == folder) for folder in sorted(LAST)}
BY_NAME = {exercise.name: exercise for exercise in EXERCISES}
CASES = tuple(exercise for exercise in EXERCISES if exercise.case)


def number(exercise):
    return EXERCISES.index(exercise) + 1


def part_of(exercise):
    """A short name of an exercise's part, and all its exercises."""
    return next((title.partition(":")[0], part) for title, part in PARTS.items() if exercise in part)


def numbered(exercise):
    """Which exercise it is, as text: of all, and of its part."""
    name, part = part_of(exercise)
    return f"Exercise {number(exercise)} ({name}, {part.index(exercise) + 1} of {len(part)})"


def onward(exercise, passed):
    """Where in EXERCISES `next` begins to look for the first that has not passed and can run.

    Once this one has passed, at the beginning of its part, where one may have been left out. Until then, behind it:
    it is left out.
    """
    _, part = part_of(exercise)
    return EXERCISES.index(part[0] if passed else exercise) + (not passed)


def can_run(exercise):
    """Whether it can be marked here: some need PyTorch."""
    return not exercise.needs_torch or importlib.util.find_spec("torch") is not None


def find(text):
    """The exercise of that number or name. `DZ1` and `dz1.py` are dz1, too."""
    if text.isdecimal() and len(text) < 5 and 1 <= int(text) <= len(EXERCISES):
        return EXERCISES[int(text) - 1]
    for exercise in EXERCISES:
        if exercise.name.lower() == text.lower().removesuffix(".py"):
            return exercise
    raise UserError(f"there is no exercise {text}: `python practice.py list` shows all of them, -h the commands")
