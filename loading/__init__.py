"""From words on a command line, a checkpoint or a GGUF file to options (options.py) and a network with its weights
(network.py, checkpoint.py, gguf_file.py)."""
