"""Run by Alembic: migrates over the connection that `Ledger.migrate` hands in."""

from alembic import context

from millbrain.record.ledger.models import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
