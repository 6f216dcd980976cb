"""How right a model is: figures with intervals, splits that leak nothing, tests that may be watched.

Belongs here: pure functions of answers and outcomes. Does not belong here: models, plots, files.
"""
