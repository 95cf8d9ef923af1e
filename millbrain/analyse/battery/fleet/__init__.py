"""Whole fleets: groups with more cases than chance explains, and what comes before. Pure."""
