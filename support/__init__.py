"""What the lesson stands on: options, files, checkpoints, the bookkeeping around a loop. Skip it when you learn."""
