"""The demonstration's history: sent once, resumed after a cut, and the battery room finds in it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from millbrain.analyse.battery.calc.days import days_of
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.model import Rules
from millbrain.connect.gbt32960.columnar import Frames, decode_columns, split_frames
from millbrain.connect.gbt32960.simulator.fleet import vins
from millbrain.connect.gbt32960.simulator.history import History
from millbrain.connect.gbt32960.simulator.weak import weak_serials
from millbrain.core.columns import Columns
from millbrain.run import play
from millbrain.run.demo.history import DemoHistory, Wanted
from tests.run.test_play import Centre

NOW_S = 1_760_500_000.0
SMALL = Wanted("chongqing", 60, 10, 0.5)


@pytest.fixture
def centre() -> Iterator[Centre]:
    one = Centre()
    one.start()
    yield one
    one.stop()


def sent_to(centre: Centre, history: DemoHistory) -> list[str]:
    told: list[str] = []
    history.start(("127.0.0.1", centre.port), "secret", lambda *_: None, told.append)
    history.wait(60)
    return told


def test_it_is_sent_once_and_the_instant_stays(centre: Centre, tmp_path: Path) -> None:
    marker = tmp_path / "demo_history.json"
    first = DemoHistory(marker, SMALL, NOW_S)
    (told,) = sent_to(centre, first)
    assert "10 simulated vehicles over 0.5 days" in told
    assert "all on disk" in told
    assert first.is_complete
    reissued = [f for f in centre.frames if f[2] == 3]
    assert len(reissued) == len(centre.frames) - 2 > 50
    again = DemoHistory(marker, SMALL, NOW_S + 3600)
    assert (again.is_complete, again.since_s) == (True, NOW_S)
    assert sent_to(centre, again) == []
    assert len([f for f in centre.frames if f[2] == 3]) == len(reissued)
    other = DemoHistory(marker, Wanted("chongqing", 61, 10, 0.5), NOW_S + 7200)
    assert (other.is_complete, other.since_s) == (False, NOW_S + 7200)


def test_a_cut_history_is_sent_again_with_the_same_frames(centre: Centre, tmp_path: Path) -> None:
    marker = tmp_path / "demo_history.json"
    cut = DemoHistory(marker, SMALL, NOW_S)
    cut.stop()
    sent_to(centre, cut)
    assert not json.loads(marker.read_text())["chongqing-60"]["is_complete"]
    nobody = DemoHistory(marker, SMALL, NOW_S + 60)
    told: list[str] = []
    nobody.start(("127.0.0.1", 1), "secret", lambda *_: None, told.append)
    nobody.wait(60)
    assert "sent at the next start" in told[0]
    sent_to(centre, DemoHistory(marker, SMALL, NOW_S + 120))
    first = [f for f in centre.frames if f[2] == 3]
    marker.write_text("{ cut off")
    sent_to(centre, DemoHistory(marker, SMALL, NOW_S))
    assert [f for f in centre.frames if f[2] == 3] == first * 2


def columns_of(piece: bytes, count: int) -> Columns:
    buffer = np.frombuffer(piece, np.uint8)
    found = Frames.allocate(count + 1)
    frames = split_frames(buffer, 0, len(buffer), found, final=True).count
    assert frames == count
    return decode_columns(buffer, found.starts[:frames], found.ends[:frames]).columns


@pytest.mark.slow
def test_the_battery_room_finds_the_weak_vehicles_of_a_fresh_city_and_no_others() -> None:
    plan = play.read_plan("chongqing")
    history = History(plan, 2000, 1, chosen=120, days=30, until_s=NOW_S - 6 * 3600, since_s=NOW_S)
    rules = Rules()
    sums = Sums(rules.rest_a, rules.leak_ohm_per_v)
    for piece, count, _ in history.pieces():
        sums.watch(pack_reports(columns_of(piece, count)))
    found = [f for pack in days_of(sums.slots()) for f in judge(pack, rules) if f.call_out]
    wanted = {
        (vins(w.model, np.array([serial])).tobytes().decode(), w.kind)
        for serial, w in weak_serials(plan.models, plan.weak, 2000).items()
        if w.kind != "soc-jump"  # a matter of the fleet, not of one vehicle
    }
    assert {(f.thing, f.kind) for f in found} == wanted
