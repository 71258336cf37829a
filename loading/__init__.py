"""Makes options (options.py) and a network with its weights (network.py, checkpoint.py, gguf_file.py) from a command
line, a checkpoint or a GGUF file."""
