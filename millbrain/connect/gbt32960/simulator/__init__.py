"""A device that can also misbehave: a simulated city that speaks GB/T 32960 over real sockets.

In reading order: `fleet` says what the city is made of, `cohort` moves its vehicles, `grid` writes
what they report as frames, `faults` makes them fail on request, `clients` are the platform link and
the vehicle link that carry the frames, `terminal` answers commands from above.
"""
