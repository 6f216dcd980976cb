"""Models of a window of rows, trained in a job and served from their artefact by the ONNX runtime.

Belongs here: serving, and the window of each symbol. Does not belong here: training
(`models.training`).
"""
