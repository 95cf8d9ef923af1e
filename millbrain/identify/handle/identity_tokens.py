"""The identity token behind a resolve request: proof of who asks, without a question back.

A recursive node cannot answer a challenge for its client, so the Chinese dialect hands the client's
identity on (flag 4) in a token behind the request; what stands in it is left to the parties. Here
it is a JSON web token that the client itself signs with the key of its identity, so that no node on
the way has to be believed::

    iss, sub   300:88.100.1/app, both the same
    aud        the handle that is asked for
    iat, exp   made within the last five minutes; not over

Whoever sees it on the way can ask the same once more while it holds, and reads no other record.
"""

from typing import Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_TOKEN_S_MAX
from millbrain.core.records import Reference
from millbrain.core.registry import Registry
from millbrain.core.trust import claims, handle_keys, tokens
from millbrain.core.trust.public_keys import PublicKey
from millbrain.identify.handle import challenge

_CLOCK_S: Final = 60  # how far a client's clock may be ahead


def identity(registry: Registry, token: bytes, handle: str, now_s: float) -> Reference | None:
    """Return the identity that a token proves for a request about `handle`, None where none."""
    try:
        found = tokens.read(token)
        told = claims.read(found)
    except FrameError:
        return None
    audience = found.payload.get("aud")
    is_here = isinstance(audience, str) and keys.fold(audience) == keys.fold(handle)
    made_s = told.issued_s if told.issued_s is not None else 0
    is_fresh = now_s - HANDLE_TOKEN_S_MAX <= made_s <= now_s + _CLOCK_S
    if not is_here or not is_fresh or not told.is_own or not told.is_valid_at(now_s):
        return None
    who = claims.identity_of(told.subject)
    for value in registry.credentials(who):
        key = _key(value.data) if value.type == challenge.PUBLIC_KEY else None
        if key is not None and found.is_signed_by(key):
            return Reference(who.handle, value.index)
    return None


def _key(data: bytes) -> PublicKey | None:
    """Return the key of an HS_PUBKEY value, None where it is none that can be used."""
    try:
        return handle_keys.read(data)
    except FrameError:
        return None
