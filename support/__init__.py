"""What the lesson stands on: options, files, checkpoints, the bookkeeping around a loop. Skip it when you learn."""

import logging
import signal
import sys
from pathlib import Path

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it has much to say about fonts

# Ctrl-C ends one of our programs at once, without a traceback, while it is still importing; support/program.py handles
# it from then on.
main = Path(getattr(sys.modules["__main__"], "__file__", None) or "").resolve()
root = Path(__file__).resolve().parent.parent
if main.parent in (root, root / "lab", root / "page") and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
