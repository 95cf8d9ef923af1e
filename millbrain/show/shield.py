"""What stands around every request: security headers and the size limit of bodies."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millbrain.core import limits
from millbrain.show.errors import error_response

# Scripts, styles and pictures come from here only. ECharts positions its tooltip with style
# attributes, which cannot run anything; style elements are refused like inline scripts.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_LOOKS: Final = "camera=(self), geolocation=(), microphone=()"
_CAMERA: Final = {"/scan": _LOOKS, "/cards": _LOOKS}  # pages that look
_TRANSPORT: Final = {"Strict-Transport-Security": "max-age=31536000"}


class Shield:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app = app
        self._headers = _HEADERS | (_TRANSPORT if is_secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its body bounded, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"] in _CAMERA:
                    headers["Permissions-Policy"] = _CAMERA[scope["path"]]
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared) > limits.UPLOAD_BYTES_MAX:
            await _too_large()(scope, receive, send_shielded)
            return
        await self._app(scope, _Bounded(receive), send_shielded)


class _Bounded:
    """Receives a body of undeclared size (chunked) up to the limit, then ends it as cut off."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = limits.UPLOAD_BYTES_MAX

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                return {"type": "http.disconnect"}
        return message


def _too_large() -> ASGIApp:
    return error_response(
        413, "too_large", f"a request has at most {limits.UPLOAD_BYTES_MAX} bytes; nothing was read"
    )
