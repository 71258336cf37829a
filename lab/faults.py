"""Measure which check notices which fault: `python -m lab.faults` (half an hour; you can stop it and start it again).

It inserts each fault of exercises/faults.py into a copy of the project and runs each step of docs/debugging.md there.
The step's message is saved to exercises/faults.json if a copy without a fault does not give a similar one. A missing
entry is measured, so to measure one again, delete it. At the end it prints the table of the page.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    from exercises.faults import FAULTS, SUSPECTS, insert_fault
    from lab.results import ROOT, format_table
    from support.files import atomic_write
    from support.options import Parser

FAULTS_FILE = ROOT / "exercises" / "faults.json"
N_STEPS = 300
SEEDS = range(3)  # of the runs without a fault
# The steps of docs/debugging.md: {its name in the table: its commands}. {lesson} stands for the network's own file.
LOOK_COMMANDS = {
    "0 prove": ["main_np.py --prove {options}"],
    "1, 2, 5 look": ["look.py --training 20 --seed 0 {options}", "look.py --training 200 --seed 0 {options}"],
    "3 by heart": ["-m lab.by_heart --seed 0 {options}"],
    "4 check": ["{lesson}"],
    "6 rate": ["-m lab.find_lr --seed 0 --out out {options}"],
    "7 test": [f"main_np.py --steps {N_STEPS} --seed 0 --out out {{options}}"],
}
# A number is a symptom if it is larger or smaller than in all runs without a fault, by at least this factor:
MAX_LR_RATIO = 10  # for a suggested rate
MAX_TEST_LOSS_RATIO = 1.25  # for the test loss after a short run
MAX_TRAINING_LOSS_RATIO = 3  # for the loss after 10 and 20 steps of learning a batch by heart


def copy_project(folder, fault=None):
    """Fill `folder` with links to the project's files. The file with the fault is a changed copy."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if name.startswith(("tests/", "page/", "png/", "docs/", ".")) or not (ROOT / name).exists():
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if fault and name == fault.file:
            path.write_text(insert_fault((ROOT / name).read_text(encoding="utf-8"), fault), encoding="utf-8")
        else:
            path.symlink_to(ROOT / name) if not name.endswith(".py") else os.link(ROOT / name, path)


def run_command(folder, command, fault_options):
    """Run a command. Return (its exit status, its output on both streams), or (124, a message) if it takes too long."""
    network = re.search(r"--model (\w+)", fault_options)
    lesson = f"{network[1] if network else 'mlp'}_np.py"
    words = command.format(options=fault_options, lesson=lesson).split()
    if words[0].startswith("look.py"):
        words += ["--out", "out"]
    try:
        process = subprocess.run(
            [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=600
        )
    except subprocess.TimeoutExpired:
        return 124, "it does not end"
    return process.returncode, process.stdout + process.stderr


def parse_numbers_by_name(look, text):
    """Return {name: number} of those numbers in an output that are compared with runs without a fault.

    look: a key of LOOK_COMMANDS, the step of the page that printed it.
    """
    if look.startswith("3"):
        return {f"step {step}": float(loss) for step, loss in re.findall(r"step +(10|20): loss (\S+)", text)}
    if look.startswith("6"):
        rates = re.findall(r"Try --lr (\S+):", text)
        return {"rate": float(rates[0])} if rates else {}
    losses = re.findall(r"(?:test|held-out) loss (\S+?),? ", text)
    return {"loss": float(losses[-1])} if losses else {}


def describe_symptom(look, status, text, healthy):
    """Return what a step of the page says about a fault, in a few words; "" if it would say the same without the fault.

    look: a key of LOOK_COMMANDS. healthy: {look: {name: numbers of runs without a fault}}.
    """
    lines = [line for line in text.strip().splitlines() if line]
    last_line = lines[-1] if lines else ""
    if look.startswith("1") and not status:
        sentences = text.split("\n\n")[-1].splitlines()  # only the sentences below the table count
        sentences = [line for line in sentences if not re.match("see |No number |The numbers have no ranges", line)]
        return sentences[0] if sentences else ""
    if status:
        return next((line for line in reversed(lines) if "wrong" in line or "python -m" not in line), last_line)
    if look.startswith("3") and "not learned" in last_line:
        return last_line
    if look.startswith("4") and "all units alike" in text:
        return "0 by hand and by differences"
    note = re.search(r"^note: (.+)", text, re.MULTILINE)
    if note:
        return note[1]
    max_ratio = {"3": MAX_TRAINING_LOSS_RATIO, "6": MAX_LR_RATIO, "7": MAX_TEST_LOSS_RATIO}.get(look[0])
    if not max_ratio:
        return ""
    for name, number in parse_numbers_by_name(look, text).items():
        healthy_numbers = healthy.get(look, {}).get(name, [])
        if healthy_numbers and not min(healthy_numbers) / max_ratio <= number <= max(healthy_numbers) * max_ratio:
            return f"{name} {number:.3g}, and not {min(healthy_numbers):.3g} to {max(healthy_numbers):.3g}"
    return ""


def measure_healthy_numbers(options):
    """Return {look: {name: numbers of copies without a fault, one for each seed}}."""
    numbers = {}
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        for look, (command, *_) in LOOK_COMMANDS.items():
            if look[0] not in "367":
                continue
            for seed in SEEDS:
                _, text = run_command(folder, command.replace("--seed 0", f"--seed {seed}"), options)
                for name, number in parse_numbers_by_name(look, text).items():
                    numbers.setdefault(look, {}).setdefault(name, []).append(number)
    return numbers


def collect_symptoms(fault, healthy, saved_answers):
    """Return {look: what it says about the fault}. A fault whose `right` is empty means a copy without a fault.

    saved_answers: answers that exist already, which are not measured again.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder), fault if fault.right else None)
        answers = {}
        for look, commands in LOOK_COMMANDS.items():
            if look in saved_answers:
                answers[look] = saved_answers[look]
                continue
            symptoms = (
                describe_symptom(look, *run_command(folder, command, fault.options), healthy) for command in commands
            )
            answers[look] = " ".join(next(filter(None, symptoms), "").split()).replace(folder, "")[:160]
        return answers


def load_symptoms():
    return (
        json.loads(FAULTS_FILE.read_text(encoding="utf-8")) if FAULTS_FILE.exists() else {"healthy": {}, "faults": {}}
    )


def save_symptoms(content):
    with atomic_write(FAULTS_FILE) as file:
        file.write((json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def compute_suspect_entropy(fault_names):
    """Return how uncertain the suspect still is if the fault is one of these: the entropy, in bits."""
    counts = Counter(FAULTS[name].suspect for name in fault_names)
    ordered_counts = [counts[suspect] for suspect in SUSPECTS]
    return -sum(n / len(fault_names) * math.log2(n / len(fault_names)) for n in ordered_counts if n)


def compute_bits_by_look(content):
    """Return {look: the bits by which it narrows down the suspects, on average over all faults}, best first."""
    names = [*content["faults"]]
    gains = {}
    for look in LOOK_COMMANDS:
        with_symptom = [name for name in names if content["faults"][name].get(look)]
        without_symptom = [name for name in names if not content["faults"][name].get(look)]
        groups = [group for group in (with_symptom, without_symptom) if group]
        gains[look] = compute_suspect_entropy(names) - sum(
            len(group) / len(names) * compute_suspect_entropy(group) for group in groups
        )
    return dict(sorted(gains.items(), key=lambda item: -item[1]))


def make_table(content):
    """Return a Markdown table that shows which step notices which fault. "?" means not measured yet."""
    rows = []
    for name, fault in FAULTS.items():
        if name not in content["faults"]:
            continue  # not measured yet
        answers = content["faults"][name]
        network = re.search(r"--model (\w+)", fault.options)
        reason = f"{network[1]}: {fault.why}" if network else fault.why
        cells = []
        for look in LOOK_COMMANDS:
            if look not in answers:
                cells.append("?")
            else:
                cells.append("said" if answers[look] else "")
        rows.append([fault.suspect, reason, *cells])
    return format_table(["suspect", "fault", *LOOK_COMMANDS], rows)


def format_look(look):
    """Return a look the way a sentence names it: "1, 2, 5 look" as "steps 1, 2 and 5 (look)"."""
    numbers, name = re.fullmatch(r"([\d, ]+) (.+)", look).groups()
    first, comma, last = numbers.rpartition(", ")
    return f"steps {first} and {last} ({name})" if comma else f"step {last} ({name})"


def make_summary(content):
    """Return a summary of the table as a Markdown list."""
    answers = content["faults"]
    counts = dict.fromkeys(LOOK_COMMANDS, 0)
    for symptoms in answers.values():
        for look in LOOK_COMMANDS:
            counts[look] += bool(symptoms.get(look))
    silent_faults = [FAULTS[name].why for name, symptoms in answers.items() if not any(symptoms.values())]
    steps = "; ".join(f"{format_look(look)}, {count}" for look, count in counts.items())
    ranking = "; ".join(f"{format_look(look)}, {bits:.2f} bits" for look, bits in compute_bits_by_look(content).items())
    lines = [
        f"Number of the {len(answers)} faults noticed by each step: {steps}.",
        f"How far each step by itself narrows down the {len(SUSPECTS)} suspects, best first: {ranking}.",
        f"No step notices these {len(silent_faults)}: {' '.join(silent_faults)}",
    ]
    return "\n".join(f"- {line}" for line in lines)


def main():
    Parser(description=__doc__).parse_args()
    content = load_symptoms()
    for options in dict.fromkeys(fault.options for fault in FAULTS.values()):
        healthy = content["healthy"].setdefault(options, {})
        if not healthy.keys() - {"said"}:
            healthy |= measure_healthy_numbers(options)
            save_symptoms(content)
        if healthy.get("said", {}).keys() != LOOK_COMMANDS.keys():
            no_fault = next(iter(FAULTS.values()))._replace(right="", options=options)
            healthy["said"] = collect_symptoms(no_fault, healthy, healthy.get("said", {}))
            save_symptoms(content)
            print("healthy", options, healthy, flush=True)
    for name, fault in FAULTS.items():
        saved_answers = content["faults"].get(name, {})
        if saved_answers.keys() != LOOK_COMMANDS.keys():
            content["faults"][name] = collect_symptoms(fault, content["healthy"][fault.options], saved_answers)
            save_symptoms(content)
            print(name, content["faults"][name], flush=True)
    print(make_table(content), make_summary(content), sep="\n\n")


if __name__ == "__main__":
    sys.exit(program.run(main))
