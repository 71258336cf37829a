"""Code that all programs share: options, files, checkpoints, bookkeeping around training. Learners can skip it."""
