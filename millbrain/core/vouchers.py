"""Vouchers: how our own pages tell the resolver on whose behalf they ask.

The pages know accounts, the resolver knows identities. A request of the pages carries
``Authorization: Millbrain <payload>.<mac>``: account, role, organisation and an end in time, under
an HMAC with the key of the installation, which only its processes can read. The resolver makes an
`Asker` of it, so that what an account may read or change is decided by the same rights as
everything else. Pure: time is given in.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import asdict, dataclass
from typing import Final

from millbrain.core.records import Reference

SCHEME: Final = "Millbrain"
LIFE_S: Final = 60  # a voucher is made for one request
PERSON, ADMINISTRATOR = 1, 2  # indexes of an account's identity: by role, so none can be kept
_ACCOUNT: Final = "account:"  # without a slash: no record can have this name and hold a key
_ORGANISATION: Final = "organisation:"
_CAPITALS: Final = re.compile(r"([A-Z^])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who asks through our pages.

    account: its name. is_administrator: it administers the installation and is not limited to one
    organisation. organisation: to which it is limited, empty = none. address: where from. until_s:
    end [Unix s].
    """

    account: str
    is_administrator: bool
    organisation: str
    address: str
    until_s: int

    @property
    def identity(self) -> Reference:
        """The identity of the account; grants name it with index 0 or 1."""
        index = ADMINISTRATOR if self.is_administrator else PERSON
        return Reference(_ACCOUNT + _marked(self.account), index)

    @property
    def group(self) -> Reference | None:
        """The identity of its organisation, None where it has none; grants name it with index 1."""
        name = self.organisation
        return Reference(_ORGANISATION + _marked(name), PERSON) if name else None


def is_administrator(identity: Reference) -> bool:
    """Whether an identity is that of an account which administers the installation."""
    return identity.index == ADMINISTRATOR and is_account(identity.handle)


def is_account(handle: str) -> bool:
    """Whether a name is that of an account or an organisation, which a voucher alone can prove."""
    return handle.lower().startswith((_ACCOUNT, _ORGANISATION)) and "/" not in handle


def write(voucher: Voucher, key: str) -> str:
    """Return the value of the Authorization header."""
    payload = base64.urlsafe_b64encode(json.dumps(asdict(voucher)).encode()).decode()
    return f"{SCHEME} {payload}.{_mac(payload, key)}"


def read(header: str, key: str, now_s: float) -> Voucher | None:
    """Return the voucher of a header, None where it is none, is forged or has ended."""
    scheme, _, text = header.partition(" ")
    payload, _, mac = text.partition(".")
    if scheme != SCHEME or not key or not hmac.compare_digest(_mac(payload, key), mac):
        return None
    try:
        voucher = Voucher(**json.loads(base64.urlsafe_b64decode(payload)))
    except (binascii.Error, ValueError, TypeError):
        return None
    return voucher if now_s <= voucher.until_s else None


def _mac(payload: str, key: str) -> str:
    return hmac.new(key.encode(), b"voucher\0" + payload.encode(), hashlib.sha256).hexdigest()


def _marked(name: str) -> str:
    """Return a name in which capitals are marked: handles fold case, account names do not."""
    return _CAPITALS.sub(r"^\1", name)
