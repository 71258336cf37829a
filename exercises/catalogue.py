"""The catalogue of this project's own exercises. Their order is in exercises/order.py."""

from exercises.case import Case
from marker import ROOT
from marker.catalogue import Catalogue

OURS = Catalogue(ROOT / "exercises")
PARTS = OURS.by_part
EXERCISES = OURS.exercises
BY_NAME = OURS.by_name
BROKEN = OURS.broken
CHAPTERS = OURS.exercises_by_folder
CASES = tuple(exercise for exercise in EXERCISES if isinstance(exercise.kind, Case))
