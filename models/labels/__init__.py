"""What the answer to a bar is, and when it is known.

Belongs here: label rules, on the stream and on arrays, and the weight of labels that overlap.
"""
