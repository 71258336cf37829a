"""Pictures of what happens inside a network, and what look.py says of a training."""
