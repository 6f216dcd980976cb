"""Trained models of a window of rows: the LSTM.

Belongs here: how it is trained and written as ONNX, and the window of each symbol (`window`, which
alone of this room workers import). Does not belong here: serving (`models.serving`).
"""
