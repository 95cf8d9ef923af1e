"""Channels over HTTP: signed JSON for programs, and the group robots of WeCom and DingTalk.

Certificates are checked, redirects are not followed (a signature must not wander to another host),
and of an answer only the beginning is read.

References
----------
Group robots: WeCom developer centre, group robot (群机器人配置说明), text at most 2,048 bytes and
20 messages a minute; DingTalk open platform, custom robot (自定义机器人接入) and its signature
(加签).
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson
import urllib3

from millbrain.core import limits
from millbrain.core.work.notices import Sending
from millbrain.decide.notices.channel import Channel, Message, Outcome, cut

SIGNATURE_HEADER: Final = "X-Millbrain-Signature"
ROBOT_BYTES_MAX: Final = 2_048
PAUSE_S_MAX: Final = 86_400.0  # of what a receiver may ask for
_SHOWN: Final = 200  # characters of an answer that are kept as the reason


class Http:
    """Posts JSON; shared by the channels below."""

    def __init__(self) -> None:
        wait = urllib3.Timeout(connect=limits.NOTICE_WAIT_S_MAX, read=limits.NOTICE_WAIT_S_MAX)
        self._pool = urllib3.PoolManager(timeout=wait, retries=False, maxsize=2)

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[Outcome, Mapping[str, Any]]:
        """Post a body; return what became of it and the answer where it was a JSON object."""
        if urlsplit(url).scheme not in ("http", "https"):
            return Outcome(False, "the address is no http or https URL; change the target"), {}
        all_headers = {"Content-Type": "application/json; charset=utf-8", **headers}
        try:
            answer = self._pool.request(
                "POST", url, body=body, headers=all_headers, redirect=False, preload_content=False
            )
            try:
                start = answer.read(limits.NOTICE_ANSWER_BYTES_MAX)
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as e:
            return Outcome(False, f"no answer: {_reason(e)}"), {}
        if 200 <= answer.status < 300:
            return Outcome(True), _object(start)
        text = start.decode("utf-8", "replace")[:_SHOWN]
        pause_s = _seconds(answer.headers.get("Retry-After", ""))
        return Outcome(False, f"answered {answer.status}: {text}", pause_s), {}


def _reason(error: Exception) -> str:
    """Say what happened without the address: a robot's URL carries its key."""
    inner = getattr(error, "reason", None)
    known = {
        "NewConnectionError": "connection refused",
        "NameResolutionError": "host unknown",
        "ConnectTimeoutError": "connection timed out",
        "ReadTimeoutError": f"silent for {limits.NOTICE_WAIT_S_MAX} s",
        "SSLError": "its certificate is not trusted",
        "ProtocolError": "the connection broke",
    }
    name = type(inner if isinstance(inner, Exception) else error).__name__
    return known.get(name, name)


def _seconds(text: str) -> float:
    return min(float(text), PAUSE_S_MAX) if text.isdigit() else 0.0


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def signature(secret: str, at_s: int, body: bytes) -> str:
    """Return the signature header of a webhook: ``t=<s since 1970>,v1=<hex>``.

    v1 is HMAC-SHA256 with the target's secret over ``<t>.<body>``; the receiver refuses an old
    `t`, so that a recorded request cannot be played back.

    >>> signature("k", 0, b"{}")[:9]
    't=0,v1=80'
    """
    digest = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def dingtalk_query(secret: str, at_ms: int) -> str:
    """Return the query that DingTalk's 加签 asks for, empty where the robot has no secret."""
    if not secret:
        return ""
    word = f"{at_ms}\n{secret}".encode()
    digest = hmac.new(secret.encode(), word, hashlib.sha256).digest()
    return urlencode({"timestamp": str(at_ms), "sign": base64.b64encode(digest).decode()})


class Webhook:
    """Signed JSON: the notice as facts and as words, with the delivery's id and attempt."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def send(self, sending: Sending, message: Message) -> Outcome:
        """Post once."""
        delivery = sending.delivery
        body = orjson.dumps({
            "delivery": delivery.uid, "attempt": delivery.attempt, "topic": delivery.topic,
            "subject": delivery.subject, "severity": delivery.severity,
            "noted_at": delivery.noted_at.isoformat(), "title": message.title,
            "text": message.text, "content": message.payload,
        })  # fmt: skip
        headers = {
            "X-Millbrain-Delivery": delivery.uid, "X-Millbrain-Attempt": str(delivery.attempt),
        }  # fmt: skip
        if sending.secret:
            headers[SIGNATURE_HEADER] = signature(sending.secret, int(time.time()), body)
        return self._http.post(sending.target.address, body, headers)[0]


class WeCom:
    """A group robot of WeCom; its key is in its address."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def send(self, sending: Sending, message: Message) -> Outcome:
        """Post once; the robot answers 200 and says in `errcode` whether it took it."""
        text = cut(f"{message.title}\n{message.text}", ROBOT_BYTES_MAX)
        body = orjson.dumps({"msgtype": "text", "text": {"content": text}})
        return _robot(*self._http.post(sending.target.address, body, {}))


class DingTalk:
    """A group robot of DingTalk; its token is in its address, its secret signs."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def send(self, sending: Sending, message: Message) -> Outcome:
        """Post once; the robot answers 200 and says in `errcode` whether it took it."""
        text = cut(f"{message.title}\n{message.text}", ROBOT_BYTES_MAX)
        body = orjson.dumps({"msgtype": "text", "text": {"content": text}})
        query = dingtalk_query(sending.secret, int(time.time() * 1000))
        address = sending.target.address
        join = "&" if urlsplit(address).query else "?"
        return _robot(*self._http.post(f"{address}{join}{query}" if query else address, body, {}))


def _robot(outcome: Outcome, answer: Mapping[str, Any]) -> Outcome:
    if not outcome.is_told or answer.get("errcode") == 0:
        return outcome
    code, words = answer.get("errcode", "no errcode"), str(answer.get("errmsg", ""))[:_SHOWN]
    return Outcome(False, f"the robot refused: {code} {words}".rstrip())


def channels() -> dict[str, Channel]:
    """Return the channels over HTTP by name."""
    http = Http()
    return {"webhook": Webhook(http), "wecom": WeCom(http), "dingtalk": DingTalk(http)}
