"""Plant readings in the intake: each stored once, the newest of each series at hand.

A *series* is one signal of one thing. `Series` is what the pipeline speaks to.
"""

from millbrain.record.intake.series.series import Series

__all__ = ["Series"]
