"""The player over a real socket, against a small centre that keeps what it receives."""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.connect.gbt32960.codec import decode
from millbrain.connect.gbt32960.framing import answer, split
from millbrain.connect.gbt32960.simulator.clients import VehicleLink
from millbrain.core.errors import RefusedError, SettingsError
from millbrain.run import play

# Realtime frame of table 9 alone, edition 2016, 2025-01-02 03:04:05: written by hand, BCC too.
FRAME = bytes.fromhex(
    "232302fe" + "30534d534d4130303053313030303031" + "31" + "01" + "001b"
    "190102030405" "01" "01" "03" "01" "0000" "00000064" "0d48" "2710" "50" "01" "0f" "03e8"
    "0000" + "00"
)  # fmt: skip


def with_check(frame: bytes) -> bytes:
    check = 0
    for byte in frame[2:-1]:
        check ^= byte
    return frame[:-1] + bytes((check,))


class Centre:
    """Answers commands with 01, or what `flags` says, and keeps every good frame in order."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.flags: dict[int, int] = {}
        self.links = 0
        self.drop_after_bytes = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()
        current = asyncio.current_task()
        tasks = [t for t in asyncio.all_tasks() if t is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        try:
            await self._take(reader, writer)
        finally:
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer, taken = b"", 0
        while chunk := await reader.read(1 << 16):
            buffer += chunk
            taken += len(chunk)
            if self.drop_after_bytes and taken > self.drop_after_bytes:
                self.drop_after_bytes = 0
                break
            found = split(buffer)
            for start, end, ok in found.frames:
                frame = buffer[start:end]
                if ok:
                    self.frames.append(frame)
                if ok and frame[3] == 0xFE and frame[2] not in (2, 3):
                    writer.write(answer(frame, self.flags.get(frame[2], 1)))
            buffer = buffer[found.consumed :]


@pytest.fixture
def centre() -> Iterator[Centre]:
    one = Centre()
    one.start()
    yield one
    one.stop()


def recording(path: Path, frames: list[bytes]) -> Path:
    path.write_text("\n".join(f.hex() for f in frames) + "\n", "utf-8")
    return path


def minute(k: int) -> bytes:
    return with_check(FRAME[:28] + bytes((k,)) + FRAME[29:])


def test_replays_hex_gz_and_json_lines(centre: Centre, tmp_path: Path) -> None:
    plain = recording(tmp_path / "a.hex", [minute(1), minute(2)])
    packed = tmp_path / "b.hex.gz"
    packed.write_bytes(gzip.compress(f"# a remark\n{minute(3).hex(' ')}\n".encode()))
    lines = tmp_path / "c.jsonl"
    lines.write_text(json.dumps({"hex": minute(4).hex(), "note": "x"}) + "\n{}\n", "utf-8")
    seen: list[tuple[int, int]] = []
    summary = play.play_file(
        [plain, packed, lines], "127.0.0.1", centre.port, user="city-01", password="secret",
        progress=lambda sent, total: seen.append((sent, total)),
    )  # fmt: skip
    assert centre.frames[1:-1] == [minute(k) for k in (1, 2, 3, 4)]
    login, logout = decode(centre.frames[0]), decode(centre.frames[-1])
    assert (login["cmd"], logout["cmd"]) == (5, 6)
    assert login["data"]["user"] == "city-01"
    assert login["data"]["serial"] == logout["data"]["serial"] == 1
    assert (summary.frames, summary.skipped, summary.is_complete) == (4, 2, True)
    assert summary.answers == {(5, 1): 1, (6, 1): 1}
    assert seen[-1] == (4, 4)
    assert "all on disk" in summary.sentence()


def test_keeps_recorded_pauses_divided_by_the_speed(centre: Centre, tmp_path: Path) -> None:
    path = recording(tmp_path / "a.hex", [minute(1), minute(2), minute(3)])
    summary = play.play_file([path], "127.0.0.1", centre.port, speed=600.0)
    assert 0.2 <= summary.seconds < 20  # two minutes at 600 times


def test_retime_dates_the_last_frame_now_and_keeps_the_distances(tmp_path: Path) -> None:
    frames = [minute(1), minute(3)]
    shifted = play.shift_times(frames, 1_700_000_000.0)
    assert [play.device_s(f) for f in shifted] == [1_700_000_000 - 120, 1_700_000_000]
    assert all(decode(f)["bcc_ok"] for f in shifted)
    damaged = minute(1)[:-1] + b"\x00"
    assert not decode(play.shift_times([damaged], 1_700_000_000.0)[0])["bcc_ok"]


def test_a_refused_login_says_why(centre: Centre, tmp_path: Path) -> None:
    centre.flags[5] = 2
    path = recording(tmp_path / "a.hex", [minute(1)])
    with pytest.raises(RefusedError, match="refused the platform login of 'nobody'"):
        play.play_file([path], "127.0.0.1", centre.port, user="nobody")


def test_nobody_there() -> None:
    with pytest.raises(OSError, match=r"refused|Connect"):
        play.play_file([], "127.0.0.1", 1)


@pytest.mark.slow
def test_comes_back_after_a_lost_link_and_sends_again(centre: Centre) -> None:
    centre.drop_after_bytes = 200_000
    summary = play.play_city("chongqing", 500, "127.0.0.1", centre.port, seconds=1.5, speed="flat",
                             rate=3000.0)  # fmt: skip
    assert summary.reconnects == 1
    assert centre.links == 2
    assert summary.is_complete
    assert [f[2] for f in centre.frames].count(5) == 2


@pytest.mark.slow
def test_city_true_to_its_period(centre: Centre) -> None:
    summary = play.play_city("chongqing", 300, "127.0.0.1", centre.port, period_s=1.0, seconds=2.2,
                             user="sim-city", faults={"duplicate": 0.05})  # fmt: skip
    arrived = [f for f in centre.frames if f[2] not in (5, 6)]
    assert len(arrived) == summary.frames == summary.tally["frames"]
    assert {f[2] for f in arrived} <= {1, 2, 4}
    reports = {(f[4:21], f[24:30], len(f)) for f in arrived if f[2] == 2}
    assert len(reports) == len([f for f in arrived if f[2] == 2]) - summary.tally["duplicate"]
    awake = len({f[4:21] for f in arrived if f[2] == 2})
    assert 20 < awake < 300  # the parked ones are silent
    assert summary.answers[1, 1] + summary.answers[4, 1] == summary.tally["commands"]


@pytest.mark.slow
def test_rate_is_a_bound(centre: Centre) -> None:
    summary = play.play_city("chongqing", 200, "127.0.0.1", centre.port, seconds=1.0, speed="flat",
                             rate=2000.0)  # fmt: skip
    assert 1000 < summary.frames <= 2400


def test_unknown_pack_is_refused() -> None:
    with pytest.raises(SettingsError, match="pack 'atlantis'"):
        play.play_city("atlantis", 1, "127.0.0.1", 1)


def test_vehicle_link_logs_in_and_out(centre: Centre) -> None:
    async def drive() -> tuple[int, int]:
        link = VehicleLink("127.0.0.1", centre.port, edition=2025, id="0SMSMA006S1000001", wait_s=5)
        await link.open()
        flags = await link.login(), await link.logout()
        await link.close()
        return flags

    assert asyncio.run(drive()) == (1, 1)
    assert [decode(f)["cmd"] for f in centre.frames] == [1, 4]
    assert all(decode(f)["id"] == "0SMSMA006S1000001" for f in centre.frames)


def test_recorded_day_goes_out_as_it_is(centre: Centre, shared_data: Path) -> None:
    (path,) = sorted((shared_data / "nev").glob("day_*.hex.gz"))
    summary = play.play_file([path], "127.0.0.1", centre.port)
    lines = gzip.decompress(path.read_bytes()).decode().split()
    assert [f.hex() for f in centre.frames[1:-1]] == lines
    assert summary.frames == 247
    assert summary.is_complete
