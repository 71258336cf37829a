"""Find the patches that the GPT uses as its vocabulary, by k-means: `python -m lab.words` (a minute).

The vocabulary has 128 small pictures of 4 x 4 pixels. Replacing each patch of the first 30,000 training images by the
nearest of them gives about the smallest squared error. They are saved to datasets/mnist/words-idx3-ubyte, in the format
of MNIST's own files. These images are in the training set with any --hold-out. All numbers are integers, so that every
machine finds the same patches.
"""

import hashlib
import struct
import sys

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from support import texts
    from support.files import atomic_write
    from support.options import Parser

N_WORDS = 128
N_IMAGES = 30_000


def find_words(images, n_words):
    """Return a vocabulary of patches (n_words, 16) uint8 for images (B, 28, 28) uint8.

    The blank patch comes first, the others are sorted by their ink, least first.
    """
    patches = cut_patches_with_ink(images)
    words = k_means(patches, choose_first_words(patches, n_words, np.random.default_rng(0)))
    return words[words.sum(axis=1).argsort(kind="stable")]


def cut_patches_with_ink(images):
    """Return the patches with ink of images (B, 28, 28) uint8, as an array (N, 16)."""
    side = images.shape[1] // texts.PATCH_SIDE
    patches = (
        images.reshape(-1, side, texts.PATCH_SIDE, side, texts.PATCH_SIDE)
        .swapaxes(2, 3)
        .reshape(-1, texts.PATCH_SIDE**2)
    )
    return patches[patches.any(axis=1)]


def choose_first_words(patches, n_words, rng):
    """Return the n_words patches with which k-means begins (k-means++, Arthur & Vassilvitskii 2007).

    The first one is blank. Each of the others is drawn from the patches, with a probability proportional to its squared
    distance from the nearest one chosen so far.
    """
    words = np.zeros((1, patches.shape[1]), np.uint8)
    distances = np.full(len(patches), np.inf)
    while True:
        offsets = patches.astype(np.float32) - words[-1]
        distances = np.minimum(distances, (offsets * offsets).sum(axis=1, dtype=np.float64))
        if len(words) == n_words:
            return words
        ends = distances.cumsum()
        index = np.searchsorted(ends, rng.random() * ends[-1], side="right")
        words = np.vstack([words, patches[index]])


def k_means(patches, vocabulary, max_rounds=300):
    """Return the vocabulary after k-means: each entry moves to the rounded mean of the patches nearest to it.

    It stops when no entry moves, or after `max_rounds` rounds. The blank entry does not move.
    """
    size = len(vocabulary)
    for _ in range(max_rounds):
        nearest = np.concatenate([texts.nearest_tokens(part, vocabulary) for part in np.array_split(patches, 64)])
        sums = np.stack([np.bincount(nearest, pixels, size) for pixels in patches.T], axis=1)  # (V, 16)
        means = np.rint(sums / np.maximum(np.bincount(nearest, minlength=size), 1)[:, np.newaxis])
        new_vocabulary = np.vstack([vocabulary[:1], means[1:].astype(np.uint8)])
        if np.array_equal(new_vocabulary, vocabulary):
            break
        vocabulary = new_vocabulary
    return vocabulary


def encode_idx(words):
    """Return the patches (V, 16) as the bytes of an IDX file, which support.pictures.parse_idx reads."""
    shape = (len(words), texts.PATCH_SIDE, texts.PATCH_SIDE)
    return struct.pack(">4B3I", 0, 0, 8, 3, *shape) + words.tobytes()


def main():
    Parser(description=__doc__).parse_args()
    content = encode_idx(find_words(data.load("mnist").train_images[:N_IMAGES], N_WORDS))
    path = texts.WORDS_FILE
    with atomic_write(path) as file:
        file.write(content)
    print(f"{path}: {N_WORDS} words, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    sys.exit(program.run(main))
