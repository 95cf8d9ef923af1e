"""Alembic migrations, packaged so that any process can bring a ledger up to date."""
