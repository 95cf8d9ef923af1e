"""JSON web tokens: read, checked with a key, and put together around a signature.

Both serialisations of RFC 7515 are read, the compact one is written. Only algorithms with a key
pair are known, so no token is its own proof.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.limits import TRUST_TOKEN_BYTES_MAX
from millbrain.core.trust.public_keys import PublicKey, decoded, encoded

_WANTED: Final = "a JSON web token was expected"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it came: its algorithm, what it says, and what was signed."""

    algorithm: str
    payload: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether the private half of `key` signed it."""
        return self.algorithm == key.algorithm and key.verifies(self.signed, self.signature)


def read(data: bytes) -> Token:
    """Read a token.

    Raises
    ------
    FrameError
        With reason ``oversized`` or ``structure``; nothing else on any bytes.
    """
    if len(data) > TRUST_TOKEN_BYTES_MAX:
        raise FrameError("oversized", f"{len(data)} bytes, at most {TRUST_TOKEN_BYTES_MAX}")
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise FrameError("structure", _WANTED) from error
    head, payload, signature = _parts(text)
    header = _object(head, "header")
    claims = _object(payload, "payload")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or "crit" in header:
        raise FrameError("structure", "header: alg was expected, and nothing critical")
    signed = f"{head}.{payload}".encode()
    return Token(algorithm, claims, signed, decoded(signature, "signature"))


def _parts(text: str) -> tuple[str, str, str]:
    """Return header, payload and signature, still encoded."""
    if not text.startswith("{"):
        parts = text.split(".")
        if len(parts) != 3:
            raise FrameError("structure", _WANTED)
        return parts[0], parts[1], parts[2]
    found = _json(text, "token")
    signatures = found.get("signatures")
    first = signatures[0] if isinstance(signatures, list) and signatures else None
    if not isinstance(first, Mapping):
        raise FrameError("structure", "signatures: a list with one was expected")
    head, payload, signature = first.get("protected"), found.get("payload"), first.get("signature")
    if not (isinstance(head, str) and isinstance(payload, str) and isinstance(signature, str)):
        raise FrameError("structure", "protected, payload and signature are texts")
    return head, payload, signature


def _object(text: str, what: str) -> Mapping[str, Any]:
    return _json(decoded(text, what), what)


def _json(text: str | bytes, what: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError("structure", f"{what}: no JSON") from error
    if not isinstance(found, dict):
        raise FrameError("structure", f"{what}: an object was expected")
    return found


def write(payload: Mapping[str, Any], algorithm: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Return a token around what `sign` makes of its text."""
    head = encoded(json.dumps({"alg": algorithm}, separators=(",", ":")).encode())
    body = encoded(json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode())
    text = f"{head}.{body}"
    return f"{text}.{encoded(sign(text.encode()))}".encode()
