"""The node's own pair of keys: it signs what is to be certified and opens what was sealed for it.

Its public half stands in what operation 2 tells of the node, so clients know it before they need
it. The file is made at the first start; a copy of the data folder takes it along.
"""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from millbrain.core.errors import SettingsError
from millbrain.identify.handle import challenge

_BITS: Final = 2048
_EXPONENT: Final = 65_537


class NodeKey:
    """An RSA key of the node.

    Parameters
    ----------
    private
        2048 bits or more.
    """

    def __init__(self, private: RSAPrivateKey) -> None:
        self._private = private
        self.public_data = challenge.key_data(private.public_key())  # as an HS_PUBKEY value has it

    def sign(self, text: bytes) -> bytes:
        """Return the signature: PKCS#1 v1.5 with SHA-256."""
        return self._private.sign(text, padding.PKCS1v15(), SHA256())

    def open(self, sealed: bytes) -> bytes:
        """Return what was encrypted with the public half (PKCS#1 v1.5).

        Bytes that were not sealed so give bytes that nobody knows, not an error: an error would
        tell a stranger, a question at a time, what other people sealed.

        Raises
        ------
        ValueError
            The length is not that of the key.
        """
        return self._private.decrypt(sealed, padding.PKCS1v15())


def load(path: Path) -> NodeKey:
    """Return the key in a PEM file, which is made where there is none.

    Raises
    ------
    SettingsError
        The file holds something else.
    """
    if not path.exists():
        _make(path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: no private key in PEM: {error}") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < _BITS:
        raise SettingsError(f"{path}: an RSA key of {_BITS} bits or more was expected")
    return NodeKey(key)


def _make(path: Path) -> None:
    """Write a new key, whole or not at all, readable by its owner only."""
    pem = generate_private_key(_EXPONENT, _BITS).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
