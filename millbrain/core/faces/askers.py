"""Who asks through HTTP: what an Authorization header proves, the same for every face.

HTTP Basic: the user name is ``index:handle`` percent-encoded, the password the secret of that
HS_SECKEY value (as the reference server's JSON API has it). Our own pages send a voucher instead
(`vouchers`).
"""

import base64
import binascii
import hmac
from typing import Final
from urllib.parse import unquote

from millbrain.core.records import Reference
from millbrain.core.registry import Asker, Reason, Registry, RegistryError

SECRET_TYPE: Final = "HS_SECKEY"
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="handle"'}


def asker(registry: Registry, face: str, address: str, authorization: str) -> Asker:
    """Return who asks.

    Parameters
    ----------
    face
        Key of the room that was asked.
    address
        Where the request came from.
    authorization
        Value of the header, '' where there was none: nobody in particular asks then.

    Raises
    ------
    RegistryError
        A proof was given and is wrong.
    """
    if not authorization:
        return Asker(None, face, address)
    voucher = registry.vouched(authorization)
    if voucher is not None:
        return Asker(voucher.identity, face, voucher.address, voucher.group)
    identity = proved(registry, authorization)
    if identity is None:
        raise RegistryError(Reason.NO_IDENTITY, "the credentials prove no identity")
    return Asker(identity, face, address)


def proved(registry: Registry, header: str) -> Reference | None:
    """Return the identity that an Authorization header proves, None where it proves none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    index, colon, handle = unquote(name).partition(":")
    if not colon or not index.isdecimal() or int(index) >= 1 << 32:
        return None
    for value in registry.credentials(Reference(handle, int(index))):
        if value.type == SECRET_TYPE and hmac.compare_digest(value.data, secret.encode()):
            return Reference(handle, value.index)
    return None
