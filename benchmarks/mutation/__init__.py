"""Mutation score of the order state machine: what its tests would notice if it were wrong.

Belongs here: how faults are seeded into source text, how the tests are run against each of them,
and the list of faults that no test could see. Does not belong here: a test.
"""
