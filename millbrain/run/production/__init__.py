"""Production inside the web process: its keeper, and orders of the demonstration."""

from millbrain.run.production.keeper import ProductionKeeper

__all__ = ["ProductionKeeper"]
