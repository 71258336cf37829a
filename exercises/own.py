"""Exercise own_network: a network that classifies digits, written from a blank file.

This module holds the checks of the exercise, which build on exercises/blank.py, and a program that trains the learner's
network on all images or classifies a picture with it. The learner's file defines four functions: loss, gradients, train
and read. Only these are called, so the network may be built in any way. `read` should return the label with the
smallest loss. The messages are in exercises/said.md.
"""

import itertools
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import blank, digits
    from exercises.blank import Blank, Calls, Diagnostics, describe_type, pack_params, perturb_params, unpack_params
    from exercises.words import NETWORK_SENTENCES, explain_error_in_file, open_learner_module
    from marker import ROOT
    from marker.derivatives import compute_checked_loss, root_mean_square
    from marker.nests import copy_floats_by_path, format_paths, leaves_by_path, replace_leaves
    from marker.trial import load_learner_module
    from marker.verdict import Wrong
    from support.errors import UserError
    from support.files import atomic_write, read_file

MIN_ACCURACY = 0.88  # required accuracy on held-out images
MAX_CLAIM_ERROR = 0.03  # largest allowed difference between the claimed and the measured accuracy
MIN_RETRAINED_ACCURACY = 0.8  # required accuracy after retraining on relabelled images
MIN_LEARNED_ACCURACY = 0.5  # a network that exceeds it has learned; with negated gradients, none may
N_TRAIN = 3500  # training images out of each 6,000; the rest are held out for the test
UNIFORM_LOSS = np.log(10)  # when all ten scores are equal
STUB = ROOT / "exercises" / "chapter1" / "own_network.py"
wrong = NETWORK_SENTENCES.make_exception


def format_success(evidence):
    """Return the text that the learner sees when the network passes."""
    return f"{make_accuracy_sentence(evidence)}. You claimed {evidence.trace.claim:.3f}."


def make_accuracy_sentence(evidence):
    """Return a sentence with the accuracy on the held-out images."""
    return f"On {len(evidence.held_out):,} digits that it has never seen, its accuracy is {evidence.accuracy:.3f}"


def add_data(evidence):
    """Draw the training images, the held-out images and a small batch, and add them to `evidence`."""
    evidence.examples, (evidence.held_out, evidence.held_out_labels) = split_images(evidence.rng)
    train_images, labels = evidence.examples
    # Two digits occur more than once in the batch: an error that is the same for each digit would otherwise sum to 0.
    counts = [3, 2, *[1] * 8]
    indices = np.concatenate([np.flatnonzero(labels == digit)[:n] for digit, n in enumerate(counts)])
    evidence.mini_batch = train_images[indices], labels[indices]


def add_relabelled_data(evidence):
    """Add data that the learner's file cannot know: digits with permuted labels and slightly changed ink."""
    add_data(evidence)
    new_labels = evidence.rng.permutation(10)

    def add_noise_to_ink(images):
        varied_images = images + evidence.rng.integers(-3, 4, images.shape)
        return np.where(images, np.clip(varied_images, 1, 255), 0).astype(np.uint8)

    images, labels = evidence.examples
    mini_images, mini_labels = evidence.mini_batch
    evidence.examples = add_noise_to_ink(images), new_labels[labels]
    evidence.mini_batch = add_noise_to_ink(mini_images), new_labels[mini_labels]
    evidence.held_out = add_noise_to_ink(evidence.held_out)
    evidence.held_out_labels = new_labels[evidence.held_out_labels]


def split_images(rng):
    """Return `digits.few_images()` in two random parts, to train on and held out. Each is (images, labels).

    Images are (N, 784) uint8.
    """
    images, labels, test_images, test_labels = digits.few_images()
    images = np.concatenate([images, test_images]).reshape(-1, 784)
    labels = np.concatenate([labels, test_labels])
    known_indices, held_out_indices = np.split(rng.permutation(len(images)), [N_TRAIN * len(images) // 6000])
    return (images[known_indices], labels[known_indices]), (images[held_out_indices], labels[held_out_indices])


# --- Calling the learner's functions ----------------------------------------------------------------------------------


class ReaderCalls(Calls):
    """The functions of a learner's file for own_network, with checks of their results."""

    input_names = ("images", "labels")
    examples_name = "images"
    claim_range = " from 0 to 1"
    factor_questions = {0.1: "Is there also a mean over the ten scores?"}  # noqa: RUF012

    def compute_losses(self, params, images, labels=range(10)):
        """Return the loss (N, K) of each image in a batch of one, combined with each of the K labels."""
        pairs = ((image[None], np.array([k])) for image, k in itertools.product(images, labels))
        losses = [float(blank.require_result("loss", loss)) for loss in self.iter_results("loss", params, pairs)]
        return np.reshape(losses, (len(images), len(labels)))

    def read(self, params, images):
        """Return the digits that `read` predicts for `images` in one batch, as integers (N,)."""
        return parse_digits(self.call("read", params, (images,)), len(images))

    def read_one_by_one(self, params, images):
        """Return the digits that `read` predicts when it gets one image per call, as integers (N,)."""
        results = self.iter_results("read", params, ((image[None],) for image in images))
        return np.array([parse_digits(blank.require_result("read", result), 1)[0] for result in results])

    def train(self, examples, seed, **options):
        """Run `train` as `Calls.train` does and return its `Trace`.

        Raises `Wrong` if the claim is not between 0 and 1.
        """
        trace = super().train(examples, seed, **options)
        if trace.params is not None:
            sample = [a[:500] for a in examples]
            if trace.claim > 1:
                loss = float(self.loss(trace.params, *sample))
                if abs(trace.claim - loss) < 0.2 * loss:
                    raise wrong("claim is no number: a loss", claim=trace.claim, loss=loss)
            if 1.5 < trace.claim <= 100:
                raise wrong("claim in percent", claim=trace.claim)
            if not 0 <= trace.claim <= 1:
                raise wrong("claim is no number", what=f"{trace.claim:.4g}", wanted=self.claim_range)
        return trace


def parse_digits(predictions, n_images):
    """Return the result of `read` for `n_images` images as integers (n_images,).

    Raises `Wrong` if they are not digits.
    """
    wanted_shape = {"wanted": f"of shape ({n_images},)"}
    try:
        predictions = np.asarray(predictions, np.float64)
    except (TypeError, ValueError):
        raise wrong("read returns no digits", what=describe_type(predictions), ask="", **wanted_shape) from None
    if predictions.shape in ((n_images, 10), (10, n_images)):
        raise wrong("read returns logits", what=f"the shape {predictions.shape}", **wanted_shape)
    if predictions.shape != (n_images,):
        question = "Is that a single digit for all images together?" if predictions.ndim == 0 else ""
        description = f"the shape {predictions.shape}" if predictions.ndim else "a single number"
        raise wrong("read returns no digits", what=description, ask=question, **wanted_shape)
    if (predictions != predictions.round()).any() or predictions.min() < 0 or predictions.max() > 9:
        wrong_value = predictions[(predictions != predictions.round()) | (predictions < 0) | (predictions > 9)][0]
        question = "Is that a score, and not the index of the largest score?"
        if predictions.max() == 10 and (predictions == predictions.round()).all() and predictions.min() == 1:
            question = "No image is classified as 0. Do you count the ten scores from 0?"
        raise wrong("read returns no digits", what=f"for example {wrong_value:.4g}", ask=question, **wanted_shape)
    return predictions.astype(int)


# --- Checks -----------------------------------------------------------------------------------------------------------


def check_derivatives(evidence, calls, params, batches):
    """Raise `Wrong` if `gradients` is not the derivative of `loss`, or if `loss` is not a valid loss.

    `loss` must depend on the labels, and be a mean over the images, whatever their order.
    """
    rng = np.random.default_rng([evidence.seed, 1])
    images, labels = batches[0]
    total = compute_checked_loss(calls.loss, params, (images, labels), "images")
    nearby_params = perturb_params(params, rng)
    losses = [float(calls.loss(nearby_params, images, np.full_like(labels, k))) for k in range(4)]
    if np.isfinite(total) and np.ptp(losses) < 1e-9:
        raise wrong("loss without labels")
    if np.isfinite(total) and np.ptp(calls.compute_losses(nearby_params, images[:1])) < 1e-9:
        raise wrong("softmax along another axis")
    blank.check_gradients(calls, params, batches, rng)
    sample = [a[: blank.N_EXAMPLES] for a in evidence.examples]
    order = np.random.default_rng(evidence.seed).permutation(len(sample[0]))
    loss = float(calls.loss(nearby_params, *sample))
    loss_in_other_order = float(calls.loss(nearby_params, *(a[order] for a in sample)))
    if abs(loss - loss_in_other_order) > 1e-5 * abs(loss):
        raise wrong("loss of parts", n=len(order), one=loss, two=loss_in_other_order)
    blank.check_large_batch_gradients(calls, params, evidence.examples, rng)


def check_no_stored_images(evidence):
    """Raise `Wrong` if an array of params stores many training images as rows or columns, even rescaled."""
    images = evidence.examples[0]
    varies = images.std(axis=0) > 0
    arrays = {k: np.asarray(a) for k, a in leaves_by_path(evidence.params).items() if a is not None}
    for k, a in arrays.items():
        if a.ndim == 2:
            candidates = [a, a.T]
        elif a.ndim > 2 and a.size:
            candidates = [a.reshape(len(a), -1)]
        else:
            candidates = []
        for rows in candidates:
            if rows.shape[1] not in (784, 785) or len(rows) < max(50, len(images) / 4):  # fewer may be cluster centres
                continue
            rows_of_params = standardise_rows(rows[:50, :784][:, varies])
            correlations = rows_of_params @ standardise_rows(images[:, varies]).T / varies.sum()
            if (correlations > 0.999).any(axis=1).mean() > 0.9:
                raise wrong("images kept", name=format_paths([k]), n=len(rows))


def standardise_rows(rows):
    """Return rows (N, D) with mean 0 and standard deviation 1 in each row. A constant row becomes 0."""
    centred_rows = rows - rows.mean(axis=1, keepdims=True, dtype=float)
    return centred_rows / np.maximum(centred_rows.std(axis=1, keepdims=True), 1e-30)


def check_reads_least_loss(evidence):
    """Raise `Wrong` if `read` does not predict the label with the smallest loss.

    Adds predictions and accuracy to `evidence`.
    """
    calls = evidence.calls
    params = evidence.params
    evidence.predictions = calls.read(params, evidence.held_out)
    evidence.accuracy = (evidence.predictions == evidence.held_out_labels).mean()
    sample = evidence.held_out[:100]
    predictions = evidence.predictions[:100]
    start_time = time.process_time()
    least_loss = calls.compute_losses(params, sample[:1]).min()
    if not np.isfinite(least_loss):
        is_low = evidence.accuracy < MIN_ACCURACY and evidence.trace.snapshots
        raise make_accuracy_error(evidence) if is_low else wrong("loss is not finite", loss=least_loss)
    n = int(np.clip(1 / (time.process_time() - start_time + 1e-3), 20, 100))
    loss_table = calls.compute_losses(params, sample[:n])
    # If the batch mean is subtracted, a batch of one is all 0, so every image would have the same loss.
    evidence.uses_batch_mean = np.ptp(loss_table, axis=0).max() < 1e-9
    if evidence.uses_batch_mean:
        n = min(n, 40)
        loss_table = np.zeros((n, 10))
        for i, k in np.ndindex(n, 10):
            loss_table[i, k] = float(calls.loss(params, sample, np.where(np.arange(100) == i, k, predictions)))
    evidence.loss_table = loss_table
    n_different = (loss_table.argmin(axis=1) != predictions[:n]).sum()
    if n_different > (0.1 if evidence.uses_batch_mean else 0.03) * n:
        raise make_prediction_error(evidence, sample[:n], predictions[:n], n_different)


def make_prediction_error(evidence, images, predictions, n_different):
    """Return a `Wrong` that says how the predictions of `read` differ from the smallest loss, if a cause is recognised.

    images, predictions: a sample of held-out images, and what `read` returned for them. n_different: how many of these
    predictions are not the label with the smallest loss.
    """
    calls = evidence.calls
    params = evidence.params
    loss_table = evidence.loss_table
    values = {"n": n_different, "of": len(images)}
    least_loss_labels = loss_table.argmin(axis=1)
    for side, step in (("before", -1), ("after", 1)):
        if np.mean(predictions == (least_loss_labels + step) % 10) > 0.97:
            return wrong("off by one", side=side, **values)
    explanations = [("read is not as loss: the largest", "It returns the label with the largest loss.", -loss_table)]
    if not evidence.uses_batch_mean:
        other_inputs = {"images / 255": images / 255, "images * 255": images * 255.0, "255 - images": 255 - images}
        for description, x in other_inputs.items():
            sentence = f"Its results agree with `loss` for {description}."
            explanations.append(("read is not as loss", sentence, calls.compute_losses(params, x)))
        arrays = {k: a for k, a in copy_floats_by_path(params).items() if a.any()}
        for k, a in arrays.items():
            description = f"Its results would agree with `loss` if {format_paths([k])} were 0."
            losses = calls.compute_losses(replace_leaves(params, {k: 0 * a}), images)
            explanations.append(("read forgets", description, losses))
    shares = [np.mean(losses.argmin(axis=1) == predictions) for *_, losses in explanations]
    mark, explanation, _ = explanations[int(np.argmax(shares))]
    is_known = max(shares) > 0.97
    values["how"] = f"{explanation} " if is_known else ""
    if len({*predictions}) == 1:
        return wrong("one digit for all", digit=predictions[0], **values)
    return wrong(mark if is_known else "read is not as loss", **values)


def check_reads_independently(evidence):
    """Raise `Wrong` if the prediction for an image depends on the other images of the batch."""
    sample = evidence.held_out[:100]
    n_different = (evidence.predictions[:100] != evidence.calls.read_one_by_one(evidence.params, sample)).sum()
    if n_different > 10:  # normalising by the mean of the batch changes one or two
        raise wrong("read needs other images", n=n_different, of=len(sample))


def check_reads_in_fresh_module(evidence):
    """Raise `Wrong` if `read` needs anything that is not in params."""
    sample = evidence.held_out[:100]
    n_different = (blank.call_with_restored_params(evidence, "read", sample) != evidence.predictions[:100]).sum()
    if n_different > 10:
        raise wrong("read needs train", n=n_different, of=len(sample))


def check_pixels_do_not_overflow(evidence):
    """Raise `Wrong` if pixel values overflow uint8 or are clipped."""
    calls = evidence.calls
    params = evidence.params
    images = evidence.held_out
    predictions = evidence.predictions
    white = np.where(images == 255, 255, 0).astype(np.uint8)
    grey = np.minimum(images, 254)
    reads_white = (calls.read(params, white) == predictions).mean() > 0.995
    if reads_white and (calls.read(params, grey) != predictions).mean() > 0.5:
        raise wrong("pixels cut off")
    n_different = 0
    with suppress(Exception):
        n_different = (calls.read(params, images.astype(float)) != predictions).sum()
    if n_different > 0.01 * len(predictions):
        # As a function of a grey level in uint8, the loss jumps where the level overflows. In float64 it does not.
        grey = np.repeat(np.arange(256)[:, None], 784, axis=1)
        jumps = np.abs(np.diff(calls.compute_losses(params, grey.astype(np.uint8), (3, 8)), axis=0))
        float_jumps = np.abs(np.diff(calls.compute_losses(params, grey * 1.0, (3, 8)), axis=0))
        jump = np.unravel_index(jumps.argmax(), jumps.shape)
        if jumps[jump] > 0.2 * jumps.sum(axis=0)[jump[1]] and float_jumps[jump] < 0.1 * jumps[jump]:
            raise wrong("pixels wrap round", n=n_different, of=len(predictions), pixel=jump[0], next=jump[0] + 1)


def check_hidden_layer(evidence):
    """Raise `Wrong` if the network is linear.

    Differences between the ten losses of an image are differences between its scores. In a linear network, those for
    the mean of two images are the mean of those for the two.
    """
    if evidence.uses_batch_mean:
        return
    images = evidence.held_out
    # even pixel values, so that the mean of two is exact in uint8
    a = images[:10] & 254
    b = images[10:20] & 254
    loss_tables = [evidence.calls.compute_losses(evidence.params, x) for x in (a, b, a // 2 + b // 2)]
    if is_linear(*loss_tables):
        matrices = [a for a in copy_floats_by_path(evidence.params).values() if a.ndim == 2 and min(a.shape) > 1]
        raise wrong("linear" if len(matrices) == 1 else "no ReLU")


def is_linear(losses_a, losses_b, losses_of_mean):
    """Return whether the scores for the mean of a and b are the mean of the scores for a and b.

    The arguments are losses (N, 10). Differences between losses are differences between scores.
    """
    a, b, mean = (np.diff(losses, axis=1) for losses in (losses_a, losses_b, losses_of_mean))
    return np.abs(mean - (a + b) / 2).max() < 1e-4 * np.abs(a - b).max()


def check_hidden_layer_trained(evidence):
    """Raise `Wrong` if the scores are linear in all trained arrays together: then only one layer is trained."""
    if evidence.uses_batch_mean:
        return
    first_arrays = copy_floats_by_path(evidence.trace.snapshots[0].params)
    last_arrays = copy_floats_by_path(evidence.params)
    paths = [
        k
        for k in evidence.trained_paths
        if k in first_arrays and k in last_arrays and first_arrays[k].shape == last_arrays[k].shape
    ]
    loss_tables = []
    for t in (0, 0.5, 1):
        arrays = {k: (1 - t) * first_arrays[k] + t * last_arrays[k] for k in paths}
        loss_tables.append(
            evidence.calls.compute_losses(replace_leaves(evidence.params, arrays), evidence.held_out[:10])
        )
    first_losses, mean_losses, last_losses = loss_tables
    last_differences = np.diff(last_losses, axis=1)
    if np.ptp(last_differences, axis=0).max() < 1e-3 * np.abs(last_differences).max():
        return  # the scores do not depend on the image, which has another cause
    if is_linear(first_losses, last_losses, mean_losses):
        raise wrong("one layer alone", names=format_paths(paths))


def add_loss_remarks(evidence):
    """Add remarks that are no reason to fail: on untrained constants, on predictions, and on ties."""
    if evidence.uses_batch_mean:
        return
    calls = evidence.calls
    params = evidence.params
    loss_table = evidence.loss_table
    n = len(evidence.loss_table)
    images = evidence.held_out[:100]
    predictions = evidence.predictions[:100]
    first_arrays = copy_floats_by_path(evidence.trace.snapshots[0].params)
    arrays = {k: a for k, a in copy_floats_by_path(params).items() if a.ndim and k not in evidence.trained_paths}
    changed_params = {k: replace_leaves(params, {k: 1.01 * a + 0.01}) for k, a in arrays.items()}
    constants = []
    for k, new_params in changed_params.items():
        if calls.loss(new_params, images, predictions) != calls.loss(params, images, predictions):
            constants.append(k)
    unchanged_paths = [k for k in constants if np.array_equal(arrays[k], first_arrays.get(k))]
    if unchanged_paths:
        words = "but `gradients` returns None there. Should these arrays never change?"
        evidence.remarks.append(f"The loss depends on {format_paths(unchanged_paths)}, {words}")
    changed_paths = [k for k in constants if k not in unchanged_paths]
    if changed_paths:
        words = "on which the loss depends, but `gradients` returns None there. Which slopes do the steps follow?"
        evidence.remarks.append(f"`train` changes {format_paths(changed_paths)}, {words}")
    excesses = loss_table[np.arange(n), predictions[:n]] - loss_table.min(axis=1)
    n_different = (excesses > 1e-4).sum()  # rounding may separate equal losses
    if n_different:
        question = "Does `read` have the same forward pass, with all arrays?"
        evidence.remarks.append(
            f"For {n_different} of {n} images, `read` does not return the label with the smallest `loss`. {question}"
        )
    n_ties = (np.diff(np.sort(loss_table, axis=1)[:, -4:], axis=1) == 0).all(axis=1).sum()
    if n_ties >= n / 10:
        question = "Do you apply something to the scores, such as a ReLU? A score below 0 is not a mistake."
        evidence.remarks.append(f"For {n_ties} of {n} images, several digits have exactly the same loss. {question}")


def is_accurate(evidence, params, min_accuracy=MIN_LEARNED_ACCURACY):
    """Return whether the network classifies more than the share `min_accuracy` of the held-out images correctly."""
    return (evidence.calls.read(params, evidence.held_out) == evidence.held_out_labels).mean() > min_accuracy


def check_accuracy(evidence):
    """Raise `Wrong` if the accuracy on held-out images is below MIN_ACCURACY."""
    if evidence.accuracy < MIN_ACCURACY:
        raise make_accuracy_error(evidence)


def check_retrained_accuracy(evidence):
    """Raise `Wrong` if the accuracy or the claim of a training on relabelled images is too far off."""
    n = len(evidence.held_out)
    accuracy = evidence.accuracy
    claim = evidence.trace.claim
    if accuracy < MIN_RETRAINED_ACCURACY or abs(claim - accuracy) > 5 * MAX_CLAIM_ERROR:  # another training
        raise wrong("reads something else", n=n, found=accuracy, claim=claim)


def check_claim(evidence):
    """Raise `Wrong` if the claimed accuracy is far from the measured one, or was not measured on held-out images.

    A second training learns random labels: an honest claim for it is about 0.1.
    """
    calls = evidence.calls
    trace = evidence.trace
    claim = trace.claim
    images, labels = evidence.examples
    n = len(images) if trace.seconds < 8 else len(images) // 2
    values = {"claim": claim, "found": evidence.accuracy, "n": len(evidence.held_out)}
    loss = float(calls.loss(evidence.params, evidence.held_out[:1000], evidence.held_out_labels[:1000]))
    if abs(claim - loss) < 0.25 * loss and abs(claim - evidence.accuracy) > MAX_CLAIM_ERROR:
        raise wrong("claim is no number: a loss", claim=claim, loss=loss)
    random_labels = np.random.default_rng(evidence.seed).permutation(labels)[:n]
    watched_names = ("gradients", "read")
    try:
        random_trace = calls.train(
            (images[:n], random_labels),
            [evidence.seed, 2],
            on_progress=evidence.on_progress,
            activity="It trains again, with random labels",
            max_calls=3 * trace.n_calls + 100,
            watched_names=watched_names,
        )
        blank.check_start_depends_on_rng(trace, random_trace)
    except Wrong:
        raise
    except Exception:  # the cause is unknown, so nothing follows from it
        random_trace = None
    accuracies = [accuracy for accuracy, *_ in trace.read_results]
    if accuracies:
        is_error_rate = any(abs(claim + accuracy - 1) < 1e-9 for accuracy in accuracies)
    else:
        is_error_rate = abs(claim + evidence.accuracy - 1) < MAX_CLAIM_ERROR
    if is_error_rate:
        raise wrong("claim of the wrong ones", **values)
    matching_reads = [
        (n_images, n_known) for accuracy, n_images, n_known in trace.read_results if abs(accuracy - claim) < 1e-9
    ]
    if matching_reads and all(n_known > n_images / 2 for n_images, n_known in matching_reads):
        n_images, n_known = matching_reads[-1]
        raise wrong("claims training", of=n_images, known=n_known, **values)
    if random_trace and random_trace.claim > 0.3:
        random_accuracy = (calls.read(random_trace.params, images[:n]) == random_labels).mean()
        if abs(random_trace.claim - random_accuracy) < 0.15:
            raise wrong("claims training: by heart", chance=random_trace.claim, **values)
        raise wrong("claim not measured", chance=random_trace.claim, **values)
    excesses = [claim - evidence.accuracy]
    max_trainings = min(4, 24 // max(trace.seconds, 1) - 1)
    may_be_luck = abs(excesses[0]) < 4 * MAX_CLAIM_ERROR
    while may_be_luck and abs(np.mean(excesses)) > MAX_CLAIM_ERROR and len(excesses) < max_trainings:
        rng = np.random.default_rng([evidence.seed, 4, len(excesses)])
        order = rng.permutation(len(images))  # if the learner's split is fixed, this makes it another one
        other_trace = calls.train(
            (images[order], labels[order]),
            [evidence.seed, 3, len(excesses)],
            on_progress=evidence.on_progress,
            activity="It trains again: was the claim luck?",
            watched_names=watched_names,
        )
        accuracy = (calls.read(other_trace.params, evidence.held_out) == evidence.held_out_labels).mean()
        excesses.append(other_trace.claim - accuracy)
    if abs(np.mean(excesses)) > MAX_CLAIM_ERROR:
        was_used = trace.was_used
        on_known = (calls.read(evidence.params, images[was_used]) == labels[was_used]).mean() if was_used.any() else 0
        mark = "claim too low" if claim < evidence.accuracy else "claim off"
        raise wrong(mark, on_known=on_known, **values)


def add_training_remarks(evidence):
    """Add the remarks on the training to `evidence`."""
    evidence.remarks += evidence.trace.iter_remarks()


# --- Why the accuracy is too low --------------------------------------------------------------------------------------


def make_accuracy_error(evidence):
    """Return a `Wrong` that says why the accuracy is too low, judging by the recorded training."""
    images, labels = evidence.examples
    values = {"result": f"{make_accuracy_sentence(evidence)}; {MIN_ACCURACY} is needed."}
    diagnostics = Diagnostics(evidence, (images[:300], labels[:300]), values, max_loss_ratio=0.3, flat_ratio=0.95)
    return next(iter_cause_errors(diagnostics))


def iter_cause_errors(diagnostics):
    """Yield a `Wrong` for each recognised cause in turn, and finally one that names no cause."""
    evidence = diagnostics.evidence
    calls = diagnostics.calls
    trace = diagnostics.trace
    first_arrays = diagnostics.first_arrays
    last_arrays = diagnostics.last_arrays
    images, labels = diagnostics.batch
    first_params = trace.snapshots[0].params
    layers = {k: a for k, a in first_arrays.items() if a.ndim == 2 and min(a.shape) > 1 and k in trace.always_zero}
    last_layers = {k: last_arrays[k] for k in layers if k in last_arrays and np.isfinite(last_arrays[k]).all()}
    if trace.n_mislabelled > 0.3 * max(trace.n_known_examples, 1):
        yield diagnostics.make_error("labels mixed up", n=trace.n_mislabelled, shown=trace.n_known_examples)
    if trace.n_scaled_batches:
        yield diagnostics.make_error("other pixels")
    uniform_paths = []
    for k, a in last_layers.items():
        if min(np.ptp(a, axis=0).max(), np.ptp(a, axis=1).max()) <= 1e-9 * np.abs(a).max():
            uniform_paths.append(k)
    if uniform_paths:
        yield diagnostics.make_error("weights alike", names=format_paths(uniform_paths))
    float_loss = float(calls.loss(first_params, images.astype(float), labels))
    if np.isfinite(float_loss) and abs(float_loss - diagnostics.first_loss) > 0.01 * abs(float_loss):
        yield diagnostics.make_error("pixels wrap round: in the loss", other=float_loss)
    idle_paths = [k for k in layers if np.all(trace.always_zero[k])]
    if idle_paths:
        yield diagnostics.make_error("units off", names=format_paths(idle_paths))
    yield from blank.iter_diagnoses(diagnostics, partial(diagnose_large_first_loss, params=first_params, layers=layers))
    before = diagnostics.loss_before_last
    is_back = np.isfinite(before) and not diagnostics.last_loss < max(2 * before, UNIFORM_LOSS)
    had_learned = before < 0.5 * diagnostics.first_loss
    if is_back and had_learned:
        yield diagnostics.make_error("other weights returned", before=before)
    yield from blank.iter_diagnoses(diagnostics, diagnose_weight_decay, blank.diagnose_growing_steps)
    small_paths = [k for k, a in layers.items() if root_mean_square(a) * np.sqrt(max(a.shape)) < 1e-3]
    if small_paths and diagnostics.last_loss > 0.8 * diagnostics.first_loss:
        size = root_mean_square(first_arrays[small_paths[0]])
        yield diagnostics.make_error("weights too small", names=format_paths(small_paths), size=size)
    yield from blank.iter_diagnoses(
        diagnostics,
        blank.diagnose_large_steps,
        blank.diagnose_not_finite,
        blank.diagnose_few_examples,
        blank.diagnose_divergence,
        blank.diagnose_small_steps,
    )
    spread = np.ptp(calls.compute_losses(evidence.params, images[:50]), axis=1).max()
    if 0.5 < spread < 1 + 1e-6:
        yield diagnostics.make_error("softmax of a softmax", spread=spread)
    yield from blank.iter_diagnoses(diagnostics, blank.diagnose_few_steps)
    yield diagnostics.make_error(
        "not good enough", n=len(evidence.held_out), found=evidence.accuracy, needed=MIN_ACCURACY
    )


def diagnose_large_first_loss(diagnostics, params, layers):
    """Return a `Wrong` if the first loss is large and a single change would make it small, otherwise None.

    params: the first weights. layers: {path: array} of the weight matrices among them.
    """
    if not diagnostics.first_loss > 3 * UNIFORM_LOSS:
        return None
    vectors = {}
    for k, a in diagnostics.first_arrays.items():
        if a.ndim and a.size == max(a.shape) and np.abs(a).max() > 1:
            vectors[k] = 0 * a
    sizes = {k: root_mean_square(a) * np.sqrt(max(a.shape)) for k, a in layers.items()}  # of a sum of that many terms
    has_usual_size = np.prod([*sizes.values()]) < 5  # with pixels from 0 to 1, the scores then stay in that range, too
    images, labels = diagnostics.batch
    smaller = {k: a / (28 * root_mean_square(a)) for k, a in layers.items()}
    candidates = [
        ("biases too large", replace_leaves(params, vectors), 1),
        *(("pixels too large", params, divisor) for divisor in (255, 255**2) if has_usual_size),
        ("weights too large", replace_leaves(params, smaller), 1),
    ]
    for mark, changed_params, divisor in candidates:
        scaled_images = images if divisor == 1 else images / divisor
        changed_loss = float(diagnostics.calls.loss(changed_params, scaled_images, labels))
        if changed_loss < 0.3 * diagnostics.first_loss:
            names = format_paths(vectors if mark == "biases too large" else layers)
            k = max(sizes, key=sizes.get, default=None)
            size = root_mean_square(layers[k]) if k else 0
            return diagnostics.make_error(
                mark, names=names, then=changed_loss, size=size, largest=format_paths([k] if k else []), by=divisor
            )
    return None


def diagnose_weight_decay(diagnostics):
    """Return a `Wrong` if weight decay is too strong, otherwise None.

    It is if the weights whose gradient was always 0 have shrunk, or if much of the loss does not depend on the labels.
    """
    for k, zero in diagnostics.trace.always_zero.items():
        first_array = diagnostics.first_arrays[k]
        last_array = diagnostics.last_arrays.get(k)
        if np.shape(last_array) == first_array.shape == np.shape(zero) and 10 < zero.sum() < zero.size:
            first_values = first_array[zero]
            last_values = last_array[zero]
            share = (first_values * last_values).sum() / ((first_values**2).sum() or 1)
            rest = np.abs(last_values - share * first_values).max()
            if first_values.any() and abs(share) < 0.3 and rest < 0.1 * np.abs(first_values).max():
                return diagnostics.make_error("decay too strong", share=abs(share), name=format_paths([k]))
    # For a cross-entropy plus a penalty, exp(-loss) summed over the ten labels is exp(-penalty), for every image.
    losses = diagnostics.calls.compute_losses(diagnostics.evidence.params, diagnostics.batch[0][:5])
    penalties = -np.log(np.exp(-losses).sum(axis=1))
    if np.ptp(penalties) < 1e-6 and np.mean(penalties) > 0.1 and np.mean(penalties) > 0.2 * diagnostics.last_loss:
        return diagnostics.make_error("decay too strong: in the loss", rest=np.mean(penalties))
    return None


CHECKS = (
    add_data,
    partial(blank.check_training, check_derivatives=check_derivatives, watched_names=("gradients", "read")),
    check_no_stored_images,
    blank.check_gradients_during_training,
    blank.check_arrays_move_downhill,
    check_reads_least_loss,
    check_reads_independently,
    check_reads_in_fresh_module,
    check_pixels_do_not_overflow,
    check_hidden_layer,
    check_hidden_layer_trained,
    add_loss_remarks,
    partial(blank.check_rng_and_gradients_used, has_learned=is_accurate),
    check_accuracy,
    check_claim,
    add_training_remarks,
)
RECHECKS = (
    add_relabelled_data,
    partial(
        blank.retrain_and_check_derivatives,
        check_derivatives=check_derivatives,
        has_learned=partial(is_accurate, min_accuracy=MIN_RETRAINED_ACCURACY),
    ),
    check_no_stored_images,
    check_reads_least_loss,
    check_hidden_layer,
    check_retrained_accuracy,
)
FUNCTIONS = "loss", "gradients", "train", "read"
GIVES = {"train": ("params", ""), "gradients": ("gradients",)}
JUDGE = Blank(
    FUNCTIONS, STUB, ReaderCalls, CHECKS, format_success, "exercises.own", "exercises.looked", RECHECKS, GIVES
)


# --- The program ------------------------------------------------------------------------------------------------------


def train_and_save(learner_path):
    """Train the learner's network on all images, save it beside the file, and print its accuracy on the test images.

    A training on 4,000 images comes first. It shows mistakes at once, and tells how long all images will take.
    """
    dataset = data.load()
    images, test_images = (a.reshape(len(a), -1) for a in (dataset.train_images, dataset.test_images))  # (N, 784)
    labels, test_labels = (a.astype(np.int64) for a in (dataset.train_labels, dataset.test_labels))
    n_sample = 4000
    start_time = time.perf_counter()
    with open_learner_module(learner_path) as module:
        if len(images) > n_sample:
            train_and_test(module, images[:n_sample], labels[:n_sample], test_images, test_labels)
        print(f"It trains on {len(images):,} images.", flush=True)
        with progress_bar((time.perf_counter() - start_time) * len(images) / n_sample):
            result = train_and_test(module, images, labels, test_images, test_labels)
    with atomic_write(Path(learner_path).with_suffix(".npz")) as file_out:
        file_out.write(result.content)
    print(f"You claim {result.claim:.4f}. On {len(test_images):,} new images, its accuracy is {result.accuracy:.4f}.")


class TrainingResult(NamedTuple):
    """A trained network, and how good it is."""

    content: bytes  # of a file with its params
    claim: float  # the accuracy that the learner's `train` returned
    accuracy: float  # on the test images


def train_and_test(module, images, labels, test_images, test_labels):
    """Train the learner's network and return a `TrainingResult`."""
    calls = ReaderCalls(module)
    trace = calls.train((images, labels), 0, watched_names=())
    content = pack_params(trace.params)
    accuracy = (calls.read(unpack_params(module, content), test_images) == test_labels).mean()
    return TrainingResult(content, trace.claim, accuracy)


def read_saved(module, params_path, image):
    """Return the digit that a saved network predicts for an image (28, 28). Raises UserError if its file is damaged."""
    try:
        params = unpack_params(module, read_file(params_path, 2**28))
    except Exception:  # zipfile, NumPy or json may raise anything for a damaged or outdated file
        raise UserError(f"{params_path} is damaged: delete it; the next call writes it again") from None
    return ReaderCalls(module).read(params, image.reshape(1, -1))[0]


def main(learner_path, picture=None):
    """Train the learner's network, or classify a picture with the saved one.

    picture: path of the picture; None to train. Raises UserError if the learner's file fails.
    """
    if picture is None:
        return train_and_save(learner_path)
    from support.ink import read_digit_image  # imported here because it needs Pillow

    image = read_digit_image(picture)
    try:
        print(f"digit: {read_saved(load_learner_module(learner_path), Path(learner_path).with_suffix('.npz'), image)}")
    except UserError:
        raise
    except BaseException as error:
        raise UserError(f"{Path(learner_path).name}: {explain_error_in_file(error, str(learner_path))}") from None


class progress_bar:
    """A progress bar on stderr, for a computation that is expected to take `seconds`."""

    def __init__(self, seconds):
        from tqdm import tqdm  # imported here because the site does not have it

        bar_format = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, about {remaining} left"
        self.bar = tqdm(total=round(seconds, 1), desc="training", disable=None, bar_format=bar_format, leave=False)
        self.ended = Event()

    def __enter__(self):
        self.thread = Thread(target=self.tick_until_ended, daemon=True)
        self.thread.start()

    def tick_until_ended(self):
        while not self.ended.wait(0.2):
            self.bar.update(min(0.2, self.bar.total - self.bar.n))

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()
        self.bar.close()


if __name__ == "__main__":
    sys.exit(program.run(lambda: main(*sys.argv[1:]), limit_memory=True))
