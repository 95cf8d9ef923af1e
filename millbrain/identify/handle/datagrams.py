"""UDP many datagrams at a time: one call of the kernel for a batch, either way.

Most of what a resolution over UDP costs is the way into the kernel and the objects that Python
makes of a sender's address. Linux takes and gives batches (``recvmmsg``, ``sendmmsg``), and an
address can stay the bytes that it is. Where there are no such calls, `Datagrams` does the same one
by one; the two are held together by a test.
"""

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.limits import HANDLE_BATCH_MAX

Array = NDArray[Any]
DATAGRAM_BYTES_MAX: Final = 4_096  # a peer sends at most 512 (RFC 3652 2.3); a longer one is lost
# Apart by an odd number of cache lines, so that the datagrams of a batch do not share cache sets.
_APART_BYTES: Final = DATAGRAM_BYTES_MAX + 64
_NAME_BYTES: Final = 28  # struct sockaddr_in6
# struct mmsghdr of Linux with 64-bit pointers: a struct msghdr and the length of what came.
_HEADER: Final = np.dtype({
    "names": ["name", "name_bytes", "parts", "part_count", "flags", "size"],
    "formats": ["u8", "u4", "u8", "u8", "i4", "u4"],
    "offsets": [0, 8, 16, 24, 48, 56],
    "itemsize": 64,
})  # fmt: skip
_PART: Final = np.dtype([("at", "u8"), ("size", "u8")])  # struct iovec


class Datagrams:
    """The datagrams of a bound socket that does not block, one call each."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self._senders: list[Any] = []

    def receive(self) -> list[bytes]:
        """Return what waits, at most HANDLE_BATCH_MAX; `sender` then tells from whom.

        An empty one stands where a datagram was longer than DATAGRAM_BYTES_MAX.

        Raises
        ------
        OSError
            The kernel tells of a datagram sent before that did not arrive.
        """
        found: list[bytes] = []
        self._senders = []
        try:
            while len(found) < HANDLE_BATCH_MAX:
                packet, sender = self._socket.recvfrom(DATAGRAM_BYTES_MAX + 1)
                found.append(packet if len(packet) <= DATAGRAM_BYTES_MAX else b"")
                self._senders.append(sender)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            if not found:
                raise
        return found

    def sender(self, number: int) -> Any:
        """Return the address of the sender of a datagram of the last batch."""
        return self._senders[number]

    def send(self, answers: Sequence[bytes], to: Sequence[int]) -> int:
        """Send each answer to the sender of that number of the last batch; return how many went."""
        sent = 0
        for answer, number in zip(answers, to, strict=True):
            try:
                self._socket.sendto(answer, self._senders[number])
                sent += 1
            except OSError:
                continue
        return sent


class BatchedDatagrams(Datagrams):
    """The same with one call a batch; Linux with 64-bit pointers."""

    def __init__(self, bound: socket.socket) -> None:
        super().__init__(bound)
        self._number = bound.fileno()
        library = ctypes.CDLL(None, use_errno=True)
        place, number = ctypes.c_void_p, ctypes.c_int
        self._recvmmsg, self._sendmmsg = library.recvmmsg, library.sendmmsg
        self._recvmmsg.argtypes = [number, place, ctypes.c_uint, number, place]
        self._sendmmsg.argtypes = [number, place, ctypes.c_uint, number]
        self._space = np.zeros(HANDLE_BATCH_MAX * _APART_BYTES, np.uint8)
        self._names = np.zeros((HANDLE_BATCH_MAX, _NAME_BYTES), np.uint8)
        self._parts = np.zeros(HANDLE_BATCH_MAX, _PART)
        self._parts["at"] = self._space.ctypes.data + np.arange(HANDLE_BATCH_MAX) * _APART_BYTES
        self._parts["size"] = DATAGRAM_BYTES_MAX
        self._came = _headers(self._names, self._parts)
        self._out = np.zeros(HANDLE_BATCH_MAX, _PART)
        self._leaving = _headers(self._names, self._out)
        self._view = self._space.data

    def receive(self) -> list[bytes]:
        """Return what waits, at most HANDLE_BATCH_MAX; `sender` then tells from whom."""
        came, view = self._came, self._view
        came["name_bytes"] = _NAME_BYTES
        count = self._recvmmsg(
            self._number, came.ctypes.data, HANDLE_BATCH_MAX, socket.MSG_DONTWAIT, None
        )
        if count < 0:
            _raise_unless_empty(ctypes.get_errno())
            return []
        came["size"][:count][came["flags"][:count] & socket.MSG_TRUNC != 0] = 0
        sizes = came["size"][:count].tolist()
        return [
            bytes(view[at : at + size])
            for at, size in zip(range(0, count * _APART_BYTES, _APART_BYTES), sizes, strict=True)
        ]

    def sender(self, number: int) -> Any:
        """Return the address of the sender of a datagram of the last batch."""
        name = self._names[number].tobytes()
        port = int.from_bytes(name[2:4], "big")
        if int.from_bytes(name[:2], sys.byteorder) == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, name[4:8]), port
        flow, scope = int.from_bytes(name[4:8], "big"), int.from_bytes(name[24:28], sys.byteorder)
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port, flow, scope

    def send(self, answers: Sequence[bytes], to: Sequence[int]) -> int:
        """Send each answer to the sender of that number of the last batch; return how many went."""
        count, bytes_ = len(answers), b"".join(answers)
        sizes = np.fromiter(map(len, answers), np.uint64, count)
        start = np.frombuffer(bytes_, np.uint8).ctypes.data
        self._out["size"][:count] = sizes
        self._out["at"][:count] = start + np.cumsum(sizes) - sizes
        chosen = np.asarray(to)
        self._leaving["name"][:count] = self._came["name"][chosen]
        self._leaving["name_bytes"][:count] = self._came["name_bytes"][chosen]
        return self._send(count)

    def _send(self, count: int) -> int:
        """Hand over what `_leaving` holds; a datagram that the kernel refuses is left out."""
        done = sent = 0
        while done < count:
            gone = self._sendmmsg(
                self._number, self._leaving.ctypes.data + done * _HEADER.itemsize, count - done,
                socket.MSG_DONTWAIT,
            )  # fmt: skip
            if gone < 0 and ctypes.get_errno() == errno.EAGAIN:
                break
            done += max(gone, 1)
            sent += max(gone, 0)
        return sent


def datagrams(bound: socket.socket) -> Datagrams:
    """Return the fastest way of this system."""
    is_known = sys.platform == "linux" and sys.maxsize > 1 << 32
    return BatchedDatagrams(bound) if is_known else Datagrams(bound)


def _headers(names: Array, parts: Array) -> Array:
    """Return one header per name and part; both must outlive it."""
    headers = np.zeros(len(parts), _HEADER)
    headers["name"] = names.ctypes.data + np.arange(len(parts)) * _NAME_BYTES
    headers["parts"] = parts.ctypes.data + np.arange(len(parts)) * _PART.itemsize
    headers["part_count"] = 1
    return headers


def _raise_unless_empty(code: int) -> None:
    if code not in (errno.EAGAIN, errno.EINTR):
        raise OSError(code, os.strerror(code))
