"""What practice.py hands out: the exercises, each of which is one file, and the marker."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "exercises" / "pictures"
# For programs this small, threads cost more than they save. NumPy reads these when it is imported.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
