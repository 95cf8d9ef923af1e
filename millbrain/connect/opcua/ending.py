"""How tasks end: cancelled until they have.

`asyncio.wait_for` of Python 3.11, which asyncua uses for each of its requests, forgets a
cancellation that comes at the instant of the answer (python/cpython issue 86296); a task that was
cancelled only once may then live for ever.
"""

import asyncio
from collections.abc import Iterable
from typing import Any


async def end(tasks: Iterable[asyncio.Task[Any] | None], patience_s: float) -> None:
    """Cancel tasks, again after each `patience_s`, until all have ended; their errors are lost."""
    left = {t for t in tasks if t is not None}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=patience_s)
        for task in done:
            if not task.cancelled():
                task.exception()  # retrieved, so that nobody is told of it later
