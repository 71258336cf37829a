"""What practice.py hands out: the exercises, each of which is one file, and what only they need."""

from marker import ROOT

PICTURES = ROOT / "exercises" / "pictures"
