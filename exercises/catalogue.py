"""All exercises: the chapters, and the order within each.

A file that is no exercise, or a broken one, is left out and named in BROKEN: all others go on.
"""

from exercises import ROOT
from exercises.exercise import Exercise
from support.errors import UserError

# Chapter N is the folder chapterN. An exercise that is not named here comes last in its chapter.
ORDER = {
    "The MLP, a derivative at a time": """
        logits softmax loss dlogits dW2_db2 da1 dz1 dW1_db1 update first_weights
        numerical_gradient own_network""",
    "Further: other layers, and PyTorch": """
        tanh second_hidden_layer weight_decay torch_gradient batch_norm_dx conv_dW conv_dx shortcut""",
    "Detective work: programs that train badly": """
        case_nan case_batch_size case_flat case_guessing case_restless case_floor case_one_at_a_time case_sudden
        case_behind case_strangers""",
    "The transformer's layers": """
        softmax_backward layer_norm_dx attention""",
    "The tape: your own autograd": """
        tape_product tape_accumulate tape_order tape_backward tape_broadcast tape_relu tape_max tape_matmul
        tape_train""",
    "A network that writes": """
        embedding_backward next_targets causal_mask next_word""",
}


BROKEN = []  # a line for each file that is left out: which, and why


def in_folder(folder, names):
    """The exercises of a folder, those with these names first."""
    files = {path.stem: path for path in [*(folder / f"{name}.py" for name in names), *sorted(folder.glob("[!_]*.py"))]}
    return tuple(exercise for exercise in map(read, files.values()) if exercise)


def read(file):
    """The exercise in a file; None, and a line in BROKEN, if it cannot be used."""
    try:
        exercise = Exercise(file)
        if not (exercise.title and exercise.function):
            raise ValueError("its stub has no title, or no function")
    except BaseException as error:  # whatever becomes of a file that somebody is still writing: it may call exit()
        where = file.relative_to(ROOT)
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        BROKEN.append(f"{where} is left out: {kind}{' '.join(str(error).replace(str(file), where.name).split())}")
    else:
        return exercise


CHAPTERS = {
    f"{c}. {title}": in_folder(ROOT / "exercises" / f"chapter{c}", names.split())
    for c, (title, names) in enumerate(ORDER.items(), 1)
}
EXERCISES = tuple(exercise for chapter in CHAPTERS.values() for exercise in chapter)
BY_NAME = {exercise.name: exercise for exercise in EXERCISES}
CASES = tuple(exercise for exercise in EXERCISES if exercise.case)


def number(exercise):
    return EXERCISES.index(exercise) + 1


def chapter_of(exercise):
    """The number of an exercise's chapter, and all its exercises."""
    return next((c, chapter) for c, chapter in enumerate(CHAPTERS.values(), 1) if exercise in chapter)


def numbered(exercise):
    """Which exercise it is, as text: of all, and of its chapter."""
    c, chapter = chapter_of(exercise)
    return f"Exercise {number(exercise)} ({chapter.index(exercise) + 1} of {len(chapter)} in chapter {c})"


def find(text):
    """The exercise of that number or name. `DZ1` and `dz1.py` are dz1, too."""
    if text.isdecimal() and len(text) < 5 and 1 <= int(text) <= len(EXERCISES):
        return EXERCISES[int(text) - 1]
    for exercise in EXERCISES:
        if exercise.name.lower() == text.lower().removesuffix(".py"):
            return exercise
    raise UserError(f"there is no exercise {text}: `python practice.py list` shows all of them, -h the commands")
