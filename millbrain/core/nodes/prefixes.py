"""Prefixes given to others: the application, its audit, its quotas; and what was taken down.

A prefix is applied for, audited, routed to the node of its holder (or homed on this one), and in
service from then on. The record stage keeps all of it and writes each step to the audit trail; only
administrators of the node may take one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from millbrain.core.lifecycle import Action, Lifecycle, Step
from millbrain.core.registry import Asker, Registry

APPLIED, APPROVED, REJECTED = "applied", "approved", "rejected"
ROUTED, HOMED, WITHDRAWN = "routed", "homed", "withdrawn"
APPLICATION: Final = Lifecycle(
    "application",
    {
        APPLIED: ("applied for", "已申请"), APPROVED: ("approved", "审核通过"),
        REJECTED: ("rejected", "审核驳回"), ROUTED: ("routed", "已配置路由"),
        HOMED: ("in service", "已入驻"), WITHDRAWN: ("withdrawn", "已撤销"),
    },
    {
        "approve": Action("approve", "审核通过", "admin"),
        "reject": Action("reject", "驳回", "admin", ("reason",)),
        "route": Action("publish the route", "配置路由", "admin", ("site",)),
        "home": Action("put into service", "入驻", "admin"),
        "unhome": Action("take out of service", "撤销入驻", "admin", ("reason",)),
        "apply": Action("apply again", "重新申请", "admin"),
    },
    (
        Step("approve", (APPLIED,), APPROVED),
        Step("reject", (APPLIED,), REJECTED),
        Step("route", (APPROVED, ROUTED, WITHDRAWN), ROUTED),
        Step("home", (APPROVED, ROUTED, WITHDRAWN), HOMED),
        Step("unhome", (HOMED, ROUTED), WITHDRAWN),
        Step("apply", (REJECTED,), APPLIED),
    ),
    APPLIED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Application:
    """A prefix and how far it is.

    organisation, contact: who holds it. site: host:port of the node that answers for it, empty =
    this node. reason: of the last step that needed one. changed_ms: instant of the last step
    [Unix ms]. handles_max: identifiers that may be registered here under the prefix; prefixes_max:
    prefixes that may be given below it; None = any number.
    """

    prefix: str
    organisation: str = ""
    contact: str = ""
    state: str = APPLIED
    site: str = ""
    reason: str = ""
    changed_ms: int = 0
    handles_max: int | None = None
    prefixes_max: int | None = None

    def after(self, action: str, at_ms: int, texts: Mapping[str, str]) -> "Application":
        """Return the application after a step.

        Raises
        ------
        IllegalStepError
            The state does not allow it.
        ValueError
            A text that the step needs is missing.
        """
        state = APPLICATION.after(self.state, action)
        for name in APPLICATION.actions[action].needs:
            if not texts.get(name, "").strip():
                raise ValueError(f"{action} of prefix {self.prefix}: {name} is missing")
        return replace(
            self, state=state, changed_ms=at_ms, reason=texts.get("reason", ""),
            site=texts["site"] if action == "route" else self.site,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken with a prefix, as its history tells it.

    action: apply, approve, reject, route, home, unhome, or limit for new quotas. who: index:handle
    of the administrator. state, reason, site, handles_max, prefixes_max: as they were behind it.
    """

    prefix: str
    action: str
    who: str
    at_ms: int
    state: str
    reason: str = ""
    site: str = ""
    handles_max: int | None = None
    prefixes_max: int | None = None


@dataclass(frozen=True, slots=True)
class Takedown:
    """An identifier, or a prefix with all below it, that is no longer answered.

    target: handle or prefix, folded. who: index:handle of the administrator.
    """

    target: str
    reason: str
    who: str
    at_ms: int


class PrefixBook(Protocol):
    """The prefixes of this node; the record stage implements it. Safe from any thread."""

    def demand_administrator(self, asker: Asker, what: str = "prefixes") -> None:
        """Raise a RegistryError where the asker does not administer the node."""
        ...

    def applications(self) -> list[Application]:
        """Return all applications by prefix."""
        ...

    def application(self, prefix: str) -> Application:
        """Return one; NotFoundError where there is none."""
        ...

    def taken(self, prefix: str) -> list[Taken]:
        """Return the steps of a prefix, oldest first."""
        ...

    def apply_for(self, asker: Asker, prefix: str, **told: Any) -> Application:
        """Enter an application; RegistryError, ValueError or IllegalStepError where it may not."""
        ...

    def act(self, asker: Asker, prefix: str, action: str, texts: Mapping[str, str]) -> Application:
        """Take a step; RegistryError, NotFoundError, ValueError or IllegalStepError."""
        ...

    def limit(
        self, asker: Asker, prefix: str, handles_max: int | None, prefixes_max: int | None
    ) -> Application:
        """Set the quotas of a prefix, None = no limit."""
        ...

    def handles(self, prefix: str) -> int | None:
        """Return how many identifiers are registered here, None where no quota counts them."""
        ...

    def takedowns(self) -> list[Takedown]:
        """Return what is taken down, by target."""
        ...

    def take_down(self, asker: Asker, target: str, reason: str) -> Takedown:
        """Answer for a handle or a prefix no longer; ValueError without a reason."""
        ...

    def restore(self, asker: Asker, target: str, reason: str) -> None:
        """End a takedown; NotFoundError where there is none."""
        ...

    def is_taken_down(self, handle: str) -> bool:
        """Whether a handle, its prefix, or one that it derives from is taken down."""
        ...


class NodeRegistry(Registry, Protocol):
    """The records of a node together with its prefixes."""

    @property
    def prefixes(self) -> PrefixBook:
        """Applications, quotas, takedowns."""
        ...

    def audit(self, after: int = 0, count_max: int = 1_000) -> list[bytes]:
        """Return lines of the audit trail behind number `after`, in order."""
        ...
