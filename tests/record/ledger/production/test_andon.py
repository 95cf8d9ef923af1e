"""Calls for help on SQLite and PostgreSQL: steps, history, audit, and what is told of them."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from millbrain.core.errors import IllegalStepError, NotFoundError
from millbrain.core.findings import Severity
from millbrain.core.production.andon import AndonCall
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.andon import AndonFilter
from millbrain.record.ledger.production.orders import Asker

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
WHO = Asker("wang", "127.0.0.1")


def call(**more: object) -> AndonCall:
    """Return a new call of machine M1."""
    told = {"line": "L1", "rise_at": AT, **more}
    return AndonCall(str(uuid.uuid4()), "M1", "machine", "P1", AT, **told)  # type: ignore[arg-type]  # fields by name


def test_every_step_is_told_and_kept(ledger: Ledger) -> None:
    target = ledger.outbox.add_target("desk", "webhook", "https://example.org/hook",
                                      topics=["andon.*"])  # fmt: skip
    made, is_new = ledger.andon.raise_call(call(stops_line=True), WHO)
    assert is_new
    assert ledger.andon.raise_call(made, WHO) == (made, False)
    [due] = ledger.andon.due(AT + timedelta(minutes=1))
    assert ledger.andon.escalate(due, AT, AT + timedelta(minutes=9))
    assert not ledger.andon.escalate(due, AT, None), "it has moved on"
    ledger.andon.act(made.id, "acknowledge", WHO, None, {})
    done = ledger.andon.act(made.id, "resolve", WHO, None, {"reason": "tool", "note": "changed"})
    assert (done.state, done.level, done.reason, done.rise_at) == ("solved", 1, "tool", None)
    assert done.resolution == "changed"
    _, steps = ledger.andon.get(made.id)
    assert [s.action for s in steps] == ["raise", "escalate", "acknowledge", "resolve"]
    told, total = ledger.outbox.page(target.id)
    assert total == 4
    assert {d.topic for d in told} == {"andon.raise", "andon.escalate", "andon.acknowledge",
                                       "andon.resolve"}  # fmt: skip
    assert {d.severity for d in told} == {int(Severity.STOP)}
    assert "停线" in told[-1].content["title_zh"]
    entries, _ = ledger.audit.page(what="andon.resolve")
    assert [(e.who, e.object) for e in entries] == [("wang", "M1")]


def test_what_is_not_possible(ledger: Ledger) -> None:
    made, _ = ledger.andon.raise_call(call(operator="North"), WHO)
    with pytest.raises(NotFoundError):
        ledger.andon.act(made.id, "acknowledge", Asker("li", "", "South"), None, {})
    with pytest.raises(NotFoundError):
        ledger.andon.get(made.id, "South")
    ledger.andon.act(made.id, "resolve", WHO, None, {"reason": "tool"})
    with pytest.raises(IllegalStepError, match="solved"):
        ledger.andon.act(made.id, "acknowledge", WHO, None, {})
    assert ledger.andon.due(AT + timedelta(days=1)) == []


def test_open_calls_come_first(ledger: Ledger) -> None:
    old, _ = ledger.andon.raise_call(call(), WHO)
    ended, _ = ledger.andon.raise_call(call(line="L2"), WHO)
    ledger.andon.act(ended.id, "resolve", WHO, None, {"reason": "tool"})
    found, total = ledger.andon.page(AndonFilter())
    assert ([c.id for c in found], total) == ([old.id, ended.id], 2)
    assert ledger.andon.page(AndonFilter(is_open=True, line="L2"))[1] == 0
    assert ledger.andon.page(AndonFilter(since=AT + timedelta(days=1)))[1] == 0
