"""What predicts: models, their labels, artefacts, promotions and the honest measure of their skill.

Belongs here: the contract that every model keeps, the models that a worker asks, the label rule,
the artefact folder, the promotion ledger, accuracy. Pure logic on numpy arrays and numbers.
Does not belong here: the streaming engine, Kafka, ClickHouse, HTTP; features (``features``);
what is done with a prediction (``trading``). Training libraries enter only ``models.training``,
which jobs import and workers never do.
"""
