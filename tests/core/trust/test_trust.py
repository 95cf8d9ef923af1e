"""Signatures, certificates and chains: tokens made by hand with `cryptography`, judged by ours."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core import sm2
from millbrain.core.errors import FrameError
from millbrain.core.keys import fold
from millbrain.core.records import Reference, Value, decode_values
from millbrain.core.trust import chains, claims, tokens
from millbrain.core.trust.claims import Permission
from millbrain.core.trust.public_keys import RS256, SM2, PublicKey, read_key

NOW, LATER = 1_760_000_000, 1_860_000_000
KEYS = {name: rsa.generate_private_key(65_537, 2048) for name in ("root", "top", "maker", "thief")}
URL = Value(1, "URL", b"https://id.example.cn/p/7")
COST = Value(2, "COST", b"17", permissions=0x0C)
NAME = Value(3, "NAME", "曲轴箱".encode())
HANDLE = "88.100.1/P7"
ROOT, TOP, MAKER = "300:0.0/0.0", "300:88.1/top", "300:88.100.1/maker"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(name: str) -> dict[str, str]:
    numbers = KEYS[name].public_key().public_numbers()
    return {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}


def token(payload: dict[str, Any], signer: str, header: str = '{"alg":"RS256"}') -> bytes:
    text = f"{b64(header.encode())}.{b64(json.dumps(payload).encode())}"
    signature = KEYS[signer].sign(text.encode(), padding.PKCS1v15(), SHA256())
    return f"{text}.{b64(signature)}".encode()


def certificate(subject: str, issuer: str, **more: Any) -> Value:
    """An HS_CERT value: names look their keys up in `KEYS` by their last word."""
    names = {ROOT: "root", TOP: "top", MAKER: "maker"}
    told = {"perms": [{"perm": "everything"}], "publicKey": jwk(names[subject]), "iss": issuer,
            "sub": subject, "nbf": NOW - 10, "exp": LATER, "iat": NOW}  # fmt: skip
    by = more.pop("by", names[issuer])
    return Value(more.pop("index", 400), "HS_CERT", token(told | more, by))


def digest(value: Value) -> str:
    """ttl type, ttl, permissions, type, data, no references: all but index and time."""
    raw = bytes((value.ttl_type,)) + value.ttl.to_bytes(4, "big") + bytes((value.permissions,))
    for part in (value.type.encode(), value.data):
        raw += len(part).to_bytes(4, "big") + part
    return base64.b64encode(hashlib.sha256(raw + bytes(4)).digest()).decode()


def signature(*values: Value, index: int = 401, **more: Any) -> Value:
    listed = [{"index": v.index, "digest": digest(v)} for v in values]
    told = {"digests": {"alg": "SHA-256", "digests": listed}, "iss": MAKER, "sub": HANDLE,
            "nbf": NOW - 10, "exp": LATER, "iat": NOW}  # fmt: skip
    by = more.pop("by", "maker")
    return Value(index, "HS_SIGNATURE", token(told | more, by))


RECORDS: dict[str, Sequence[Value]] = {
    "0.0/0.0": [certificate(ROOT, ROOT)],
    "88.1/top": [certificate(TOP, ROOT)],
    "88.100.1/maker": [certificate(MAKER, TOP, perms=[
        {"handle": "0.NA/88.100.1", "perm": "handlesUnderThisPrefix"}])],
}  # fmt: skip
ROOTS = chains.read_roots({"roots": [{"handle": "0.0/0.0", "publicKey": jwk("root")}]})


def judge(*seen: Value, records: dict[str, Sequence[Value]] | None = None,
          now_s: float = NOW, roots: chains.Roots = ROOTS) -> chains.Report:  # fmt: skip
    held = {fold(name): values for name, values in (RECORDS | (records or {})).items()}
    return chains.judge(HANDLE, seen, lambda h: held.get(fold(h), ()), roots, now_s)


# Right ones -------------------------------------------------------------------------------------


def test_a_signed_record_is_trusted_up_to_the_root() -> None:
    report = judge(URL, COST, NAME, signature(URL, COST, NAME))
    assert report.is_trusted
    (verdict,) = report.verdicts
    assert (verdict.verified, verdict.changed, verdict.unseen) == ((1, 2, 3), (), ())
    assert [(k.issuer, k.subject, k.problem) for k in verdict.chain] == [
        (MAKER, HANDLE, ""), (TOP, MAKER, ""), (ROOT, TOP, ""), (ROOT, ROOT, "")]  # fmt: skip


def test_a_partial_view_verifies_what_it_shows() -> None:
    report = judge(URL, NAME, signature(URL, COST, NAME))
    assert report.is_trusted
    assert (report.verdicts[0].verified, report.verdicts[0].unseen) == ((1, 3), (2,))


def test_index_and_time_of_a_value_are_not_signed_and_all_else_is() -> None:
    later = Value(1, "URL", URL.data, timestamp_s=NOW)
    assert judge(later, signature(URL)).is_trusted
    for other in (Value(1, "URL", b"x"), Value(1, "URL2", URL.data), Value(1, "URL", URL.data, 60),
                  Value(1, "URL", URL.data, permissions=0x06)):  # fmt: skip
        report = judge(other, signature(URL))
        assert not report.is_trusted
        assert report.verdicts[0].changed == (1,)


def test_digests_of_values_that_the_reference_library_encoded(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "ident/handle-vectors.json").read_text("utf-8"))["vectors"]
    for name in ("value.url", "value.restricted", "value.ref"):
        raw = next(bytes.fromhex(v["hex"]) for v in vectors if v["name"] == name)
        (value,) = decode_values(b"\0\0\0\1" + raw)
        wanted = base64.b64encode(hashlib.sha256(raw[8:]).digest()).decode()
        assert claims.digest_of(value, "SHA-256") == wanted


def test_two_signatures_together_cover_a_record() -> None:
    report = judge(URL, NAME, signature(URL), signature(NAME, index=402))
    assert report.is_trusted
    assert [v.verified for v in report.verdicts] == [(1,), (3,)]


def test_the_newest_certificate_counts() -> None:
    old = certificate(MAKER, TOP, by="thief", iat=NOW - 5)
    assert judge(URL, signature(URL), records={
        "88.100.1/maker": [old, *RECORDS["88.100.1/maker"]]}).is_trusted  # fmt: skip


def test_a_chain_may_say_where_it_goes() -> None:
    elsewhere = {"88.1/certs": [*RECORDS["88.1/top"], *RECORDS["88.100.1/maker"]],
                 "88.100.1/maker": [], "88.1/top": []}  # fmt: skip
    told = signature(URL, chain=["88.1/certs", "88.1/certs", "0.0/0.0"])
    assert judge(URL, told, records=elsewhere).is_trusted
    assert not judge(URL, signature(URL), records=elsewhere).is_trusted


def test_json_serialisation_is_read() -> None:
    head, payload, signed = signature(URL).data.decode().split(".")
    told = {"payload": payload, "signatures": [{"protected": head, "signature": signed}]}
    assert judge(URL, Value(401, "HS_SIGNATURE", json.dumps(told).encode())).is_trusted


# Wrong ones -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (signature(URL, by="thief"), "did not sign"),
        (signature(URL, sub="88.100.1/P8"), "signs 88.100.1/P8"),
        (signature(URL, exp=NOW), "time is over"),
        (signature(URL, nbf=NOW + 1), "time is over"),
        (signature(URL, iss="300:88.100.1/nobody"), "no certificate about"),
        (Value(401, "HS_SIGNATURE", b"rubbish"), "token"),
        (Value(401, "HS_SIGNATURE", b"e30.e30.e30"), "alg"),
    ],
)
def test_what_is_not_trusted(told: Value, problem: str) -> None:
    report = judge(URL, told)
    assert not report.is_trusted
    assert problem in report.verdicts[0].problem
    assert report.unsigned == (1,)


ELSEWHERE = {"handle": "0.NA/88.200", "perm": "handlesUnderThisPrefix"}


@pytest.mark.parametrize(
    ("cert", "problem"),
    [
        (certificate(MAKER, TOP, perms=[ELSEWHERE]), "may not sign"),
        (certificate(MAKER, TOP, perms=[]), "may not sign"),
        (certificate(MAKER, TOP, exp=NOW - 1), "time is over"),
        (certificate(MAKER, TOP, by="thief"), "did not sign"),
        (certificate(MAKER, MAKER), "no root"),
        (certificate(MAKER, TOP, publicKey=jwk("thief")), "did not sign"),
        (certificate(MAKER, TOP, publicKey=None), "names no key"),
        (certificate(MAKER, TOP, publicKey={"kty": "RSA", "n": "AQAB", "e": "AQAB"}), "no certif"),
    ],
)  # fmt: skip
def test_certificates_that_do_not_hold(cert: Value, problem: str) -> None:
    report = judge(URL, signature(URL), records={"88.100.1/maker": [cert]})
    assert not report.is_trusted
    assert problem in report.verdicts[0].problem


def test_a_root_is_a_handle_and_a_key() -> None:
    other = chains.read_roots({"roots": [{"handle": "0.0/0.0", "publicKey": jwk("thief")}]})
    assert "no root" in judge(URL, signature(URL), roots=other).verdicts[0].problem
    assert not judge(URL, signature(URL), roots={}).is_trusted
    forged = {"0.0/0.0": [certificate(ROOT, ROOT, publicKey=jwk("thief"), by="thief")]}
    assert not judge(URL, signature(URL), records=forged).is_trusted


def test_chains_that_go_in_circles_end() -> None:
    circle = {"88.1/top": [certificate(TOP, MAKER)]}
    assert "does not end" in judge(URL, signature(URL), records=circle).verdicts[0].problem


def test_a_record_without_signatures_is_not_trusted() -> None:
    assert judge(URL) == chains.Report((), (1,), False)
    assert not judge().is_trusted


@pytest.mark.parametrize(
    "header", ['{"alg":"none"}', '{"alg":"HS256"}', '{"alg":"RS256","crit":[]}']
)
def test_no_other_algorithm_is_taken(header: str) -> None:
    _, payload, signed = signature(URL).data.decode().split(".")
    forged = f"{b64(header.encode())}.{payload}.{signed}".encode()
    assert not judge(URL, Value(401, "HS_SIGNATURE", forged)).is_trusted
    bare = f"{b64(header.encode())}.{payload}.".encode()
    assert not judge(URL, Value(401, "HS_SIGNATURE", bare)).is_trusted


def test_every_flipped_bit_of_a_signature_counts() -> None:
    data = bytearray(signature(URL).data)
    for at in range(0, len(data) - 1, 37):
        data[at] ^= 2
        assert not judge(URL, Value(401, "HS_SIGNATURE", bytes(data))).is_trusted, at
        data[at] ^= 2
    assert judge(URL, Value(401, "HS_SIGNATURE", bytes(data))).is_trusted


# Permissions, by the reference library's rules --------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "over", "handle", "is_covered"),
    [
        ("everything", "", "88.1/a", True),
        ("thisHandle", "88.1/A", "88.1/a", True),
        ("thisHandle", "88.1/a", "88.1/ab", False),
        ("thisHandle", "0.NA/88.1", "88.1/a", True),
        ("handlesUnderThisPrefix", "0.NA/88.1", "88.1/a", True),
        ("handlesUnderThisPrefix", "0.NA/88.1", "88.10/a", False),
        ("handlesUnderThisPrefix", "0.NA/88.1", "88.1.2/a", False),
        ("handlesUnderThisPrefix", "88.1/a", "88.1/a/b", False),
        ("derivedPrefixes", "0.NA/88.1", "88.1.2/a", True),
        ("derivedPrefixes", "0.NA/88.1", "0.NA/88.1.2", True),
        ("derivedPrefixes", "0.NA/88.1", "88.1/a", False),
        ("derivedPrefixes", "0.NA/88.1", "88.10/a", False),
        ("anything", "88.1/a", "88.1/a", False),
    ],
)
def test_permissions(kind: str, over: str, handle: str, is_covered: bool) -> None:
    assert Permission(kind, over).covers(handle) == is_covered


# SM2, and our own writing -----------------------------------------------------------------------


def test_what_we_write_is_trusted_with_sm2_and_rsa() -> None:
    private = sm2.new_private()
    point = sm2.public_of(private)
    own = PublicKey(SM2, (int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")))
    assert read_key(own.jwk) == own
    maker, top = Reference("88.100.1/maker", 300), Reference("88.1/top", 300)
    cert = claims.certificate_payload(
        maker, own, [Permission(claims.UNDER_PREFIX, "0.NA/88.100.1")], top, NOW, LATER
    )
    told = tokens.write(cert, RS256, lambda text: KEYS["top"].sign(
        text, padding.PKCS1v15(), SHA256()))  # fmt: skip
    payload = claims.signature_payload(HANDLE, [URL, COST], maker, NOW, LATER, algorithm="SM3")
    signed = tokens.write(payload, SM2, lambda text: b"".join(sm2.sign(private, text)))
    records = {"88.100.1/maker": [Value(400, "HS_CERT", told)]}
    assert judge(URL, Value(401, "HS_SIGNATURE", signed), records=records).is_trusted


@given(st.binary(max_size=300))
def test_any_bytes_are_a_token_or_a_frame_error(data: bytes) -> None:
    for raw in (data, b"{" + data, b"e30." + data + b".AA"):
        try:
            claims.read(tokens.read(raw))
        except FrameError:
            continue


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
                    | st.text(max_size=9),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(
                        ["iss", "sub", "exp", "nbf", "digests", "alg", "index", "digest", "perms",
                         "perm", "handle", "publicKey", "kty", "n", "e", "chain"]), inner,
                        max_size=5), max_leaves=12))  # fmt: skip
def test_any_claims_are_read_or_a_frame_error(payload: Any) -> None:
    head = b64(b'{"alg":"RS256"}')
    raw = f"{head}.{b64(json.dumps(payload).encode())}.AA".encode()
    try:
        claims.read(tokens.read(raw))
    except FrameError:
        return
