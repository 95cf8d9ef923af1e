"""The routes of labels: what there is to choose from, prints, blocks of serials of a line.

Prints and blocks are for those who prove who they are: a print costs some seconds of a core. What
a label says is what its asker may read.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.records import Value, is_live
from millbrain.core.registry import Asker, Reason, Registry, RegistryError
from millbrain.identify.labels import choices, facts, replies, serials
from millbrain.identify.labels.allotments import Allotments
from millbrain.identify.labels.fields import Design, read_design
from millbrain.identify.labels.printer import Printer
from millbrain.identify.labels.sheets import FORMATS, Label, order

PATH: Final = "/labels"


def routes(registry: Registry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    allotments = Allotments(registry)
    labels = Labels(registry, allotments)
    return [
        Route(PATH, replies.answering(labels.describe), methods=["GET"]),
        Route(f"{PATH}/sheets", replies.answering(labels.sheet), methods=["POST"]),
        *allotments.routes(f"{PATH}/allotments"),
    ]


class Labels:
    """Prints of what the registry holds."""

    def __init__(self, registry: Registry, allotments: Allotments) -> None:
        self._registry = registry
        self._allotments = allotments
        self._printer = Printer()

    async def describe(self, _: Request) -> Response:
        """Tell symbols, contents, formats, stock and designs; everybody may ask."""
        return replies.json(choices.described())

    async def sheet(self, request: Request) -> Response:
        """Print labels of identifiers, each read back first."""
        asker = replies.asker_of(self._registry, request)
        told = await replies.body_of(request)
        allotment = self._allotment(told, asker)
        given = {name: told.get(name, allotment.get(name)) for name in ("design", "stock", "host")}
        design = self.design(given["design"], asker)
        stock = choices.stock_of(given["stock"])
        host = _host(given, request)
        if allotment:
            labels = facts.of_allotment(allotment, told, design, host)
        else:
            labels = self._labels(facts.identifiers(told), design, host, asker)
        wanted = order(told, design, stock, labels)
        made = await self._printer.printed(wanted)
        headers = {
            "Millbrain-Pages": str(made.pages), "Millbrain-Labels": str(made.labels),
            "Content-Disposition": f'inline; filename="labels.{wanted.format}"',
        }  # fmt: skip
        return Response(made.body, 200, headers, media_type=FORMATS[wanted.format])

    def _allotment(self, told: dict[str, Any], asker: Asker) -> dict[str, Any]:
        """Return the allotment that a request prints, {} where it prints what is registered."""
        handle = told.get("allotment")
        if handle is None:
            return {}
        if not isinstance(handle, str):
            raise ValueError("allotment: an identifier was expected")
        return serials.summary(self._allotments.read(keys.fold(handle), asker), handle)

    def design(self, told: object, asker: Asker) -> Design:
        """Return the design that a request names or brings.

        Raises
        ------
        ValueError, RegistryError
            It is not known, or malformed.
        """
        if not isinstance(told, str):
            return read_design("given", told)
        known = choices.designs().get(told)
        if known is not None:
            return known
        if "/" not in told:
            known_keys = ", ".join(choices.designs())
            raise ValueError(f"design {told!r}; known are {known_keys}, an identifier with a "
                             "LABEL_DESIGN value, or bring a table")  # fmt: skip
        values = self._values([told], asker)[0] or ()
        data = next((v.data for v in values if v.type == facts.DESIGN_TYPE), None)
        if data is None:
            raise RegistryError(Reason.NOT_FOUND, f"{told} holds no {facts.DESIGN_TYPE} for you")
        return read_design(told, orjson.loads(data))

    def _labels(
        self, wanted: Sequence[str], design: Design, host: str, asker: Asker
    ) -> list[Label]:
        """Return the labels of identifiers that are registered; names those that are not."""
        held = self._values(wanted, asker)
        missing = [i for i, values in zip(wanted, held, strict=True) if values is None]
        if missing:
            named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise RegistryError(
                Reason.NOT_FOUND,
                f"{len(missing)} of {len(wanted)} are not registered here: {named}",
            )
        return [
            facts.about(identifier, values or (), design, host)
            for identifier, values in zip(wanted, held, strict=True)
        ]

    def _values(self, wanted: Sequence[str], asker: Asker) -> list[tuple[Value, ...] | None]:
        """Return what the asker may read of each identifier, None where there is no record."""
        handles = self._registry.named([keys.parse(identifier) for identifier in wanted])
        stored = self._registry.get_many([keys.handle_key(handle) for handle in handles])
        return [
            self._registry.readable(form, handle, asker)
            if handle and form is not None and is_live(form) else None
            for handle, form in zip(handles, stored, strict=True)
        ]  # fmt: skip


def _host(told: dict[str, Any], request: Request) -> str:
    """Return the beginning of links: what the request says, else this host as it was asked."""
    host = told.get("host") or ""
    if not isinstance(host, str) or (host and not host.startswith(("http://", "https://"))):
        raise ValueError(f"host {host!r}; https://name was expected")
    return (host or str(request.base_url)).rstrip("/")
