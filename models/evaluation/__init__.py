"""How right a model is: figures with intervals, clean splits, tests that may be watched.

Belongs here: pure functions of answers and outcomes. Does not belong here: models, plots, files.
"""
