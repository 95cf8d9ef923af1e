"""TLS and passwords against a real broker with a certificate of an authority of its own."""

import ipaddress
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from millbrain.connect.sparkplug.options import check, read_options
from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Connection, Phase, Tag
from millbrain.hands.tag_memory import TagMemory
from tests.brokers import Broker, mosquitto
from tests.connect.sparkplug.plant import House, Store, wait_until

PEM = serialization.Encoding.PEM


def certificate(folder: Path) -> None:
    """Write ca.pem and server.pem with server.key; one self-signed certificate is both."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = datetime.fromtimestamp(time.time(), tz=UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    for file in ("ca.pem", "server.pem"):
        (folder / file).write_bytes(made.public_bytes(PEM))
    plain = serialization.NoEncryption()
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "server.key").write_bytes(private)


class OneSecret:
    """The password of every connection."""

    def __init__(self, password: str) -> None:
        self.password = password

    def get(self, connection: str, name: str) -> str:
        return self.password

    def put(self, connection: str, name: str, value: str) -> None:
        self.password = value

    def names(self, connection: str) -> frozenset[str]:
        return frozenset({"password"})


@pytest.mark.parametrize("version", [5, 3])
def test_tls_and_password_let_us_in_and_a_wrong_one_does_not(tmp_path: Path, version: int) -> None:
    certificate(tmp_path)
    program = Path(mosquitto()).with_name("mosquitto_passwd")
    tool = program if program.exists() else Path("/usr/bin/mosquitto_passwd")
    if not tool.exists():
        pytest.skip("mosquitto_passwd is not installed (Debian: apt-get install mosquitto)")
    subprocess.run([tool, "-c", "-b", tmp_path / "users", "us", "right"], check=True)
    broker = Broker(tmp_path / "b", more=(
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\n"
        f"keyfile {tmp_path}/server.key\npassword_file {tmp_path}/users\n"
        "allow_anonymous false\n"
    )).start()  # fmt: skip
    options = {"user": "us", "ca": str(tmp_path / "ca.pem"), "mqtt": version}
    endpoint = f"mqtts://127.0.0.1:{broker.port}"
    book = TagMemory([Connection("line", "sparkplug", endpoint=endpoint, options=options)])
    for password, phase in (("wrong", Phase.FAILED), ("right", Phase.CONNECTED)):
        house = House(tmp_path / password, book, Store(), OneSecret(password))
        try:
            assert wait_until(lambda h=house, p=phase: h.state().phase is p), house.state()
            assert phase is Phase.CONNECTED or "uthori" in house.state().why
        finally:
            house.stop()
    broker.stop()


@pytest.mark.parametrize(("endpoint", "options"), [
    ("http://h", {}), ("mqtt://h:x", {}), ("mqtt://h", {"mqtt": 4}),
    ("mqtt://h", {"groups": "a/b"}), ("mqtt://h", {"json": "{"}), ("mqtt://h", {"session_h": -1}),
])  # fmt: skip
def test_options_that_are_not_allowed_are_named(endpoint: str, options: dict[str, object]) -> None:
    connection = Connection("line", "sparkplug", endpoint=endpoint, options=options)
    with pytest.raises(SettingsError):
        read_options(connection)
    assert check(connection, ())


def test_addresses_are_judged() -> None:
    connection = Connection("line", "sparkplug", endpoint="mqtt://h", options={"groups": "a, b"})
    tags = [Tag("line", a, "M", "x") for a in ("G/N:x", "G/N/D:x/y", "t/u#a.b", "x", "G:x", "G/N:")]
    assert [w.address for w in check(connection, tags)] == ["x", "G:x", "G/N:"]
    assert read_options(connection).broker.filters == ("spBv1.0/a/#", "spBv1.0/b/#")
