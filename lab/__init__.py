"""What the documentation claims, measured again (`python -m lab.twins` and so on). Learners can skip it."""
