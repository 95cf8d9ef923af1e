"""Production inside the web process: its keeper, orders in the warehouse, orders of the demo."""

from millbrain.run.production.keeper import ProductionKeeper
from millbrain.run.production.mirror import OrderMirror

__all__ = ["OrderMirror", "ProductionKeeper"]
