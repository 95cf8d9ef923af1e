"""Platform accounts that may log in over GB/T 32960, and the keys of platforms and vehicles."""

import base64
import binascii
import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from millbrain.record.ledger import Peer
from millbrain.show.access import AdminCaller
from millbrain.show.api.accounts import whole
from millbrain.show.api.answers import Done, Rows
from millbrain.show.errors import ApiError
from millbrain.show.services import Use

router = APIRouter(tags=["peers"])
_User = Annotated[str, Path(min_length=1, max_length=12)]
_Owner = Annotated[str, Path(min_length=1, max_length=64, description="Platform user or VIN.")]
_Kind = Literal["aes", "sm4", "rsa", "sm2", "ecc"]


class PeerAnswer(BaseModel):
    """A platform account."""

    user: str = Field(examples=["city-01"])
    title: str
    active: bool
    simulated: bool
    keys: list[str] = Field(description="Kinds of keys it has; their bytes are never shown.")
    created_at: datetime


class NewPeer(BaseModel):
    """The platform account to make."""

    user: str = Field(pattern=r"^[!-~]{1,12}$", examples=["city-01"])
    password: str | None = Field(
        None, pattern=r"^[!-~]{6,20}$", description="At most 20 ASCII characters; default: random."
    )
    title: str = Field("", max_length=128)
    simulated: bool = False


class MadePeer(PeerAnswer):
    """The platform account that was made, with its password, shown this once."""

    password: str


class PeerChange(BaseModel):
    """What to change; leave out what stays."""

    password: str | None = Field(None, pattern=r"^[!-~]{6,20}$")
    title: str | None = Field(None, max_length=128)
    active: bool | None = None
    simulated: bool | None = None


class NewKey(BaseModel):
    """A key; one of the two forms."""

    hex: str = Field("", max_length=16_384, description="The key's bytes as hex.")
    base64: str = Field("", max_length=16_384, description="... or as base64.")
    pem: str = Field("", max_length=8_192, description="... or as PEM text (RSA, ECC).")


class KeyKept(BaseModel):
    """A key that was kept."""

    owner: str
    kind: str
    sha256: str = Field(description="First 16 digits of its SHA-256, to compare with the peer.")


def _answer(peer: Peer) -> PeerAnswer:
    return PeerAnswer(**{**asdict(peer), "keys": list(peer.keys)})


@router.get("/peers", summary="Every platform account", response_model=Rows[PeerAnswer])
def peers(_: AdminCaller, use: Use) -> object:
    """Return platform accounts by user name."""
    return whole([asdict(p) | {"keys": list(p.keys)} for p in use.ledger.peers.all()])


@router.post("/peers", summary="Make a platform account", status_code=201)
def add_peer(new: NewPeer, caller: AdminCaller, use: Use) -> MadePeer:
    """Make an account that an enterprise platform logs in with."""
    password = use.ledger.peers.add(new.user, new.password, new.title, simulated=new.simulated)
    use.ledger.audit.add(caller.name, caller.address, "peer.add", new.user)
    made = use.ledger.peers.change(new.user)
    return MadePeer(**_answer(made).model_dump(), password=password)


@router.patch("/peers/{user}", summary="Change a platform account")
def change_peer(user: _User, change: PeerChange, caller: AdminCaller, use: Use) -> PeerAnswer:
    """Change what is given; the engine sees it within some seconds."""
    changes = change.model_dump(exclude_none=True)
    changed = use.ledger.peers.change(user, **changes)
    use.ledger.audit.add(
        caller.name, caller.address, "peer.change", user, ", ".join(sorted(changes))
    )
    return _answer(changed)


@router.delete("/peers/{user}", summary="Delete a platform account")
def delete_peer(user: _User, caller: AdminCaller, use: Use) -> Done:
    """Delete a platform account and its keys."""
    use.ledger.peers.delete(user)
    use.ledger.audit.add(caller.name, caller.address, "peer.delete", user)
    return Done()


@router.put("/keys/{owner}/{kind}", summary="Keep a key of a platform or vehicle")
def put_key(owner: _Owner, kind: _Kind, key: NewKey, caller: AdminCaller, use: Use) -> KeyKept:
    """Keep a key for decryption (aes, sm4, rsa, sm2) or for checking signatures (ecc, rsa, sm2)."""
    value = _bytes(key)
    use.ledger.peers.set_key(owner, kind, value)
    use.ledger.audit.add(caller.name, caller.address, "key.put", f"{owner} {kind}")
    return KeyKept(owner=owner, kind=kind, sha256=hashlib.sha256(value).hexdigest()[:16])


def _bytes(key: NewKey) -> bytes:
    given = [text for text in (key.hex, key.base64, key.pem) if text]
    if len(given) != 1:
        raise ApiError(422, "invalid", "give the key once: as `hex`, as `base64` or as `pem`")
    try:
        if key.hex:
            return bytes.fromhex(key.hex)
        return base64.b64decode(key.base64, validate=True) if key.base64 else key.pem.encode()
    except (ValueError, binascii.Error) as e:
        raise ApiError(422, "invalid", f"the key cannot be read: {e}") from e


@router.delete("/keys/{owner}/{kind}", summary="Delete a key")
def delete_key(owner: _Owner, kind: _Kind, caller: AdminCaller, use: Use) -> Done:
    """Delete a key of a platform or vehicle."""
    use.ledger.peers.delete_key(owner, kind)
    use.ledger.audit.add(caller.name, caller.address, "key.delete", f"{owner} {kind}")
    return Done()
