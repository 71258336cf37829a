"""What practice.py takes from the rest of the project, in one place.

The references come from mlp_np.py, resnet_np.py and vit_np.py: the chapters import those themselves.
"""

from pathlib import Path

from support.errors import UserError
from support.files import replacing
from support.program import run

ROOT = Path(__file__).resolve().parent.parent
# For programs this small, threads cost more than they save. NumPy reads these when it is imported.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
STUBS = Path(__file__).resolve().parent / "stubs"

__all__ = ["ONE_THREAD", "ROOT", "STUBS", "UserError", "replacing", "run"]
