"""Programs that measure again what the documentation claims (`python -m lab.twins` and so on). Learners can skip
them."""
