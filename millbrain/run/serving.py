"""An HTTP server inside a process that handles its signals itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class InnerServer(uvicorn.Server):
    """A server that leaves SIGTERM and Ctrl-C to the process around it; `should_exit` ends it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
