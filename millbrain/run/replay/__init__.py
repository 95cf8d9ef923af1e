"""Recorded logs of plants, replayed through the platform as if they happened, and checked."""
