"""Every security policy that asyncua's server offers, users, and which servers are trusted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncua import ua

from millbrain.connect.opcua import discovery, trust
from millbrain.connect.opcua.options import BEST, NONE, SECURITIES
from millbrain.connect.opcua.simulator import Simulator, free_port
from millbrain.core.errors import LinkError
from tests.connect.opcua.plants import Plant, press, tag, wait_until

SECURE = [s for s in SECURITIES if s not in (NONE, BEST)]


def served(folder: Path, *policies: str, **more: object) -> Simulator:
    folder.mkdir()
    return Simulator(policies=policies, folder=folder, **more).start()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A server with every policy and a user, reached by no anonymous."""
    folder = tmp_path_factory.mktemp("fortress")
    policies = ["NoSecurity", *SECURE]
    machine = Simulator(policies=policies, folder=folder, users={"op": "s3cret-π"}).start()
    yield machine
    machine.stop()


def certificate_of(folder: Path) -> str:
    return trust.fingerprint((folder / "server.cert.der").read_bytes())


def test_every_policy_of_the_library_is_an_option() -> None:
    assert set(SECURE) == {p.name for p in ua.SecurityPolicyType} - {"NoSecurity"}


@pytest.mark.slow
@pytest.mark.parametrize("security", SECURE)
def test_values_come_over_every_policy(plant: Plant, fortress: Simulator, security: str) -> None:
    plant.secrets.put("press", "password", "s3cret-π")
    options = {"security": security, "user": "op", "trust_first_use": True}
    plant.register.put(press(fortress.endpoint, **options), [tag("speed_rpm")])
    assert wait_until(lambda: plant.store.rows), plant.state().why
    fortress.put("speed_rpm", 17.0)
    assert wait_until(lambda: plant.store.rows[-1].value == 17.0)
    fortress.put("speed_rpm", 18.0)
    fortress.drop_connections()
    assert wait_until(lambda: plant.room.links() and plant.room.links()[0]["connects"] == 2), (
        plant.state().why
    )
    assert wait_until(lambda: plant.store.rows[-1].value == 18.0)


@pytest.mark.slow
def test_a_server_is_trusted_by_its_fingerprint_only(plant: Plant, tmp_path: Path) -> None:
    machine = served(tmp_path / "a", "Basic256Sha256_SignAndEncrypt")
    try:
        shown = certificate_of(tmp_path / "a")
        plant.register.put(press(machine.endpoint, security="best"), [tag("speed_rpm")])
        assert wait_until(lambda: "not approved yet" in plant.state().why)
        assert shown in plant.state().why
        assert "尚未核准" in plant.state().why_zh
        approved = {"security": "best", "trusted_sha256": shown.upper()}
        plant.register.put(press(machine.endpoint, **approved), [tag("speed_rpm")])
        assert wait_until(lambda: plant.store.rows), plant.state().why
        plant.register.put(press(machine.endpoint, security="Basic256_Sign"), [])
        assert wait_until(lambda: "does not offer security Basic256_Sign" in plant.state().why)
    finally:
        machine.stop()


@pytest.mark.slow
def test_a_changed_certificate_is_named_and_refused(plant: Plant, tmp_path: Path) -> None:
    machine = served(tmp_path / "a", "Basic256Sha256_SignAndEncrypt")
    options = {"security": "Basic256Sha256_SignAndEncrypt", "trust_first_use": True}
    plant.register.put(press(machine.endpoint, **options), [tag("speed_rpm")])
    assert wait_until(lambda: plant.store.rows), plant.state().why
    machine.stop()
    before = len(plant.store.rows)
    other = served(tmp_path / "b", "Basic256Sha256_SignAndEncrypt", port=machine.port)
    try:
        assert wait_until(lambda: "another certificate than the trusted one" in plant.state().why)
        assert certificate_of(tmp_path / "a") in plant.state().why
        assert certificate_of(tmp_path / "b") in plant.state().why
        assert len(plant.store.rows) == before
    finally:
        other.stop()


@pytest.mark.slow
def test_a_wrong_password_is_said_and_none_is_sent_in_the_clear(
    plant: Plant, fortress: Simulator
) -> None:
    plant.secrets.put("press", "password", "wrong")
    secure = {"security": "Basic256Sha256_SignAndEncrypt", "user": "op", "trust_first_use": True}
    plant.register.put(press(fortress.endpoint, **secure), [tag("speed_rpm")])
    assert wait_until(lambda: "refuses this user" in plant.state().why), plant.state().why
    assert "wrong" not in plant.state().why
    plant.register.put(press(fortress.endpoint), [tag("speed_rpm")])
    assert wait_until(lambda: "BadIdentityToken" in plant.state().why), plant.state().why


def test_our_own_key_is_made_once_and_kept_for_us(tmp_path: Path) -> None:
    first = trust.identity(tmp_path / "opcua")
    again = trust.identity(tmp_path / "opcua")
    assert (first, first.key.stat().st_mode & 0o777) == (again, 0o600)
    assert first.uri.startswith("urn:")
    assert len(first.thumbprint) == 40


@pytest.mark.slow
def test_discovery_tells_the_ways_in(fortress: Simulator) -> None:
    found = asyncio.run(discovery.look(fortress.endpoint))
    assert {f.security for f in found} == {NONE, *SECURE}
    assert {f.logins for f in found} == {("user",)}
    (shown,) = {f.fingerprint for f in found if f.security != NONE}
    assert len(shown) == 64
    with pytest.raises(LinkError, match="nothing listens"):
        asyncio.run(discovery.look(f"opc.tcp://127.0.0.1:{free_port()}"))
