"""What the demonstration city has besides its reports: all simulated, and every record says so."""

from millbrain.run.demo.cell import fill_cell
from millbrain.run.demo.identifiers import fill
from millbrain.run.demo.lane import fill_lane

__all__ = ["fill", "fill_cell", "fill_lane"]
