"""Kill the way from findings to alarms at any statement: nothing lost, doubled or stuck."""

import pathlib
import random
import signal
import subprocess
import sys

import pytest

from millbrain.core.alarms import LIFECYCLE, NORMAL
from millbrain.core.alarms.rules import DECLARED
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import AlarmFilter, Ledger
from tests.conftest import ROOT
from tests.faults import lengths
from tests.faults.alarm_victim import KINDS, TURNS, clock_of, versions_of

pytestmark = pytest.mark.fault
Story = list[tuple[str, str, bool, tuple[tuple[str, str], ...]]]


def live(folder: pathlib.Path, kill_at: int) -> bool:
    """Run a victim; whether it came to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.alarm_victim", str(folder), str(kill_at)],
        cwd=ROOT, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode == 0


def story(folder: pathlib.Path) -> Story:
    """Every instance in order: its key, where it stands, and by which steps it came there."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    everything = AlarmFilter(states=tuple(LIFECYCLE.states))
    rows, total = ledger.alarms.page(everything, size=500)
    assert total == len(rows)
    told: Story = []
    for row in sorted(rows, key=lambda r: r.alarm.id):
        alarm = row.alarm
        steps = [s.step for s in ledger.alarms.steps(alarm.id) if s.alarm_id == alarm.id][::-1]
        told.append((alarm.finding.key, alarm.state, alarm.is_active,
                     tuple((s.action, s.target) for s in steps)))  # fmt: skip
        state = LIFECYCLE.start
        for step in steps:
            assert step.source == state
            state = step.target
        assert state == alarm.state
    ledger.close()
    return sorted(told)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """What happens when nobody kills anything."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert live(folder, 0)
    return story(folder)


def test_the_undisturbed_story_is_worth_telling(undisturbed: Story) -> None:
    """Every kind occurs, alarms end and come again, some are suppressed, some latched."""
    assert {key.split("|")[2] for key, *_ in undisturbed} == {*KINDS, "thermal"}
    targets = {target for *_, steps in undisturbed for _, target in steps}
    assert {"suppressed", "latched_unacknowledged", "acknowledged", NORMAL} <= targets
    assert len(undisturbed) > len({key for key, *_ in undisturbed}) > 10
    newest = {f.key: f for turn in range(TURNS) for f in versions_of(turn)}
    for key, found in newest.items():
        last = [told for told in undisturbed if told[0] == key][-1]
        assert last[2] == found.is_open or "resistance" in key or "connection" in key


@pytest.mark.parametrize("chain", range(lengths.ALARM_CHAINS))
def test_killed_again_and_again_it_ends_the_same_way(
    chain: int, tmp_path: pathlib.Path, undisturbed: Story
) -> None:
    random_ = random.Random(chain)
    kills = 0
    while not live(tmp_path, random_.randrange(8, 90)):
        kills += 1
        assert kills < 100
    assert kills > 3
    assert story(tmp_path) == undisturbed


def test_a_second_run_over_all_turns_changes_nothing(
    tmp_path: pathlib.Path, undisturbed: Story
) -> None:
    """The whole reissue of a week, delivered once more."""
    assert live(tmp_path, 0)
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    alarms = Alarms(ledger.alarms, DECLARED, lambda: clock_of(TURNS - 1, 60))
    for turn in range(TURNS):
        alarms.take(versions_of(turn))
        alarms.tick()
    ledger.close()
    assert story(tmp_path) == undisturbed
