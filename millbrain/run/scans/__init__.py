"""Scans at machines: their keeper, the resolver behind them, simulated controllers."""

from millbrain.run.scans.keeper import ScanKeeper
from millbrain.run.scans.uplink import ResolverUplink

__all__ = ["ResolverUplink", "ScanKeeper"]
