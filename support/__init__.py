"""What the lesson stands on: options, files, checkpoints, the bookkeeping around a loop. Skip it when you learn."""

import logging
import os

# What a user has set for other programs must not stop these: pictures are drawn into files, whatever backend is chosen,
# with nothing kept between runs, and the progress bar is as we want it.
os.environ["MPLBACKEND"] = "agg"
logging.getLogger("matplotlib").setLevel(logging.ERROR)
for name in [name for name in os.environ if name.startswith("TQDM_")]:
    del os.environ[name]
