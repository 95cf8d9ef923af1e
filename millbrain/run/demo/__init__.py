"""Identifiers of the demonstration city: all of it simulated, and every record says so."""

from millbrain.run.demo.identifiers import fill

__all__ = ["fill"]
