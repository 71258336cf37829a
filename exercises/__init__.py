"""The exercises that practice.py hands out, one file each, and the modules that only they need."""

from marker import ROOT

PICTURES = ROOT / "exercises" / "pictures"
