"""The node among the others: what it answers for, where it sends clients, who holds prefixes."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.limits import IDENTIFIER_PAGE_MAX
from millbrain.core.nodes.prefixes import APPLICATION, HOMED, ROUTED, Application
from millbrain.core.records import is_live, stored_values
from millbrain.core.registry import Asker
from millbrain.core.vouchers import Voucher
from millbrain.identify.handle.sites import places
from millbrain.record.identifiers.routes import ancestors

if TYPE_CHECKING:
    from millbrain.run.desk.routes import Desk

_PREFIX_RECORDS: Final = b"hdl:0.NA/"


def map_of(desk: "Desk", asker: Asker, voucher: Voucher) -> dict[str, Any]:
    """Return the node, and every prefix that it has heard of with state, holder, site and counts.

    A caller that is limited to one organisation sees the prefixes of that one, and those above
    them; contacts go to administrators of the node only. `is_whole` is false where there are more
    prefixes than are shown.
    """
    applications = {a.prefix: a for a in desk.registry.prefixes.applications()}
    homed = frozenset(desk.registry.homed())
    sites = _routes(desk)
    names = sorted({*applications, *homed, *sites})
    if voucher.organisation:
        mine = {p for p, a in applications.items() if a.organisation == voucher.organisation}
        above = {name for prefix in mine for name in ancestors(prefix)}
        names = [name for name in names if name in above]
    shown = names[:IDENTIFIER_PAGE_MAX]
    is_administrator = voucher.is_administrator
    prefixes = [
        _prefix(desk, name, applications.get(name), name in homed, sites.get(name, []))
        | ({} if is_administrator else {"contact": "", "actions": []})
        for name in shown
    ]
    return {
        "role": desk.node.role, "upstream": list(desk.node.upstream), "prefixes": prefixes,
        "is_whole": len(shown) == len(names), "is_administrator": is_administrator,
        "ports": {name: face.port for name, face in desk.faces.items() if face.port},
        "takedowns": [asdict(t) for t in desk.registry.prefixes.takedowns()]
        if is_administrator else [],
    }  # fmt: skip


def _routes(desk: "Desk") -> dict[str, list[str]]:
    """Return where clients are sent, by prefix: what the records of prefixes say."""
    found = {}
    for key, stored in desk.store.scan(_PREFIX_RECORDS):
        if not is_live(stored):
            continue
        prefix = key[len(_PREFIX_RECORDS) :].decode("utf-8", "replace")
        try:
            values = stored_values(stored)
        except FrameError:
            continue  # a damaged record leads nowhere
        where = [str(place) for place in places(values, f"{prefix}/x")]
        if where:
            found[prefix] = where
    return found


def _prefix(
    desk: "Desk", name: str, applied: Application | None, is_homed: bool, sites: Iterable[str]
) -> dict[str, Any]:
    state = applied.state if applied else HOMED if is_homed else ROUTED
    title, title_zh = APPLICATION.states[state]
    told = asdict(applied or Application(name, state=state))
    return {
        **told, "state": state, "title": title, "title_zh": title_zh,
        "is_applied": applied is not None, "is_homed": is_homed, "sites": list(sites),
        "actions": list(APPLICATION.allowed(state)) if applied else [],
        "handles": desk.registry.prefixes.handles(name),
        "is_taken_down": keys.fold(name) in
        {t.target for t in desk.registry.prefixes.takedowns()},
    }  # fmt: skip
