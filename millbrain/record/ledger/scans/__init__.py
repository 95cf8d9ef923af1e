"""Recipes, stations, qualifications, known parts and scans in the ledger."""
