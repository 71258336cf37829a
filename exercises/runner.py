"""Runs what a learner wrote, in a process of its own: python -m exercises.runner NAME FILE SEED RESULT SECONDS.

`apart` starts that process. There, `report` says what the functions returned, or what went wrong and in which line; it
is left in a small JSON file, RESULT. Nothing that the learner's file does can reach the process that marks it, except
through that file.
"""

import ast
import faulthandler
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from exercises import ONE_THREAD, ROOT, repair
from exercises.catalogue import BY_NAME
from exercises.chapter1 import BESIDE
from exercises.complaints import explain, own_frame, plain, read
from exercises.edits import names_in, own_lines, typed
from exercises.exercise import agree
from exercises.judge import FAR_OFF, is_vague, judge
from exercises.trial import call, describe, load, right_results
from support.errors import UserError
from support.files import read_file

MEMORY = 8  # gigabytes; PyTorch alone takes more addresses than that
CLOCK = 4  # a loaded machine may take so many times as long as it computes
TOLD, MOST_TOLD = ".told", 70  # beside the result, a file with what is being done, in so many characters
MOST_PRINTED = 2000  # characters of the learner's own prints


def apart(exercise, file, seed, seconds, hear=lambda text: None):
    """What the file's own process reported: a dict as `report` makes it. `hear` gets what that is told on the way."""
    with tempfile.TemporaryDirectory(prefix="practice", ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "exercises.runner", exercise.name, str(Path(file).resolve()), str(seed)]
        process = subprocess.Popen(
            [*command, str(result), str(seconds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": search_path(), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # so that it can be ended with everything that it started
        )
        end = time.monotonic() + CLOCK * seconds + 30
        try:
            while process.poll() is None and time.monotonic() < end:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.3)
                with suppress(OSError):
                    hear(result.with_suffix(TOLD).read_text(encoding="utf-8", errors="replace")[:MOST_TOLD])
            in_time = process.poll() is not None
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(5)  # it ends what the file has started: see `supervise`
            with suppress(OSError, AttributeError):
                os.killpg(process.pid, signal.SIGKILL)  # not on Windows
            process.kill()
            process.wait()
        reported = read_report(result, file, seconds, process.returncode)
        return reported if in_time or "died" not in reported else {"stuck": None, "seconds": CLOCK * seconds}


def supervise():
    """Go on in a child process. This one waits for it, ends all that it has left, and then ends as it did. (On Linux;
    elsewhere there is no child, and only what stays in the file's session is ended.)

    What outlives its parent becomes this process's own child, whatever its session and its environment: prctl(2),
    PR_SET_CHILD_SUBREAPER.
    """
    import ctypes  # here, because a browser needs no other process

    try:
        control = ctypes.CDLL(None).prctl
    except (AttributeError, OSError, TypeError):
        return
    control(36, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # `apart` has waited for long enough
    child = os.fork()
    if child == 0:
        control(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: it does not outlive its parent
        os.setpgid(0, 0)  # and cannot end it with its own group
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_children()
    if status < 0:
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def end_children():
    """End the children of this process, and theirs, until none is left."""
    with suppress(ChildProcessError):
        while True:
            for about in Path("/proc").glob("[0-9]*/stat"):
                with suppress(OSError):  # it has just ended
                    _, parent, *_ = about.read_bytes().rpartition(b")")[2].split()
                    if int(parent) == os.getpid():
                        os.kill(int(about.parent.name), signal.SIGKILL)
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def run_program(command, what, **options):
    """The exit status of a program that this terminal sees. UserError, if a signal has ended it: what, its name."""
    status = subprocess.run(command, check=False, **options).returncode
    if status == -signal.SIGINT:
        return 130
    if status < 0:
        by = signal.Signals(-status).name
        memory = ": was there too little memory?" if by == "SIGKILL" else ""
        raise UserError(f"{what} was ended by the signal {by}{memory}")
    return status


def search_path():
    """PYTHONPATH for a learner's file: it finds the project, and what else the user has there."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def read_report(result, file, seconds, status):
    """What the runner left in the file `result`: its last report, where it was stuck, or nothing."""
    with suppress(UserError, ValueError, RecursionError):  # a pipe or a device in its place, or too much of it
        said = read_file(result, 2**26).decode(errors="replace")
        if said.startswith("Timeout"):
            # faulthandler reads the frames while they run: sometimes it prints its heading, but no line.
            own = re.search(rf'{re.escape(Path(file).name)}", line (\d+)', said)
            by_the_clock = said.startswith("Timeout (")
            return {"stuck": own and int(own[1]), "seconds": CLOCK * seconds if by_the_clock else seconds}
        for line in reversed(said.splitlines()):
            with suppress(ValueError):  # it was ended while it wrote this
                return json.loads(line)
    return {"died": status}


def report(exercise, file, seed, keep=lambda outcome: None, tell=lambda text: None):
    """What became of one file, as plain data that JSON can hold. Before a mistake's place is sought, `keep` gets it.
    `tell` is told what is being done, where that takes long."""
    printed, outcome, module, rights = Printed(), {"trials": []}, None, []
    drawn, at_first = exercise.draw(seed), 2 * len(exercise.inputs)
    try:
        with redirect_stdout(printed), redirect_stderr(printed), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of a gradient that it has not kept
            stub = lines_of(exercise.stub)
            outcome["typed"] = "\n".join(line for line in lines_of(read(file)) if line not in stub)
            module = load(file)
            function = getattr(module, exercise.function.name, None)
            if exercise.case:
                outcome |= investigate(exercise, module, seed, changed=lines_of(read(file)) != stub)
            elif exercise.experiments:
                outcome["network"] = exercise.experiments(module, seed, tell)
            elif not callable(function):
                outcome["missing"] = True
            else:
                for g in drawn:
                    if len(rights) == at_first and not is_right(exercise, rights):
                        break
                    results, changed = call(exercise, function, g)
                    outcome["trials"].append({"results": list(map(describe, results)), "changed": changed})
                    rights.append(right_results(exercise, g, results, changed))
                if is_right(exercise, rights):
                    outcome |= confirm(exercise, module, function, seed)
    except UserError as error:  # the data are missing, say: that is no mistake of the learner's
        outcome["unmarked"] = str(error)
    except BaseException as error:
        outcome["error"] = explain(error, str(file), exercise.letters)
    with suppress(Exception):
        if rights and not (verdict := judge(exercise, seed, outcome)).passed:
            outcome["typed_so"] = typed_so(read(file), exercise.stub)
            outcome["unread"] = unread(exercise, read(file))
            if is_vague(verdict):
                keep(outcome | {"printed": printed.getvalue(), "place": None})
                tried = drawn[: max(at_first, len(rights))]
                may_be_two = verdict.name in FAR_OFF and not outcome["unread"]
                outcome["place"] = repair.search(exercise, module, read(file), tried, rights, may_be_two)
    return outcome | {"printed": printed.getvalue()}


def is_right(exercise, rights):
    """Whether all results were right in all trials so far."""
    return all(right == set(exercise.gives) for right in rights)


def typed_so(source, stub):
    """(line, name, whether it does nothing) of each part of the learner's own lines that is one of mistakes.md."""
    return [part for part in typed(ast.parse(source)) if part[0] in own_lines(source, stub)]


def unread(exercise, source):
    """The arguments that the right answer needs, and that are not read in a learner's file."""
    read_in_it = names_in(ast.parse(source))
    return [name for name in exercise.takes if name in names_in(ast.parse(exercise.answer)) and name not in read_in_it]


def confirm(exercise, module, function, seed):
    """What is left to ask when all numbers are right: {"follows", "remembers", "at_zero"}."""
    first, *_, last = exercise.draw(seed)
    asked = {"follows": follows(exercise, module, function, last)} if exercise.tool else {}
    # What came first twice more: a sum that is kept from call to call shows where the shapes have been there before, or
    # at the latest where they are those of the call just before.
    again = [right_results(exercise, first, *call(exercise, function, first)) for _ in range(2)]
    asked["remembers"] = not is_right(exercise, again)
    for g in exercise.draw(seed):
        if hasattr(g, "kinks"):  # exactly at a kink any slope is right, if it is a number
            results, _ = call(exercise, function, at_zero(g))
            named = zip(exercise.gives, results, strict=True)
            asked["at_zero"] = asked.get("at_zero") or [name for name, a in named if not np.isfinite(a).all()]
    return asked


def at_zero(g):
    """The same inputs, but what lies beside 0 is exactly 0."""
    arrays = {name: np.where(abs(a := getattr(g, name)) < 2 * BESIDE, 0, a) for name in g.kinks}
    return SimpleNamespace(**vars(g) | arrays)


def follows(exercise, module, function, g):
    """Whether the results come from the tool that they should come from: if its gradients double, do they follow?

    An error says yes: the function may compare its results with something.
    """
    with suppress(Exception), redirect_stdout(io.StringIO()), exercise.tool.doubled(module, g):
        results, _ = call(exercise, function, g)
        wanted = exercise.tool.then(g)
        return all(agree(result, wanted[name]) for name, result in zip(exercise.gives, results, strict=True))
    return True


def lines_of(text):
    """A file's lines, but for the text at the top, a diagnosis and empty ones."""
    text = re.sub(r'\A""".*?"""', "", text, flags=re.DOTALL)
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("DIAGNOSIS")]


def investigate(exercise, module, seed, changed):
    """What became of a case: what the learner says, whether the cause is gone, and how well the program learns."""
    train = cache(module.train)
    said = getattr(module, "DIAGNOSIS", ...)
    said = "" if said is ... else said[:40] if isinstance(said, str) else f"of type {type(said).__name__}"
    try:
        fixed = bool(exercise.case.probe(module, np.random.default_rng(seed), train))
        number = train() if fixed or changed else 0
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        if own_frame(error, module.__file__):
            raise  # the learner's own line is to blame
        return {"said": said, "unfit": plain(error)}
    if not hasattr(number, "__float__"):
        return {"said": said, "unfit": "train() should return a number of the test, as it did in the beginning."}
    return {"said": said, "fixed": fixed, "changed": changed, "number": float(number)}


class Printed(io.StringIO):
    def write(self, text):
        return super().write(text[: max(0, MOST_PRINTED - self.tell())]) if self.tell() < MOST_PRINTED else 0


def limit_memory(gigabytes):
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)


def limit_time(seconds, file):
    """Once it has computed for so long, exit; if nothing has been reported yet, say in which line it was.

    Returns the function that ends this watch.
    """
    ended, began = threading.Event(), time.process_time()

    def watch():
        while not ended.wait(0.1):
            if time.process_time() - began > seconds:
                if file.tell():
                    os._exit(0)
                file.write("Timeout\n")
                file.flush()
                faulthandler.dump_traceback(file)
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return ended.set


def main():
    name, file, seed, result, seconds = sys.argv[1:]
    supervise()
    exercise = BY_NAME[name]
    if not exercise.needs_torch:
        limit_memory(MEMORY)
    with open(result, "w", encoding="utf-8") as opened:
        # By the clock: for what waits, and for what lets no other thread run. (If that fails, the process that started
        # this one ends it.)
        faulthandler.dump_traceback_later(CLOCK * float(seconds), exit=True, file=opened)
        stop_watching = limit_time(float(seconds), opened)

        def keep(outcome):
            """A line of the result. Whatever ends this process from now on, the last line is what counts."""
            faulthandler.cancel_dump_traceback_later()
            opened.write(f"{json.dumps(outcome)}\n")
            opened.flush()

        def tell(text):
            Path(result).with_suffix(TOLD).write_text(text, encoding="utf-8")

        outcome = report(exercise, file, int(seed), keep, tell)
        stop_watching()
        keep(outcome)


if __name__ == "__main__":
    main()
    os._exit(0)  # whatever threads the file has left: the report is written
