"""Models of one row, trained in a job and served from their artefact by the ONNX runtime.

Belongs here: serving. Does not belong here: training (`models.training`).
"""
