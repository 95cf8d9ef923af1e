"""The resolver as scans see it: records of parts, and a place for events; asked over loopback."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import orjson
import urllib3

from millbrain.core import keys, vouchers
from millbrain.core.errors import RefusedError
from millbrain.core.scans.recipes import Part
from millbrain.core.times import utc_from_epoch
from millbrain.core.vouchers import Voucher
from millbrain.decide.recipes.parts import document_of, part_of
from millbrain.decide.recipes.stores import UplinkError

_WAIT: Final = urllib3.Timeout(connect=0.5, read=2.0)
_ACCOUNT: Final = "scans"  # of the voucher: the installation itself
Ports = Callable[[], Mapping[str, int] | None]


class ResolverUplink:
    """The resolver of this installation, asked by the installation itself.

    Parameters
    ----------
    ports
        Returns the ports of the running resolver, None where none runs.
    key
        The installation's internal key.
    prefix
        That events belong to; empty = that of the part.
    """

    def __init__(self, ports: Ports, key: str, prefix: str) -> None:
        self._ports, self._key, self._prefix = ports, key, prefix
        self._pool = urllib3.PoolManager(timeout=_WAIT, retries=False, maxsize=4)

    def part(self, key: str) -> Part | None:
        """Return what the record of a part says, None where there is none."""
        answer = self._ask("GET", f"/{quote(key, safe='')}", None, {"Accept": "application/json"})
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise UplinkError(f"the resolver answered {answer.status} about {key}")
        return part_of(key, orjson.loads(answer.data), _now())

    def tell(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Capture events, on disk there when this returns."""
        by_prefix = defaultdict(list)
        for event in events:
            by_prefix[self._prefix or _prefix_of(_first_thing(event))].append(event)
        for prefix, own in by_prefix.items():
            body = orjson.dumps(document_of(own, _now()))
            headers = {"Content-Type": "application/ld+json", "Millbrain-Prefix": prefix}
            answer = self._ask("POST", "/capture", body, headers)
            told = orjson.loads(answer.data) if answer.data[:1] == b"{" else {}
            if answer.status in (400, 413) or (answer.status == 202 and not told.get("success")):
                raise RefusedError(str(told.get("errors") or told.get("detail") or told)[:300])
            if answer.status != 202:
                detail = told.get("detail", f"the resolver answered {answer.status}")
                raise UplinkError(f"{detail}; events of {prefix or 'no prefix'} wait")

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        ports = self._ports()
        if not ports or "http" not in ports:
            raise UplinkError("the resolver of this installation is not running")
        until_s = int(time.time()) + vouchers.LIFE_S
        proof = vouchers.write(Voucher(_ACCOUNT, True, "", "", until_s), self._key)
        try:
            return self._pool.request(
                method, f"http://127.0.0.1:{ports['http']}{path}", body=body, redirect=False,
                headers={**headers, "Authorization": proof},
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as e:
            raise UplinkError(f"the resolver does not answer: {e}") from e


def _first_thing(event: Mapping[str, Any]) -> str:
    """Return the first thing that an event names, '' where it names none."""
    for name in ("epcList", "outputEPCList", "inputEPCList"):
        if event.get(name):
            return str(event[name][0])
    for name in ("quantityList", "outputQuantityList", "inputQuantityList"):
        if event.get(name):
            return str(event[name][0]["epcClass"])
    return ""


def _prefix_of(thing: str) -> str:
    """Return the prefix of a part's identifier, '' where it has none."""
    try:
        return keys.parse(thing).prefix
    except ValueError:
        return ""


def _now() -> datetime:
    return utc_from_epoch(time.time())
