"""The desk of the resolver: what our own pages ask it, each request under a voucher."""

from millbrain.run.desk.server import DeskServer

__all__ = ["DeskServer"]
