"""What practice.py says about a detective's case: the symptom beside a healthy run, and the suspects."""

import json
import re
from pathlib import Path

from exercises.chapter3 import SUSPECTS
from exercises.terminal import near, say

FOLDER = Path(__file__).resolve().parent / "pictures"


def tell(exercise, path):
    """The symptom; and, until the file at `path` names one, the suspects."""
    printed = known(exercise)
    say(f"{'It printed at first:':38}A healthy run prints:", "quiet")
    for sick, healthy in zip(printed["as it is"], printed["healthy"], strict=True):
        print(f"{shorter(sick):38}{shorter(healthy)}")
    say(f"\nThe curves: {near(FOLDER / exercise.name)}.png")
    say("Run it with `python practice.py run`.")
    if not re.search(r"^DIAGNOSIS *= *\.\.\.", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        print()
        return
    say("The suspects, for DIAGNOSIS:\n")
    for word, meaning in SUSPECTS.items():
        quoted = f'"{word}"'
        say(f"  {quoted:13} {meaning}")
    print()


def shorter(line):
    """A line that a program printed, in half a terminal's width."""
    return line.replace("epoch ", "").replace("training ", "").replace("test accuracy", "test")


def mend(exercise):
    """The lines that mend a program."""
    lines = known(exercise)
    return f"Instead of\n\n{lines['wrong']}\nit should be\n\n{lines['right']}"


def known(exercise):
    """What exercises/symptoms.py has recorded about a case."""
    return json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))[exercise.name]
