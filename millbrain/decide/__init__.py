"""Decide: from what is found to what is done. Nothing but rooms."""
