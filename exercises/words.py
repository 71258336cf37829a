"""The messages of these exercises, read from exercises/said.md."""

from contextlib import contextmanager
from functools import partial

from marker import ROOT, complaints
from marker.trial import load_learner_module
from marker.verdict import Sentences
from marker.words import SENTENCE_TABLES, Words, read_tables_by_heading
from support.errors import UserError

TABLES = read_tables_by_heading(ROOT / "exercises" / "said.md")
WORDS = Words.from_folder(ROOT / "exercises")
NETWORK_SENTENCES = Sentences(SENTENCE_TABLES["Derivatives"], TABLES["Own networks"])
WRITER_SENTENCES = Sentences(SENTENCE_TABLES["Derivatives"], TABLES["Own networks"], TABLES["Networks that write"])
BLOCK_SENTENCES = Sentences(SENTENCE_TABLES["Derivatives"], TABLES["Own networks"], TABLES["Own blocks"])
explain_error_in_file = partial(complaints.explain_error_in_file, words=WORDS)


@contextmanager
def open_learner_module(learner_path):
    """Context manager: yield a learner's file as a module, and turn any error in it into a UserError."""
    try:
        yield load_learner_module(learner_path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(explain_error_in_file(error, str(learner_path))) from None
