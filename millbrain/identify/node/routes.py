"""Statistics, the sampled log, and reports of nodes below, over HTTP.

Who administers the node sees all; whoever may read the records of a prefix sees the counts of that
prefix. A node below proves a letter with the key that was set for its prefix.
"""

import asyncio
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import MillbrainError, NotFoundError
from millbrain.core.faces import askers
from millbrain.core.limits import PAGE_ROWS_MAX, REPORT_BODY_BYTES_MAX
from millbrain.core.nodes.reports import KINDS, ReportBook, ReportingRegistry
from millbrain.core.registry import READ_VALUE, Asker, Reason, RegistryError

FACE: Final = "node"
SCHEME: Final = "Millbrain-Report"
_BODY_BYTES_MAX: Final = 16_384
_DAYS_MAX: Final = 400
_GROUPS_MAX: Final = 50_000  # sums of one answer
_BY: Final = ("day", "prefix", "kind", "code", "node")
_STATUSES: Final[Mapping[Reason, int]] = {Reason.NO_IDENTITY: 401, Reason.DENIED: 403}
Work = Callable[[Request], Awaitable[Any]]


def routes(registry: ReportingRegistry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    api = _Api(registry)
    ways: tuple[tuple[str, str, Work], ...] = (
        ("GET", "/api/v1/node/statistics", api.statistics),
        ("GET", "/api/v1/node/log", api.log),
        ("GET", "/api/v1/node/reports", api.reports),
        ("POST", "/api/v1/node/reports", api.take),
        ("PUT", "/api/v1/node/reports/{prefix}/key", api.set_key),
    )
    return [Route(path, _told(work), methods=[method]) for method, path, work in ways]


def _told(work: Work) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(await work(request))
        except RegistryError as error:
            return _json({"error": str(error)}, _STATUSES.get(error.reason, 409))
        except NotFoundError as error:
            return _json({"error": str(error)}, 404)
        except (ValueError, TypeError, RecursionError) as error:
            return _json({"error": str(error)}, 400)
        except MillbrainError as error:
            return _json({"error": str(error)}, 503)

    return endpoint


class _Api:
    def __init__(self, registry: ReportingRegistry) -> None:
        self._registry = registry
        self._reports: ReportBook = registry.reports

    def _asker(self, request: Request) -> Asker:
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization", "")
        return askers.asker(self._registry, FACE, address, given)

    def _administrator(self, request: Request) -> Asker:
        asker = self._asker(request)
        self._registry.prefixes.demand_administrator(asker, "statistics of the node")
        return asker

    # What is counted ----------------------------------------------------------------------------

    async def statistics(self, request: Request) -> Any:
        """Return sums of counts; `by` names what is told apart."""
        asked = request.query_params
        chosen = {name: asked[name] for name in ("node", "kind", "prefix") if name in asked}
        if "prefix" in chosen:
            chosen["prefix"] = keys.fold(chosen["prefix"])
        asker = self._asker(request)
        if not chosen.get("prefix") or not self._may(asker, chosen["prefix"]):
            self._registry.prefixes.demand_administrator(asker, "statistics of the node")
        if chosen.get("kind", next(iter(KINDS))) not in KINDS:
            raise ValueError(f"kind {chosen['kind']!r}; known are {', '.join(KINDS)}")
        by = [name for name in asked.get("by", "day,kind").split(",") if name]
        if unknown := set(by) - set(_BY):
            raise ValueError(f"by {', '.join(sorted(unknown))}; known are {', '.join(_BY)}")
        first, last = _days(asked.get("from", ""), asked.get("to", ""))
        rows = await asyncio.to_thread(self._sums, first, last, chosen, by)
        return {"from": _day(first), "to": _day(last), "by": by, "rows": rows,
                "as_of_ms": int(time.time() * 1000)}  # fmt: skip

    def _may(self, asker: Asker, prefix: str) -> bool:
        return asker.identity is not None and self._registry.permits(asker, READ_VALUE, prefix)

    def _sums(
        self, first: int, last: int, chosen: Mapping[str, str], by: list[str]
    ) -> list[dict[str, Any]]:
        sums: Counter[tuple[Any, ...]] = Counter()
        for cell, count in self._reports.counts(first, last, chosen):
            sums[tuple(getattr(cell, name) for name in by)] += count
            if len(sums) > _GROUPS_MAX:
                raise ValueError(f"more than {_GROUPS_MAX} rows; name fewer days, or a prefix")
        return [
            {name: _day(v) if name == "day" else v for name, v in zip(by, group, strict=True)}
            | {"count": count}
            for group, count in sorted(sums.items())
        ]

    async def log(self, request: Request) -> Any:
        """Return samples of what was answered; `last` is the `after` of the next page."""
        self._administrator(request)
        after = request.query_params.get("after", "")
        bytes.fromhex(after)
        found = await asyncio.to_thread(self._reports.log, after, PAGE_ROWS_MAX)
        samples = [asdict(sample) for _, sample in found]
        return {"samples": samples, "last": found[-1][0] if found else None}

    # Reports ------------------------------------------------------------------------------------

    async def reports(self, request: Request) -> Any:
        """Return what this node has still to report, and who below has reported what."""
        self._administrator(request)
        senders = [asdict(sender) for sender in self._reports.senders()]
        return {"outbox": dict(self._reports.outbox()), "senders": senders}

    async def set_key(self, request: Request) -> Any:
        """Let a node below report a prefix under a key; an empty one ends it."""
        asker = self._administrator(request)
        prefix, told = request.path_params["prefix"], await _body(request, _BODY_BYTES_MAX)
        body = orjson.loads(told)
        if not isinstance(body, dict) or not isinstance(body.get("key"), str) or len(body) > 1:
            raise ValueError('{"key": text} was expected')
        await asyncio.to_thread(self._reports.set_key, asker, prefix, body["key"])
        return {"prefix": keys.fold(prefix), "is_set": bool(body["key"])}

    async def take(self, request: Request) -> Any:
        """Take a letter of a node below; tell it what is here and what is missing."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        prefix, _, proof = given.partition(":")
        key = self._reports.key(prefix) if scheme == SCHEME else ""
        if not key:
            raise RegistryError(Reason.NO_IDENTITY, "no key is set for this prefix")
        raw = await _body(request, REPORT_BODY_BYTES_MAX)
        head = b"report\0" + prefix.encode("utf-8", "replace") + b"\0"
        wanted = hmac.new(key.encode(), head + raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted.encode(), proof.encode("utf-8", "replace")):
            raise RegistryError(Reason.NO_IDENTITY, "the letter is not signed with the key")
        told = await asyncio.to_thread(orjson.loads, raw)
        if not isinstance(told, dict):
            raise ValueError("an object was expected")
        now_ms = int(time.time() * 1000)
        sender = await asyncio.to_thread(self._reports.take, prefix, told, now_ms)
        return {"stream": sender.stream, "have": sender.have, "missing": sender.missing}


def _days(first: str, last: str) -> tuple[int, int]:
    """Return the first and last day of a question as numbers; the last month where none is said."""
    end = (
        date.fromisoformat(last)
        if last
        else datetime.fromtimestamp(time.time(), UTC).date() + timedelta(days=1)
    )
    start = date.fromisoformat(first) if first else end - timedelta(days=31)
    if not timedelta(0) <= end - start <= timedelta(days=_DAYS_MAX):
        raise ValueError(f"from {start} to {end}: 0 to {_DAYS_MAX} days are told at once")
    return int(start.strftime("%Y%m%d")), int(end.strftime("%Y%m%d"))


def _day(number: int) -> str:
    return f"{number // 10_000:04}-{number // 100 % 100:02}-{number % 100:02}"


async def _body(request: Request, bytes_max: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            raise ValueError(f"a body has at most {bytes_max} bytes")
    return b"".join(parts)


def _json(told: Any, status: int = 200) -> Response:
    headers = askers.CHALLENGE if status == 401 else None
    return Response(orjson.dumps(told), status, headers, media_type="application/json")
