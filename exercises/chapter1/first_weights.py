"""The size of the initial weights.

Before the first step, every weight is drawn at random; the biases are 0. How large should the weights be?

A weighted sum z = x @ W + b has one term for each input. The mean of the squares of the inputs is 1. A ReLU then sets
half of the sums to 0. Scale the random numbers so that the mean of the squares of the activations is 1 again, no matter
how many inputs there are.

    standard (inputs, outputs)   random numbers with mean 0 and standard deviation 1
"""

import numpy as np


def first_weights(standard):
    """Return W (inputs, outputs)."""
    inputs, outputs = standard.shape
    W = standard * np.sqrt(2 / inputs)
    return W


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_first_weights]

HINTS = """
1. The variances of independent numbers add up. Each term of the sum is an input times a weight. The mean square of the
   inputs is 1, so each term has the same variance as the weight. What is the variance of a sum of n terms?
2. If the weights have standard deviation s, a sum of n terms has the variance n s^2. The ReLU sets half of the sums to
   0, which halves the mean square. So n s^2 / 2 should be 1. What is s?
3. s = sqrt(2 / n), where n is the number of inputs, standard.shape[0]. W is `standard` times s.
"""

MISTAKES = """
not scaled | standard
    How large is a sum of 784 terms with weights of standard deviation 1?
without the square root | np.sqrt(2 / inputs) -> (2 / inputs)
    If all weights are multiplied by s, what is the variance of their sum multiplied by?
divided by the number of outputs | 2 / inputs -> 2 / outputs
    Does a weighted sum run over the inputs, or over the outputs?
the ReLU forgotten | 2 / inputs -> 1 / inputs
    With your weights, z has variance 1. What is the mean square of max(z, 0)?
Xavier's, for inputs and outputs | 2 / inputs -> 2 / (inputs + outputs)
    That is a compromise with the backward pass, meant for tanh. How large does it make the activations after a ReLU?
the square root turned over | 2 / inputs -> inputs / 2
    More terms make a sum larger. Should the weights be larger then, or smaller?
the square root of the inputs alone | np.sqrt(2 / inputs) -> 2 / inputs ** 0.5
    The factor 2 belongs to the variance. What does it become in the standard deviation?
multiplied by the square root of 2 inputs | 2 / inputs -> 2 * inputs
    More terms make a sum larger. Should the weights be larger then, or smaller?
784 inputs, whatever W is for | 2 / inputs -> 2 / 784
    How many inputs does this W have? See `standard`.
784 inputs and no ReLU, whatever W is for | 2 / inputs -> 1 / 784
    How many inputs does this W have? See `standard`. And what does the ReLU do to the sums?
the square root of the 2 alone | np.sqrt(2 / inputs) -> np.sqrt(2) / inputs
    The variance should be 2 / inputs. Which part of this did you not take the square root of?
a small number, whatever the inputs | np.sqrt(2 / inputs) -> 0.01
    How large are the activations with 100 inputs, and with 10,000?
divided by its own deviation | standard * np.sqrt(2 / inputs) -> standard / standard.std() * np.sqrt(2 / inputs)
    The standard deviation of these random numbers is already about 1. Is there a reason to measure it and correct it?
"""

WHY = """
z has the variance inputs * (2 / inputs) = 2. Half of this comes from positive z, so the mean square of max(z, 0) is 1,
the same as that of the inputs. This also holds in the next layer, and in the hundredth (He et al. 2015). With sqrt(1 /
inputs), every ReLU halves the mean square: after 20 layers, only a millionth is left.
"""
DOCS = 'docs/training.md, "How large should the initial weights be?"'
LINE = "mlp_np.py: return rng.normal(0, np.sqrt(2 / fan_in)"
