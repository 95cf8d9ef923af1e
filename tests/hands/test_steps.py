"""The thread of an app: paced by its steps, and not ended by what they raise."""

import threading
import time

import pytest

from millbrain.hands import steps
from millbrain.hands.steps import Steps


def test_a_failed_step_is_counted_recovered_from_and_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "PAUSE_S_MIN", 0.01)
    recovered, good = [], threading.Event()

    def step() -> float:
        if len(recovered) < 2:
            raise ValueError(f"trouble {len(recovered)}")
        good.set()
        return 60.0

    running = Steps("app", step, recover=lambda: recovered.append(time.monotonic()))
    running.start()
    assert good.wait(10)
    status = running.status()
    assert (status["failures"], status["last_error"]) == (2, "ValueError: trouble 1")
    assert status["is_alive"]
    running.stop()
    assert not running.status()["is_alive"], "a pause of a minute is not waited for"


@pytest.mark.parametrize(("does_last", "count"), [(True, 2), (False, 1)])
def test_a_last_step_is_done_where_it_is_asked_for(does_last: bool, count: int) -> None:
    done: list[int] = []
    first = threading.Event()

    def step() -> float:
        done.append(1)
        first.set()
        return 60.0

    running = Steps("app", step, does_last=does_last)
    running.start()
    assert first.wait(10)
    running.stop()
    assert len(done) == count


def test_what_was_never_started_stops() -> None:
    Steps("app", lambda: 1.0).stop()
