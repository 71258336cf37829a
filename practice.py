"""Write the derivatives yourself. This program marks them, and names the usual mistakes.

    python practice.py              show the current exercise, and mark it
    python practice.py 7            go to exercise 7; its name, dz1, works too
    python practice.py --watch      mark it again whenever you save the file
    python practice.py COMMAND      run one of the commands below; `python practice.py COMMAND -h` explains it

Your files are in my_practice, which git ignores: an update of the repository never touches them.

With --exercises FOLDER, all of this applies to somebody else's exercises. Their files are run as they are: use only
a folder that you trust like a program. Your files are then next to that folder, in my_FOLDER.
"""

import argparse
import os
import secrets
import sys
import textwrap
import time
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    from desk import classroom, review, show
    from desk.show import describe_solution, print_text, relative_path
    from desk.work import Work, digest
    from exercises import drill, faults, faulty, network, prove
    from exercises.catalogue import CATALOGUE
    from marker import ONE_THREAD, ROOT, check, marking, runner
    from marker.catalogue import Catalogue, can_run
    from marker.verdict import UNFINISHED_MARKS
    from support.errors import UserError
    from support.files import atomic_write
    from support.options import Parser, integer

# {command: (its arguments, what it does, what its own -h adds)}
COMMANDS = {
    "next": ("", "go to the next exercise that has not passed",
             "If the current exercise has passed, it first goes back to exercises that you left out in this part of "
             "the list. practice.py never moves on by itself."),
    "hint": ("[WHICH]", "show one more hint", "There are three for each exercise."),
    "list": ("", "show all exercises, and which of them are done", ""),
    "run": ("[WHICH]", "run the current file as a program (a case, tape_train); train own_network, own_gpt", ""),
    "look": ("[WHICH]", "for own_network, own_gpt: show the first training steps, array by array", ""),
    "reset": ("[WHICH]", "restore the stub; your file is kept under a new name", ""),
    "solution": ("[WHICH]", "show the right lines, and why; after you have passed, or after the third hint", ""),
    "train": ("", "join your lines for the MLP into one program, my_practice/my_network.py, and run it", ""),
    "prove": ("[NETWORK]", "take the same 200 steps with your lines and with PyTorch: do the two runs agree?", ""),
    "read": ("PICTURE", "let your own network (exercise own_network) read a photograph or a drawing", ""),
    "review": ("[WHICH]", "write an exercise that you passed some days ago once more",
               "Faults that you have found also come back: `python practice.py review fault` brings one back now."),
    "fault": ("[PLACE SUSPECT]", "make a copy of the project with a fault to find: my_practice/fault",
              "Then name the line and the suspect: `python practice.py fault mlp_np.py:61 gradient`. Once it is found, "
              "`fault` hands out the next one, from easy to hard, for the networks whose exercises you have started."),
    "mark": ("FOLDER", "for a teacher: mark the work of a class, and write a table (CSV)",
             "This runs other people's code: in a sandbox where bubblewrap works, and elsewhere with your rights."),
    "check": ("FILE", "for authors of exercises: check that a file does what it says",
              "It compares derivatives with central differences of LOSS, and other results with those of the "
              "function that draws the inputs. It runs each row of MISTAKES, and makes single changes to the answer, "
              "again and again. FILE is in exercises/, or in the folder that --exercises names; an exercise's name "
              "works, too. The exit status is 0 if there is nothing to report, and 1 if something is wrong."),
}  # fmt: skip
DEFAULT_COMMAND = "exercise"  # the command that runs if none is typed


def main(argv=None):
    options = parse_options(argv)
    show.command_prefix = show.DEFAULT_COMMAND_PREFIX + (
        f" --exercises {options.exercises}" if options.exercises else ""
    )
    try:
        return run_command(options)
    except UserError as error:
        raise UserError(show.replace_command_prefix(error)) from None


def parse_options(argv=None):
    """Return the command and its options as an `argparse.Namespace`. Raises UserError for a word that does not apply.

    The options that all commands share may also be typed before the command.
    """
    shared_parser = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared_parser.add_argument("--folder", type=parse_folder, help="the folder of your files (default: my_practice)")
    text = "use the exercises of this folder instead of this project's; their files are run"
    shared_parser.add_argument("--exercises", type=parse_folder, metavar="FOLDER", help=text)
    options = argparse.Namespace(folder=None, exercises=None)
    _, words = shared_parser.parse_known_args(argv, options)
    parser = make_parser(shared_parser)
    _, unknown = parser.parse_known_args(put_command_first(words), options)
    if unknown:
        raise UserError(explain_unknown_word(unknown[0], options, words, find_commands(parser, unknown[0])))
    return options


def explain_unknown_word(word, options, words, owners):
    """Return an error message for a word that the command does not take.

    options: the parsed command line. words: all words of the command line. owners: the commands that take this word, if
    it is an option.
    """
    name = options.command
    if name == DEFAULT_COMMAND:  # a word after an option may be the option's value, not the name of an exercise
        name = "" if words[0].startswith("-") else options.which or ""
    description = word.partition("=")[0] if word.startswith("-") else "further word"
    takes_none = f"{name or 'an exercise'} takes no {description}"
    if owners:
        belongs = " and ".join(f"`{owner}`" for owner in owners)
        return f"{takes_none}, which belongs to {belongs}: `python practice.py {owners[0]} -h` explains it"
    return f"{takes_none}: `python practice.py {name or 1} -h` says what it takes"


def find_commands(parser, option):
    """Return the names of the commands that take this option. option: as typed, perhaps with =VALUE."""
    action = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    flag = option.partition("=")[0]
    return [name for name in COMMANDS if flag in action.choices[name]._option_string_actions]


def put_command_first(words):
    """Return the words of a command line with the command first. Without a command, the first is DEFAULT_COMMAND."""
    if words[:1] in (["-h"], ["--help"]):
        return words
    command = next((word for word in words if word in COMMANDS), DEFAULT_COMMAND)
    if words and words[0] != command and not words[0].startswith("-"):
        command = DEFAULT_COMMAND  # the first word is its number or name
    if command in words:
        words = [*words]
        words.remove(command)
    return [command, *words]


def make_parser(shared_parser):
    """Return the parser of the command line. shared_parser: a parser with the options that all commands share."""
    parser = Parser(
        prog="practice.py",
        usage="%(prog)s [COMMAND, or the number or name of an exercise] [options]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared_parser],
    )
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    text = "Show the exercise with that number or name, or the current one, and mark it."
    commands.add_parser(
        DEFAULT_COMMAND, usage="practice.py [WHICH] [options]", description=text, parents=[shared_parser]
    )
    for name, (words, help, details) in COMMANDS.items():
        usage = " ".join(["practice.py", name, *words.split(), "[options]"])
        text = f"{help[0].upper()}{help[1:]}. {details}".replace("?.", "?")
        commands.add_parser(name, usage=usage, help=help, description=text, parents=[shared_parser])

    def add(command_names, option, **settings):
        for name in command_names.split():
            commands.choices[name].add_argument(option, **settings)

    text = "the number or name of an exercise (default: the current one)"
    add(f"{DEFAULT_COMMAND} hint run look reset solution review", "which", nargs="?", metavar="WHICH", help=text)
    text = "mlp (the default), resnet, vit, gpt, llama; tape: use your own tape; or a chapter: use your lines from it"
    add("prove", "network", nargs="?", metavar="NETWORK", help=text)
    add("read", "picture", nargs="?", metavar="PICTURE", help="a file")
    add("fault", "place", nargs="?", metavar="PLACE", help="a file and a line, such as mlp_np.py:61")
    add("fault", "suspect", nargs="?", metavar="SUSPECT", help="the kind of fault: one of the words that `fault` lists")
    add("mark", "submissions", nargs="?", metavar="FOLDER", help="a folder with a folder or an archive for each person")
    add("check", "file", nargs="?", metavar="FILE", help="the file of an exercise, or its name")
    add(f"{DEFAULT_COMMAND} next", "--watch", action="store_true", help="mark again whenever you save the file")
    seed = {"type": integer(0, 2**64 - 1), "metavar": "N"}
    add(
        f"{DEFAULT_COMMAND} next review mark check",
        "--seed",
        help="use the inputs of an earlier run, which printed N",
        **seed,
    )
    add("fault", "--seed", help="choose a fault by a number: the same N gives the same fault", **seed)
    text = "show everything that your code printed, not only the beginning"
    add(f"{DEFAULT_COMMAND} next review", "--printed", action="store_true", help=text)
    add("mark", "--only", metavar="NAMES", help="mark only these exercises: dz1,da1 or chapter2")
    add("mark", "--out", metavar="FILE", help="write the table to this file, such as marks.csv, instead of the screen")
    add("mark", "--feedback", metavar="DIR", help="also write feedback for each person to this folder")
    return parser


def run_command(options):
    """Run the command, and return its exit status or None. options: see `parse_options`.

    Raises UserError if the command does not apply.
    """
    catalogue = CATALOGUE
    folder = options.folder or ROOT / "my_practice"
    if options.exercises:
        catalogue = Catalogue(options.exercises)
        folder = options.folder or catalogue.path.with_name(f"my_{catalogue.path.name}")
    command = options.command
    if command == "check":
        return check.print_problems(catalogue, options.file, options.seed or 0)
    exercises = catalogue.exercises
    for line in catalogue.broken:
        print(line, file=sys.stderr)
    if not exercises:
        raise UserError(f"there is no exercise in {catalogue.path}")
    if command in ("train", "prove", "read") and catalogue is not CATALOGUE:
        raise UserError(f"{command} is for this project's own exercises")
    if command == "mark":
        seed = options.seed or 0
        return classroom.mark_all(catalogue, options.submissions, seed, options.only, options.feedback, options.out)
    work = Work(folder, catalogue)
    if command == "fault" and options.place is not None:
        return judge_fault_answer(work, options.place, options.suspect)
    if command == "fault":
        return hand_out_fault(work, options.seed)
    if command == "review" and options.which == "fault":
        return review_fault(work)
    if command == "prove":
        return prove.prove(work.folder, options.network or "mlp")
    if command == "read":
        return run_own_reader_on_picture(work, options.picture)
    if command == "list":
        return print_exercise_list(work)
    if command == "train":
        return write_and_run_network_program(work)
    asked_exercise = catalogue.get_exercise(options.which) if getattr(options, "which", None) else None
    if command == "review":
        return mark_review(work, asked_exercise, options.seed, options.printed)
    actions = {
        "hint": print_hint,
        "run": run_file,
        "look": run_training_viewer,
        "reset": reset_file,
        "solution": print_solution,
    }
    if command in actions:
        action = actions[command]
        return action(work, asked_exercise or work.current)
    exercise = go_to_exercise(work, asked_exercise, command)
    if options.watch:
        watch_file(work, options.seed)
    mark_exercise(work, exercise, options.seed, shows_all_output=options.printed)
    print_due_count(work)


def parse_folder(folder):
    """Return a folder's name as a Path, for argparse. An empty name, which would be the current folder, is an error."""
    if not folder.strip():
        raise argparse.ArgumentTypeError("it is empty: name a folder")
    return Path(folder)


def go_to_exercise(work, asked_exercise, command):
    """Return the exercise to work on, make it the current one, and create its file if there is none.

    asked_exercise: the exercise that the user named, or None for the current one. For the command "next", it is the
    next exercise that has not passed; raises UserError if there is none.
    """
    exercise = asked_exercise or work.current
    if command == "next":
        exercise = find_next(work, exercise)
        if exercise is None:
            raise UserError(
                "there is nothing left after this one; `python practice.py list` shows the exercises that you left out"
            )
    work.store("current", exercise.name)
    work.get_or_make_path(exercise)
    return exercise


def find_next(work, exercise):
    """Return the exercise that the command "next" leads to from `exercise`, or None if none is left."""
    candidates = work.catalogue.exercises[
        work.catalogue.find_index_to_search_from(exercise, work.has_passed(exercise)) :
    ]
    return next((e for e in candidates if can_run(e) and not work.has_passed(e)), None)


def mark_exercise(work, exercise, seed=None, is_repeat=False, shows_all_output=False):
    """Describe the exercise, mark it, record the verdict and, if it has passed, print what to do next.

    seed: for the random inputs, or None to draw one. is_repeat: do not print the description. shows_all_output: print
    everything that the learner's code printed.
    """
    if work.new:
        print_text(
            "Welcome. Each exercise is a short file with three dots in it. Replace them with a few lines. "
            "At first it fails, and that is all right. Open the file in your editor, write your lines, save, and "
            "run `python practice.py` again.\n"
        )
    path = work.get_or_make_path(exercise)
    file_hash = digest(path)
    verdict = mark_and_print(
        exercise, path, work.catalogue.describe_number(exercise), seed, is_repeat, shows_all_output
    )
    if verdict.name in UNFINISHED_MARKS and work.progress["marked"].get(exercise.name) == file_hash:
        print_text("(The file has not changed since it was last marked. Did you save it?)")
    work.store("marked", file_hash, exercise)
    texts = work.describe_verdict(exercise, verdict)
    work.record_verdict(exercise, verdict, file_hash)
    if not verdict.passed:
        return
    print_text(texts[0], "good")
    for text in texts[1:]:
        print_text(text)
    print_text(f"\n`python practice.py solution`  {exercise.kind.solution_is}")
    if exercise.runs:
        print_text(f"`python practice.py run`  {exercise.runs}", "good")
    elif network.EXERCISES.get(exercise.name) is exercise and not list_unpassed_for_train(work):
        print_text("`python practice.py train`  trains a network with your lines", "good")
    networks = prove.PROOFS if work.catalogue is CATALOGUE else {}
    for network_name, proofs in networks.items():
        used = set()
        for proof in proofs:
            used.update(proof.exercises)
        if exercise.name in used and all(work.has_passed(e) for e in work.catalogue.exercises if e.name in used):
            print_text(
                f"`python practice.py prove {network_name}`  checks that the run is the same as in PyTorch", "good"
            )
    if work.catalogue is CATALOGUE and exercise.reads:
        print_text("`python practice.py read YOUR_PICTURE`  lets it classify your handwriting", "good")
    next_exercise = find_next(work, exercise)
    if next_exercise:
        number = work.catalogue.number(next_exercise)
        print_text(f"`python practice.py next`  goes to exercise {number}: {next_exercise.title}")


def mark_and_print(exercise, path, heading, seed=None, is_repeat=False, shows_all_output=False):
    """Print the exercise's heading, what is wrong in its file and what the file printed, and return the `Verdict`.

    path: the learner's file. seed, is_repeat, shows_all_output: see `mark_exercise`.
    """
    print_text(f"{heading}: {exercise.title}", "strong")
    print_text(f"{relative_path(path)}\n", "quiet")
    if not is_repeat:
        exercise.kind.show_introduction(exercise, path.read_text(encoding="utf-8", errors="replace"), print_text)
    seed = secrets.randbelow(10**6) if seed is None else seed
    with progress_printer() as print_progress:
        verdict = marking.mark(exercise, path, seed, on_progress=print_progress)
    if not verdict.passed:
        is_begun = verdict.name not in UNFINISHED_MARKS
        print_text(verdict.text, "bad" if is_begun else None)
        print_text(f"\nStuck? `python practice.py hint {exercise.name}`", "quiet" if is_begun else None)
        if verdict.drawn:
            print_text(f"(Each call draws new inputs. To get the same ones again, add --seed {seed})", "quiet")
    lines = verdict.printed.rstrip().splitlines()
    n_shown = len(lines) if shows_all_output else max(MIN_SHOWN_LINES, exercise.kind.count_printed_lines(exercise))
    print_output(lines, n_shown)
    return verdict


def print_output(lines, n_shown):
    """Print the first `n_shown` of the lines that the learner's code printed, and how many more there are."""
    if lines:
        print_text("\nYour code printed:", "quiet")
        print(*lines[:n_shown], sep="\n")
    if len(lines) > n_shown:
        print_text(
            f"... and {len(lines) - n_shown} more lines: add --printed. (The shape of an array often says enough.)",
            "quiet",
        )


MIN_SHOWN_LINES = 8  # lines of the learner's output that are shown


@contextmanager
def progress_printer():
    """Context manager: yield a function that shows a text as a progress line, which is removed at the end.

    Nothing is shown unless stderr is a terminal.
    """
    is_seen = sys.stderr.isatty()
    try:
        yield lambda text: is_seen and text and print(f"\r{text} ...\033[K", end="", file=sys.stderr, flush=True)
    finally:
        if is_seen:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def mark_review(work, exercise, seed=None, shows_all_output=False):
    """Let the learner write a passed exercise again, in a separate file, and mark that file.

    exercise: None for the first that is due. If no exercise is due, a fault may be. Raises UserError if the exercise
    has not passed yet.
    """
    waiting = [name for name in (work.progress["reviewed"], *review.list_due(work.progress)) if name]
    if not exercise and not waiting:
        if drill.choose_again(work, is_due=True):
            return review_fault(work)
        print_text(
            "Nothing is due for review. `python practice.py review NAME` brings back any exercise that has passed."
        )
        return
    exercise = exercise or work.catalogue.get_exercise(waiting[0])
    if exercise.name not in work.progress["passed"]:
        raise UserError(f"{exercise.name} has not passed yet: `python practice.py {exercise.name}`")
    if exercise.name != work.progress["reviewed"]:  # a new review begins, with the stub
        work.store("reviewed", exercise.name)
        path = work.folder / "review" / f"{exercise.name}.py"
        if path.exists() and not classroom.is_stub(exercise, path):
            rename_and_print_path(path)
        path.unlink(missing_ok=True)
    path = work.get_or_make_path(exercise, "review")
    verdict = mark_and_print(
        exercise, path, f"Review of exercise {work.catalogue.number(exercise)}", seed, True, shows_all_output
    )
    if verdict.name in UNFINISHED_MARKS:
        print_text(
            "\nWrite it again from memory, in this file, and run `python practice.py review` to have it marked. "
            "Your first file does not change."
        )
        return
    work.record_review(exercise, verdict)
    print_text(work.describe_review(exercise, verdict), "good" if verdict.passed else None)


def list_unpassed_for_train(work):
    """Return the names of the exercises that must still pass before the command "train" can run."""
    return [
        name
        for name in network.HOLE_NAMES
        if not (name in network.EXERCISES and work.has_passed(network.EXERCISES[name]))
    ]


def write_and_run_network_program(work):
    """Write my_network.py, which joins the learner's lines, and run it. Return its exit status.

    Raises UserError if exercises that it needs have not passed.
    """
    missing = list_unpassed_for_train(work)
    if missing:
        raise UserError(f"train needs lines that have passed and are unchanged; still to do: {', '.join(missing)}")
    source_code = network.make_program(
        [work.get_or_make_path(network.EXERCISES[name]) for name in network.HOLE_NAMES]
    ).encode()
    path = work.folder / "my_network.py"
    if path.exists() and path.read_bytes() != source_code:
        rename_and_print_path(path)
    with atomic_write(path) as file:
        file.write(source_code)
    print_text(
        f"{relative_path(path)} is now a whole network, and every derivative in it is yours. It runs:\n", "strong"
    )
    command = [sys.executable, path.resolve()]
    status = runner.run_for_exit_status(command, path.name, cwd=ROOT, env=os.environ | ONE_THREAD)
    if status == 0:
        print_text(
            "\nNobody told the network what a 7 looks like. It only followed your derivatives. The file needs only the "
            "images of this project. Open it, change a line, guess what will happen, and run it again in the "
            f"repository's folder: `python {relative_path(path)}`",
            "good",
        )
        weights_path = relative_path(path.with_suffix(".npz"))
        print_text(
            f"\nThe trained network is in {weights_path}. Let it classify your handwriting, look inside or, with npm, "
            "put it into the page:\n"
        )
        page = relative_path(work.folder / "page.html")
        for call in ("predict.py YOUR_PICTURE", "look.py", f"-m page.build --out {page}"):
            print_text(f"    python {call} --weights {weights_path}")
        print_text("\nIs the run the same as in PyTorch? `python practice.py prove`", "good")
    return status


def hand_out_fault(work, seed):
    """Hand out a copy of the project with a fault, and print how to search for it.

    seed: chooses the fault. None for the one that has been handed out and is not found yet, or else for the next one.
    """
    folder = work.folder / "fault"
    name = faulty.read_planted_fault(folder)
    if seed is not None:
        name = drill.choose_seeded(seed)
        faulty.copy_project_with_fault(folder, name)
    elif name is None or faulty.is_found(folder):
        name = drill.choose_next_fault(work)
        faulty.copy_project_with_fault(folder, name)
    print_fault_instructions(work, name)


def review_fault(work):
    """Hand out again the fault that the learner found the longest ago.

    Raises UserError if the learner has found none.
    """
    name = drill.choose_again(work)
    if name is None:
        raise UserError("you have found no fault yet: `python practice.py fault` hands one out")
    faulty.copy_project_with_fault(work.folder / "fault", name)
    print_fault_instructions(work, name)


def print_fault_instructions(work, name):
    """Print how to search for the fault `name`, which has been handed out, and how many the learner has found."""
    folder = relative_path(work.folder / "fault")
    print_text(f"{folder} is a copy of the project with one wrong line.", "strong")
    print_text(
        "Go there, train the network, and find the line with the steps of docs/debugging.md: "
        f"`cd {folder}`, then `{faulty.make_training_command(name)}`. Compare with "
        "the same commands here. Do not compare the files: you would find the line, but learn nothing."
    )
    print_text("\nThe suspects:\n")
    for word, meaning in faults.SUSPECTS.items():
        print_text(f"    {word:14} {meaning}")
    print_text(
        "\nWhen you know the line, run here: `python practice.py fault mlp_np.py:61 gradient`. For a "
        "different fault, add --seed N"
    )
    print_text(f"\n{drill.describe_found_count(work)}")


def judge_fault_answer(work, place, suspect):
    """Print whether the learner has named the right line and suspect, and record a fault that is found.

    place: the line that the learner suspects, such as "mlp_np.py:61". suspect: the kind of fault. Raises UserError if
    no fault has been handed out.
    """
    folder = work.folder / "fault"
    name = faulty.read_planted_fault(folder)
    if name is None:
        raise UserError("no fault has been handed out yet: `python practice.py fault`")
    file, line = faulty.parse_place(folder, place)
    is_found, messages = faulty.judge_guess(name, file, line, suspect)
    print_text(messages[0], "good" if is_found else "bad")
    for text in messages[1:]:
        print_text(text)
    if is_found:
        faulty.note_found(folder)
        drill.note_found(work, name)
        print_text(f"\n{drill.describe_found_count(work)}. `python practice.py fault` hands out the next one.")


def run_own_reader_on_picture(work, picture):
    """Let the learner's own network, trained by their file, read a picture. Return the exit status.

    Raises UserError if there is no such network, or if the picture cannot be read.
    """
    if not picture:
        raise UserError("read needs a picture: `python practice.py read png/photo.jpg`")
    with program.import_guard("requirements-np.txt"):
        from support.ink import read_digit_image  # needs Pillow; marking an exercise must need only NumPy
    # A picture that cannot be read is reported before the network is trained.
    read_digit_image(picture)
    exercise = next(exercise for exercise in work.catalogue.exercises if exercise.reads)
    path = work.folder / f"{exercise.name}.py"
    weights = relative_path(work.folder / "my_network.npz")
    if not classroom.is_written(exercise, path):
        message = f"exercise {exercise.name} is not written yet: `python practice.py {exercise.name}` opens it"
        if Path(weights).exists():
            message += f"; with the network that `train` made: `python predict.py {picture} --weights {weights}`"
        raise UserError(message)
    weights_path = path.with_suffix(".npz")
    is_trained = weights_path.exists() and weights_path.stat().st_mtime > path.stat().st_mtime
    if not is_trained:
        status = run_file(work, exercise)
        if status:
            return status
    return run_file(work, exercise, picture)


def watch_file(work, seed):
    """Mark the current exercise whenever its file changes, until Ctrl-C.

    `practice.py next` in another window changes the current exercise.
    """
    last_marked = None, None
    while True:
        exercise = work.current
        mtime = None
        with suppress(FileNotFoundError):  # an editor may just be replacing it
            mtime = (work.folder / f"{exercise.name}.py").stat().st_mtime_ns
        if mtime and (exercise, mtime) != last_marked:
            print_text(f"\n-- {time.strftime('%H:%M:%S')} {'-' * 60}", "quiet")
            mark_exercise(work, exercise, seed, is_repeat=exercise is last_marked[0])
            print_text("\nWaiting until you save the file again. Press Ctrl-C to stop.", "quiet")
            last_marked = exercise, mtime
        time.sleep(0.1)
        work = Work(work.folder, work.catalogue)


def print_hint(work, exercise):
    """Print one more of the exercise's hints than last time."""
    before = work.progress["hints"].get(exercise.name, 0)
    n_shown = min(before + 1, len(exercise.hints))
    print_text(f"Exercise {work.catalogue.number(exercise)}: {exercise.title}\n", "strong")
    for i, text in enumerate(exercise.hints[:n_shown]):
        print_text(f"Hint {i + 1} of {len(exercise.hints)}: {text}\n", None if i == n_shown - 1 else "quiet")
    if n_shown == before:
        docs = exercise.docs
        print_text("That was the last hint." + (f" The derivation is in {docs}." if docs else ""))
        print_text("`python practice.py solution` shows the right lines. (The list will say that you have seen them.)")
    work.store("hints", n_shown, exercise)


def print_exercise_list(work):
    waiting = review.list_due(work.progress)
    name_width = max(len(exercise.name) for exercise in work.catalogue.exercises)
    title_width = max(20, 65 - name_width)  # so that a line has at most 80 columns
    for title, part in work.catalogue.by_part.items():
        print_text(f"\n{title}", "strong")
        for exercise in part:
            is_so = {
                "review": exercise.name in waiting,
                "seen": exercise.name in work.progress["seen"],
                "passed": work.has_passed(exercise),
                "changed": exercise.name in work.progress["passed"],
            }
            done = next((word for word in is_so if is_so[word]), "")
            arrow = ">" if exercise is work.current else " "
            title = textwrap.shorten(exercise.title, title_width, placeholder="...")
            number = work.catalogue.number(exercise)
            line = f"{arrow} {number:2} {exercise.name:{name_width}} {title:{title_width}} {done}"
            print_text(line.rstrip(), "good" if done == "passed" else None)
    print_text(f"\n{work.describe_score()} passed", "strong")
    print_due_count(work)


def print_due_count(work):
    n_due = len(review.list_due(work.progress))
    if n_due:
        exercises_are = "exercise is" if n_due == 1 else "exercises are"
        print_text(f"\n{n_due} passed {exercises_are} due for review: `python practice.py review`", "good")


def run_file(work, exercise, *arguments):
    """Run a learner's file in a process of its own. Return its exit status. arguments: for its command line."""
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": runner.make_python_path()}
    module_options = ["-m", exercise.kind.module] if exercise.kind.module else []
    path = work.get_or_make_path(exercise)
    status = runner.run_for_exit_status([sys.executable, *module_options, path, *arguments], path.name, env=environment)
    if not exercise.is_program and status == 0:
        n = work.catalogue.number(exercise)
        print_text(f"Exercise {n} is a function, which prints nothing by itself; `python practice.py` marks it.")
    return status


def run_training_viewer(work, exercise):
    """Show the first training steps of the learner's own network, array by array. Return the exit status.

    Raises UserError unless the exercise is own_network or own_gpt, and its file is written.
    """
    if exercise.kind.looks and not classroom.is_written(exercise, work.get_or_make_path(exercise)):
        raise UserError(f"{exercise.name} is not written yet: there is nothing to show")
    if not exercise.kind.looks:
        raise UserError("look is for own_network and own_gpt: `python practice.py look own_network`")
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": runner.make_python_path()}
    path = work.get_or_make_path(exercise)
    command = [sys.executable, "-m", exercise.kind.looks, exercise.name, path]
    return runner.run_for_exit_status(command, path.name, env=environment)


def reset_file(work, exercise):
    """Restore an exercise's stub. The learner's file is kept under a name with a number."""
    path = work.folder / f"{exercise.name}.py"
    if path.exists():
        rename_and_print_path(path)
    print_text(f"{relative_path(work.get_or_make_path(exercise))} is the stub again.")


def rename_and_print_path(path):
    """Rename a learner's file to NAME.1.py, or with the first number that no other file has, and print the new name."""
    for number in count(1):
        new_path = path.with_name(f"{path.stem}.{number}.py")
        try:
            os.link(path, new_path)  # unlike renaming, it replaces nothing
            path.unlink()
        except FileExistsError:
            continue
        except OSError:  # this drive does not support hard links
            if new_path.exists():
                continue
            path.rename(new_path)
        print_text(f"Your file is kept in {relative_path(new_path)}")
        return


def print_solution(work, exercise):
    """Print the right lines of an exercise.

    Raises UserError if the exercise has not passed and not all of its hints have been shown.
    """
    n = work.catalogue.number(exercise)
    if not work.has_passed(exercise):
        if work.progress["hints"].get(exercise.name, 0) < len(exercise.hints):
            raise UserError(
                f"exercise {n} has not passed yet (as the file is now): `python practice.py hint {exercise.name}`; "
                "after the third hint, `solution` opens"
            )
        work.store("seen", True, exercise)
    print_text(f"Exercise {n}: {exercise.title}\n", "strong")
    print_text(describe_solution(exercise))


if __name__ == "__main__":
    sys.exit(program.run(main))
