"""A factor that is a size: of which sizes is it made?"""

import math
from itertools import combinations, product

import numpy as np

POWERS = (1, -1, 0.5, -0.5)


def find_powers(factors, sizes, powers=POWERS, most=2, near=1e-9):
    """(sign, {size: power}) of the product of powers of sizes that these factors are; None if they are none.

    factors: one for each of several cases; sizes: {name: its values in these cases}. A size that is the same in all of
    them cannot be told from a constant: then nothing is said of it.
    """
    factors = np.asarray(factors, np.float64)
    names = [name for name, values in sizes.items() if len({*values}) > 1]
    chosen = [some for n in range(1, most + 1) for some in combinations(names, n)]
    for some, sign in product(chosen, (1, -1)):
        for exponents in product(powers, repeat=len(some)):
            of = dict(zip(some, exponents, strict=True))
            made = [
                sign * math.prod(sizes[name][i] ** power for name, power in of.items()) for i in range(len(factors))
            ]
            if np.all(np.abs(factors / made - 1) < near):
                return sign, of
    return None


def format_powers(powers):
    """A product of powers in words: {"B": 1, "T": -0.5} is B / sqrt(T)."""
    words = {name: f"sqrt({name})" if abs(power) == 0.5 else name for name, power in powers.items()}
    above = " * ".join(words[name] for name in words if powers[name] > 0) or "1"
    below = " * ".join(words[name] for name in words if powers[name] < 0)
    return f"{above} / ({below})" if " " in below else f"{above} / {below}" if below else above
