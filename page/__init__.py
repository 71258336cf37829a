"""The interactive page and what builds it: `python -m page.build`. Open index.html; a learner can skip the rest."""
