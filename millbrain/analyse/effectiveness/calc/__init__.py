"""The heart: readings to state runs, runs to additive parts, parts to sums and losses; all pure."""
