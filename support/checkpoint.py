"""Checkpoints: everything that a run needs to continue, as arrays in a NumPy .npz that NumPy and PyTorch runs share."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from support.errors import UserError
from support.files import atomic_write, read_file
from support.history import History, get_rounded_numbers, load_history
from support.options import update_names
from support.source import parse_data_facts

FORMAT_VERSION = 1
MAX_FILE_BYTES = 2**32
MAX_OPTIONS_LENGTH = 40_000  # characters of the options as JSON; usually some 700, but a path may have thousands
MAX_TEXT_BYTES = 2**19  # of the array of options, or of the letters of a text: 4 for each character
DAMAGED_MESSAGE = "is not a checkpoint of this project, or is damaged"
# The weights; the optimizer's state, with the names and shapes of the weights (AdamW has squares, SGD has none, another
# optimizer may have other groups); the running statistics of batch normalisation, if any; the letters of a text.
GROUPS = ("params", "momentum", "squares", "statistics", "data")

RESERVED_GROUPS = ("params", "statistics", "data", "history")  # groups that an optimizer's state cannot be named after


class Checkpoint(NamedTuple):
    path: str
    options: dict  # of the run, not of the call that made it
    groups: dict  # {one of GROUPS: {name: array}}
    history: History
    facts: dict  # about the run's data, for `Source.with_facts`; {} in older checkpoints

    @property
    def n_bytes(self):
        """The size of all arrays together, in bytes."""
        return sum(array.nbytes for _, _, array in iter_arrays(self.groups))

    def copy_to(self, groups):
        """Copy the checkpoint's arrays into the arrays of a network, and perhaps its optimizer, in place.

        groups: {group: {name: array}}, as from `main_np.get_all_arrays_by_group`. Raises UserError if names or shapes
        differ.
        """
        own_groups = {group: self.groups.get(group, {}) for group in groups}
        mismatch = describe_mismatch(own_groups, groups, "in the file", "in that")
        if mismatch:
            self.refuse(mismatch)
        for group, name, array in iter_arrays(groups):
            array[...] = self.groups[group][name]

    def refuse(self, reason="it would need much more memory than its arrays, or more than there is"):
        """Raise UserError: the arrays do not fit the network that the options describe. reason: ends the message."""
        raise UserError(f"{self.path} does not hold the network that its options describe: {reason}")


def describe_mismatch(a, b, in_a="in NumPy", in_b="in PyTorch"):
    """Return a description of the first array that is missing in `a` or `b` or differs in shape; "" if there is none.

    a, b: {group: {name: array or tensor}}, groups as in `main_np.get_all_arrays_by_group`. in_a, in_b: what the text
    calls them.
    """
    shapes_a = get_shapes_by_label(a)
    shapes_b = get_shapes_by_label(b)
    for name in shapes_a | shapes_b:
        if name not in shapes_b:
            return f"{name} is {in_a}, but not {in_b}"
        if name not in shapes_a:
            return f"{name} is {in_b}, but not {in_a}"
        if shapes_a[name] != shapes_b[name]:
            return f"{name} has the shape {shapes_a[name]} {in_a}, and {shapes_b[name]} {in_b}"
    return ""


def get_shapes_by_label(groups):
    """Return {name: shape} of all arrays. Unless it is "params", the group follows the name, in parentheses."""
    shapes = {}
    for group, name, array in iter_arrays(groups):
        label = name if group == "params" else f"{name} ({group})"
        shapes[label] = tuple(array.shape)
    return shapes


def describe_misfit(params, grads):
    """Return why `grads` cannot be the gradients of `params`; "" if they can.

    They can if `grads` is a dict of arrays of floats, with the names and shapes of `params`.
    """
    if not isinstance(grads, dict):
        return f"backward does not return a dict of gradients, but {type(grads).__name__}"
    for name, dp in grads.items():
        if not (isinstance(dp, (np.ndarray, np.generic)) and dp.dtype.kind == "f"):
            type_name = f"{dp.dtype}" if isinstance(dp, (np.ndarray, np.generic)) else f"a {type(dp).__name__}"
            return f"the gradient of {name} is not an array of floats, but {type_name}"
    mismatch = describe_mismatch({"params": params}, {"params": grads}, "in params", "in the result of backward")
    return f"the gradients do not match the parameters: {mismatch}" if mismatch else ""


def check_no_reserved_names(state_names):
    """Raise UserError if a checkpoint cannot store an optimizer's state under one of these names."""
    for name in state_names:
        if name in RESERVED_GROUPS or "/" in name:
            reason = (
                "a / separates it from a parameter" if "/" in name else "a checkpoint uses this name for something else"
            )
            raise UserError(f"an optimizer cannot keep an array named {name!r} ({reason}): choose a different name")


def iter_arrays(groups):
    """Yield (group, name, array) for each array in groups, {group: {name: array}}."""
    for group, arrays in groups.items():
        for name, array in arrays.items():
            yield group, name, array


def save_checkpoint(path, options, groups, history, obsolete=()):
    """Write everything that a run needs to continue to a file, atomically.

    options: a dict. groups: {one of GROUPS: {name: array}}. obsolete: as in `atomic_write`. Raises UserError if any
    number is not finite; nothing is written then, so an older checkpoint stays. The arrays are written one at a time,
    as np.savez does, but not every version of np.savez recovers cleanly from a full disk.
    """
    # The smallest and the largest number are enough, and need no temporary array of the same size.
    if not all(np.isfinite([a.min(initial=0), a.max(initial=0)]).all() for _, _, a in iter_arrays(groups)):
        raise UserError(f"the network's weights are no longer finite at step {history.step}: lower --lr")
    arrays = {"format": FORMAT_VERSION, "options": json.dumps(options), "step": history.step}
    for group, values in {**groups, "history": history.numbers_by_name()}.items():
        arrays |= {f"{group}/{name}": np.asarray(value) for name, value in values.items()}
    with atomic_write(path, obsolete) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)


def load_checkpoint(path):
    """Return the `Checkpoint` in a file that `save_checkpoint` wrote. Raises UserError if the file is damaged."""
    content = read_file(path, MAX_FILE_BYTES)
    try:
        arrays = unpack_arrays(content)
        groups = {group: {} for group in (*GROUPS, "history")}
        version, options, step = (arrays.pop(name).item() for name in ("format", "options", "step"))
        for name, array in arrays.items():
            group, _, rest = name.partition("/")
            groups.setdefault(group, {})[rest] = np.asarray(array)  # a damaged file may have bytes instead of an array
        options = update_names(json.loads(options[:MAX_OPTIONS_LENGTH]))
        facts = parse_data_facts(options.get("data"), groups["data"])
        checkpoint = Checkpoint(path, options, groups, History(**groups.pop("history")), facts)
        whole = version == FORMAT_VERSION and step == checkpoint.history.step and checkpoint.history.is_consistent()
        whole &= all(np.isfinite(array).all() for _, _, array in iter_arrays(groups))
    except MemoryError:
        raise UserError(f"there is not enough memory to read {path}, or it is damaged and claims to be large") from None
    except Exception:  # whatever zipfile, NumPy and json make of a damaged file
        whole = False
    if not whole:
        raise UserError(f"{path} {DAMAGED_MESSAGE}")
    return checkpoint


def warn_if_apart(path):
    """Print a note on stderr if a run's history and the checkpoint beside it do not belong together.

    path: the path of either file. A run writes both at once, but somebody may have copied one of them, or killed the
    run in between.
    """
    name = Path(path).stem.partition("_")[2]
    folder = Path(path).parent
    files = folder / f"history_{name}.json", folder / f"checkpoint_{name}.npz"
    if not all(file.exists() for file in files):
        return
    try:
        options, history = load_history(files[0])
        checkpoint = load_checkpoint(files[1])
        if (checkpoint.options, get_rounded_numbers(checkpoint.history)) == (
            options,
            get_rounded_numbers(history),
        ):
            return
        both_files = f"{files[0]} ({history.step} steps) and {files[1].name} ({checkpoint.history.step} steps)"
        message = f"{both_files} do not belong together; --resume of the checkpoint writes both again"
    except UserError as error:
        message = str(error)
    print(f"note: {message}", file=sys.stderr)


def load_options_and_facts(path):
    """Return (options, facts), dicts that describe a checkpoint's run and its data, without reading its weights.

    Raises UserError if the file cannot be read or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            options, letters = (
                read_small_array_or_none(archive, f"{name}.npy") for name in ("options", "data/letters")
            )
        options = update_names(json.loads(options.item()))
        return options, parse_data_facts(options.get("data"), {"letters": letters})
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except Exception:
        raise UserError(f"{path} {DAMAGED_MESSAGE}") from None


def read_small_array_or_none(archive, name):
    """Return an array of an open .npz, or None if there is none of that name. Raises ValueError if it is not small."""
    if name not in archive.namelist():
        return None
    entry = archive.getinfo(name)
    if entry.file_size > MAX_TEXT_BYTES or entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError
    return np.load(io.BytesIO(archive.read(entry)), allow_pickle=False)


def unpack_arrays(content):
    """Return {name: array} from the bytes of an .npz.

    Raises ValueError if the arrays could take more memory than the file, or if loading them could execute code.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    is_compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)  # np.savez stores
    if is_compressed or sum(entry.file_size for entry in entries) > len(content):
        raise ValueError
    return dict(np.load(io.BytesIO(content), allow_pickle=False))
