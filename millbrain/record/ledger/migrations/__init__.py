"""Alembic migrations of the ledger, packaged so that any process can bring a database up to date."""
