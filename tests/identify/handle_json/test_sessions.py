"""Sessions of the JSON API and what it tells of signatures, with a real registry and no process."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.testclient import TestClient

from millbrain.core.faces.around import Around
from millbrain.core.keys import handle_key
from millbrain.core.limits import HANDLE_HTTP_SESSION_S_MAX, HANDLE_SESSIONS_PER_ADDRESS_MAX
from millbrain.core.nodes import Node
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker, RegistryError
from millbrain.core.trust import handle_keys
from millbrain.identify.handle_json.routes import routes
from millbrain.identify.handle_json.sessions import HttpSessions
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry

KEY = rsa.generate_private_key(65_537, 2048)
ME = "300:88.100.1/admin"
SECRET = b"s3cret"
ADMIN = b"\x0f\xff\0\0\0\x0e88.100.1/admin\0\0\0\0"  # any index of it


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredRegistry]:
    store = RocksIdentifiers(tmp_path_factory.mktemp("store") / "store")
    registry = StoredRegistry(store)
    public = handle_keys.of_numbers(KEY.public_key().public_numbers().n, 65_537)
    hidden = Value(2, "COST", b"17", permissions=0x0C)
    registry.load(
        [(handle_key("88.100.1/admin"), store_form([
            Value(300, "HS_PUBKEY", handle_keys.write(public)),
            Value(301, "HS_SECKEY", SECRET, permissions=0x0C)])),
         (handle_key("88.100.1/P7"), store_form([
             Value(1, "URL", b"x://y"), hidden, Value(100, "HS_ADMIN", ADMIN)]))],
        Asker(), "test",
    )  # fmt: skip
    yield registry
    registry.close()
    store.close()


@pytest.fixture
def client(registry: StoredRegistry) -> TestClient:
    return TestClient(Starlette(routes=routes(registry, Around(b"", Node()))))


def begin(client: TestClient) -> tuple[str, bytes]:
    answer = client.post("/api/sessions")
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/sessions/this")
    told = answer.json()
    assert "authenticated" not in told
    return told["sessionId"], base64.b64decode(told["nonce"])


def proof(name: str, nonce: bytes, key: rsa.RSAPrivateKey = KEY, **more: str) -> dict[str, str]:
    """The header as the reference library's documents write it."""
    cnonce = bytes(range(16))
    signature = base64.b64encode(key.sign(nonce + cnonce, padding.PKCS1v15(), SHA256())).decode()
    parts = {"version": "0", "sessionId": name, "id": ME.replace(":", "%3A"), "type": "HS_PUBKEY",
             "cnonce": base64.b64encode(cnonce).decode(), "alg": "SHA256",
             "signature": signature} | more  # fmt: skip
    text = ", ".join(f'{k}="{v}"' for k, v in parts.items())
    return {"Authorization": f"Handle {text}"}


def indexes(client: TestClient, **headers: str) -> Any:
    answer = client.get("/api/handles/88.100.1/P7", headers=headers)
    return [v["index"] for v in answer.json().get("values", ())] or answer.status_code


def test_a_key_is_proved_once(client: TestClient) -> None:
    name, nonce = begin(client)
    told = client.put("/api/sessions/this", headers=proof(name, nonce))
    assert told.status_code == 200
    assert (told.json()["authenticated"], told.json()["id"]) == (True, ME)
    session = {"Authorization": f'Handle sessionId="{name}"'}
    assert indexes(client, **session) == [1, 100, 2]
    assert indexes(client) == [1, 100]
    assert client.get("/api/sessions/this", headers=session).json()["id"] == ME
    assert client.delete("/api/sessions/this", headers=session).status_code == 204
    assert indexes(client, **session) == 401
    assert client.get("/api/sessions/this", headers=session).status_code == 403
    assert client.delete("/api/sessions/this", headers=session).status_code == 403


def test_a_secret_is_proved_without_sending_it(client: TestClient) -> None:
    name, nonce = begin(client)
    cnonce, salt = bytes(16), bytes(range(16))
    key = hashlib.pbkdf2_hmac("sha1", SECRET, salt, 1000, 20)
    mac = hmac.new(key, nonce + cnonce, hashlib.sha1).digest()
    body = {"sessionId": name, "id": "301:88.100.1/admin", "type": "HS_SECKEY", "iterations": 1000,
            "cnonce": base64.b64encode(cnonce).decode(), "alg": "PBKDF2-HMAC-SHA1", "length": 160,
            "salt": base64.b64encode(salt).decode(),
            "signature": base64.b64encode(mac).decode()}  # fmt: skip
    assert client.put("/api/sessions/this", json=body | {"iterations": 1001}).status_code == 401
    assert client.put("/api/sessions/this", json=body | {"iterations": 1 << 30}).status_code == 401
    assert client.put("/api/sessions/this", json=body).json()["authenticated"]


def test_basic_begins_a_session_that_is_proved(client: TestClient) -> None:
    basic = base64.b64encode(b"301%3A88.100.1/admin:s3cret").decode()
    told = client.post("/api/sessions", headers={"Authorization": f"Basic {basic}"}).json()
    assert (told["authenticated"], told["id"]) == (True, "301:88.100.1/admin")
    wrong = base64.b64encode(b"301%3A88.100.1/admin:guess").decode()
    headers = {"Authorization": f"Basic {wrong}"}
    assert client.post("/api/sessions", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "more",
    [{"type": "HS_SECKEY"}, {"alg": "SHA1"}, {"id": "300%3A88.100.1/other"}, {"signature": "AAAA"},
     {"cnonce": "AAAA"}, {"cnonce": "=?"}, {"id": "88.100.1/admin%00"}, {"sessionId": "x"}],
)  # fmt: skip
def test_wrong_proofs(client: TestClient, more: dict[str, str]) -> None:
    name, nonce = begin(client)
    answer = client.put("/api/sessions/this", headers=proof(name, nonce, **more))
    assert answer.status_code == (403 if "sessionId" in more else 401)
    assert indexes(client, Authorization=f'Handle sessionId="{name}"') == [1, 100]


def test_a_proof_is_of_one_session(client: TestClient) -> None:
    name, nonce = begin(client)
    other, _ = begin(client)
    stolen = proof(name, nonce, sessionId=other)
    assert client.put("/api/sessions/this", headers=stolen).status_code == 401
    foreign = rsa.generate_private_key(65_537, 2048)
    answer = client.put("/api/sessions/this", headers=proof(name, nonce, foreign))
    assert (answer.status_code, answer.json()["error"]) == (401, "identity not verified")


def test_sessions_run_out_and_are_not_endless(registry: StoredRegistry) -> None:
    now = [0.0]
    sessions = HttpSessions(registry, "handle_json", lambda: now[0])
    names = [sessions._begin("a", None) for _ in range(HANDLE_SESSIONS_PER_ADDRESS_MAX)]
    assert sessions._begin("a", None) is None
    name = names[0]
    assert name is not None
    sessions._open[name].identity = Asker().identity
    assert sessions.asker("a", f"Handle sessionId={name}").identity is None
    now[0] = HANDLE_HTTP_SESSION_S_MAX + 1.0
    with pytest.raises(RegistryError, match="over"):
        sessions.asker("a", f"Handle sessionId={name}")
    assert sessions._begin("a", None) is not None


@pytest.mark.parametrize("text", ['Handle sessionId="', "Handle ,,", "Handle a=b c", "handle "])
def test_headers_that_are_none(client: TestClient, text: str) -> None:
    assert indexes(client, Authorization=text) == 401


def test_signatures_are_told_when_asked_for(registry: StoredRegistry, client: TestClient) -> None:
    told = client.get("/api/handles/88.100.1/P7?trust=true").json()["trust"]
    assert told == {"verdicts": [], "unsigned": [1, 100], "is_trusted": False}
    forged = Value(400, "HS_SIGNATURE", b"e30.e30.AA")
    held = store_form([Value(1, "URL", b"x://y"), forged])
    registry.load([(handle_key("88.100.1/P8"), held)], Asker(), "test")
    told = client.get("/api/handles/88.100.1/P8?trust=true&index=1").json()
    assert [v["index"] for v in told["values"]] == [1]
    assert told["trust"]["verdicts"][0]["index"] == 400
    assert "alg" in told["trust"]["verdicts"][0]["problem"]
    assert "trust" not in client.get("/api/handles/88.100.1/P8").json()
    assert json.dumps(told)


def test_paths_of_sessions_are_not_handles(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/api/sessions").status_code == 405
    assert client.put("/api/sessions/other").status_code == 404
