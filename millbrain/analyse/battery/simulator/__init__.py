"""Simulated vehicles for trying the battery rules: seeded, pure, everything in them is invented.

`vehicle.drawn` draws one vehicle with its nuisances, `faults.Fault` is what may be wrong with it,
`reports.reports` makes columns of `vehicle_report` at any sampling step. What is drawn is within
the ranges of text books and of the recorded cars, but it is nobody's fleet: figures obtained on it
say how the rules behave under these assumptions, and no more.
"""
