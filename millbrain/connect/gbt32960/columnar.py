"""The columnar decoder: whole buffers of GB/T 32960 frames to warehouse columns, frame by thousands.

It stands between the driver, which owns sockets and answers, and the record stage. Two calls:

``split_frames(buffer, start, stop, out, final=False) -> Split``
    Finds frames in ``buffer[start:stop]`` and writes their bounds into `out`, a `Frames` that the
    caller keeps and reuses. Same rule as `codec.split`.
``decode_columns(buffer, starts, ends) -> Decoded``
    Decodes realtime and reissue frames with a good check byte to rows of `vehicle_report` (every
    column but received_at, link and batch; frame_count is 1) and says per frame what became of it.
    Frames that are not its business (other commands, answers, encrypted units) come back as `OTHER`.

Offsets, scalings and markers come from `fields.py`, compiled to number tables by `layout.py` at first
use; `kernels.py` walks the tables in machine code that numba keeps on disk. `warm_up()` loads all
that; the module itself imports neither. The kernels release the interpreter lock.

It does not check plausibility, open encrypted units, merge split packs or verify signatures.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns, Ragged

# What became of a frame. Below REFUSED it has a row, and the bits may stand together.
OK: Final = 0
PARTIAL: Final = 1  # a 2016 pack of which the frame carries only some cells
NOTED: Final = 2  # an unknown or broken block after good ones: `undecoded_bytes` says how much
REFUSED: Final = 16
BAD_TIME: Final = 16  # the six time bytes name no instant
UNKNOWN_BLOCK: Final = 17  # the first block's type is unknown: nothing was decoded
STRUCTURE: Final = 18  # the first block, or the time itself, runs past the data unit
OTHER: Final = 32  # not a plain realtime or reissue frame: for the object codec


@dataclass(frozen=True, slots=True)
class Frames:
    """Places for what `split_frames` finds. Reuse them; a caller reads the first `count` only.

    starts, ends: byte bounds of each frame in the buffer, int32, shape (capacity,). good: whether
    its check byte agrees, shape (capacity,). garbage: bounds of the runs of bytes that belong to no
    frame, int32, shape (garbage capacity, 2).
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    good: NDArray[np.bool_]
    garbage: NDArray[np.int32]

    @classmethod
    def allocate(cls, frames: int, garbage: int = 1024) -> "Frames":
        """Return places for so many frames and garbage runs."""
        return cls(
            np.empty(frames, np.int32),
            np.empty(frames, np.int32),
            np.empty(frames, np.bool_),
            np.empty((garbage, 2), np.int32),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """What `split_frames` found: so many frames, so many garbage runs, and where it stopped.

    consumed: index of the first byte that is neither in a frame nor in a garbage run. It lies before
    `stop` where a frame is incomplete or a place ran out; with `full` set, call again from there.
    """

    count: int
    garbage: int
    consumed: int
    full: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """Rows of `vehicle_report` and what became of every frame.

    columns: one row per frame whose status is below `REFUSED`, in frame order; columns that no frame
    of the batch carries are left out. frame: index of each row's frame, int32, shape (rows,).
    status: uint8, shape (frames,). pack_total, pack_start: announced cells and number of the first
    cell of each pack, uint16, shaped as the column pack_no (2016 only; 0 in other frames), from
    which halves of a split pack are put together.
    """

    columns: Columns
    frame: NDArray[np.int32]
    status: NDArray[np.uint8]
    pack_total: Ragged
    pack_start: Ragged
