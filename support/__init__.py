"""What the lesson stands on: options, files, checkpoints, the bookkeeping around a loop. Skip it when you learn."""

import logging
import os
import signal
import sys
from pathlib import Path

# What a user has set for other programs must not stop these: pictures are drawn into files, whatever backend is chosen,
# and the progress bar is as we want it.
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it has much to say about fonts
for name in [name for name in os.environ if name.startswith("TQDM_")]:
    del os.environ[name]

# Ctrl-C ends one of our programs at once, without a traceback, while it is still importing; support/program.py handles
# it from then on.
main = Path(getattr(sys.modules["__main__"], "__file__", None) or "").resolve()
root = Path(__file__).resolve().parent.parent
if main.parent in (root, root / "lab", root / "page") and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
