"""Password hashes (argon2id) and a short memory of passwords that were right.

One argon2 check costs about 20 ms and 19 MiB on purpose. When two thousand links of a few platforms
come back at once, that purpose would turn against us; so a pair (hash, password) that was right is
remembered for some minutes, as a keyed digest. A changed password changes the hash, hence the pair.
"""

import hashlib
import hmac
import secrets
import threading
import time
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

REMEMBER_S: Final = 300
REMEMBERED_MAX: Final = 10_000
PASSWORD_CHARACTERS_MIN: Final = 10
PASSWORD_CHARACTERS_MAX: Final = 256

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY: Final = _HASHER.hash(secrets.token_hex(8))


def hashed(password: str) -> str:
    """Return the argon2id hash of a password in its usual text form."""
    return _HASHER.hash(password)


class PasswordMemory:
    """Checks passwords against hashes, quickly the second time. Thread safe."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; None (no such user) takes as long as a wrong password."""
        if len(password) > PASSWORD_CHARACTERS_MAX:
            return False
        pair = f"{password_hash}\0{password}".encode()
        digest = hmac.digest(self._key, pair, hashlib.sha256)
        with self._lock:
            if self._until.get(digest, 0.0) > time.monotonic():
                return True
        try:
            _HASHER.verify(password_hash or _NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
        if password_hash is None:
            return False
        self._remember(digest)
        return True

    def _remember(self, digest: bytes) -> None:
        with self._lock:
            if len(self._until) >= REMEMBERED_MAX:
                self._until.clear()
            self._until[digest] = time.monotonic() + REMEMBER_S
