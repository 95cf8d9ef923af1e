"""Connections and tags as the running rooms and the command line handle them."""
