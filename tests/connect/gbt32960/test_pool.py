"""The pool gives a block out again when, and only when, nobody holds an array of it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from millbrain.connect.gbt32960 import columnar, framing
from millbrain.connect.gbt32960.pool import BLOCKS_MAX, Pool

SHAPES = [("u1", (3, 5)), ("f8", (200_000,)), ("?", (7,)), ("u4", (0,))]


def address(arrays: list[np.ndarray]) -> int:
    return int(arrays[0].ctypes.data)


def test_arrays_have_their_shapes_and_do_not_overlap() -> None:
    arrays = Pool().arrays(SHAPES)
    assert [(a.dtype.str[1:], a.shape) for a in arrays] == [
        ("u1", (3, 5)), ("f8", (200_000,)), ("b1", (7,)), ("u4", (0,)),
    ]  # fmt: skip
    assert all(a.flags.aligned and a.flags.c_contiguous for a in arrays)
    for number, array in enumerate(arrays):
        array.fill(number)
    assert [set(a.ravel().tolist()) for a in arrays] == [{0}, {1.0}, {True}, set()]


def test_a_block_comes_back_when_its_last_view_has_gone() -> None:
    pool = Pool()
    arrays = pool.arrays(SHAPES)
    first = address(arrays)
    held = pa.array(arrays[1][1000:])  # Arrow looks at the same memory
    del arrays
    other = pool.arrays(SHAPES)
    assert address(other) != first
    del held
    assert address(pool.arrays(SHAPES)) == first


def test_the_pool_keeps_few_blocks() -> None:
    pool = Pool()
    held = [pool.arrays(SHAPES) for _ in range(3 * BLOCKS_MAX)]
    assert len({address(arrays) for arrays in held}) == 3 * BLOCKS_MAX
    assert len(pool._blocks) == BLOCKS_MAX


def test_threads_that_decode_at_once_do_not_share_memory() -> None:
    def decode(number: int) -> bool:
        six = bytes((25, 1, 1, 0, 0, number))
        frame = framing.build_frame(2025, 2, 0xFE, f"V{number}", six + b"\x04" + bytes((number, 0)))
        raw = np.frombuffer(frame * 4000, np.uint8)
        ends = np.arange(1, 4001, dtype=np.int32) * len(frame)
        for _ in range(20):
            columns = columnar.decode_columns(raw, ends - len(frame), ends).columns
            speed = np.asarray(columns.values["engine_speed_rpm"])
            if set(speed.tolist()) != {number << 8}:
                return False
            if set(np.asarray(columns.values["vin"]).tolist()) != {b"V%d" % number}:
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(decode, range(8)))
