"""The successor of the dialect: login by a signed challenge, verbs, a page of identifiers."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.engines import Process
from tests.identify.asking import put
from tests.identify.resolver import ADMIN, OWNER, PREFIX, prepare, resolver
from tests.identify.snms.asking import sent, template, token

PATH = "/api/v1/doip"
APP = f"{PREFIX}/App_scan"
META = f"{PREFIX}/META_1.0"
KEY = rsa.generate_private_key(65_537, 2_048)


def sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def public_key() -> str:
    """HS_PUBKEY data as the reference library lays it out: kind, flags, exponent, modulus."""
    numbers = KEY.public_key().public_numbers()
    exponent, modulus = (n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (numbers.e, numbers.n))
    raw = sized(b"RSA_PUB_KEY") + bytes(2) + sized(exponent) + sized(modulus) + bytes(4)
    return base64.b64encode(raw).decode()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp("doip")
    prepare(folder)
    with resolver(folder) as running:
        owner = token(running)
        sent(running, "POST", "/snms/api/v5/template", template(), owner)
        data = {"format": "base64", "value": public_key()}
        put(running, "App_scan", {"index": 300, "type": "HS_PUBKEY", "data": data}, ADMIN)
        yield running


@pytest.fixture(scope="module")
def owner(node: Process) -> str:
    return token(node, OWNER)


def login(node: Process, key: rsa.RSAPrivateKey, handle: str = APP) -> dict[str, Any]:
    told = sent(node, "GET", f"{PATH}/public/challenge?handle={handle}")
    assert (told["code"], told["message"]) == (1, "operation was successfully processed")
    signed = key.sign(told["data"].encode(), padding.PKCS1v15(), hashes.SHA256())
    body = {"handle": handle, "signature": base64.b64encode(signed).decode()}
    return sent(node, "POST", f"{PATH}/public/verify-response", body)


def do(
    node: Process, key: str, name: str, operation: str, body: Any = None, method: str = "POST"
) -> dict[str, Any]:
    target = f"{PATH}?targetId={PREFIX}/{name}&operationId={quote(operation, safe='')}"
    return sent(node, method, target, body, key)


def instance(**content: Any) -> dict[str, Any]:
    return {"type": META, "attributes": {"content": content}}


def test_a_signed_challenge_gives_a_token(node: Process) -> None:
    told = login(node, KEY)
    assert told["code"] == 1, told
    found = do(node, told["data"]["token"], "P7", "0.DOIP/Op.Retrieve", method="GET")
    assert found["data"]["id"] == f"{PREFIX}/P7"


def test_other_keys_and_old_challenges_give_none(node: Process) -> None:
    other = rsa.generate_private_key(65_537, 2_048)
    refused = {"code": 102, "message": "客户端认证失败"}
    assert login(node, other) == refused
    assert login(node, KEY, f"{PREFIX}/P7") == refused, "it has no key"
    nonce = sent(node, "GET", f"{PATH}/public/challenge?handle={APP}")["data"]
    signed = KEY.sign(nonce.encode(), padding.PKCS1v15(), hashes.SHA256())
    body = {"handle": APP, "signature": base64.b64encode(signed).decode()}
    verify = f"{PATH}/public/verify-response"
    assert sent(node, "POST", verify, body)["code"] == 1
    assert sent(node, "POST", verify, body) == refused, "a challenge holds once"
    assert sent(node, "POST", verify, body | {"signature": "!"})["code"] == 106


def test_verbs(node: Process, owner: str) -> None:
    made = do(node, owner, "d1", "0.DOIP/Op.Create", instance(item0="a", item1="b"))
    assert made == {"code": 10000, "message": "成功", "data": instance(item0="a", item1="b")}
    assert do(node, owner, "d1", "0.DOIP/Op.Create", instance(item0="a"))["code"] == 105
    grown = do(node, owner, "d1", "0.DOIP.EXTEND/Op.Update.Non.Overlay", instance(item1="c"))
    assert grown["code"] == 10000
    assert do(node, owner, "d1", "0.DOIP/Op.Update", instance(item0="d"))["code"] == 10000
    found = do(node, owner, "d1", "0.DOIP/Op.Retrieve", method="GET")["data"]
    assert found["type"] == META
    assert [(e["name"], e["value"]) for e in found["attributes"]["elements"]] == [
        ("item0", "d"), ("item1", "c"),
    ]  # fmt: skip
    assert do(node, owner, "d1", "0.DOIP/Op.Delete") == {"code": 10000, "message": "成功"}
    gone = {"code": 104, "message": "标识对象不存在"}
    assert do(node, owner, "d1", "0.DOIP/Op.Delete") == gone
    assert do(node, owner, "d1", "0.DOIP/Op.Retrieve", method="GET") == gone


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("x", instance(colour="red"), 106), ("x", instance(item0="x" * 300), 106),
        ("x", {"type": META}, 106), ("x", [], 106), ("x", {"type": f"{PREFIX}/META_no"}, 106),
        ("x", {"type": f"{PREFIX}/P7", "attributes": {"content": {}}}, 106), ("", instance(), 106),
    ],
)  # fmt: skip
def test_wrong_requests(node: Process, owner: str, name: str, body: Any, code: int) -> None:
    assert do(node, owner, name, "0.DOIP/Op.Create", body)["code"] == code


def test_rights_and_operations(node: Process, owner: str) -> None:
    app = login(node, KEY)["data"]["token"]
    assert do(node, app, "theirs", "0.DOIP/Op.Create", instance())["code"] == 103
    assert do(node, app, "P7", "0.DOIP/Op.Delete")["code"] == 700
    assert do(node, app, "P7", "0.DOIP/Op.Update", instance(item0="x"))["code"] == 406
    assert do(node, "", "P7", "0.DOIP/Op.Delete")["code"] == 401
    assert do(node, "", "P7", "0.DOIP/Op.Retrieve", method="GET")["code"] == 1, "what is public"
    assert do(node, owner, "P7", "0.DOIP/Op.Fly")["code"] == 404


def test_identifiers_of_a_template_page_by_page(node: Process, owner: str) -> None:
    for number in range(5):
        do(node, owner, f"page-{number}", "0.DOIP/Op.Create", instance(item0="a"))
    base = f"/api/v1/open/handle/page?metaHandle={META}"
    told = sent(node, "GET", f"{base}&page=2&size=2", token=owner)["data"]
    assert told["totalElements"] == 5
    assert [row["handle"] for row in told["content"]] == [
        f"{PREFIX}/PAGE-2", f"{PREFIX}/PAGE-3",
    ]  # fmt: skip
    for wrong in ("page=0", "size=501", "page=x", "page=999999&size=500"):
        assert sent(node, "GET", f"{base}&{wrong}", token=owner)["code"] == 106
    app = login(node, KEY)["data"]["token"]
    assert sent(node, "GET", base, token=app)["code"] == 406, "who may not list"
