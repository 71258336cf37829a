"""What all programs share: options, files, checkpoints, the bookkeeping around a loop. Learners can skip it."""
