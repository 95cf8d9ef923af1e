"""Each channel against a real server, its form as the receiver's documents have it."""

import base64
import hashlib
import hmac
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, Session

from millbrain.core.work.notices import Delivery, Sending, Target
from millbrain.decide.notices import http
from millbrain.decide.notices.calc import pause_s
from millbrain.decide.notices.channel import Message, cut
from millbrain.decide.notices.mail import Mail
from tests.decide.receivers import http_receiver

NOTED = datetime(2026, 11, 20, 1, tzinfo=UTC)
MESSAGE = Message("工单 WO-1 已生成", "82 号单体静置掉电。\n请接单。", {"number": "WO-1"})


def sending(address: str, channel: str = "webhook", attempt: int = 1, secret: str = "",
            **options: Any) -> Sending:  # fmt: skip
    target = Target(
        1, "desk", "", channel, address, "zh", (), (), 0, 0, NOTED.time(), NOTED.time(), 20,
        "active", 0, None, None, None, "", options,
    )  # fmt: skip
    delivery = Delivery(
        7, "4be5d1c4-uid", 1, "order.raise", "WO-1", "battery", 3, {}, NOTED, attempt, "waiting",
        NOTED, None, "",
    )  # fmt: skip
    return Sending(delivery, target, secret)


def test_a_webhook_is_signed_over_its_instant_and_body() -> None:
    with http_receiver() as receiver:
        sent = http.channels()["webhook"].send(
            sending(receiver.url, attempt=3, secret="open sesame"), MESSAGE
        )  # fmt: skip
        assert sent.is_told
        (got,) = receiver.got
    stamp, mark = got.headers["X-Millbrain-Signature"].split(",")
    signed = stamp.removeprefix("t=").encode() + b"." + got.body
    expected = hmac.new(b"open sesame", signed, hashlib.sha256).hexdigest()
    assert mark == f"v1={expected}"
    assert got.headers["X-Millbrain-Delivery"] == got.json()["delivery"] == "4be5d1c4-uid"
    assert got.headers["X-Millbrain-Attempt"] == "3"
    assert got.json()["title"] == MESSAGE.title
    assert got.json()["content"] == {"number": "WO-1"}


def test_without_a_secret_nothing_is_signed() -> None:
    with http_receiver() as receiver:
        http.channels()["webhook"].send(sending(receiver.url), MESSAGE)
    assert "X-Millbrain-Signature" not in receiver.got[0].headers


def test_redirects_are_not_followed() -> None:
    with (
        http_receiver() as other,
        http_receiver(status=307, headers={"Location": other.url}) as receiver,
    ):
        outcome = http.channels()["webhook"].send(sending(receiver.url, secret="k"), MESSAGE)
        assert not outcome.is_told
        assert outcome.detail.startswith("answered 307")
        assert other.got == []


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("ftp://host/", "the address is no http or https URL"),
        ("http://127.0.0.1:9/x?key=secret", "no answer: connection refused"),
        ("http://no-such-host.invalid/", "no answer: host unknown"),
    ],
)
def test_what_cannot_be_reached_says_why_without_its_key(address: str, detail: str) -> None:
    outcome = http.channels()["webhook"].send(sending(address), MESSAGE)
    assert not outcome.is_told
    assert outcome.detail.startswith(detail)
    assert "secret" not in outcome.detail


def test_wecom_takes_text_and_says_in_errcode_whether_it_did() -> None:
    with http_receiver() as receiver:
        robot = http.channels()["wecom"]
        assert robot.send(sending(receiver.url + "?key=K", "wecom"), MESSAGE).is_told
        assert receiver.got[0].path == "/hook?key=K"
        assert receiver.got[0].json() == {
            "msgtype": "text", "text": {"content": f"{MESSAGE.title}\n{MESSAGE.text}"},
        }  # fmt: skip
        receiver.answer = b'{"errcode": 45009, "errmsg": "api freq out of limit"}'
        refused = robot.send(sending(receiver.url, "wecom"), MESSAGE)
        assert (refused.is_told, refused.detail) == (
            False, "the robot refused: 45009 api freq out of limit",
        )  # fmt: skip
        receiver.answer = b"<html>not a robot</html>"
        assert robot.send(sending(receiver.url, "wecom"), MESSAGE).detail == (
            "the robot refused: no errcode"
        )
        long = Message("t", "电" * 5_000)
        receiver.answer = b'{"errcode": 0}'
        robot.send(sending(receiver.url, "wecom"), long)
        assert len(receiver.got[-1].json()["text"]["content"].encode()) <= 2_048


def test_dingtalk_signs_instant_and_secret_in_its_address() -> None:
    with http_receiver() as receiver:
        address = receiver.url + "?access_token=T"
        http.channels()["dingtalk"].send(sending(address, "dingtalk", secret="SEC1"), MESSAGE)
        query = parse_qs(urlsplit(receiver.got[0].path).query)
        http.channels()["dingtalk"].send(sending(receiver.url, "dingtalk"), MESSAGE)
        assert receiver.got[1].path == "/hook"
    word = f"{query['timestamp'][0]}\nSEC1".encode()
    expected = base64.b64encode(hmac.new(b"SEC1", word, hashlib.sha256).digest()).decode()
    assert query["sign"] == [expected]
    assert query["access_token"] == ["T"]
    assert len(query["timestamp"][0]) == 13


class Mailbox:
    """What a mail server took; refuses addresses of `closed.example`."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address.endswith("@closed.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 taken"


@contextmanager
def mail_server(**options: Any) -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    # Port 0 is refused by the controller's own check of the start: take a free one for it.
    controller = Controller(mailbox, hostname="127.0.0.1", port=_free_port(), **options)
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def mail(port: int, to: str = "wang@north.example", **more: Any) -> Sending:
    options = {"host": "127.0.0.1", "port": port, "security": "none",
               "sender": "millbrain@centre.example"}  # fmt: skip
    attempt, secret = more.pop("attempt", 1), more.pop("secret", "")
    return sending(to, "email", attempt, secret, **{**options, **more})


def test_a_mail_arrives_and_a_repeat_is_the_same_message() -> None:
    with mail_server() as (mailbox, port):
        for attempt in (1, 2):
            outcome = Mail().send(mail(port, "wang@north.example, li@n.example", attempt=attempt),
                                  MESSAGE)  # fmt: skip
            assert outcome.is_told
    (to, first), (_, second) = mailbox.mails
    assert to == ["wang@north.example", "li@n.example"]
    assert first["Subject"] == MESSAGE.title
    assert first.get_content().split() == MESSAGE.text.split()
    assert first["Message-ID"] == second["Message-ID"] == "<4be5d1c4-uid@centre.example>"
    assert (first["X-Millbrain-Attempt"], second["X-Millbrain-Attempt"]) == ("1", "2")
    assert first["Auto-Submitted"] == "auto-generated"


def test_a_title_cannot_add_headers() -> None:
    with mail_server() as (mailbox, port):
        evil = Message("late\r\nBcc: everybody@else.example", "text")
        assert Mail().send(mail(port), evil).is_told
    assert mailbox.mails[0][1]["Bcc"] is None


def test_who_is_refused_is_named_and_nobody_is_told_twice() -> None:
    with mail_server() as (mailbox, port):
        both = Mail().send(mail(port, "x@closed.example,wang@north.example"), MESSAGE)
        assert (both.is_told, both.detail) == (True, "refused for x@closed.example")
        none = Mail().send(mail(port, "x@closed.example"), MESSAGE)
        assert not none.is_told
        assert "refused every address: x@closed.example" in none.detail
    assert len(mailbox.mails) == 1


def test_a_mail_account_logs_in_and_a_wrong_password_says_so() -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_right = (data.login, data.password) == (b"robot", b"right")
        return AuthResult(success=is_right, handled=False)  # False: the server says so itself

    options = {"authenticator": check, "auth_require_tls": False}
    with mail_server(**options) as (mailbox, port):
        assert Mail().send(mail(port, user="robot", secret="right"), MESSAGE).is_told
        wrong = Mail().send(mail(port, user="robot", secret="wrong"), MESSAGE)
        assert (wrong.is_told, "535" in wrong.detail) == (False, True)
        assert "wrong" not in wrong.detail
    assert len(mailbox.mails) == 1


def test_encryption_that_the_server_has_not_is_not_left_out() -> None:
    with mail_server() as (mailbox, port):
        plain = Mail().send(mail(port, security="starttls"), MESSAGE)
        assert not plain.is_told
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("more", "why"),
    [({"host": ""}, "no mail server is named"), ({"sender": "nonsense"}, "addr-spec"),
     ({"port": 9}, "ConnectionRefusedError")],
)  # fmt: skip
def test_a_mail_target_that_cannot_work_says_why(more: dict[str, Any], why: str) -> None:
    options = {"port": 9, **more}
    outcome = Mail().send(mail(**options), MESSAGE)
    assert not outcome.is_told
    assert why in outcome.detail


def test_texts_are_cut_between_characters() -> None:
    assert cut("电池", 6) == "电池"
    assert cut("电池电池", 9) == "电池…"
    assert len(cut("x" * 100, 50).encode()) <= 50


def test_pauses_double_and_are_spread() -> None:
    dice = random.Random(1)
    for attempt, whole in ((1, 5), (2, 10), (5, 80), (12, 3600), (10_000, 3600)):
        pauses = [pause_s(attempt, 5, 3600, dice) for _ in range(200)]
        assert whole / 2 <= min(pauses)
        assert max(pauses) <= whole
        assert max(pauses) - min(pauses) > whole / 3
