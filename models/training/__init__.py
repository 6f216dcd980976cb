"""What all trainers share: data, weights, held-out rows, calibration, ONNX graphs, the job.

Belongs here: everything of training that is not of one algorithm. Does not belong here: anything
that a worker imports.
"""
