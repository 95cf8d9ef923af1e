"""A command on its way: recorded before it goes out, its end recorded and audited."""

from collections.abc import Mapping
from typing import Any

from millbrain.core.errors import FrameError, LimitError, MillbrainError
from millbrain.record.ledger.models import Command
from millbrain.show.access import Caller
from millbrain.show.errors import ApiError
from millbrain.show.services import Services


def carry_out(
    use: Services, caller: Caller, room: str, thing: str, order: Mapping[str, Any], action: str,
    what: str = "",
) -> Command:  # fmt: skip
    """Send an order to a thing, wait for its end, and return what stands in the ledger of it.

    action, what: what the audit calls it, and whatever of the thing it is about.

    Raises
    ------
    ApiError
        504 where the thing does not answer, 422 where the order is none for it.
    MillbrainError
        As the engine says it, where nothing reaches the thing or it refuses.
    ConnectionError
        The engine is not there.
    """
    number = use.ledger.commands.sent(thing, order, caller.name)
    audit = (caller.name, caller.address, f"command.{action}", f"{thing} {what}".rstrip())
    try:
        answer = use.engine.command(room, thing, order)
    except (MillbrainError, ConnectionError) as e:
        use.ledger.commands.failed(number, str(e))
        use.ledger.audit.add(*audit, f"failed: {e}")
        if isinstance(e, LimitError):
            raise ApiError(504, "no_answer", str(e)) from e
        if isinstance(e, FrameError):
            raise ApiError(422, "bad_order", str(e)) from e
        raise
    done = use.ledger.commands.answered(number, answer)
    agrees = answer.get("agrees", True)
    use.ledger.audit.add(*audit, "ok" if agrees else f"read back {answer.get('read_back')!r}")
    return done
