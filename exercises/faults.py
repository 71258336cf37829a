"""Faults in the training code, each an edit of one line.

They are mistakes that people really make, in the order of a training: data, initial weights, forward pass, loss,
gradients, step, learning-rate schedule, and test. lab/faults.py measures what the steps of docs/debugging.md report on
each. `practice.py fault` hands one out.
"""

from typing import NamedTuple

SUSPECTS = {
    "data": "the images, their labels, the order in which they come, and how they become numbers",
    "weights": "the size of the first weights, and how they differ",
    "forward": "a line of the forward pass",
    "loss": "the loss, or its derivative",
    "gradient": "a line of the backward pass",
    "step": "the update: how the gradients move the parameters",
    "schedule": "how the learning rate rises and falls",
    "test": "the test: its images, and how they are counted",
}


class Fault(NamedTuple):
    suspect: str  # a key of SUSPECTS
    file: str
    right: str  # part of a line; occurs once in the file
    wrong: str  # the text that replaces it
    why: str  # a sentence that says what is wrong
    options: str = ""  # command-line options of a run in which the fault takes effect


GPT_OPTIONS = "--model gpt --dataset names"
VIT_OPTIONS = "--model vit"
RESNET_OPTIONS = "--model resnet"
LLAMA_OPTIONS = "--model llama --dataset names"
# {network: an exercise}: the network's faults are only for learners who have passed an exercise of the same part of the
# course.
PREREQUISITE_EXERCISES = {"resnet": "conv_dW", "vit": "layer_norm_dx", "gpt": "k_means", "llama": "rms_norm_dx"}
N_SEEDED = 49  # `--seed` chooses among the first N_SEEDED, so that new faults change no seed's choice
IMAGES_CODE = "(examples, make_rng"
SHUFFLE_CODE = "make_rng(options.run.seed, epoch).permutation(n_examples)"
HE_INIT_CODE = "rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))"
FAULTS = {
    "again": Fault("data", "data.py", SHUFFLE_CODE, f"np.resize({SHUFFLE_CODE}[:1000], n_examples)",
                   "Each epoch draws the same 1,000 images again and again."),
    "windows": Fault("data", "data.py", "order[i * batch_size : (i + 1) * batch_size]", "order[i : i + batch_size]",
                     "Each batch is the one before, shifted by a single image."),
    "shifted labels": Fault("data", "data.py", "self.train_labels[indices].astype(np.int64)",
                            "(self.train_labels[indices] + (indices % 10 == 0)).astype(np.int64) % 10",
                            "The labels of a tenth of the images are too large by one."),
    "other labels": Fault("data", "data.py", "self.train_labels[indices].astype",
                          "self.train_labels[np.sort(indices)].astype",
                          "The labels are sorted and the images are not, so labels belong to the wrong images."),
    "turned images": Fault("data", "data.py", IMAGES_CODE, "(examples.swapaxes(1, 2), make_rng",
                           "The training images are mirrored at their diagonal; the test images are not."),
    "inverted images": Fault("data", "data.py", IMAGES_CODE, "(255 - examples, make_rng",
                             "The training images are dark on light; the test images are light on dark."),
    "test in training": Fault("data", "data.py", "texts=Tokens)(*arrays)",
                              "texts=Tokens)(*(np.concatenate(pair) for pair in zip(arrays[:2], arrays[2:])), "
                              "*arrays[2:])", "The test images are among the training images."),
    "mean": Fault("data", "data.py", "x -= 255 * mean", "x -= mean",
                  "A mean that is 255 times too small is subtracted from the pixels."),
    "deviation": Fault("data", "data.py", "x /= 255 * std", "x /= std",
                       "The pixels are divided by a standard deviation that is 255 times too small."),
    "one order": Fault("data", "data.py", SHUFFLE_CODE, SHUFFLE_CODE.replace("epoch", "0"),
                       "Every epoch has the same batches in the same order."),
    "all zero": Fault("weights", "mlp_np.py", HE_INIT_CODE, "np.zeros((fan_in, fan_out))",
                      "All initial weights are 0."),
    "alike": Fault("weights", "mlp_np.py", HE_INIT_CODE,
                   "np.repeat(rng.normal(0, np.sqrt(2 / fan_in), (fan_in, 1)), fan_out, axis=1)",
                   "All units of a layer have the same initial weights."),
    "too large": Fault("weights", "mlp_np.py", HE_INIT_CODE, "rng.normal(0, 1, (fan_in, fan_out))",
                       "The initial weights have standard deviation 1, whatever the number of inputs."),
    "too small": Fault("weights", "mlp_np.py", HE_INIT_CODE, "rng.normal(0, 1e-3, (fan_in, fan_out))",
                       "The initial weights are fifty times too small to keep the size of the activations."),
    "variance": Fault("weights", "mlp_np.py", "np.sqrt(2 / fan_in)", "2 / fan_in",
                      "The variance is used in place of the standard deviation."),
    "biases": Fault("weights", "mlp_np.py", f"{HE_INIT_CODE}, np.zeros(fan_out)",
                    f"{HE_INIT_CODE}, np.full(fan_out, -3.0)",
                    "The first biases are -3, so that most units are off."),
    "no bias": Fault("forward", "mlp_np.py", "self.x @ W1 + b1", "self.x @ W1",
                    "The first layer does not add its bias."),
    "absolute": Fault("forward", "mlp_np.py", "np.maximum(self.z1, 0)", "np.abs(self.z1)",
                      "The activation is the absolute value of z1, but the backward pass is that of the ReLU."),
    "leaky forward": Fault("forward", "mlp_np.py", "np.maximum(self.z1, 0)", "np.maximum(self.z1, 0.1 * self.z1)",
                           "The ReLU is leaky in the forward pass only."),
    "ReLU at the end": Fault("forward", "mlp_np.py", "return self.a1 @ W2 + b2",
                             "return np.maximum(self.a1 @ W2 + b2, 0)", "The logits go through a ReLU."),
    "wrong axis": Fault("loss", "mlp_np.py", "shifted = logits - logits.max(axis=1, keepdims=True)",
                        "shifted = logits - logits.max(axis=0, keepdims=True)",
                        "The largest logit is taken over the batch, not over the digits."),
    "a sum": Fault("loss", "mlp_np.py", "(np.log(total[:, 0]) - shifted[rows, y]).mean()",
                   "(np.log(total[:, 0]) - shifted[rows, y]).sum()",
                   "The loss is a sum over the batch, but its derivative is that of the mean."),
    "not divided": Fault("loss", "mlp_np.py", "dlogits /= len(y)", "dlogits /= 1",
                         "dlogits is not divided by the number of images."),
    "half": Fault("loss", "mlp_np.py", "dlogits[rows, y] -= 1", "dlogits[rows, y] -= 0.5",
                  "Half of the one-hot row is subtracted."),
    "twice": Fault("loss", "main_np.py", "grads = network.backward(dlogits)", "grads = network.backward(2 * dlogits)",
                   "The gradients are twice as large as those of the loss."),
    "no db1": Fault("gradient", "mlp_np.py", "db1 = self.dz1.sum(axis=0)", "db1 = 0 * self.dz1.sum(axis=0)",
                    "The biases of the first layer get no gradient."),
    "no mask": Fault("gradient", "mlp_np.py", "self.da1 * (self.z1 > 0)", "self.da1 * (self.a1 >= 0)",
                     "The mask lets everything through."),
    "sign of dW1": Fault("gradient", "mlp_np.py", "dW1 = self.x.T @ self.dz1", "dW1 = -(self.x.T @ self.dz1)",
                         "dW1 has the wrong sign."),
    "sums for activations": Fault("gradient", "mlp_np.py", "dW2 = self.a1.T @ dlogits", "dW2 = self.z1.T @ dlogits",
                                  "dW2 is computed from z1, not from a1."),
    "a tenth more": Fault("gradient", "mlp_np.py", "self.da1 = dlogits @ W2.T", "self.da1 = 1.1 * (dlogits @ W2.T)",
                          "da1 is a tenth too large."),
    "uphill": Fault("step", "main_np.py", "p -= lr * v  #", "p += lr * v  #", "The steps go uphill."),
    "faster and faster": Fault("step", "main_np.py", "v *= momentum  #", "v *= 1.1 * momentum  #",
                               "The old velocity is multiplied by 0.99, not by 0.9."),
    "a little faster": Fault("step", "main_np.py", "v *= momentum  #", "v *= 1.001 * momentum  #",
                             "The momentum is 1.001 times as large as it should be."),
    "mean taken off": Fault("step", "main_np.py", "v += dp\n", "v += dp - dp.mean()\n",
                            "The mean of each gradient is subtracted from it."),
    "no momentum": Fault("step", "main_np.py", "v *= momentum  #", "v *= 0  #", "The old velocity is not kept."),
    "squared rate": Fault("step", "main_np.py", "p -= lr * v  #", "p -= lr * lr * v  #",
                          "The learning rate is squared."),
    "biases stay": Fault("step", "main_np.py", "p -= lr * v  #", "p -= lr * v * (p.ndim > 1)  #",
                         "Only the weights move, not the biases."),
    "no warm-up": Fault("schedule", "support/schedule.py", "min((step + 1) / warmup, (steps - step)",
                        "min(1, (steps - step)", "The learning rate does not rise at first."),
    "it never falls": Fault("schedule", "support/schedule.py", "(steps - step) / (steps - warmup + 1)",
                            "(steps + step) / (steps - warmup + 1)",
                            "The learning rate stays at its highest to the end."),
    "it rises to the end": Fault("schedule", "support/schedule.py", "(step + 1) / warmup, ", "(step + 1) / steps, ",
                                 "The learning rate rises for half of the run."),
    "tested on what it knows": Fault("test", "data.py",
                                     "self.test_images[indices], self.test_labels[indices]",
                                     "self.train_images[indices], self.train_labels[indices]",
                                     "The test uses training images."),
    "a sum of means": Fault("test", "main_np.py", "total_loss += loss * n_answers", "total_loss += loss",
                            "The test loss adds up the means of the batches, but divides by the number of images."),
    "other pixels": Fault("test", "data.py", "self.test_images[indices], self.test_labels[indices]",
                          "self.test_images[indices] // 2, self.test_labels[indices]",
                          "The test images are half as bright as the training images."),
    "it sees ahead": Fault("forward", "gpt_np.py", "causal_mask = np.tri(scores.shape[-1], dtype=bool)",
                           "causal_mask = np.tri(scores.shape[-1], k=1, dtype=bool)",
                           "Each position sees the token that it should predict.", GPT_OPTIONS),
    "no targets": Fault("data", "support/texts.py",
                        "return np.concatenate([self.start_tokens(labels), y[:, :-1]], axis=1), y",
                        "return (x := np.concatenate([self.start_tokens(labels), y[:, :-1]], axis=1)), "
                        "np.minimum(x, self.vocab_size - 1)", "The network learns to repeat its input.", GPT_OPTIONS),
    "no places": Fault("forward", "vit_np.py", 'return x + self.params["P"]', 'return x + 0 * self.params["P"]',
                       "The position embeddings are not added.", GPT_OPTIONS),
    "no scale": Fault("forward", "vit_np.py", "(width // heads) ** -0.5", "1.0",
                      "The attention scores are not divided by the root of d.", VIT_OPTIONS),
    "not corrected": Fault("step", "main_np.py", "lr / m_total * m /", "lr * m /",
                           "AdamW does not correct its running mean, which begins at 0.", VIT_OPTIONS),
    "no root": Fault("step", "main_np.py", "(np.sqrt(s / s_total) + eps)", "(s / s_total + eps)",
                     "AdamW divides by the mean square, not by its root.", VIT_OPTIONS),
    "no mean taken off": Fault("gradient", "resnet_np.py", "(dy - dbeta / self.n - dgamma / self.n * self.xhat)",
                               "(dy - dgamma / self.n * self.xhat)",
                               "The backward pass of a normalisation does not subtract the mean of dy.",
                               RESNET_OPTIONS),
    "slow statistics": Fault("test", "resnet_np.py", "momentum = 0.1  # PyTorch", "momentum = 0.0001  # PyTorch",
                             "The mean and variance for the test hardly move from their first values.", RESNET_OPTIONS),
    "kernels too large": Fault("weights", "resnet_np.py", "np.sqrt(2 / (size * size * inputs))", "np.sqrt(2 / inputs)",
                               "The first kernels are three times too large, because the area of a kernel is left out.",
                               RESNET_OPTIONS),
    "turned on": Fault("gradient", "llama_np.py", "return apply_rotary(dy, self.cos, -self.sin)",
                       "return apply_rotary(dy, self.cos, self.sin)",
                       "The backward pass rotates queries and keys forwards, not back.", LLAMA_OPTIONS),
    "keys at the start": Fault("forward", "llama_np.py", "split(key.forward(x), self.kv_heads), position)",
                               "split(key.forward(x), self.kv_heads))",
                               "When the network generates, each new key is rotated as if it were the first.",
                               LLAMA_OPTIONS),
    "rows too large": Fault("weights", "llama_np.py", "rng.normal(0, 0.02, (vocab_size, width))",
                            "rng.normal(0, 0.2, (vocab_size, width))",
                            "The first rows of the embedding table are ten times too large.", LLAMA_OPTIONS),
}  # fmt: skip


def get_network_name(fault):
    """Return the name of the network that the fault belongs to, as for `--model`."""
    words = fault.options.split()
    return words[words.index("--model") + 1] if "--model" in words else "mlp"


def insert_fault(text, fault):
    """Return a file's text with the fault inserted. Raises ValueError unless `fault.right` occurs exactly once."""
    if text.count(fault.right) != 1:
        raise ValueError(f"{fault.file} has {text.count(fault.right)} places that read: {fault.right}")
    return text.replace(fault.right, fault.wrong)


def find_fault_line(original_text, fault):
    """Return the number of the line that the fault changes. original_text: the file without the fault."""
    return original_text[: original_text.index(fault.right)].count("\n") + 1
