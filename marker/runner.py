"""Run a learner's file in its own process: python -m marker.runner FOLDER NAME FILE SEED RESULT SECONDS.

`run_in_subprocess` starts that process. In it, `make_report` describes what the functions returned, or what went wrong
and in which line, and writes that to a small JSON file, RESULT. This file is the only way in which the learner's code
can affect the process that marks it.
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
from marker.complaints import make_error_verdict, read_source
from marker.kind import Attempt, Outcome, Report
from marker.trial import load_learner_module
from marker.verdict import FUNCTION_SENTENCES
from support.errors import UserError
from support.files import read_file

MAX_MEMORY_GIB = 8  # of address space; not enforced with PyTorch, which alone reserves more
CLOCK_RATIO = 4  # wall-clock limit as a multiple of the CPU-time limit, since the machine may be busy
PROGRESS_SUFFIX = ".progress"  # of a file beside the result, with the current progress text
MAX_PROGRESS_LENGTH = 70  # characters
HOW_TO_MARK_PREFIX = "# To have this marked"  # the beginning of the line in a stub that says how to mark it
MAX_PRINTED_LENGTH = 2000  # characters of the learner's output


def run_in_subprocess(exercise, learner_path, seed, seconds, on_progress=lambda text: None, hidden_folders=()):
    """Run a file in its own process and return its `Report`. on_progress: a callback, called with texts on the
    progress.

    hidden_folders: folders with hand-ins that the file must not see. If there are any, it runs in a sandbox
    (marker/sandbox.py).
    """
    with tempfile.TemporaryDirectory(prefix="practice", ignore_cleanup_errors=True) as folder:
        report_path = Path(folder) / "result.json"
        progress_path = report_path.with_suffix(PROGRESS_SUFFIX)
        arguments = [exercise.folder.path, exercise.name, Path(learner_path).resolve(), seed, report_path, seconds]
        with learner_process(
            ["-m", "marker.runner", *map(str, arguments)], folder, learner_path, hidden_folders, exercise.folder.path
        ) as process:
            end = time.monotonic() + CLOCK_RATIO * seconds + 30
            while process.poll() is None and time.monotonic() < end:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.3)
                with suppress(OSError):
                    progress_text = progress_path.read_text(encoding="utf-8", errors="replace")
                    on_progress(progress_text[:MAX_PROGRESS_LENGTH])
            in_time = process.poll() is not None
        status = process.returncode
        report = read_report(
            report_path, learner_path, seconds, 128 - status if hidden_folders and status > 128 else status
        )
        return report if in_time or report.died is None else Report(seconds=CLOCK_RATIO * seconds)


@contextmanager
def learner_process(arguments, folder, learner_path, hidden_folders=(), *other_folders, pipes=False):
    """Context manager: start a Python process for a learner's file, yield it, and kill it with its children.

    folder: its working directory. hidden_folders: see `run_in_subprocess`. other_folders: what else the sandbox must
    show. pipes: connect its standard input and output to this process, instead of to /dev/null.
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
        start_new_session=True,  # so that the whole process group can be killed
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)  # it kills what the file has started: see `continue_in_supervised_child`
        with suppress(OSError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)  # not on Windows
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            with suppress(OSError):
                pipe.close()


def continue_in_supervised_child():
    """Fork. The child returns; the parent waits for it, kills all processes that it left, and exits with its status.

    Only on Linux: elsewhere there is no fork, and only processes in the file's session are killed. Orphaned descendants
    become children of this process, even in another session: prctl(2), PR_SET_CHILD_SUBREAPER.
    """
    import ctypes  # imported here because it is not needed in a browser

    try:
        control = ctypes.CDLL(None).prctl
    except (AttributeError, OSError, TypeError):
        return
    control(36, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # `run_in_subprocess` has waited long enough
    child = os.fork()
    if child == 0:
        control(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: the child does not outlive its parent
        os.setpgid(0, 0)  # killing its own group does not kill the parent
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
    """Kill the children of this process, and the orphans that it then inherits, until none is left."""
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
    """Run a command in this terminal and return its exit status.

    Raises UserError if a signal other than Ctrl-C ended it.
    """
    status = subprocess.run(command, check=False, **options).returncode
    if status == -signal.SIGINT:
        return 130
    if status < 0:
        signal_name = signal.Signals(-status).name
        memory = ": was there too little memory?" if signal_name == "SIGKILL" else ""
        raise UserError(f"{name} was ended by the signal {signal_name}{memory}")
    return status


def make_python_path():
    """Return PYTHONPATH for a learner's file: the project's root, then the user's own PYTHONPATH."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def read_report(report_path, learner_path, seconds, status):
    """Return the `Report` in the file that the runner left: its last complete one, or the line where time ran out.

    status: the exit status of the runner, which is the report if the file holds nothing else.
    """
    with suppress(UserError, ValueError, RecursionError):  # the file may be a pipe or a device, or too large
        text = read_file(report_path, 2**26).decode(errors="replace")
        if text.startswith("Timeout"):
            # faulthandler reads the frames of running code, so it sometimes prints its heading but no line.
            own_line = re.search(rf'"{re.escape(str(Path(learner_path).resolve()))}", line (\d+)', text)
            if not own_line and " in iter_uncached_trials\n" in text:
                return Report(unmarked=FUNCTION_SENTENCES.text("cannot be marked: no inputs"))
            is_by_clock = text.startswith("Timeout (")
            return Report(seconds=CLOCK_RATIO * seconds if is_by_clock else seconds, line=own_line and int(own_line[1]))
        for line in reversed(text.splitlines()):
            with suppress(ValueError, TypeError):  # an incomplete line: the process was killed while it wrote it
                return Report(**json.loads(line))
    return Report(died=status)


def make_report(
    exercise, learner_path, seed, keep=lambda report: None, on_progress=lambda text: None, show=lambda outcome: None
):
    """Run and judge one file, and return its `Report`.

    keep(report): called with a preliminary report before a long search. on_progress(text): a progress callback.
    show(outcome): returns plain data for a page.
    """
    kind = exercise.kind
    output = LimitedOutput()
    words = exercise.folder.words
    outcome = Outcome(kind.Notes())
    try:
        with redirect_stdout(output), redirect_stderr(output), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch warns about a .grad that it does not keep
            source = read_source(learner_path)
            stub = list_code_lines(exercise.stub)
            outcome.typed = "\n".join(line for line in list_code_lines(source) if line not in stub)
            check_inputs_can_be_drawn(exercise, seed)
            outcome.attempt = Attempt(exercise, seed, load_learner_module(learner_path), source, on_progress)
            kind.fill_notes(outcome.attempt, outcome.notes)
    except UserError as error:  # missing data, for example, which is not the learner's mistake
        return Report(unmarked=str(error))
    except BaseException as error:
        name_hints = exercise.size_hints | exercise.import_hints
        outcome.error = make_error_verdict(error, str(learner_path), words, name_hints)

    def wrap_in_report(verdict):
        verdict = verdict._replace(printed=output.getvalue(), typed=outcome.typed[:2000])
        return Report(verdict._asdict(), show(outcome))

    outcome.keep = lambda verdict: keep(wrap_in_report(verdict))
    discarded_output = StringIO()  # finders call the learner's function again
    with (
        suppress(Exception),
        redirect_stdout(discarded_output),
        redirect_stderr(discarded_output),
        np.errstate(all="ignore"),
    ):
        return wrap_in_report(kind.judge(exercise, seed, outcome) if outcome.attempt else outcome.error)
    return Report()  # the results could not be judged


def check_inputs_can_be_drawn(exercise, seed):
    """Draw the inputs, which `draw_trials` caches. Raises UserError if the exercise's own code fails."""
    try:
        exercise.draw_trials(seed)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise UserError(FUNCTION_SENTENCES.text("cannot be marked: inputs", error=text)) from None


def list_code_lines(text):
    """Return a file's lines of code.

    Left out are docstrings, the note on how to mark the file, a diagnosis, and empty lines. (A file that was handed out
    earlier may have docstrings with an older wording.)
    """
    text = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    lines = (line.rstrip() for line in text.splitlines() if not line.startswith((HOW_TO_MARK_PREFIX, "DIAGNOSIS")))
    return list(filter(None, lines))


class LimitedOutput(StringIO):
    """A text file in memory that keeps at most MAX_PRINTED_LENGTH characters."""

    def write(self, text):
        n_remaining = max(0, MAX_PRINTED_LENGTH - self.tell())
        return super().write(text[:n_remaining])


def limit_memory(gigabytes):
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)


@contextmanager
def time_limit(seconds, report_file):
    """Context manager: a thread ends this process after `seconds` of CPU time.

    If `report_file` is still empty by then, the thread first writes the lines that are being run.
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
    try:
        yield
    finally:
        stop_event.set()


def main():
    folder, name, learner_path, seed, report_path, seconds = sys.argv[1:]
    continue_in_supervised_child()
    exercise = Catalogue(folder).read_exercise(name)
    if not exercise.needs_torch:
        limit_memory(MAX_MEMORY_GIB)
    with open(report_path, "w", encoding="utf-8") as report_file:
        # A wall-clock limit, for code that waits or that blocks all other threads. (If it fails, the process that
        # started this one kills it.)
        faulthandler.dump_traceback_later(CLOCK_RATIO * float(seconds), exit=True, file=report_file)

        def write_report(report):
            """Write a report as a line of the result. If the process is killed later, the last complete line counts."""
            faulthandler.cancel_dump_traceback_later()
            report_file.write(f"{json.dumps(asdict(report))}\n")
            report_file.flush()

        def write_progress(text):
            Path(report_path).with_suffix(PROGRESS_SUFFIX).write_text(text, encoding="utf-8")

        with time_limit(float(seconds), report_file):
            last_report = make_report(exercise, learner_path, int(seed), write_report, write_progress)
        write_report(last_report)


if __name__ == "__main__":
    main()
    os._exit(0)  # the report is written; do not wait for threads that the file has started
