"""What practice.py takes from the rest of the project, in one place.

The references come from mlp_np.py and resnet_np.py: chapter1.py and chapter2.py import those themselves.
"""

from pathlib import Path

from support.errors import UserError
from support.files import replacing
from support.program import run

ROOT = Path(__file__).resolve().parent.parent
STUBS = Path(__file__).resolve().parent / "stubs"

__all__ = ["ROOT", "STUBS", "UserError", "replacing", "run"]
