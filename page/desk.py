"""What the site's pages ask Python to do, in the interpreter of page/lessons/worker.js. /work is the learner's folder.

A marking takes two interpreters, as it takes two processes in the terminal: `run` runs the learner's file and leaves a
result; `mark`, in the next, judges that result. The pages hear on the way what `report` says.
"""

import ast
import json
import os
import sys
import time
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

from exercises import classroom, marker, runner
from exercises.catalogue import BY_NAME
from exercises.work import Work
from support.errors import UserError

FOLDER = Path("/work")


def run():
    """Run the learner's file as exercises.runner does. The arguments: NAME FILE SEED RESULT."""
    name, file, seed, result = sys.argv[1:]
    os.chdir("/tmp")
    report_lines(file)
    outcome = runner.run(BY_NAME[name], file, int(seed))
    Path(result).write_text(json.dumps(outcome), encoding="utf-8")


def report(**said):
    """Tell the page something while this runs."""
    os.write(2, f"\x1e{json.dumps(said)}\n".encode())


def report_lines(*files):
    """Report which line of these files is run: each line once, and then now and then. So a run that has to be ended can
    say where it was: there are no threads here, which would look for that from outside."""
    seen, last, tool = set(), 0.0, sys.monitoring.PROFILER_ID

    def line(code, number):
        nonlocal last
        if code.co_filename not in files:
            return sys.monitoring.DISABLE
        where = files.index(code.co_filename), number
        if where not in seen or time.perf_counter() > last + 0.2:
            seen.add(where)
            last = time.perf_counter()
            report(line=number, file=where[0])

    sys.monitoring.use_tool_id(tool, "lines")
    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, line)
    sys.monitoring.set_events(tool, sys.monitoring.events.LINE)


def mark(name, seed, status=None, stuck=None, seconds=None, again=False):
    """The verdict on what `run` left, or on a run that was ended after so many seconds; and the learner's progress."""
    exercise, work = BY_NAME[name], Work(FOLDER)
    if status is None:
        outcome = {"stuck": stuck.get("line"), "seconds": seconds}
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
    """Run these texts one after the other with the same names: what the last one printed, and the first error.

    A value that stands alone at a block's end is printed, as in a notebook.
    """
    names = {"__name__": "__main__"}
    files = [f"/tmp/block{i}.py" for i in range(len(blocks))]
    report_lines(*files)
    for i, (text, file) in enumerate(zip(blocks, files, strict=True)):
        printed = runner.Printed()
        Path(file).write_text(text, encoding="utf-8")
        try:
            with redirect_stdout(printed):
                *most, end = ast.parse(text, file).body or [ast.Pass(lineno=1, col_offset=0)]
                kind, last = ("single", ast.Interactive) if isinstance(end, ast.Expr) else ("exec", module)
                exec(compile(module(most), file, "exec"), names)
                exec(compile(last([end]), file, kind), names)
        except BaseException as error:
            return {"printed": printed.getvalue(), "error": above(i, blocks) + runner.explain(error, file)["text"]}
    return {"printed": printed.getvalue()}


def module(statements):
    return ast.Module(statements, [])


def above(i, blocks):
    """Where block i is, seen from the last one."""
    return "" if i == len(blocks) - 1 else f"In block {i + 1} above: "


def ended(blocks=None, seconds=None, stuck=None, status=None):
    """What the marker says of a session that did not end by itself, or before its time."""
    outcome = {"stuck": stuck.get("line"), "seconds": seconds} if status is None else {"died": status}
    where = above(stuck["file"], blocks) if stuck else ""
    return {"printed": "", "error": where + marker.judge(None, 0, outcome).text}


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
    """Call the function that the first argument names with the second's JSON; answer.json gets what it returns, or what
    failed."""
    try:
        returned = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    except Exception as error:  # a file that is no zip file, say
        returned = {"failed": str(error) or type(error).__name__}
    Path("/tmp/answer.json").write_text(json.dumps(returned), encoding="utf-8")
