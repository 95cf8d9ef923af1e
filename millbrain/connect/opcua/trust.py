"""Our certificate, and which certificates of servers we have been told to trust.

The key and certificate are made once and kept in the room's folder; servers know us by them. A
server's certificate is trusted by its SHA-256 fingerprint: the one that a person has put into the
connection's options, or, where the connection says so, the one of the first secure connection.
"""

import hashlib
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from millbrain.connect.opcua.options import Options
from millbrain.connect.opcua.sentences import WhyError

CERTIFICATE_DAYS: Final = 3_650  # a machine's server must accept each new one by hand
_KEY: Final = "own.key.pem"
_CERTIFICATE: Final = "own.cert.der"
_SEEN: Final = "first_seen.json"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to servers. uri: the application URI that the certificate names."""

    certificate: bytes
    key: Path
    uri: str

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate: what servers list it by."""
        return hashlib.sha1(self.certificate, usedforsecurity=False).hexdigest()


def identity(folder: Path) -> Identity:
    """Return our key and certificate, made where they are missing."""
    key, certificate = folder / _KEY, folder / _CERTIFICATE
    if not key.exists() or not certificate.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(key, certificate)
    der = certificate.read_bytes()
    names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    (uri,) = names.value.get_values_for_type(x509.UniformResourceIdentifier)[:1] or ("",)
    return Identity(der, key, uri)


def _make(key: Path, certificate: Path) -> None:
    host = socket.gethostname()
    private = cert_gen.generate_private_key()
    made = cert_gen.generate_self_signed_app_certificate(
        private,
        f"Millbrain@{host}",
        {"organizationName": "Millbrain"},
        [x509.UniformResourceIdentifier(f"urn:{host}:millbrain:opcua"), x509.DNSName(host)],
        [ExtendedKeyUsageOID.CLIENT_AUTH],
        CERTIFICATE_DAYS,
    )
    _write(key, cert_gen.dump_private_key_as_pem(private))
    _write(certificate, made.public_bytes(Encoding.DER))


def _write(path: Path, content: bytes) -> None:
    """Replace a file whole; only its owner may read it."""
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    fresh.replace(path)


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate (DER), 64 lower-case digits."""
    return hashlib.sha256(certificate).hexdigest()


class Trust:
    """Judges certificates of servers; remembers those of first connections in the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _SEEN

    def judge(self, connection: str, options: Options, certificate: bytes) -> None:
        """Return where the certificate is trusted.

        Raises
        ------
        WhyError
            It is not, or not any more; the sentence names its fingerprint.
        """
        shown = fingerprint(certificate)
        known = options.trusted_sha256 or self._seen().get(connection, "")
        if known == shown:
            return
        if known:
            raise WhyError(
                f"the server shows another certificate than the trusted one: {shown} instead of "
                f"{known}; if it was replaced, set trusted_sha256 to the new one, else somebody "
                "stands between",
                f"服务器证书与已信任的不同：现为 {shown}，原为 {known}；如确已更换，请将 "
                "trusted_sha256 改为新指纹，否则可能存在中间人",
            )
        if not options.trust_first_use:
            raise WhyError(
                f"the server's certificate {shown} ({subject(certificate)}) is not approved yet; "
                "compare it with what the server shows and set trusted_sha256 to it",
                f"服务器证书 {shown}（{subject(certificate)}）尚未核准；"
                "请与服务器显示的指纹核对后填入 trusted_sha256",
            )
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(self._path, json.dumps(self._seen() | {connection: shown}).encode())

    def _seen(self) -> dict[str, str]:
        try:
            seen: dict[str, str] = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return seen


def subject(certificate: bytes) -> str:
    """Return whom a certificate names, as it says."""
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
