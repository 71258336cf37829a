"""What the documentation claims, measured again (`python -m lab.twins` and so on). Skip it when you learn."""
