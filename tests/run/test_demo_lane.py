"""The demonstration's inspection lane: written once, judged, and said to be simulated."""

from pathlib import Path

from millbrain.record.ledger import Ledger
from millbrain.run.demo.lane import BENCH, SAID, fill_lane
from millbrain.run.settings import DemoSettings, Settings


def test_a_fresh_demonstration_has_lane_records_of_both_conclusions(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, demo=DemoSettings(vehicles=400))
    tmp_path.joinpath("ledger").mkdir(exist_ok=True)
    ledger = Ledger(settings.ledger_url)
    try:
        ledger.migrate()
        written = fill_lane(settings)
        assert 30 <= written <= 60
        assert fill_lane(settings) == 0, "once"
        rows, total = ledger.inspections.page(size=100)
        assert total == written
        assert {row.bench for row in rows} == {BENCH}
        assert all(row.head["note"] == SAID and "仿真" in row.head["inspector"] for row in rows)
        conclusions = [row.conclusion for row in rows]
        assert conclusions.count("maintain") >= 5
        assert conclusions.count("normal") >= written / 2, "none is left without a conclusion"
        assert conclusions.count("none") == 0
        assert all(row.curve_points >= 30 for row in rows)
    finally:
        ledger.close()
