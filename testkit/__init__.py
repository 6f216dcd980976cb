"""Shipped fakes and builders: a real Kafka for tests and people, tapes, made-up views.

Belongs here: what tests and demonstrations need and the product does not; fakes speak the real
protocol.
Does not belong here: anything that production code reaches; an import contract holds that.
"""
