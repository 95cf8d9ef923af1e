"""Production: orders, their operations, what is reported of them, and calls for help."""
