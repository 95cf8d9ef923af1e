"""From a byte stream to frames of GB/T 32960.3, and how to find the way back after damage.

::

    0  2  start: 23 23 (2016) or 24 24 (2025)
    2  1  command
    3  1  response flag
    4  17 unique id, padded with 00
    21 1  encryption
    22 2  length n of the data unit, 0..65531
    24 n  data unit
    24+n  1  BCC: XOR of bytes 2 .. 23+n

The rule, which `columnar` repeats byte for byte
------------------------------------------------
A *start* is a place with 23 23 or 24 24 whose flag is 01..07 or FE, whose encryption is 00..05, FE
or FF and whose length is at most 65531; of a header that is not all there, the bytes that are
there decide, down to a single 23 or 24. From the reading position:

1. Go to the first start. Bytes before it are garbage; with no start all bytes are garbage.
2. The header or the frame [s, e) that it announces is not all there: wait.
3. Its BCC is right: a good frame. Read on at e. Starts inside it are never looked at.
4. Its BCC is wrong. Let p be the first start in [s + 1, e), judged by the bytes before e only.

   a. There is no p: a bad frame [s, e). Read on at e.
   b. The frame at p ends at or before e and its BCC is right: [s, p) is cut. Read on at p.
   c. Else the two bytes at e decide: 23 23 or 24 24: a bad frame [s, e), read on at e. Not both
      there: wait for them. Anything else: [s, p) is cut. Read on at p.

No step depends on how the bytes were cut into segments, so any split gives the same frames (only
a run of garbage may come in several pieces). A damaged or hostile length makes step 2 wait for at
most 65,556 bytes; step 4 then finds the frames that it swallowed, none is lost. How long a
candidate may wait in *time* is for the caller to say: it calls with `final`, which ends all waiting
(2: [s, p) is cut with p the first start in [s + 1, end of bytes), or all of it; 4c: a bad frame).
A cut of less than a whole header is called garbage. The work is linear in the bytes.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.fields import EDITION_2016, EDITION_2025, FLAG_COMMAND, START_BYTES
from millbrain.core.errors import FrameError
from millbrain.core.limits import FRAME_UNIT_BYTES_MAX

HEADER_BYTES: Final = 24
ID_BYTES: Final = 17
FRAME_BYTES_MIN: Final = HEADER_BYTES + 1
FRAME_BYTES_MAX: Final = FRAME_BYTES_MIN + FRAME_UNIT_BYTES_MAX
AT_COMMAND, AT_FLAG, AT_ID, AT_ENCRYPTION, AT_LENGTH = 2, 3, 4, 21, 22

Buffer = bytes | bytearray | memoryview

_FLAGS: Final = frozenset((*range(1, 8), FLAG_COMMAND))
_ENCRYPTIONS: Final = frozenset((*range(6), 0xFE, 0xFF))
_HEADER: Final = re.compile(
    rb"(?:##|\$\$).[\x01-\x07\xfe].{17}[\x00-\x05\xfe\xff](?:[\x00-\xfe].|\xff[\x00-\xfb])",
    re.DOTALL,
)
_STARTS: Final = {edition: start for start, edition in START_BYTES.items()}


class Kind(IntEnum):
    """What a run of bytes turned out to be."""

    GOOD = 0  # a frame whose BCC is right
    BAD_BCC = 1  # a frame whose BCC is wrong
    CUT = 2  # the beginning of a frame whose rest never came
    GARBAGE = 3  # bytes that belong to no frame


@dataclass(slots=True)
class Split:
    """Every byte of ``buffer[:consumed]`` in runs of one kind, in order; the rest waits."""

    spans: list[tuple[int, int, Kind]] = field(default_factory=list)
    consumed: int = 0

    @property
    def frames(self) -> list[tuple[int, int, bool]]:
        """Whole frames as (start, end, bcc_ok)."""
        return [(s, e, k == Kind.GOOD) for s, e, k in self.spans if k <= Kind.BAD_BCC]

    @property
    def cut(self) -> list[tuple[int, int]]:
        """Beginnings of frames as (start, end)."""
        return [(s, e) for s, e, k in self.spans if k == Kind.CUT]

    @property
    def garbage(self) -> list[tuple[int, int]]:
        """Runs of garbage as (start, end)."""
        return [(s, e) for s, e, k in self.spans if k == Kind.GARBAGE]


def split(buffer: Buffer, *, final: bool = False) -> Split:
    """Find the frames of a byte stream by the rule above.

    Parameters
    ----------
    buffer
        Bytes not consumed so far, oldest first.
    final
        No more bytes will come, or the caller has waited long enough.

    Returns
    -------
    Split
        The caller keeps ``buffer[consumed:]`` and puts what arrives next behind it.

    """
    return _Splitter(buffer, final).run()


class _Splitter:
    """One pass over one buffer."""

    def __init__(self, data: Buffer, final: bool) -> None:
        self.data = data
        self.size = len(data)
        self.final = final
        self.found = Split()
        self._running: NDArray[np.uint8] | None = None

    def run(self) -> Split:
        at = 0
        while at < self.size:
            start = find_start(self.data, at, self.size)
            if start < 0:
                start = self.size
            self._note(at, start, Kind.GARBAGE)
            at = start
            if start == self.size:
                break
            after = self._candidate(start)
            if after == start:
                break
            at = after
        self.found.consumed = at
        return self.found

    def _candidate(self, start: int) -> int:
        """Judge the start; return where to read on, `start` itself to wait."""
        end = self._end(start)
        if end < 0:
            return self._cut(start, self.size) if self.final else start
        if self._is_right(start, end):
            return self._note(start, end, Kind.GOOD)
        inner = find_start(self.data, start + 1, end)
        if inner < 0:
            return self._note(start, end, Kind.BAD_BCC)
        inner_end = self._end(inner)
        if 0 <= inner_end <= end and self._is_right(inner, inner_end):
            return self._note(start, inner, Kind.CUT)
        if end + 2 > self.size and not self.final:
            return start
        if end + 2 > self.size or bytes(self.data[end : end + 2]) in START_BYTES:
            return self._note(start, end, Kind.BAD_BCC)
        return self._note(start, inner, Kind.CUT)

    def _cut(self, start: int, end: int) -> int:
        inner = find_start(self.data, start + 1, end)
        return self._note(start, end if inner < 0 else inner, Kind.CUT)

    def _note(self, start: int, end: int, kind: Kind) -> int:
        if kind == Kind.CUT and end - start < HEADER_BYTES:
            kind = Kind.GARBAGE
        if end > start:
            self.found.spans.append((start, end, kind))
        return end

    def _end(self, start: int) -> int:
        """End of the frame that the header at `start` announces, -1 where it is not all there."""
        if start + FRAME_BYTES_MIN > self.size:
            return -1
        end = start + FRAME_BYTES_MIN + unit_size(self.data, start)
        return end if end <= self.size else -1

    def _is_right(self, start: int, end: int) -> bool:
        """Whether the BCC is right, from XORs that run over the whole buffer: linear at worst."""
        if self._running is None:
            raw = np.frombuffer(self.data, np.uint8)
            self._running = np.bitwise_xor.accumulate(raw)
        return bool(self._running[end - 1] == self._running[start + AT_COMMAND - 1])


def find_start(data: Buffer, at: int, end: int) -> int:
    """Return the first start in ``data[at:end]`` by the bytes before `end`, -1 where none is."""
    whole = _HEADER.search(data, at, end)
    if whole:
        return whole.start()
    for place in range(max(at, end - HEADER_BYTES + 1), end):
        if _may_start(data, place, end):
            return place
    return -1


def _may_start(data: Buffer, at: int, end: int) -> bool:
    """Whether the bytes that are there of an unfinished header may belong to a frame."""
    here = end - at
    if data[at] not in b"#$" or (here > 1 and data[at + 1] != data[at]):
        return False
    if here > AT_FLAG and data[at + AT_FLAG] not in _FLAGS:
        return False
    return here <= AT_ENCRYPTION or data[at + AT_ENCRYPTION] in _ENCRYPTIONS


def unit_size(data: Buffer, start: int = 0) -> int:
    """Return the length of the data unit [bytes] that the header at `start` announces."""
    return data[start + AT_LENGTH] << 8 | data[start + AT_LENGTH + 1]


def checksum(frame: Buffer) -> int:
    """Return the XOR of ``frame[2:-1]``, which the last byte must equal (32960.3-2016 table 2)."""
    return int(np.bitwise_xor.reduce(np.frombuffer(frame, np.uint8)[AT_COMMAND:-1]))


def build_frame(
    edition: int, command: int, flag: int, id: str, unit: bytes, encryption: int = 1
) -> bytes:
    """Put a header before a data unit and a BCC behind it.

    Parameters
    ----------
    edition
        2016 or 2025.
    command, flag, encryption
        One byte each.
    id
        VIN or platform id, at most 17 Latin-1 characters; padded with 00.
    unit
        Data unit, 0..65531 bytes, already encrypted where `encryption` says so.

    Raises
    ------
    FrameError
        With reason ``oversized`` or ``bad_id``.

    """
    if len(unit) > FRAME_UNIT_BYTES_MAX:
        raise FrameError("oversized", f"data unit has {len(unit)} bytes, allowed 0..65531")
    try:
        name = id.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FrameError("bad_id", f"id {id!r} has characters outside Latin-1", AT_ID) from error
    if len(name) > ID_BYTES:
        raise FrameError("bad_id", f"id {id!r} has {len(name)} bytes, allowed 17", AT_ID)
    head = _STARTS[edition] + bytes((command, flag)) + name.ljust(ID_BYTES, b"\0")
    body = head + bytes((encryption,)) + len(unit).to_bytes(2, "big") + unit + b"\0"
    return body[:-1] + bytes((checksum(body),))


_TIMED: Final = frozenset(range(0x01, 0x07))
_ANSWERED_BY_CLOCK: Final = 0x08
_FLAG_ERROR: Final = 0x02
_FLAG_HIGHEST_2016: Final = 0x03


def answer(frame: Buffer, flag: int, *, now_six: bytes | None = None) -> bytes:
    """Build the answer to a frame: its header, `flag`, and six time bytes at most.

    Parameters
    ----------
    frame
        The frame to answer, plain (an `Opener` returns it so); of an encrypted one the time cannot
        be read, so `now_six` stands in.
    flag
        01 ok, 02 error, ...; flags that the 2016 edition does not know become 02 there.
    now_six
        Platform time for command 08, YY MM DD hh mm ss.

    References
    ----------
    GB/T 32960.3-2016 6.3.2 and 2025: keep the time, drop the rest. A heartbeat is answered with an
    empty unit. The 2016 annex B.3.3.2 would echo the whole body; terminals accept six bytes.

    """
    raw = bytes(frame)
    edition = START_BYTES[raw[:2]]
    if edition == EDITION_2016 and _FLAG_HIGHEST_2016 < flag < FLAG_COMMAND:
        flag = _FLAG_ERROR
    command = raw[AT_COMMAND]
    unit = b""
    if command == _ANSWERED_BY_CLOCK:
        unit = now_six or b""
    elif command in _TIMED:
        is_plain = raw[AT_ENCRYPTION] in (0, 1)
        unit = raw[HEADER_BYTES : HEADER_BYTES + 6] if is_plain else now_six or b""
        unit = unit if len(raw) >= FRAME_BYTES_MIN + 6 else now_six or b""
    name = raw[AT_ID:AT_ENCRYPTION].decode("latin-1")
    return build_frame(edition, command, flag, name, unit)


def is_2025(frame: Buffer) -> bool:
    """Whether the frame begins with the start bytes of the 2025 edition."""
    return bytes(frame[:2]) == _STARTS[EDITION_2025]
