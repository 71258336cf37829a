"""The words of these exercises: exercises/said.md."""

from contextlib import contextmanager
from functools import partial

from marker import ROOT, complaints
from marker.trial import load
from marker.verdict import Sentences
from marker.words import SAID, Words, tables
from support.errors import UserError

TABLES, WORDS = tables(ROOT / "exercises" / "said.md"), Words.from_folder(ROOT / "exercises")
OF_NETWORKS = Sentences(SAID["Derivatives"], TABLES["Own networks"])
OF_WRITERS = Sentences(SAID["Derivatives"], TABLES["Own networks"], TABLES["Networks that write"])
OF_BLOCKS = Sentences(SAID["Derivatives"], TABLES["Own networks"], TABLES["Own blocks"])
explain = partial(complaints.explain, words=WORDS)


@contextmanager
def explained(file):
    """The learner's file as a module. What goes wrong in it becomes a line for people, in the marker's words."""
    try:
        yield load(file)
    except UserError:
        raise
    except Exception as error:
        raise UserError(explain(error, str(file))["text"]) from None
