"""Express a factor as a product of powers of sizes."""

import math
from itertools import chain, combinations, product
from typing import NamedTuple

import numpy as np

POWERS = (1, -1, 0.5, -0.5)


class SizeProduct(NamedTuple):
    """A product of powers of sizes. As text, 1 and {"B": 1, "T": -0.5} are "B / sqrt(T)"."""

    sign: int  # 1 or -1
    powers: dict  # {size: power}

    def __str__(self):
        words = {name: f"sqrt({name})" if abs(power) == 0.5 else name for name, power in self.powers.items()}
        numerator = " * ".join(words[name] for name in words if self.powers[name] > 0) or "1"
        denominator = " * ".join(words[name] for name in words if self.powers[name] < 0)
        if " " in denominator:
            denominator = f"({denominator})"
        text = f"{numerator} / {denominator}" if denominator else numerator
        return f"-{text}" if self.sign < 0 else text


def find_size_product(factors, sizes, powers=POWERS, max_sizes=2, tolerance=1e-9):
    """Return the `SizeProduct` that equals `factors` in all cases; None if there is none.

    factors: one number for each case. sizes: {name: its value in each case}. A size with
    the same value in all cases cannot be distinguished from a constant, so it is not used. max_sizes: how many sizes
    the product may have.
    """
    factors = np.asarray(factors, np.float64)
    names = [name for name, values in sizes.items() if len({*values}) > 1]
    size_groups = chain.from_iterable(combinations(names, n) for n in range(1, max_sizes + 1))
    for group, sign in product(size_groups, (1, -1)):
        for exponents in product(powers, repeat=len(group)):
            by_size = dict(zip(group, exponents, strict=True))
            products = []
            for i in range(len(factors)):
                products.append(sign * math.prod(sizes[name][i] ** power for name, power in by_size.items()))
            if np.all(np.abs(factors / products - 1) < tolerance):
                return SizeProduct(sign, by_size)
    return None
