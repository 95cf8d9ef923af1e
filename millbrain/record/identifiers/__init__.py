"""The third store: records of identifiers by key, many and tiny, kept ready to send."""

from millbrain.record.identifiers.registry import StoredRegistry
from millbrain.record.identifiers.rocks import RocksIdentifiers, checkpoint_of, repair
from millbrain.record.identifiers.store import Identifiers, Report

__all__ = [
    "Identifiers",
    "Report",
    "RocksIdentifiers",
    "StoredRegistry",
    "checkpoint_of",
    "repair",
]
