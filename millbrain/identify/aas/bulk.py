"""Bulk requests: many descriptors at once, all of them or none (IDTA-01002-3-1, SSP-003).

A bulk is one commit, done before its handle is told; the status therefore always says that it is
over. Results are remembered until the resolver stops, the oldest are forgotten first.
"""

import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from millbrain.core.errors import LimitError, MillbrainError, NotFoundError
from millbrain.core.limits import AAS_BULK_MAX, AAS_BULKS_KEPT_MAX
from millbrain.core.records import Reference
from millbrain.core.registry import Asker, Change, Reason, Registry, RegistryError
from millbrain.identify.aas import replies
from millbrain.identify.aas.descriptors import checked_shell, checked_submodel
from millbrain.identify.aas.encoding import decoded, encoded
from millbrain.identify.aas.holding import shell_of
from millbrain.identify.aas.shells import Shells

_MESSAGES_MAX: Final = 100
Made = Callable[[Any, Asker, str], list[Change]]


@dataclass(frozen=True, slots=True)
class _Over:
    """A bulk that is over. messages: why it was refused, none where it was made."""

    who: Reference | None
    messages: tuple[dict[str, Any], ...]


class Bulk:
    """Bulk requests of both registries."""

    def __init__(self, registry: Registry, shells: Shells) -> None:
        self._registry = registry
        self._shells = shells
        self._over: OrderedDict[str, _Over] = OrderedDict()

    def table(self) -> dict[str, dict[str, Callable[[Request], Any]]]:
        """Return the routes: path -> method -> answer."""
        shells = {"POST": self._new_shell, "PUT": self._shell, "DELETE": self._no_shell}
        submodels = {"POST": self._new_submodel, "PUT": self._submodel,
                     "DELETE": self._no_submodel}  # fmt: skip
        return {
            "/bulk/shell-descriptors": {m: self._taking(make) for m, make in shells.items()},
            "/bulk/submodel-descriptors": {m: self._taking(make) for m, make in submodels.items()},
            "/bulk/status/{name}": {"GET": self.status},
            "/bulk/result/{name}": {"GET": self.result},
        }

    def _taking(self, make: Made) -> Callable[[Request], Any]:
        """Return what takes a bulk whose items become changes by `make`."""

        async def take(request: Request) -> Response:
            asker = replies.writer_of(self._registry, request)
            told = await replies.body_of(request)
            if not isinstance(told, list) or not 1 <= len(told) <= AAS_BULK_MAX:
                raise ValueError(f"bulk: a list of 1 to {AAS_BULK_MAX} was expected")
            prefix = request.headers.get(replies.PREFIX, "")
            async with self._shells.turn:
                changes, messages = await replies.in_thread(_changes, make, told, asker, prefix)
                messages = messages or await self._made(changes)
            name = self._remember(_Over(asker.identity, tuple(messages[:_MESSAGES_MAX])))
            return Response(status_code=202, headers={"Location": f"../bulk/status/{name}"})

        return take

    async def _made(self, changes: list[tuple[int, Change]]) -> list[dict[str, Any]]:
        told = await self._registry.make_many([change for _, change in changes], is_whole=True)
        for error in told:
            if isinstance(error, LimitError):
                raise error  # nothing is wrong with the bulk itself
        refused = [(at, e) for (at, _), e in zip(changes, told, strict=True) if e is not None]
        reasons = [(at, e) for at, e in refused if not _is_echo(e)] or refused
        return [_message(at, error) for at, error in reasons]

    def _remember(self, over: _Over) -> str:
        if len(self._over) >= AAS_BULKS_KEPT_MAX:
            self._over.popitem(last=False)
        name = uuid.uuid4().hex
        self._over[name] = over
        return encoded(name)

    def _known(self, request: Request) -> _Over:
        asker = replies.asker_of(self._registry, request)
        over = self._over.get(decoded(request.path_params["name"], "handleId"))
        if over is None or over.who != asker.identity:
            raise NotFoundError("no bulk request of yours has this handle")
        return over

    async def status(self, request: Request) -> Response:
        """Lead to the result, since a bulk is over when its handle is told."""
        self._known(request)
        name = request.path_params["name"]
        return Response(status_code=302, headers={"Location": f"../result/{name}"})

    async def result(self, request: Request) -> Response:
        """Tell why a bulk was refused; nothing where it was made."""
        over = self._known(request)
        return replies.json({"messages": over.messages}, 400) if over.messages else (
            replies.nothing())  # fmt: skip

    # Items --------------------------------------------------------------------------------------

    def _new_shell(self, told: Any, asker: Asker, prefix: str) -> list[Change]:
        return self._shells.new_shell(shell_of(checked_shell(told)), asker, prefix)

    def _shell(self, told: Any, asker: Asker, _: str) -> list[Change]:
        return self._shells.replaced(checked_shell(told), asker)

    def _no_shell(self, told: Any, asker: Asker, _: str) -> list[Change]:
        known = self._shells.shell(_identifier(told), asker)
        return self._shells.removed(self._shells.handle(known.id), asker)

    def _new_submodel(self, told: Any, asker: Asker, prefix: str) -> list[Change]:
        return self._shells.new_submodel(checked_submodel(told), asker, prefix)

    def _submodel(self, told: Any, asker: Asker, _: str) -> list[Change]:
        new = checked_submodel(told)
        self._shells.submodel(new["id"], asker)
        return self._shells.changed_submodel(new, asker, self._shells.handle(new["id"]))

    def _no_submodel(self, told: Any, asker: Asker, _: str) -> list[Change]:
        identifier = _identifier(told)
        self._shells.submodel(identifier, asker)
        return self._shells.removed(self._shells.handle(identifier), asker)


def _identifier(told: Any) -> str:
    if not isinstance(told, str):
        raise ValueError("an identifier was expected")
    return told


def _changes(
    make: Made, told: list[Any], asker: Asker, prefix: str
) -> tuple[list[tuple[int, Change]], list[dict[str, Any]]]:
    """Return the changes of all items with their places, and what is wrong with items."""
    changes: list[tuple[int, Change]] = []
    messages = []
    for place, item in enumerate(told):
        try:
            changes += [(place, change) for change in make(item, asker, prefix)]
        except (MillbrainError, ValueError) as error:
            messages.append(_message(place, error))
    return changes, messages


def _is_echo(error: MillbrainError) -> bool:
    """Whether a change was only not made because another one of its batch was refused."""
    return isinstance(error, RegistryError) and error.reason is Reason.INVALID


def _message(place: int, error: Exception) -> dict[str, Any]:
    told = replies.message(str(replies.status_of(error)), f"[{place}]: {error}")
    message: dict[str, Any] = told["messages"][0]
    return message
