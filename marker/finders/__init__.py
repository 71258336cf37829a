"""Ways to find a mistake, a file each: see marker/finder.py."""
