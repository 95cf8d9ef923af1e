"""Signing, certifying and verifying from the command line, against a real resolver process."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from millbrain.core import sm2
from millbrain.core.faces.record_json import values_of
from millbrain.identify.handle import challenge
from millbrain.run.cli.signers import Node, read_signer
from millbrain.run.settings import load
from tests.engines import Process, get_json
from tests.identify.resolver import PREFIX, prepare, resolver

pytestmark = pytest.mark.slow

KEYS: dict[str, RSAPrivateKey | bytes] = {
    "top": rsa.generate_private_key(65_537, 2048),
    "maker": rsa.generate_private_key(65_537, 2048),
    "chinese": sm2.new_private(),
}
COMMAND = [sys.executable, "-m", "millbrain.run.cli", "handles"]


def public_data(key: RSAPrivateKey | bytes) -> bytes:
    if isinstance(key, bytes):
        return challenge.sm2_key_data(sm2.public_of(key))
    return challenge.key_data(key.public_key())


def record(handle: str, *values: dict[str, Any]) -> str:
    return json.dumps({"handle": f"{PREFIX}/{handle}", "values": values})


def admin(of: str) -> dict[str, Any]:
    return {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
        "handle": f"{PREFIX}/{of}", "index": 300, "permissions": "111111111111"}}}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resolver")
    prepare(folder)
    lines = []
    for name, key in KEYS.items():
        text = base64.b64encode(public_data(key)).decode()
        value = {"index": 300, "type": "HS_PUBKEY", "data": {"format": "base64", "value": text}}
        lines.append(record(name, value, admin(name)))
        pem = (key.hex().encode() if isinstance(key, bytes) else
               key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))  # fmt: skip
        (folder / f"{name}.key").write_bytes(pem)
    for name, owner in (("part", "maker"), ("bauteil", "chinese")):
        lines.append(
            record(name, {"index": 1, "type": "URL", "data": "https://id.example.cn/p/8"},
                   {"index": 2, "type": "COST", "data": "17", "permissions": "1100"}, admin(owner))
        )  # fmt: skip
    (folder / "more.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    done = run(folder, "load", str(folder / "more.jsonl"))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[Process]:
    with resolver(folder) as running:
        yield running


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *words, "--data", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def by(folder: Path, name: str) -> tuple[str, ...]:
    return "--as", f"300:{PREFIX}/{name}", "--key", str(folder / f"{name}.key")


@pytest.mark.parametrize(("name", "part"), [("maker", "part"), ("chinese", "bauteil")])
def test_a_part_is_signed_and_verified_up_to_a_root(
    node: Process, folder: Path, name: str, part: str
) -> None:
    handle = f"{PREFIX}/{part}"
    chain = ("--chain", f"400:{PREFIX}/{name}")
    first = run(folder, "sign", handle, *by(folder, name), *chain)
    assert (first.returncode, first.stdout) == (0, "signed at index 400, 401\n"), first.stderr
    again = run(folder, "sign", handle, *by(folder, name), *chain)
    assert again.stdout == "signed at index 400, 401\n"  # replaced, not heaped up

    # Nobody vouches for the signer yet.
    told = run(folder, "verify", handle)
    assert told.returncode == 1
    assert json.loads(told.stdout)["is_trusted"] is False

    roots = folder / "roots.json"
    vouched(node, folder, roots, "top", "everything")
    told = run(folder, "verify", handle, "--roots", str(roots))
    assert told.returncode == 1
    vouched(node, folder, roots, name, f"handlesUnderThisPrefix=0.NA/{PREFIX}")

    seen = run(folder, "verify", handle, "--roots", str(roots))
    assert (seen.returncode, seen.stderr) == (0, "")
    assert json.loads(seen.stdout)["is_trusted"] is True
    whole = run(folder, "verify", handle, "--roots", str(roots), *by(folder, name))
    assert whole.returncode == 0, whole.stdout
    assert {i for s in json.loads(whole.stdout)["verdicts"] for i in s["verified"]} >= {1, 2}
    # The digest of a hidden value stands in no public signature.
    public = get_json(f"http://127.0.0.1:{node.ports['http']}/api/handles/{handle}")
    listed = [v for v in public["values"] if v["type"] == "HS_SIGNATURE"]
    assert [v["index"] for v in listed] == [400]
    payload = listed[0]["data"]["value"].split(".")[1]
    digests = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["digests"]
    assert [d["index"] for d in digests["digests"]] == [1, 100]


def vouched(node: Process, folder: Path, roots: Path, name: str, may: str) -> None:
    """Certify a signer as `top`, and store that beside the signer's key, once."""
    subject = f"300:{PREFIX}/{name}"
    made = run(folder, "certify", subject, *by(folder, "top"), "--may", may)
    assert made.returncode == 0, made.stderr
    certificate = json.loads(made.stdout)
    roots.write_text(json.dumps({"roots": [certificate["root"]]}), "utf-8")
    owner = Node(load(folder), read_signer(subject, folder / f"{name}.key"))
    if all(v.type != "HS_CERT" for v in owner.values(certificate["handle"])):
        owner.put(certificate["handle"], values_of(certificate), ())


@pytest.mark.parametrize(
    ("words", "problem"),
    [(("sign", f"{PREFIX}/P7"), "has no such right"),
     (("sign", f"{PREFIX}/none"), "does not exist here"),
     (("certify", "nobody", "--may", "everything"), "index:handle was expected"),
     (("certify", f"300:{PREFIX}/part", "--may", "everything"), "no public key at index 300"),
     (("certify", f"300:{PREFIX}/top", "--may", "thisHandle"), "=HANDLE")],
)  # fmt: skip
def test_what_is_wrong_is_told(
    node: Process, folder: Path, words: tuple[str, ...], problem: str
) -> None:
    done = run(folder, *words, *by(folder, "maker"))
    assert done.returncode == 1
    assert problem in done.stderr.replace("\n", " ")


def test_a_key_that_is_none_is_told(folder: Path) -> None:
    (folder / "odd.key").write_text("-----BEGIN NONSENSE-----", "ascii")
    done = run(folder, "sign", f"{PREFIX}/part", "--as", f"300:{PREFIX}/maker",
               "--key", str(folder / "odd.key"))  # fmt: skip
    assert done.returncode == 1
    assert "odd.key" in done.stderr
