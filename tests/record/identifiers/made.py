"""Records that everybody can make again from their number: tests, victims, benchmarks."""

import random

BYTES_MAX = 60  # on disk, an identifier with two values


def made_record(number: int) -> tuple[bytes, bytes]:
    """Key and two wire values (URL, MODEL) of part `number`, whose serial looks random."""
    serial = random.Random(number).randrange(10**9)
    key = b"hdl:88.608.8889/P%09d-%d" % (serial, number)
    url = b"https://id.example.cn/p/%09d" % serial
    model = b"NC250-%05d" % (number % 977)
    at = (1_760_000_000 + number // 100).to_bytes(4, "big")
    return key, bytes((0, 0, 0, 2)) + _value(1, at, b"URL", url) + _value(2000, at, b"MODEL", model)


def _value(index: int, at: bytes, type: bytes, data: bytes) -> bytes:
    """One value as RFC 3651 3.1 lays it out: relative ttl of a day, permissions 0x0e."""
    head = index.to_bytes(4, "big") + at + bytes.fromhex("00 00015180 0e")
    sized = [len(part).to_bytes(4, "big") + part for part in (type, data)]
    return head + b"".join(sized) + bytes(4)
