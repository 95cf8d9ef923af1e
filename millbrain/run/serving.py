"""How the processes of the platform run: their event loop, and HTTP servers inside it."""

import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
import uvloop

# Python's own 5 ms would be waited for at each of the dozen times that an answer changes its
# thread, while another thread is busy with what devices send.
_SWITCH_S: Final = 0.0005


def run_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run a process's work to its end."""
    sys.setswitchinterval(_SWITCH_S)
    uvloop.run(work)


class InnerServer(uvicorn.Server):
    """A server that leaves SIGTERM and Ctrl-C to the process around it; `should_exit` ends it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
