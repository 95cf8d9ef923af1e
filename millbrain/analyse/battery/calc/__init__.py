"""The pure heart of the battery room: reports in; sums, days, findings out. No clock, no file."""
