"""The words of these exercises: exercises/said.md."""

from functools import partial

from marker import ROOT, complaints
from marker.verdict import Sentences
from marker.words import SAID, Words, tables

TABLES, WORDS = tables(ROOT / "exercises" / "said.md"), Words.of(ROOT / "exercises")
OF_NETWORKS = Sentences(SAID["Derivatives"], TABLES["Own networks"])
OF_WRITERS = Sentences(SAID["Derivatives"], TABLES["Own networks"], TABLES["Networks that write"])
OF_BLOCKS = Sentences(SAID["Derivatives"], TABLES["Own networks"], TABLES["Own blocks"])
explain = partial(complaints.explain, words=WORDS)
