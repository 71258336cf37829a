"""The marker: an answer, the inputs to try it on and the mistakes that are known go in, and a verdict comes out.

It knows NumPy, and nothing of what the exercises are about: a folder of exercises says what its sizes are called, and
has its own words. marker/kind.py and marker/finder.py are the two interfaces; each is a page.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# For programs this small, threads cost more than they save. NumPy reads these when it is imported.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
