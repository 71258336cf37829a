"""This project's own exercises: exercises/order.py has their order."""

from exercises.case import Case
from marker import ROOT
from marker.catalogue import Catalogue

OURS = Catalogue(ROOT / "exercises")
PARTS, EXERCISES, BY_NAME = OURS.parts, OURS.exercises, OURS.by_name
BROKEN, CHAPTERS = OURS.broken, OURS.by_folder
CASES = tuple(exercise for exercise in EXERCISES if isinstance(exercise.kind, Case))
