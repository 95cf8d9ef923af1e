"""The ledger on SQLite and PostgreSQL: migrations, accounts, peers, things, commands, audit."""

import pkgutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from millbrain.core.errors import (
    LimitError,
    NotFoundError,
    RefusedError,
    SettingsError,
    StoreError,
)
from millbrain.core.rooms import Peers
from millbrain.record.ledger import Ledger, Role, Thing, passwords
from millbrain.record.ledger.migrations import versions
from millbrain.record.ledger.models import METADATA

PASSWORD = "ten letters or more"


def test_migrations_lead_to_the_declared_form(ledger: Ledger) -> None:
    with ledger.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    newest = max(name for _, name, _ in pkgutil.iter_modules(versions.__path__))
    assert ledger.schema_version() == newest[1:5]
    ledger.migrate()  # a second time changes nothing


def test_several_processes_may_migrate_at_once(url: str) -> None:
    ledgers = [Ledger(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Ledger.migrate, ledgers))
    assert ledgers[0].accounts.all() == []
    for opened in ledgers:
        opened.close()


def test_no_version_before_the_first_migration(url: str) -> None:
    opened = Ledger(url)
    assert opened.schema_version() == ""
    opened.close()


@pytest.mark.parametrize("url", ["sqlite://", "mysql://h/d", "nonsense", "sqlite:///:memory:"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="ledger URL"):
        Ledger(url)


def test_first_run_makes_one_admin(ledger: Ledger) -> None:
    password = ledger.accounts.first_run()
    assert password
    assert len(password) >= 16
    account = ledger.accounts.login("admin", password)
    assert account
    assert (account.role, account.active, account.operator) == (Role.ADMIN, True, "")
    assert account.created_at.tzinfo is UTC
    assert ledger.accounts.first_run() is None


def test_only_the_hash_of_a_password_is_kept(ledger: Ledger) -> None:
    ledger.accounts.add("a", PASSWORD, Role.VIEWER)
    with ledger.database.read() as c:
        kept = c.execute(sa.text("SELECT password_hash FROM account")).scalar_one()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_logins(ledger: Ledger) -> None:
    ledger.accounts.add("a", PASSWORD, Role.OPERATOR, "North")
    assert ledger.accounts.password_ok("a", PASSWORD)
    assert not ledger.accounts.password_ok("a", PASSWORD + "x")
    assert not ledger.accounts.password_ok("A", PASSWORD)
    assert not ledger.accounts.password_ok("b", PASSWORD)
    assert not ledger.accounts.password_ok("a", "x" * 100_000)
    ledger.accounts.change("a", active=False)
    assert not ledger.accounts.password_ok("a", PASSWORD)


def test_account_rules(ledger: Ledger) -> None:
    ledger.accounts.add("root", PASSWORD, Role.ADMIN)
    with pytest.raises(RefusedError, match="exists already"):
        ledger.accounts.add("root", PASSWORD, Role.VIEWER)
    with pytest.raises(LimitError, match="10 to 256"):
        ledger.accounts.add("short", "123456789", Role.VIEWER)
    with pytest.raises(RefusedError, match="every organisation"):
        ledger.accounts.add("half", PASSWORD, Role.ADMIN, "North")
    for change in ({"active": False}, {"role": Role.VIEWER}):
        with pytest.raises(RefusedError, match="last active admin"):
            ledger.accounts.change("root", **change)
    with pytest.raises(RefusedError, match="last active admin"):
        ledger.accounts.delete("root")
    with pytest.raises(NotFoundError):
        ledger.accounts.change("nobody", language="zh")
    assert [a.name for a in ledger.accounts.all()] == ["root"]


def test_sessions(ledger: Ledger) -> None:
    ledger.accounts.add("root", PASSWORD, Role.ADMIN)
    ledger.accounts.add("a", PASSWORD, Role.VIEWER)
    first, second = ledger.accounts.open_session("a"), ledger.accounts.open_session("a")
    found = ledger.accounts.of_session(first)
    assert found
    assert found.name == "a"
    assert ledger.accounts.of_session("wrong") is None
    ledger.accounts.close_session(first)
    assert ledger.accounts.of_session(first) is None
    assert ledger.accounts.of_session(second)
    ledger.accounts.change("a", language="zh")
    assert ledger.accounts.of_session(second)
    ledger.accounts.change("a", password="another long one")
    assert ledger.accounts.of_session(second) is None
    third = ledger.accounts.open_session("a")
    ledger.accounts.delete("a")
    assert ledger.accounts.of_session(third) is None


def test_a_session_ends_by_itself(ledger: Ledger) -> None:
    ledger.accounts.add("root", PASSWORD, Role.ADMIN)
    secret = ledger.accounts.open_session("root")
    with ledger.database.write() as c:
        c.execute(
            sa.update(METADATA.tables["session"]).values(
                expires_at=datetime(2020, 1, 1, tzinfo=UTC)
            )
        )
    assert ledger.accounts.of_session(secret) is None


def test_tokens(ledger: Ledger) -> None:
    ledger.accounts.add("root", PASSWORD, Role.ADMIN)
    ledger.accounts.add("a", PASSWORD, Role.OPERATOR)
    token, secret = ledger.accounts.add_token("a", "wall", Role.VIEWER, 30)
    found = ledger.accounts.of_token(secret)
    assert found
    assert (found[0].name, found[1]) == ("a", Role.VIEWER)
    assert (token.expires_at - token.created_at).days == 30
    with pytest.raises(RefusedError):
        ledger.accounts.add_token("a", "too much", Role.ADMIN, 1)
    for days in (0, 731):
        with pytest.raises(LimitError):
            ledger.accounts.add_token("a", "x", Role.VIEWER, days)
    with pytest.raises(NotFoundError):
        ledger.accounts.delete_token(token.id, "root")
    ledger.accounts.change("a", active=False)
    assert ledger.accounts.of_token(secret) is None
    ledger.accounts.change("a", active=True)
    ledger.accounts.delete_token(token.id, "a")
    assert ledger.accounts.of_token(secret) is None
    assert ledger.accounts.tokens() == []


def test_peers_check(ledger: Ledger) -> None:
    peers: Peers = ledger.peers
    assert ledger.peers.add("city-01", "20-letters-password!", "City") == "20-letters-password!"
    assert peers.check("city-01", "20-letters-password!")
    assert not peers.check("city-01", "20-letters-password?")
    assert not peers.check("city-02", "20-letters-password!")
    ledger.peers.change("city-01", active=False)
    assert not peers.check("city-01", "20-letters-password!")
    ledger.peers.change("city-01", active=True, password="changed")
    assert peers.check("city-01", "changed")
    ledger.peers.delete("city-01")
    assert not peers.check("city-01", "changed")


def test_a_random_peer_password_fits_the_login_frame(ledger: Ledger) -> None:
    password = ledger.peers.add("sim-01", simulated=True)
    assert 12 <= len(password) <= 20
    assert ledger.peers.check("sim-01", password)
    assert ledger.peers.all()[0].simulated is True


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("thirteen-chars", "secret"),
        ("", "secret"),
        ("北京", "secret"),
        ("a", "short"),
        ("a", "x" * 21),
    ],
)
def test_peers_that_no_frame_can_carry(ledger: Ledger, user: str, password: str) -> None:
    with pytest.raises(LimitError, match="printable ASCII"):
        ledger.peers.add(user, password)


def test_keys(ledger: Ledger) -> None:
    ledger.peers.add("city-01", "secret")
    ledger.peers.set_key("city-01", "aes", bytes(16))
    ledger.peers.set_key("city-01", "aes", bytes(range(16)))
    ledger.peers.set_key("VIN1", "ecc", b"\xff\x00")
    assert ledger.peers.keys("city-01") == {"aes": bytes(range(16))}
    assert ledger.peers.keys("VIN1") == {"ecc": b"\xff\x00"}
    assert ledger.peers.keys("nobody") == {}
    assert ledger.peers.all()[0].keys == ("aes",)
    for kind, value in (("des", b"x"), ("aes", b""), ("aes", bytes(8193))):
        with pytest.raises(LimitError):
            ledger.peers.set_key("city-01", kind, value)
    ledger.peers.delete_key("VIN1", "ecc")
    with pytest.raises(NotFoundError):
        ledger.peers.delete_key("VIN1", "ecc")
    ledger.peers.delete("city-01")
    assert ledger.peers.keys("city-01") == {}


def test_a_login_storm_computes_one_hash(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.peers.add("city-01", "secret")
    assert ledger.peers.check("city-01", "secret")
    computed = []
    real = passwords._HASHER.verify
    monkeypatch.setattr(
        type(passwords._HASHER), "verify", lambda _, h, p: computed.append(1) or real(h, p)
    )
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: ledger.peers.check("city-01", "secret"), range(2000)))
    assert computed == []
    assert time.monotonic() - started < 5


def test_things(ledger: Ledger) -> None:
    first = Thing("V1", plate="渝A12345", model="EV-1", operator="North", attributes={"n": [1]})
    assert ledger.things.put([first, Thing("V2", simulated=True)]) == (2, 0)
    assert ledger.things.put([Thing("V2", model="M"), Thing("V2", model="N")]) == (0, 1)
    assert ledger.things.put([]) == (0, 0)
    assert ledger.things.get("V1") == first
    assert ledger.things.get("V2") == Thing("V2", model="N")
    assert ledger.things.operators_of(["V1", "V2", "V3"]) == {"V1": "North", "V2": ""}
    assert ledger.things.page("渝a") == ([first], 1)
    assert ledger.things.page("%") == ([], 0)
    assert ledger.things.page(operator="North")[1] == 1
    assert [t.id for t in ledger.things.page(offset=1, size=1)[0]] == ["V2"]


def test_the_revision_grows_with_every_change(ledger: Ledger) -> None:
    seen = [ledger.things.revision()]
    for change in (lambda: ledger.things.put([Thing("V1")]), lambda: ledger.things.delete("V1")):
        change()
        seen.append(ledger.things.revision())
    assert seen == sorted(set(seen))
    with pytest.raises(NotFoundError):
        ledger.things.delete("V1")


def test_columns_for_the_intake(ledger: Ledger) -> None:
    ledger.things.put([Thing("V1", plate="渝A1", operator="N"), Thing("M1", kind="machine"),
                       Thing("V2", simulated=True)])  # fmt: skip
    columns = ledger.things.columns()
    assert columns.rows == 2
    assert list(columns.values) == ["vin", "plate", "model", "operator", "simulated"]
    assert columns.values["vin"].tolist() == [b"V1", b"V2"]  # type: ignore[union-attr]
    assert columns.values["plate"].tolist() == ["渝A1".encode(), b""]  # type: ignore[union-attr]
    assert columns.values["simulated"].tolist() == [0, 1]  # type: ignore[union-attr]


def test_attributes_for_the_apps(ledger: Ledger) -> None:
    told = {"rated_capacity_ah": 180.0, "software": "7.1"}
    ledger.things.put([Thing("V1", attributes=told), Thing("V2"),
                       Thing("M1", kind="machine", attributes=told)])  # fmt: skip
    assert ledger.things.attributes() == {"V1": told}


def test_things_of_other_protocols_are_foreign(ledger: Ledger) -> None:
    ledger.things.put([Thing("V1"), Thing("B1", protocol="jt808")])
    assert ledger.peers.foreign() == {"B1"}


def test_commands(ledger: Ledger) -> None:
    first = ledger.commands.sent("V1", {"command": "query", "ids": [1]}, "a")
    second = ledger.commands.sent("V1", {"command": "set"}, "a")
    done = ledger.commands.answered(first, {"flag": 1})
    assert (done.state, done.answer, done.order["ids"]) == ("answered", {"flag": 1}, [1])
    assert done.answered_at
    assert done.answered_at >= done.sent_at
    assert ledger.commands.failed(second, "x" * 1000).detail == "x" * 500
    rows, total = ledger.commands.page("V1", size=1)
    assert ([r.id for r in rows], total) == ([second], 2)
    assert ledger.commands.page("V2") == ([], 0)


def test_audit_is_append_only(ledger: Ledger) -> None:
    ledger.audit.add("a", "127.0.0.1", "thing.put", "V1")
    ledger.audit.add("b" * 200, "::1", "login", "x\0y", "refused")
    rows, total = ledger.audit.page()
    assert total == 2
    assert (rows[0].who, rows[0].object, rows[1].result) == ("b" * 64, "xy", "ok")
    assert ledger.audit.page(who="a")[1] == 1
    assert ledger.audit.page(since=datetime(2100, 1, 1, tzinfo=UTC)) == ([], 0)
    for statement in ("UPDATE audit SET who = 'c'", "DELETE FROM audit"):
        with pytest.raises((StoreError, sa.exc.IntegrityError), match="append-only"), \
                ledger.database.write() as c:  # fmt: skip
            c.execute(sa.text(statement))
    assert ledger.audit.page()[1] == 2


def test_what_is_told_again_stands_in_the_audit_once(ledger: Ledger) -> None:
    for result in ("done at 1", "done at 1", "done at 2"):
        ledger.audit.add_once("edge-1", "edge", "command.write", "M7 rule hot" * 40, result)
    assert [row.result for row in ledger.audit.page()[0]] == ["done at 2", "done at 1"]


def test_writers_wait_for_one_another(ledger: Ledger) -> None:
    def write(number: int) -> None:
        for i in range(10):
            ledger.audit.add(f"w{number}", "", "test", str(i))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.audit.page()[1] == 80


def test_a_failed_change_leaves_nothing(ledger: Ledger) -> None:
    def change() -> None:
        with ledger.database.write() as c:
            c.execute(sa.insert(METADATA.tables["revision"]).values(name="x", number=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    with ledger.database.read() as c:
        assert c.scalar(sa.text("SELECT count(*) FROM revision WHERE name = 'x'")) == 0


def test_sqlite_is_set_up_to_survive_and_to_wait(tmp_path: Path) -> None:
    opened = Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")
    with opened.database.read() as c:
        found = {n: c.exec_driver_sql(f"PRAGMA {n}").scalar() for n in
                 ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
    opened.close()
    assert found == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000,
    }  # fmt: skip
