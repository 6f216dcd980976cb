"""Trained models of one row: gradient-boosted trees and the random forest.

Belongs here: how each is trained and written as ONNX. Does not belong here: serving
(`models.serving`), and what all trainers share (`models.training`). No worker imports it.
"""
