"""Vouchers: who asks through our pages, under the key of the installation."""

import base64
import hashlib
import hmac
import json

import pytest

from millbrain.core import vouchers
from millbrain.core.vouchers import Voucher

KEY = "k" * 43
ZHANG = Voucher("Zhang.wei", False, "North Fleet", "192.0.2.7", 1_000)


def test_a_voucher_is_read_until_it_ends() -> None:
    header = vouchers.write(ZHANG, KEY)
    assert vouchers.read(header, KEY, 1_000) == ZHANG
    assert vouchers.read(header, KEY, 1_000.1) is None


def test_the_mac_is_that_of_rfc_2104() -> None:
    """An independent count of what the two processes agree on."""
    payload, _, mac = vouchers.write(ZHANG, KEY).removeprefix("Millbrain ").partition(".")
    told = json.loads(base64.urlsafe_b64decode(payload))
    assert (told["account"], told["organisation"]) == ("Zhang.wei", "North Fleet")
    wanted = hmac.new(KEY.encode(), b"voucher\0" + payload.encode(), hashlib.sha256)
    assert mac == wanted.hexdigest()


def forged(**changes: object) -> str:
    payload, _, mac = vouchers.write(ZHANG, KEY).removeprefix("Millbrain ").partition(".")
    told = json.loads(base64.urlsafe_b64decode(payload)) | changes
    return f"Millbrain {base64.urlsafe_b64encode(json.dumps(told).encode()).decode()}.{mac}"


@pytest.mark.parametrize(
    "header",
    [
        "", "Millbrain", "Millbrain .", "Millbrain x.y", "Basic eDp5", forged(account="admin"),
        forged(is_administrator=True), forged(organisation=""), forged(until_s=9_999_999_999),
    ],
)  # fmt: skip
def test_nothing_else_is_one(header: str) -> None:
    assert vouchers.read(header, KEY, 0) is None


def test_another_key_or_none_vouches_for_nobody() -> None:
    assert vouchers.read(vouchers.write(ZHANG, "other"), KEY, 0) is None
    assert vouchers.read(vouchers.write(ZHANG, ""), "", 0) is None


def test_a_signed_payload_that_is_no_voucher_is_none() -> None:
    payload = base64.urlsafe_b64encode(b'{"account": "x"}').decode()
    mac = hmac.new(KEY.encode(), b"voucher\0" + payload.encode(), hashlib.sha256).hexdigest()
    assert vouchers.read(f"Millbrain {payload}.{mac}", KEY, 0) is None


def test_accounts_that_differ_in_case_are_two_identities() -> None:
    """Names of handles fold case, those of accounts do not: a^B and A^b must not meet."""
    names = ("ab", "Ab", "aB", "AB")
    folded = {Voucher(n, False, "", "", 0).identity.handle.upper() for n in names}
    assert len(folded) == len(names)


def test_only_an_administrator_is_one() -> None:
    assert not vouchers.is_administrator(ZHANG.identity)
    assert vouchers.is_administrator(Voucher("a", True, "", "", 0).identity)
    assert not vouchers.is_administrator(Voucher("a", False, "x", "", 0).group or ZHANG.identity)
    assert vouchers.is_account("ACCOUNT:X")
    assert not vouchers.is_account("account:88/x")
