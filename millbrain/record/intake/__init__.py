"""The intake: facts from drivers into the warehouse, each once, with a ledger that balances.

`Intake` is the running thing; `check_balance` compares ledger and tables; `Regions` are the centres
that positions are assigned to.
"""

from millbrain.record.intake.balance import check_balance
from millbrain.record.intake.pipeline import Intake
from millbrain.record.intake.regions import Regions

__all__ = ["Intake", "Regions", "check_balance"]
