"""Connections, tags, and browsing: how a plant engineer connects machines."""
