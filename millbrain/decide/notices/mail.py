"""The channel over SMTP. A repeat carries the same Message-ID, so that mailboxes show it once."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.work.notices import Sending
from millbrain.decide.notices.channel import Message, Outcome

PORTS: Final = {"none": 25, "starttls": 587, "tls": 465}


class Mail:
    """E-mail through the mail server that the target names.

    Options of the target: `host`; `port`; `security`, one of `PORTS`; `user`, empty = no login, its
    password is the target's secret; `sender`.
    """

    def send(self, sending: Sending, message: Message) -> Outcome:
        """Send once to every address of the target."""
        options = sending.target.options
        try:
            mail = _mail(sending, message)
            with _connected(options) as server:
                if options.get("user"):
                    server.login(str(options["user"]), sending.secret)
                refused = server.send_message(mail)
        except (OSError, smtplib.SMTPException, ValueError) as e:
            return Outcome(False, f"mail server {options.get('host', '')!r}: {_reason(e)}")
        # Whoever was refused while another was told is named; sending again would tell twice.
        return Outcome(True, f"refused for {', '.join(sorted(refused))}" if refused else "")


def _connected(options: Any) -> smtplib.SMTP:
    security = str(options.get("security") or "starttls")
    host, wait_s = str(options.get("host", "")), limits.NOTICE_WAIT_S_MAX
    port = int(options.get("port") or PORTS[security])
    if not host:
        raise ValueError("no mail server is named in the target's options")
    if security == "tls":
        trusted = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=wait_s, context=trusted)
    server = smtplib.SMTP(host, port, timeout=wait_s)
    if security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _mail(sending: Sending, message: Message) -> EmailMessage:
    delivery, target = sending.delivery, sending.target
    sender = str(target.options.get("sender", ""))
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.title.split())
    mail["From"] = Address("Millbrain", addr_spec=sender)
    mail["To"] = tuple(
        Address(addr_spec=a.strip()) for a in target.address.split(",") if a.strip()
    )  # fmt: skip
    mail["Date"] = format_datetime(delivery.noted_at)
    mail["Message-ID"] = f"<{delivery.uid}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Millbrain-Attempt"] = str(delivery.attempt)
    mail.set_content(message.text)
    return mail


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return f"{error.smtp_code} {words}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"refused every address: {', '.join(sorted(error.recipients))}"
    return f"{type(error).__name__}: {error}"
