"""Checkpoints: all that a run needs to go on, as plain arrays in a NumPy .npz that both twins read."""

import io
import json
import os
import stat
import warnings
import zipfile
from typing import NamedTuple

import numpy as np

from support.errors import UserError
from support.files import replacing
from support.history import History

FORMAT = 1
# The weights; what the optimizer remembers of them, with the same names and shapes (AdamW has squares, SGD has none);
# what batch normalisation remembers, if there is any.
GROUPS = ("params", "momentum", "squares", "statistics")


class Checkpoint(NamedTuple):
    path: str
    options: dict  # of the run, not of the call that made it
    groups: dict  # those of GROUPS, each with its arrays by their names
    history: History

    def copy_to(self, groups):
        """Copy its arrays into those of a new network, and perhaps of its optimizer (main_np.get_arrays gives them)."""
        for group, mine in groups.items():
            theirs = self.groups[group]
            if {k: (a.shape, a.dtype) for k, a in mine.items()} != {k: (a.shape, a.dtype) for k, a in theirs.items()}:
                raise UserError(f"{self.path} holds another network than its options say")
            for name, array in mine.items():
                array[...] = theirs[name]

    def check_shapes(self, shapes):
        """UserError if its weights of these names have other shapes, or are missing."""
        params = self.groups["params"]
        if any(name not in params or params[name].shape != shape for name, shape in shapes.items()):
            raise UserError(f"{self.path} holds another network than its options say")


def save_checkpoint(path, options, groups, history):
    """Write all that a run needs to go on, in one step. options: a dict; groups: {one of GROUPS: {name: array}}.

    UserError, and nothing is written, if any number is not finite: load_checkpoint would refuse it.
    """
    for array in (array for group in groups.values() for array in group.values()):
        if not np.isfinite(array).all():
            raise UserError(f"the network's numbers are no longer finite at step {history.step}: lower --lr")
    arrays = {"format": FORMAT, "options": json.dumps(options), "step": history.step}
    for group, values in {**groups, "history": history.numbers()}.items():
        arrays |= {f"{group}/{name}": np.asarray(value) for name, value in values.items()}
    content = io.BytesIO()  # in memory first: not every version of NumPy recovers cleanly from a full disk
    np.savez(content, **arrays)
    with replacing(path) as file:
        file.write(content.getbuffer())


def load_checkpoint(path):
    """The `Checkpoint` in a file that `save_checkpoint` wrote; UserError if there is anything wrong with it."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a device may have no end
            raise UserError(f"cannot read {path}: not a checkpoint")
        with zipfile.ZipFile(path) as archive:
            # We store and do not compress. What is packed, or claims more bytes than the file holds, is not ours.
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
            claimed = sum(max(entry.file_size, entry.compress_size) for entry in archive.infolist())
            once = len(set(archive.namelist())) == len(archive.namelist())
            if not stored or not once or claimed > os.path.getsize(path) or archive.testzip():
                raise ValueError
        with warnings.catch_warnings(), np.load(path, allow_pickle=False) as npz:
            warnings.simplefilter("error")  # NumPy warns of what it reads but would not write
            arrays = {name: npz[name] for name in npz.files}
        version = int(arrays["format"].item())
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or 'not a checkpoint'}") from None
    except Exception:  # whatever zipfile and NumPy make of a damaged file
        raise UserError(f"{path} is not a checkpoint of this project, or is damaged") from None
    if version != FORMAT:
        raise UserError(f"{path} has checkpoint format {version}; this program reads format {FORMAT}")
    groups = {group: {} for group in (*GROUPS, "history")}
    try:
        for name, array in arrays.items():
            group, _, rest = name.partition("/")
            if rest:
                if (
                    array.dtype.kind not in "fi"
                    or array.dtype.itemsize > 8
                    or not np.isfinite(array).all()
                    or (group == "history" and array.ndim != 1)
                    or ((group == "squares" or name.endswith(".var")) and (array < 0).any())
                ):
                    raise ValueError
                groups[group][rest] = array
        history = History(**{name: array.tolist() for name, array in groups.pop("history").items()})
        options = json.loads(arrays["options"].item())
        consistent = isinstance(options, dict) and history.step == arrays["step"].item() and history.is_consistent()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        consistent = False
    if not consistent:
        raise UserError(f"{path} is damaged: its numbers are not finite or do not fit together")
    return Checkpoint(path, options, groups, history)
