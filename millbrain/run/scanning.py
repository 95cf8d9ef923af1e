"""Scans inside the web process: stations, the resolver as uplink, a look a second at the rest.

A scan is answered in the web process, since somebody stands at the machine and waits. What a killed
process left is brought to an end by the next one (`decide.recipes.app`).
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
import urllib3

from millbrain.core import keys
from millbrain.core.errors import RefusedError
from millbrain.core.faces import vouchers
from millbrain.core.faces.vouchers import Voucher
from millbrain.core.scans.recipes import Asked, Part, Scan
from millbrain.core.times import utc_from_epoch
from millbrain.decide.recipes.app import Recipes
from millbrain.decide.recipes.controller import LineController
from millbrain.decide.recipes.parts import document_of, part_of
from millbrain.decide.recipes.stores import UplinkError
from millbrain.record.ledger import Ledger

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
_WAIT: Final = urllib3.Timeout(connect=0.5, read=2.0)
_ADDRESS_S: Final = 1.0  # for so long the address of a controller is remembered
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
            by_prefix[self._prefix or _prefix_of(event["epcList"][0])].append(event)
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


class ScanKeeper:
    """Answers scans and brings to an end what was left, until it is stopped.

    Parameters
    ----------
    ledger
        Where recipes and scans are kept.
    uplink
        The resolver.
    time_zone
        Of the plant.
    """

    def __init__(self, ledger: Ledger, uplink: ResolverUplink, time_zone: str) -> None:
        self._book = ledger.recipes
        self._uplink = uplink
        self._known: dict[str, tuple[float, str]] = {}
        self._controller = LineController(self._address_of)
        self._recipes = Recipes(ledger.recipes, ledger.scans, self._controller, uplink, _now,
                                ZoneInfo(time_zone))  # fmt: skip
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scans", daemon=True)
        self._trouble = ""

    def start(self) -> "ScanKeeper":
        """Begin in a thread of its own; return itself."""
        self._thread.start()
        return self

    def scan(self, asked: Asked) -> Scan:
        """Resolve, check, write and read back; the answer is on disk when this returns."""
        return self._recipes.scan(asked)

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        told = dict(self._recipes.status())
        return told | {"trouble": told["trouble"] or self._trouble}

    def stop(self) -> None:
        """End the thread; the ledger must still be open."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._controller.close()
        self._uplink.close()

    def _address_of(self, station: str) -> str:
        at, address = self._known.get(station, (-_ADDRESS_S, ""))
        if time.monotonic() - at > _ADDRESS_S:
            found = self._book.station(station)
            address = found.address if found else ""
            self._known[station] = (time.monotonic(), address)
        return address

    def _run(self) -> None:
        self._book.forget_parts()
        while not self._stopping.is_set():
            try:
                self._recipes.tick()
            except Exception as trouble:
                if not self._trouble:
                    log.exception("scans failed, tried again each turn")
                self._trouble = str(trouble)
            else:
                self._trouble = ""
            self._stopping.wait(TICK_S)


def _prefix_of(thing: str) -> str:
    """Return the prefix of a part's identifier, '' where it has none."""
    try:
        return keys.parse(thing).prefix
    except ValueError:
        return ""


def _now() -> datetime:
    return utc_from_epoch(time.time())
