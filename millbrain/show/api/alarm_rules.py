"""The rules of the alarms: what is in force, set one or many, download and bring back a sheet."""

import dataclasses
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, UploadFile
from pydantic import BaseModel, ConfigDict

from millbrain.core.alarms.rules import ANY, AlarmRule, AlarmRules
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.forms import read_form
from millbrain.core.tables import Column
from millbrain.record.ledger import Role
from millbrain.show.access import Caller, Needs, ViewerCaller
from millbrain.show.alarm_sheet import FIELDS, flat, rule_of, rules_in, rules_table
from millbrain.show.api.answers import Done
from millbrain.show.api.things import PROBLEMS_SHOWN, ImportProblem
from millbrain.show.export import export_response
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/alarm-rules", tags=["alarms"])
WholeOperator = Annotated[Caller, Depends(Needs(Role.OPERATOR, is_whole=True))]
_Word = Annotated[str, Path(pattern=r"^([a-z][a-z0-9_-]{0,31}|\*)$")]


class RuleRow(BaseModel):
    """One rule. is_own: somebody set it, in place of what the platform comes with."""

    model_config = ConfigDict(extra="allow")
    app: str
    kind: str
    is_own: bool
    changed_by: str
    changed_at: datetime | None


class SuppressionRow(BaseModel):
    """What hides what by design."""

    app: str
    kind: str
    hides: list[str]
    is_same_cell: bool
    why: str
    why_zh: str


class RulesAnswer(BaseModel):
    """Every rule in force, the fields of a rule, and what hides what."""

    rules: list[RuleRow]
    fields: list[dict[str, Any]]
    suppressions: list[SuppressionRow]
    apps: dict[str, dict[str, Any]]


class RulesImported(BaseModel):
    """What an import did."""

    changed: int
    refused: int
    problems: list[ImportProblem]


@router.get("", summary="Rules in force; as a sheet to change and bring back")
def rules(
    _: ViewerCaller,
    use: Use,
    format: Annotated[Literal["json", "csv", "xlsx"], Query()] = "json",
) -> object:
    """Return the rule of every app and kind, whether set or declared."""
    in_force = use.ledger.alarms.rules.in_force()
    if format != "json":
        every = [_named(in_force, app, kind) for app, kind in _pairs(use, in_force)]
        columns = [Column(f.name, "text", f.title, f.title_zh) for f in FIELDS]
        return export_response([rules_table(every)], format, "alarm_rules", columns)
    own = {(o.rule.app, o.rule.kind): o for o in use.ledger.alarms.rules.own()}
    rows = []
    for app, kind in _pairs(use, in_force):
        mine = own.get((app, kind))
        rows.append(
            RuleRow(
                **flat(_named(in_force, app, kind)),
                is_own=mine is not None,
                changed_by=mine.changed_by if mine else "",
                changed_at=mine.changed_at if mine else None,
            )
        )
    return RulesAnswer(
        rules=rows,
        fields=[f.as_json() for f in FIELDS],
        suppressions=[SuppressionRow(**dataclasses.asdict(s)) for s in in_force.suppressions],
        apps={a.key: {"title": a.title, "title_zh": a.title_zh, "kinds": dict(a.kinds)}
              for a in use.settings.apps},
    )  # fmt: skip


@router.post("/import", summary="Set rules from CSV or XLSX")
def import_rules(file: UploadFile, caller: WholeOperator, use: Use) -> RulesImported:
    """Set every good row; the bad ones are left out and listed. The engine follows in a second.

    A row that says what is in force already changes nothing.
    """
    found, problems = rules_in(file.file.read(), _known(use))
    in_force = use.ledger.alarms.rules.in_force()
    changed = [r for r in found if r != _named(in_force, r.app, r.kind)]
    use.ledger.alarms.rules.put(changed, caller.name)
    result = f"{len(changed)} changed, {len({p.row for p in problems})} refused"
    use.ledger.audit.add(caller.name, caller.address, "alarm.rules", file.filename or "", result)
    shown = sorted(problems, key=lambda p: p.row)[:PROBLEMS_SHOWN]
    return RulesImported(
        changed=len(changed),
        refused=len({p.row for p in problems}),
        problems=[ImportProblem(**dataclasses.asdict(p)) for p in shown],
    )


@router.put("/{app}/{kind}", summary="Set one rule")
def put_rule(
    app: _Word, kind: _Word, body: dict[str, Any], caller: WholeOperator, use: Use
) -> Done:
    """Set the rule of an app and a kind; `*` = every one."""
    known = _known(use)
    if (app != ANY and app not in known) or (kind != ANY and kind not in known.get(app, ())):
        raise NotFoundError(f"no app finds {app}/{kind}; see GET /api/v1/alarm-rules")
    values, wrong = read_form(FIELDS, body | {"app": app, "kind": kind})
    if wrong:
        raise LimitError("; ".join(f"{p.field}: {p.problem}" for p in wrong))
    use.ledger.alarms.rules.put([rule_of(values)], caller.name)
    use.ledger.audit.add(caller.name, caller.address, "alarm.rule", f"{app}/{kind}")
    return Done()


@router.delete("/{app}/{kind}", summary="Let the declared rule hold again")
def delete_rule(app: _Word, kind: _Word, caller: WholeOperator, use: Use) -> Done:
    """Delete a rule that somebody set."""
    if not use.ledger.alarms.rules.delete(app, kind):
        raise NotFoundError(f"nobody has set a rule for {app}/{kind}; the declared one holds")
    use.ledger.audit.add(caller.name, caller.address, "alarm.rule.delete", f"{app}/{kind}")
    return Done()


def _known(use: Services) -> dict[str, list[str]]:
    return {app.key: list(app.kinds) for app in use.settings.apps if app.kinds}


def _pairs(use: Services, in_force: AlarmRules) -> list[tuple[str, str]]:
    """Return every app and kind that a rule may be for, the general ones first."""
    named = {(ANY, ANY), *((r.app, r.kind) for r in in_force.all())}
    for app, kinds in _known(use).items():
        named |= {(app, ANY), *((app, kind) for kind in kinds)}
    return sorted(named)


def _named(in_force: AlarmRules, app: str, kind: str) -> AlarmRule:
    return dataclasses.replace(in_force.of(app, kind), app=app, kind=kind)
