"""The shift report: computed from a snapshot, written every morning, asked for again later."""
