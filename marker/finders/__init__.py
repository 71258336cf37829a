"""Finders, one in each file: see marker/finder.py."""
