"""A tick simulator whose parameters are fitted on recorded quotes.

Belongs here: the model (`paths`, `arrivals`, `quotes`), its parameters and their calibration, and
defects on request. Does not belong here: Kafka, Bytewax, judging ticks.
"""

from sources.simulator.generator import simulate
from sources.simulator.params import SimulatorParams, load_params

__all__ = ["SimulatorParams", "load_params", "simulate"]
