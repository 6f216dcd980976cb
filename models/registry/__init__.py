"""The registry: trained models as content-addressed artefacts, and the ledger of what may trade.

Belongs here: artefacts, stages, gates, the promotion ledger. Does not belong here: training.
"""
