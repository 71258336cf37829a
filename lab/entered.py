"""Measure how much code a reader meets before the first step: `python -m lab.entered` (any options of main_np.py).

It counts the project's functions that are called from `main` in main_np.py until the first `Optimizer.step`, in all
threads, and their files.
"""

import os
import sys
import tempfile
import threading

from support import program

with program.import_guard("requirements-np.txt"):
    import main_np

ROOT = os.path.dirname(os.path.abspath(main_np.__file__))


class FirstStep(BaseException):
    """Raised when the first step begins, to end the program."""


def find_entered_functions(argv):
    """Return {(file, name, line)} of the functions called from `main` until the first `Optimizer.step`."""
    functions = set()
    step = main_np.Optimizer.step

    def note(frame, event, argument):
        code = frame.f_code
        file = os.path.relpath(code.co_filename, ROOT)
        is_ours = not file.startswith(("..", ".venv", "<", "lab"))
        if event == "call" and is_ours and not code.co_name.startswith("<"):  # no comprehension, no lambda
            functions.add((file, code.co_name, code.co_firstlineno))

    def stop(*arguments):
        raise FirstStep

    main_np.Optimizer.step = stop
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        main_np.main(argv)
    except FirstStep:
        pass
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        main_np.Optimizer.step = step
    return functions


def main():
    with tempfile.TemporaryDirectory() as folder:
        functions = find_entered_functions([*sys.argv[1:], "--out", folder])
    files = {}
    for file, name, _ in sorted(functions):
        files.setdefault(file, []).append(name)
    for file, names in files.items():
        print(f"{file:26} {len(names):3}  {', '.join(names)}")
    print(f"{sum(map(len, files.values()))} functions in {len(files)} files")


if __name__ == "__main__":
    sys.exit(program.run(main))
