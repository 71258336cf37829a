"""The interactive page and the programs that build it: `python -m page.build`. Open index.html; learners can skip the
rest."""
