"""The catalogue of this project's own exercises. Their order is in exercises/order.py."""

from exercises.case import Case
from marker import ROOT
from marker.catalogue import Catalogue

CATALOGUE = Catalogue(ROOT / "exercises")
PARTS = CATALOGUE.by_part
EXERCISES = CATALOGUE.exercises
BY_NAME = CATALOGUE.by_name
LEFT_OUT_MESSAGES = CATALOGUE.broken
CHAPTERS = CATALOGUE.exercises_by_folder
CASES = tuple(exercise for exercise in EXERCISES if isinstance(exercise.kind, Case))
