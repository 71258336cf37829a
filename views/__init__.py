"""Pictures of what happens inside a network, and the texts and tables of `look.py --training`."""
