"""What practice.py hands out: the stubs, what a right answer is, which mistakes are known, and the marker."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUBS, PICTURES = ROOT / "exercises" / "stubs", ROOT / "exercises" / "pictures"
# For programs this small, threads cost more than they save. NumPy reads these when it is imported.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
