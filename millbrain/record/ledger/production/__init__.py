"""Production orders, their operations, the log of reports, calls for help."""
