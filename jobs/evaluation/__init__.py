"""Evaluation: recorded bars -> walk-forward answers of the default ensemble -> figures and a page.

Belongs here: what is run, in which order, and how it is shown. Does not belong here: statistics
(`models.evaluation`), models (`models`), training (`models.training`).
"""
