"""Runs what a learner wrote, in a process of its own: python -m marker.runner FOLDER NAME FILE SEED RESULT SECONDS.

`run_in_subprocess` starts that process. There, `make_report` says what the functions returned, or what went wrong and
in which line; it is left in a small JSON file, RESULT. Nothing that the learner's file does can reach the process
that marks it, except through that file.
"""

import faulthandler
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
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import numpy as np

from marker import ONE_THREAD, ROOT, sandbox
from marker.catalogue import Catalogue
from marker.complaints import make_error_report, read_source
from marker.kind import Attempt, Outcome, Report
from marker.trial import load
from marker.verdict import OF_FUNCTIONS, make_verdict
from support.errors import UserError
from support.files import read_file

MEMORY = 8  # gigabytes; PyTorch alone takes more addresses than that
CLOCK = 4  # a loaded machine may take so many times as long as it computes
TOLD = ".told"  # ends the name of a file beside the result: what is being done
MOST_TOLD = 70  # characters of it
HOW = "# To have this marked"  # begins the line that says how, in a file as it is handed out
MOST_PRINTED = 2000  # characters of the learner's own prints


def run_in_subprocess(exercise, learner_path, seed, seconds, hear=lambda text: None, hidden_folders=()):
    """Run a file in a process of its own, and return its `Report`. hear: a callback, called with texts on the progress.

    hidden_folders: the hand-ins that it must not see, for `sandbox`; without it, there is none.
    """
    with tempfile.TemporaryDirectory(prefix="practice", ignore_cleanup_errors=True) as folder:
        report_path = Path(folder) / "result.json"
        arguments = [exercise.folder.path, exercise.name, Path(learner_path).resolve(), seed, report_path, seconds]
        with learner_process(
            ["-m", "marker.runner", *map(str, arguments)], folder, learner_path, hidden_folders, exercise.folder.path
        ) as process:
            end = time.monotonic() + CLOCK * seconds + 30
            while process.poll() is None and time.monotonic() < end:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.3)
                with suppress(OSError):
                    hear(report_path.with_suffix(TOLD).read_text(encoding="utf-8", errors="replace")[:MOST_TOLD])
            in_time = process.poll() is not None
        status = process.returncode
        report = read_report(
            report_path, learner_path, seconds, 128 - status if hidden_folders and status > 128 else status
        )
        return report if in_time or report.died is None else Report(seconds=CLOCK * seconds)


@contextmanager
def learner_process(arguments, folder, learner_path, hidden_folders=(), *other_folders, pipes=False):
    """Context: start a Python of its own for a learner's file, in this folder, and yield the process. At the end, it is
    ended with all that it has started.

    other_folders: what else it needs to see. pipes: whether it is asked on standard input, and answers on standard
    output.
    """
    stream = subprocess.PIPE if pipes else subprocess.DEVNULL
    process = subprocess.Popen(
        [
            *(
                sandbox.make_command_prefix(learner_path, folder, hidden_folders, *other_folders)
                if hidden_folders
                else ()
            ),
            sys.executable,
            *arguments,
        ],
        stdin=stream,
        stdout=stream,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=os.environ | ONE_THREAD | {"PYTHONPATH": make_python_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,  # so that it can be ended with everything that it started
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)  # it ends what the file has started: see `supervise_child`
        with suppress(OSError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)  # not on Windows
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            with suppress(OSError):
                pipe.close()


def continue_in_supervised_child():
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # `run_in_subprocess` has waited for long enough
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
            for stat_file in Path("/proc").glob("[0-9]*/stat"):
                with suppress(OSError):  # it has just ended
                    _, parent, *_ = stat_file.read_bytes().rpartition(b")")[2].split()
                    if int(parent) == os.getpid():
                        os.kill(int(stat_file.parent.name), signal.SIGKILL)
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def run_for_exit_status(command, name, **options):
    """Run a program that this terminal sees, and return its exit status. Raises UserError if a signal has ended it."""
    status = subprocess.run(command, check=False, **options).returncode
    if status == -signal.SIGINT:
        return 130
    if status < 0:
        signal_name = signal.Signals(-status).name
        memory = ": was there too little memory?" if signal_name == "SIGKILL" else ""
        raise UserError(f"{name} was ended by the signal {signal_name}{memory}")
    return status


def make_python_path():
    """Return PYTHONPATH for a learner's file: it finds the project, and what else the user has there."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def read_report(report_path, learner_path, seconds, status):
    """Read what the runner left in the file `report_path`: its last report, where it was stuck, or nothing. Return a
    `Report`."""
    with suppress(UserError, ValueError, RecursionError):  # a pipe or a device in its place, or too much of it
        text = read_file(report_path, 2**26).decode(errors="replace")
        if text.startswith("Timeout"):
            # faulthandler reads the frames while they run: sometimes it prints its heading, but no line.
            own_line = re.search(rf'"{re.escape(str(Path(learner_path).resolve()))}", line (\d+)', text)
            if not own_line and " in iter_draws\n" in text:
                return Report(unmarked=OF_FUNCTIONS.text("cannot be marked: no inputs"))
            is_by_clock = text.startswith("Timeout (")
            return Report(seconds=CLOCK * seconds if is_by_clock else seconds, line=own_line and int(own_line[1]))
        for line in reversed(text.splitlines()):
            with suppress(ValueError, TypeError):  # it was ended while it wrote this
                return Report(**json.loads(line))
    return Report(died=status)


def make_report(
    exercise, learner_path, seed, keep=lambda report: None, tell=lambda text: None, show=lambda outcome: None
):
    """Run and judge one file, and return its `Report`. Before a place is sought, `keep` gets what is known.

    `tell` is told what is being done, where that takes long. show(outcome): plain data, for a page.
    """
    kind = exercise.kind
    output = Printed()
    words = exercise.folder.words
    outcome = Outcome(kind.Notes())
    try:
        with redirect_stdout(output), redirect_stderr(output), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of a gradient that it has not kept
            source = read_source(learner_path)
            stub = list_code_lines(exercise.stub)
            outcome.typed = "\n".join(line for line in list_code_lines(source) if line not in stub)
            check_inputs_can_be_drawn(exercise, seed)
            outcome.attempt = Attempt(exercise, seed, load(learner_path), source, tell)
            kind.run(outcome.attempt, outcome.notes)
    except UserError as error:  # the data are missing, say: that is no mistake of the learner's
        return Report(unmarked=str(error))
    except BaseException as error:
        name_hints = exercise.size_hints | exercise.import_hints
        outcome.error = make_verdict(make_error_report(error, str(learner_path), words, name_hints), words.marks)

    def complete_report(verdict):
        verdict = verdict._replace(printed=output.getvalue(), typed=outcome.typed[:2000])
        return Report(verdict._asdict(), show(outcome))

    outcome.keep = lambda verdict: keep(complete_report(verdict))
    discarded_output = StringIO()  # a finder calls the learner's function again
    with (
        suppress(Exception),
        redirect_stdout(discarded_output),
        redirect_stderr(discarded_output),
        np.errstate(all="ignore"),
    ):
        return complete_report(kind.judge(exercise, seed, outcome) if outcome.attempt else outcome.error)
    return Report()  # what it has returned makes no sense


def check_inputs_can_be_drawn(exercise, seed):
    """Draw the inputs: `draw_trials` keeps them. Raises UserError if the exercise's own file fails in that."""
    try:
        exercise.draw_trials(seed)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise UserError(OF_FUNCTIONS.text("cannot be marked: inputs", error=text)) from None


def list_code_lines(text):
    """Return a file's lines, but for the text at the top, how it is marked, a diagnosis and empty ones."""
    text = re.sub(r'\A""".*?"""', "", text, flags=re.DOTALL)
    lines = (line.rstrip() for line in text.splitlines() if not line.startswith((HOW, "DIAGNOSIS")))
    return list(filter(None, lines))


class Printed(StringIO):
    """A text file in memory that keeps no more than MOST_PRINTED characters."""

    def write(self, text):
        return super().write(text[: max(0, MOST_PRINTED - self.tell())]) if self.tell() < MOST_PRINTED else 0


def limit_memory(gigabytes):
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)


def start_time_limit(seconds, report_file):
    """End this process once it has computed for so long. If there is no report yet, write in which line it was.

    Return the function that ends this watch.
    """
    stop_event = threading.Event()
    began = time.process_time()

    def watch():
        while not stop_event.wait(0.1):
            if time.process_time() - began > seconds:
                if report_file.tell():
                    os._exit(0)
                report_file.write("Timeout\n")
                report_file.flush()
                faulthandler.dump_traceback(report_file)
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return stop_event.set


def main():
    folder, name, learner_path, seed, report_path, seconds = sys.argv[1:]
    continue_in_supervised_child()
    exercise = Catalogue(folder).read_exercise(name)
    if not exercise.needs_torch:
        limit_memory(MEMORY)
    with open(report_path, "w", encoding="utf-8") as report_file:
        # By the clock: for what waits, and for what lets no other thread run. (If that fails, the process that started
        # this one ends it.)
        faulthandler.dump_traceback_later(CLOCK * float(seconds), exit=True, file=report_file)
        stop_watching = start_time_limit(float(seconds), report_file)

        def keep(report):
            """Write a line of the result. Whatever ends this process from now on, the last line is what counts."""
            faulthandler.cancel_dump_traceback_later()
            report_file.write(f"{json.dumps(asdict(report))}\n")
            report_file.flush()

        def tell(text):
            Path(report_path).with_suffix(TOLD).write_text(text, encoding="utf-8")

        last_report = make_report(exercise, learner_path, int(seed), keep, tell)
        stop_watching()
        keep(last_report)


if __name__ == "__main__":
    main()
    os._exit(0)  # whatever threads the file has left: the report is written
