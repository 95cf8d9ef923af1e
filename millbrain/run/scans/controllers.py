"""The simulated controllers of the demonstration's machining cell, as a process of their own."""

import logging
import signal
import threading
from types import FrameType

import millbrain
from millbrain.decide.recipes.simulator import Simulator
from millbrain.run import logs, run_files
from millbrain.run.settings import LOOPBACK, Settings, prepare_data_folder

log = logging.getLogger(__name__)


def main(settings: Settings, fault: str = "") -> None:
    """Answer until told to stop (SIGTERM or Ctrl-C); nothing is remembered afterwards."""
    prepare_data_folder(settings)
    logs.to_file(settings.data / "log", "controllers")
    with logs.fatal(log):
        controller = Simulator(LOOPBACK, settings.demo.controllers_port)
        controller.fault = fault
        stop = threading.Event()

        def end(_: int, __: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        controller.start()
        port = int(controller.address.rpartition(":")[2])
        run_files.write(settings.run_file("controllers"), {"controllers": port},
                        version=millbrain.__version__)  # fmt: skip
        print(f"simulated controllers ready: {controller.address}", flush=True)
        try:
            stop.wait()
        finally:
            controller.stop()
            settings.run_file("controllers").unlink(missing_ok=True)
