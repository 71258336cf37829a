"""The marker: from an answer, inputs to try it on and a list of known mistakes, it derives a verdict.

It depends on NumPy and knows nothing about the exercises' subject. A folder of exercises names its sizes and adds its
own sentences. marker/kind.py and marker/finder.py define the two interfaces; each is a short file.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# For programs this small, threads cost more than they save. NumPy reads these when it is imported.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
