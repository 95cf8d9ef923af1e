"""Connections of connect rooms and their tags."""
