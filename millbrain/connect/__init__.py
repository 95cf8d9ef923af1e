"""Stage 1: rooms that speak the protocols of devices. Nothing but rooms stands in this folder."""
