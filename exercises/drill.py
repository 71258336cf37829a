"""Choose the next fault for `practice.py fault`, from easy to hard, and record which ones have been found."""

import json
from datetime import date, timedelta

from exercises.faults import FAULTS, N_SEEDED, PREREQUISITE_EXERCISES, get_network_name
from exercises.faulty import load_findings_by_step
from support.errors import UserError
from support.files import atomic_write, read_file

REPEAT_INTERVAL = timedelta(days=7)  # until a found fault is handed out again


def list_faults_by_ease(work):
    """Return the names of the faults for a learner, from easy to hard.

    They are the faults of the networks that the learner has met (see `has_met`). The more steps of docs/debugging.md
    notice a fault, the easier it is.
    """
    names = [name for name, fault in FAULTS.items() if has_met(work, get_network_name(fault))]
    return sorted(names, key=lambda name: -sum(map(bool, load_findings_by_step(name).values())))


def has_met(work, network):
    """Return True if an exercise of the network's part of the course has passed. Every learner has met the MLP."""
    if network not in PREREQUISITE_EXERCISES:
        return True
    exercise = work.catalogue.by_name.get(PREREQUISITE_EXERCISES[network])
    if exercise is None:  # the catalogue has somebody else's exercises
        return False
    part = work.catalogue.find_part(exercise)
    return any(member.name in work.progress["passed"] for member in part.exercises)


def load_found_days(work):
    """Return {fault: the day on which it was found}, the earliest first. Raises UserError if the file is damaged."""
    path = work.folder / "faults.json"
    if not path.exists():
        return {}
    try:
        days = {name: date.fromisoformat(day) for name, day in json.loads(read_file(path, 2**20)).items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} is damaged: delete it; only the list of found faults is lost") from None
    return dict(sorted(((name, day) for name, day in days.items() if name in FAULTS), key=lambda item: item[1]))


def note_found(work, name):
    """Record that the fault `name` was found today."""
    days = load_found_days(work) | {name: date.today()}
    with atomic_write(work.folder / "faults.json") as file:
        file.write((json.dumps({key: day.isoformat() for key, day in days.items()}, indent=1) + "\n").encode())


def choose_next_fault(work):
    """Return the name of the easiest fault that the learner has not found. Raises UserError if there is none."""
    days_by_fault = load_found_days(work)
    for name in list_faults_by_ease(work):
        if name not in days_by_fault:
            return name
    unmet = [network for network in PREREQUISITE_EXERCISES if not has_met(work, network)]
    hint = f"; more come with the exercises of {', '.join(unmet)}" if unmet else ""
    raise UserError(f"you have found all of them{hint}. `python practice.py review fault` brings one back")


def choose_seeded(seed):
    """Return the name of the fault that belongs to a seed, an integer."""
    return [*FAULTS][seed % N_SEEDED]


def choose_again(work, is_due=False):
    """Return the name of the fault that was found the longest ago, or None.

    is_due: return it only if it was found at least REPEAT_INTERVAL ago.
    """
    for name, day in load_found_days(work).items():
        if not is_due or day + REPEAT_INTERVAL <= date.today():
            return name
    return None


def describe_found_count(work):
    """Return how many faults the learner has found, out of how many, as text."""
    found_names = load_found_days(work).keys()
    n_faults = len({*list_faults_by_ease(work), *found_names})
    return f"{len(found_names)} of {n_faults} faults found"
