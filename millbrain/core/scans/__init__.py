"""From a scanned part to the parameters of a machine: words that record, decide and show share."""
