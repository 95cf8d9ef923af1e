"""Reports from an outbox to an inbox over a road that loses, repeats and swaps them."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.core.errors import NotFoundError
from millbrain.core.nodes.reports import missing_of
from millbrain.core.nodes.tally import Sample
from millbrain.core.records import Reference
from millbrain.core.registry import Asker, RegistryError
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.record.identifiers.reports import StoredReports

ROOT = Reference("0.NA/88.1", 300)
DAY_MS = 1_763_780_000_000  # 2025-11-22
KEY = "k" * 16


class Two:
    """A node below (prefix 88.1.7) and one above, without sockets."""

    def __init__(self, folder: Path) -> None:
        self.stores = [RocksIdentifiers(folder / name) for name in ("below", "above")]
        self.open()
        self.registries[1].prefixes.apply_for(Asker(ROOT), "88.1.7", organisation="A", contact="")
        self.above.set_key(Asker(ROOT), "88.1.7", KEY)

    def open(self) -> None:
        self.registries = [StoredRegistry(store, [ROOT]) for store in self.stores]
        self.below, self.above = (registry.reports for registry in self.registries)
        self.below.is_reporting = True

    def reopen(self) -> None:
        for registry in self.registries:
            registry.close()
        self.open()

    def close(self) -> None:
        for registry, store in zip(self.registries, self.stores, strict=True):
            registry.close()
            store.close()

    def count(self, number: int) -> None:
        """Resolve so many, and cut a report of it."""
        samples = [Sample(DAY_MS, f"88.1.7/{number}", 1, "handle", "")]
        self.below.resolved([("88.1.7", 1, number)], samples, DAY_MS)
        self.below.cut(DAY_MS)

    def letter(self, wanted: Any = (), count_max: int = 20) -> dict[str, Any]:
        made = self.below.letter(wanted, count_max)
        made["reports"] = [orjson.loads(raw) for raw in made["reports"]]
        made["lost"] = [list(part) for part in made["lost"]]
        return made

    def sums(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for cell, count in self.above.counts(20_250_101, 20_991_231, {}):
            found[cell.node, cell.kind] += count
        return found


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    yield made
    made.close()


def test_what_is_missing() -> None:
    assert missing_of(0, [1, 2]) == ()
    assert missing_of(0, [3]) == ((1, 2),)


def test_a_number_that_is_missing_is_asked_for_again(two: Two) -> None:
    for number in (1, 2, 3, 4):
        two.count(number)
    letter = two.letter()
    assert [r["number"] for r in letter["reports"]] == [1, 2, 3, 4]
    kept = letter["reports"].pop(1)
    told = two.above.take("88.1.7", letter, 5)
    assert (told.have, told.missing, told.heard_ms) == (1, ((2, 2),), 5)
    two.reopen()
    assert two.above.senders() == [told]
    two.below.heard(told.stream, told.have, 0)
    again = two.letter(told.missing)
    assert again["reports"][0] == kept
    told = two.above.take("88.1.7", again, 6)
    assert (told.have, told.missing) == (4, ())
    assert two.sums() == {("88.1.7", "resolved"): 10}
    two.below.heard(told.stream, told.have, 0)
    assert two.letter()["reports"] == []
    assert two.below.outbox()["waiting"] == 0


@pytest.mark.slow
@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.data())
def test_any_road_delivers_each_report_once(tmp_path_factory: Any, data: st.DataObject) -> None:
    two = Two(tmp_path_factory.mktemp("two"))
    try:
        missing: Any = ()
        for number in range(1, 7):
            two.count(number)
            letter = two.letter(missing)
            letter["reports"] = [
                r for r in letter["reports"] for _ in range(data.draw(st.integers(0, 2)))
            ]
            letter["reports"] = data.draw(st.permutations(letter["reports"]))
            told = two.above.take("88.1.7", letter, 0)
            missing = told.missing if data.draw(st.booleans()) else ()
            if data.draw(st.booleans()):
                two.below.heard(told.stream, told.have, 0)
            if data.draw(st.booleans()):
                two.reopen()
        told = two.above.take("88.1.7", two.letter(((1, 6),)), 0)
        assert (told.have, told.missing) == (6, ())
        assert two.sums() == {("88.1.7", "resolved"): 21}
    finally:
        two.close()


def test_what_is_no_longer_kept_is_given_up(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "millbrain.record.identifiers.reports.outbox"
    monkeypatch.setattr(f"{base}.REPORTS_KEPT_MAX", 2)
    monkeypatch.setattr(f"{base}._SWEPT", 1)
    for number in range(1, 7):
        two.count(number)
    letter = two.letter()
    first = letter["reports"][0]["number"]
    assert first > 1
    told = two.above.take("88.1.7", letter, 0)
    assert told.missing == ((1, first - 1),)
    told = two.above.take("88.1.7", two.letter(told.missing), 0)
    assert (told.have, told.missing, told.lost) == (6, (), first - 1)


def test_a_node_from_a_copy_begins_a_stream_anew(two: Two) -> None:
    two.count(1)
    two.below.heard(two.letter()["stream"], 9, 0)  # it has more than was ever cut
    letter = two.letter()
    assert letter["stream"] != "", letter
    assert [r["number"] for r in letter["reports"]] == [1]
    told = two.above.take("88.1.7", letter, 0)
    assert two.above.take("88.1.7", letter | {"stream": "another"}, 0).have == 1
    assert two.sums() == {("88.1.7", "resolved"): 1}, "known by its content"
    two.below.heard(letter["stream"], 99, 1_000)
    assert two.letter()["stream"] == told.stream, "once an hour at most"


def test_the_node_above_cannot_take_back_or_run_ahead(two: Two) -> None:
    two.count(1)
    two.count(2)
    stream = two.letter()["stream"]
    two.below.heard(stream, 1, 0)
    two.below.heard(stream, 0, 0)
    two.below.heard("another", 2, 0)
    assert two.below.outbox()["acknowledged"] == 1
    wanted = ((1, 1 << 62),)
    assert [r["number"] for r in two.letter(wanted)["reports"]] == [1, 2]


ROW = ["", 20_251_122, "resolved", 1, "88.1.7", 5]


@pytest.mark.parametrize(
    "report",
    [
        7, {}, {"number": 0}, {"number": True}, {"number": 1}, {"number": 1, "rows": {}, "log": []},
        {"number": 20_000, "rows": [], "log": []},
        *({"number": 1, "rows": [row], "log": []} for row in (
            [], ROW[:5], [*ROW[:4], "88.1", 5], [*ROW[:4], "88.1.77", 5], ["88.1", *ROW[1:]],
            [*ROW[:5], 0], [*ROW[:5], -5], [*ROW[:5], 1 << 60], [*ROW[:5], "5"], [*ROW[:5], True],
            [*ROW[:2], "other", *ROW[3:]], ["88.1.7.\0x", *ROW[1:]], ["", 7, *ROW[2:]],
            ["", 20_251_122, "resolved", 70_000, "88.1.7", 5],
        )),
        *({"number": 1, "rows": [], "log": [row]} for row in (
            7, [], ["x", "h", 1, "f", ""], [1, "h" * 300, 1, "f", ""], [-1, "h", 1, "f", ""],
        )),
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused_whole(two: Two, report: Any) -> None:
    two.count(3)
    stream = two.letter()["stream"]
    with pytest.raises((ValueError, TypeError)):
        two.above.take("88.1.7", {"stream": stream, "reports": [report], "lost": []}, 0)
    assert two.above.senders() == []
    assert two.sums() == {}
    assert two.above.take("88.1.7", two.letter(), 0).have == 1


@pytest.mark.parametrize("lost", [7, [7], [[1]], [["1", 2]], [[1, 2]] * 21])
def test_senseless_losses(two: Two, lost: Any) -> None:
    with pytest.raises(ValueError, match="lost"):
        two.above.take("88.1.7", {"stream": "s", "reports": [], "lost": lost}, 0)


def test_a_sender_cannot_give_up_what_is_here(two: Two) -> None:
    two.count(1)
    two.above.take("88.1.7", two.letter(), 0)
    told = two.above.take("88.1.7", {"stream": two.letter()["stream"], "reports": [],
                                     "lost": [[-5, 1]]}, 0)  # fmt: skip
    assert (told.have, told.lost) == (1, 0)


def test_keys_are_set_by_administrators_for_prefixes_that_were_given(two: Two) -> None:
    with pytest.raises(RegistryError):
        two.above.set_key(Asker(None), "88.1.7", KEY)
    with pytest.raises(NotFoundError):
        two.above.set_key(Asker(ROOT), "88.1.8", KEY)
    with pytest.raises(ValueError, match="16 to 128"):
        two.above.set_key(Asker(ROOT), "88.1.7", "short")
    assert two.above.key("88.1.7") == KEY
    two.reopen()
    assert two.above.key("88.1.7") == KEY
    two.above.set_key(Asker(ROOT), "88.1.7", "")
    assert two.above.key("88.1.7") == ""
    assert KEY.encode() not in b"".join(two.registries[1].audit())


def test_the_log_is_bounded(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "millbrain.record.identifiers.reports.counts"
    monkeypatch.setattr(f"{base}.LOG_KEPT_MAX", 5)
    monkeypatch.setattr(f"{base}._SWEPT", 3)
    for number in range(20):
        two.count(number + 1)
    kept = two.below.log("", 100)
    assert len(kept) <= 8
    assert kept[-1][1].handle == "88.1.7/20"
    assert two.below.log(kept[0][0], 1) == kept[1:2]


def test_flushes_from_many_threads_lose_nothing(two: Two) -> None:
    def work(reports: StoredReports) -> None:
        for _ in range(20):
            reports.resolved([("88.1.7", 1, 1)], [], DAY_MS)

    threads = [threading.Thread(target=work, args=(two.below,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    two.below.cut(DAY_MS)
    (report,) = two.letter()["reports"]
    assert report["rows"] == [["", 20_251_122, "resolved", 1, "88.1.7", 80]]
