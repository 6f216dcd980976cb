"""Training jobs: from labelled bars to a verified artefact.

Belongs here: everything that needs a training library (XGBoost, ONNX writers), and how training
data is cut. Does not belong here: anything that a worker imports.
"""
