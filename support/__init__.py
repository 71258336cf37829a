"""What the lesson stands on: options, files, checkpoints, the bookkeeping around a loop. Skip it when you learn."""

import os

os.environ["MPLBACKEND"] = "agg"  # pictures are drawn into files, whatever backend the user has chosen
