"""What the site's pages ask Python to do, in the interpreter of page/lessons/worker.js. /work is the learner's folder.

A marking takes two interpreters, as it takes two processes in the terminal: `run` runs the learner's file and leaves a
result; `mark`, in the next, judges that result.
"""

import json
import os
import sys
import time
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

import data
from exercises import ROOT, classroom, marker, runner
from exercises.catalogue import BY_NAME
from exercises.work import Work
from support.errors import UserError

FOLDER = Path("/work")


def few_images(name="mnist"):
    """The images that the cases learn from, in place of all that data.load would read."""
    with np.load(ROOT / "images.npz") as arrays:
        return data.Dataset(*arrays.values())


data.load = few_images


def run():
    """exercises.runner, with its arguments. There are no threads here: another way to say where a file is stuck."""
    os.chdir("/tmp")
    runner.faulthandler.dump_traceback_later = report_lines
    runner.faulthandler.cancel_dump_traceback_later = lambda: None
    runner.main()


def report_lines(*_, **__):
    """Report, on standard error, which line of the learner's file is run: each line once, and then now and then."""
    seen, last, tool = set(), 0.0, sys.monitoring.PROFILER_ID

    def line(code, number):
        nonlocal last
        if code.co_filename != sys.argv[2]:
            return sys.monitoring.DISABLE
        if number not in seen or time.perf_counter() > last + 0.2:
            seen.add(number)
            last = time.perf_counter()
            os.write(2, f"{number}\n".encode())

    sys.monitoring.use_tool_id(tool, "lines")
    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, line)
    sys.monitoring.set_events(tool, sys.monitoring.events.LINE)


def mark(name, seed, status=None, stuck=None, again=False):
    """The verdict on what `run` left, or on a run that was ended in the line `stuck`; and the learner's progress."""
    exercise, work = BY_NAME[name], Work(FOLDER)
    seconds = marker.limit(exercise)
    if status is None:
        outcome = {"stuck": stuck and int(stuck), "seconds": seconds}
    else:
        outcome = marker.left(FOLDER / "result.json", work.path(exercise), seconds, status)
    verdict = marker.verdict(exercise, seed, outcome)
    if again:
        said = [] if verdict.passed else [verdict.text]
        said.append(work.record_review(exercise, verdict))
    else:
        said = work.record(exercise, verdict)
    return verdict._asdict() | {"said": said, "progress": work.progress}


def session(blocks):
    """Run these texts one after the other with the same names: what the last one printed, and the first error."""
    names = {"__name__": "__main__"}
    for i, text in enumerate(blocks, 1):
        printed, file = runner.Printed(), f"/tmp/block{i}.py"
        Path(file).write_text(text, encoding="utf-8")
        try:
            with redirect_stdout(printed):
                exec(compile(text, file, "exec"), names)
        except BaseException as error:
            where = "" if i == len(blocks) else f"In block {i} above: "
            return {"printed": printed.getvalue(), "error": where + runner.explain(error, file)["text"]}
    return {"printed": printed.getvalue()}


def ended(seconds, stuck=None, status=None):
    """What the marker says of a run that did not end by itself, or before its time."""
    outcome = {"stuck": stuck and int(stuck), "seconds": seconds} if status is None else {"died": status}
    return {"printed": "", "error": marker.judge(None, 0, outcome).text}


def pack():
    """The learner's folder as a zip file, as practice.py takes it: my_practice.zip."""
    with zipfile.ZipFile("/tmp/my_practice.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(FOLDER.iterdir()):
            archive.writestr(f"my_practice/{path.name}", path.read_bytes())
    return {}


def unpack():
    """What my_practice.zip holds, as page/lessons/work.js keeps it; UserError if it holds no exercise."""
    folder = classroom.unpacked(FOLDER / "my_practice.zip", Path("/tmp/unpacked"))
    found, _ = classroom.find_files(folder)
    if not found:
        raise UserError("there are no exercises in this file")
    for name, path in found.items():
        path.rename(folder / f"{name}.py")
    for path in sorted(folder.rglob("progress.json"))[:1]:
        path.rename(folder / path.name)
    work = Work(folder)
    files = {name: (folder / f"{name}.py").read_text(encoding="utf-8", errors="replace") for name in found}
    passed = {name: text for name, text in files.items() if work.passed(BY_NAME[name])}
    return {"work": {"files": files, "passed": passed, "progress": work.progress}}


def answer():
    """Call the function that the first argument names with the second's JSON; print what it returns, or what failed."""
    try:
        returned = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    except Exception as error:  # a file that is no zip file, say
        returned = {"failed": str(error) or type(error).__name__}
    print(json.dumps(returned))
