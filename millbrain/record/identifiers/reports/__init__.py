"""What a node counts, keeps, and reports to the node above."""

from millbrain.record.identifiers.reports.book import StoredReports

__all__ = ["StoredReports"]
