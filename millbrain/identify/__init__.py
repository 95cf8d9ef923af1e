"""Stage 2: rooms that speak the protocols of identifiers. Nothing but rooms stands in here."""
