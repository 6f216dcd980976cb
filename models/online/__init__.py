"""Models that learn on the stream from labels as their horizon passes (River).

Belongs here: one learner a file, their choice, drift detectors, and how River's state becomes a
plain versioned mapping. Does not belong here: when labels are known (`models.labels.delayed`).
"""
