"""Life cycles as data: the states of an alarm or a work order, and which action leads where.

A `Lifecycle` is declared once (`core.alarms`, `core.work.orders`). The ledger applies it inside the
transaction that changes the row, `decide` drives it, pages and documents show it: nobody else
knows which step is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from millbrain.core.errors import IllegalStepError

ANY_STATE: Final = "*"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can happen.

    role: least role of a person who may do it, empty = only the platform itself. needs: names of
    the texts that must come with it (`reason`, `until`, ...).
    """

    title: str
    title_zh: str
    role: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """From one of `sources` an action leads to `target`; the first step that fits holds.

    when: name of a condition that the owner of the row knows (`is_active`), a leading `!` turns it
    round; empty = always.
    """

    action: str
    sources: tuple[str, ...]
    target: str
    when: str = ""

    def fits(self, state: str, conditions: Mapping[str, bool]) -> bool:
        """Whether the step leads out of `state` under these conditions."""
        if state not in self.sources and self.sources != (ANY_STATE,):
            return False
        return not self.when or conditions[self.when.lstrip("!")] is not self.when.startswith("!")


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """States with their titles (English, Chinese), actions, and the transition table.

    start: state of a new row. final: states out of which no step leads.
    """

    name: str
    states: Mapping[str, tuple[str, str]]
    actions: Mapping[str, Action]
    steps: tuple[Step, ...]
    start: str
    final: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a table that names what is not declared."""
        for step in self.steps:
            for state in (*step.sources, step.target):
                if state not in self.states and state != ANY_STATE:
                    raise ValueError(f"{self.name}: step {step.action} names state {state!r}")
            if step.action not in self.actions:
                raise ValueError(f"{self.name}: no action {step.action!r} is declared")

    def allowed(self, state: str, conditions: Mapping[str, bool] | None = None) -> tuple[str, ...]:
        """Return the actions that lead somewhere from `state`, in declared order."""
        known = conditions or {}
        fitting = {s.action for s in self.steps if s.fits(state, known)}
        return tuple(name for name in self.actions if name in fitting)

    def after(self, state: str, action: str, conditions: Mapping[str, bool] | None = None) -> str:
        """Return the state that `action` leads to.

        Raises
        ------
        IllegalStepError
            The action is unknown or leads nowhere from `state`; names the allowed ones.
        """
        known = conditions or {}
        for step in self.steps:
            if step.action == action and step.fits(state, known):
                return step.target
        choices = ", ".join(self.allowed(state, known)) or "nothing, it has ended"
        raise IllegalStepError(
            f"{self.name} is {state!r}: {action!r} is not possible; allowed now: {choices}"
        )
