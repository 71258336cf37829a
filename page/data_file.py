"""page/data.npz: the network and the images that the page shows. page.build and page.site pack them into their pages.

facts                               JSON: the run, how pixels are scaled, and the image with which the page opens
W1 (784, H) int8, W1_scale (H,)     the weights are W1 * W1_scale: each hidden unit has its own scale
b1, W2, b2 int16, and their scales  one scale for each array
test_images, test_labels            (N, 28, 28) uint8 and (N,): the test images to choose from
test_numbers (N,)                   their indices in the test set
training_images, training_labels    the images from which a new network learns
testing_images, testing_labels      the images with which it is tested
"""

import json
import zipfile
from types import SimpleNamespace

import numpy as np

import data
from mlp_np import MLP, softmax
from support.errors import UserError
from support.options import test_set_name

# The test images to choose from
N_FIRST_IMAGES = 50
N_MISREAD_IMAGES = 10  # the first of the others that the network misreads
# The number of images that a new network learns from, and of those that test it. These numbers, and the page's initial
# settings, were chosen on held-out training images: 1,000 are enough for 85 %, and 1,500 leave some margin.
N_TRAIN = 1500
N_TEST = 500
MAX_INTEGERS = {"W1": 127, "b1": 32767, "W2": 32767, "b2": 32767}  # the largest integer that stands for a weight


def make_page_arrays(model, options, history):
    """Return {name: array} of the data file for a trained MLP. The model's weights are replaced by the rounded ones.

    So the misread images are those that the network on the page misreads. Raises UserError if the numbers overflow.
    """
    dataset = data.load(options.source)
    arrays = {}
    for name, p in model.params.items():
        arrays[name], arrays[f"{name}_scale"] = quantize(p, MAX_INTEGERS[name])
    model.params = unpack_weights(arrays)
    x = data.scale_pixels(dataset.test_images, options).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        logits = model.forward(x)
    if not np.isfinite(logits).all():
        raise UserError("the numbers overflow: the network's weights are too large; train again with a lower --lr")
    p = softmax(logits)
    is_right = p.argmax(axis=1) == dataset.test_labels
    misread = np.flatnonzero(~is_right)
    numbers = np.array([*range(N_FIRST_IMAGES), *misread[misread >= N_FIRST_IMAGES][:N_MISREAD_IMAGES]])
    labels = dataset.test_labels[numbers]
    belief = p[numbers, labels] + is_right[numbers]  # the probability of the true digit, plus 1 if it is read right
    facts = {
        "run": describe_run(options, history),
        "rounded": round(float(is_right.mean()), 4),  # the accuracy with the rounded weights
        "pixels": options.run.pixels,
        "mean": options.source.mean_and_std[0],
        "std": options.source.mean_and_std[1],
        "opens": int(belief.argmin()),  # on the misread image that surprises the network most
    }
    images = {
        "test_numbers": numbers,
        "test_images": dataset.test_images[numbers],
        "test_labels": labels,
        "training_images": dataset.train_images[:N_TRAIN],
        "training_labels": dataset.train_labels[:N_TRAIN],
        "testing_images": dataset.test_images[:N_TEST],
        "testing_labels": dataset.test_labels[:N_TEST],
    }
    return {"facts": np.array(json.dumps(facts))} | arrays | images


def describe_run(options, history):
    """Return a line that describes the run that the weights are from.

    It states the test accuracy if the run ended with a test.
    """
    line = f"784-{options.run.hidden}-10, seed {options.run.seed}, {history.step:,} training steps"
    if history.test_step and history.test_step[-1] == history.step:
        line += f", {test_set_name(options)} accuracy {history.test_accuracy[-1]:.4f}"
    return line


def quantize(array, largest):
    """Round a float array to integers from -largest to largest. Return (the integers, their scales in float32).

    If the integers fit into 8 bits, each column of the array has its own scale; otherwise there is one for the array.
    No weight changes by more than half a scale: 1/254 or 1/65534 of the largest in its column or array.
    """
    is_small = largest < 128
    highest = np.abs(array).max(axis=0) if is_small else np.abs(array).max(keepdims=True).reshape(1)
    scale = np.where(highest > 0, highest / np.float64(largest), 1.0).astype(np.float32)
    whole = np.rint(array / scale.astype(np.float64)).clip(-largest, largest)
    return whole.astype("i1" if is_small else "<i2"), scale


def unpack_weights(arrays):
    """Return {name: float32 array} of the weights in a data file, computed as the page computes them."""
    return {
        name: (arrays[name] * arrays[f"{name}_scale"].astype(np.float64)).astype(np.float32) for name in MAX_INTEGERS
    }


def build_mlp(quantised_arrays):
    """Return the MLP in a data file."""
    model = MLP(len(quantised_arrays["b1"]))
    model.params = unpack_weights(quantised_arrays)
    return model


def load_arrays(path):
    """Return {name: array} of a data file. Raises UserError if it is missing or damaged."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:  # np.load alone may leave it open
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read {path}: {error}; `git checkout {path}` restores it") from None


def make_facts(arrays):
    """Return what a page needs to know about its network before the weights are loaded, as a dict for JSON.

    "opening" is what `compute_opening_pass` returns.
    """
    facts = json.loads(str(arrays["facts"]))
    return facts | {
        "opening": compute_opening_pass(arrays, facts),
        "hidden": len(arrays["b1"]),
        "numbers": arrays["test_numbers"].tolist(),
        "labels": arrays["test_labels"].tolist(),
        "trainingLabels": arrays["training_labels"].tolist(),
        "testingLabels": arrays["testing_labels"].tolist(),
    }


def compute_opening_pass(arrays, facts):
    """Return {"pixels", "a1", "logits", "p"}, lists: the image with which the page opens, and its forward pass.

    NumPy computes the pass in float64 from the weights of the page; the numbers have six digits. facts: those in the
    data file.
    """
    pixels = arrays["test_images"][facts["opens"]].reshape(1, 784)
    model = MLP(len(arrays["b1"]), dtype=np.float64)
    model.params = {name: p.astype(np.float64) for name, p in unpack_weights(arrays).items()}
    run = SimpleNamespace(pixels=facts["pixels"], dtype="float64")
    source = SimpleNamespace(mean_and_std=(facts["mean"], facts["std"]))
    logits = model.forward(data.scale_pixels(pixels, SimpleNamespace(run=run, source=source)))
    values = {"a1": model.a1, "logits": logits, "p": softmax(logits)}
    opening = {"pixels": pixels[0].tolist()}
    for name, row in values.items():
        opening[name] = [float(f"{value:.6g}") for value in row[0]]
    return opening


def make_packs(arrays):
    """Return {"network": bytes, "images": bytes} for page/page_data.js to unpack.

    "network" has the weights and the images to choose from, "images" those to learn from. Numbers of 4 bytes come
    first, then those of 2, then those of 1, so that a script can read them without copying.
    """
    scales = [arrays[f"{name}_scale"] for name in MAX_INTEGERS]
    network = [*scales, arrays["b1"], arrays["W2"], arrays["b2"], arrays["W1"], arrays["test_images"]]
    images = [arrays["training_images"], arrays["testing_images"]]
    return {
        "network": b"".join(array.tobytes() for array in network),
        "images": b"".join(array.tobytes() for array in images),
    }
