"""What practice.py hands out: the stubs, what a right answer is, which mistakes are known, and the marker."""
