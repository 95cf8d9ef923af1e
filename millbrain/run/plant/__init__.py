"""The plant of a pack: read from its files, registered, and simulated over the real protocols."""

from millbrain.run.plant.load import load_plant

__all__ = ["load_plant"]
