"""One shape for every error of the API: ``{"error": {"code", "message", "detail"}}``."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from millbrain.core.errors import (
    FrameError,
    IllegalStepError,
    LimitError,
    LinkError,
    MillbrainError,
    NotFoundError,
    RefusedError,
    SettingsError,
    StoreError,
)

log = logging.getLogger(__name__)


class ResolverDownError(ConnectionError):
    """The resolver does not answer; everything else goes on."""


_KNOWN: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (NotFoundError, 404, "not_found"),
    (RefusedError, 403, "refused"),
    (IllegalStepError, 409, "illegal_step"),
    (LimitError, 422, "limit"),
    (FrameError, 422, "frame"),
    (LinkError, 502, "not_reached"),
    (SettingsError, 422, "invalid"),
    (StoreError, 503, "store"),
    (ResolverDownError, 503, "resolver_down"),
    (ConnectionError, 503, "engine_down"),
    (MillbrainError, 400, "bad_request"),
)
_CODES: Final = {
    400: "bad_request", 401: "not_logged_in", 403: "refused", 404: "not_found",
    405: "method_not_allowed", 413: "too_large", 422: "invalid", 429: "too_many",
}  # fmt: skip


class Problem(BaseModel):
    """What went wrong."""

    code: str = Field(description="A short stable word.", examples=["not_found"])
    message: str = Field(description="Where, what was found, what is allowed, what happens next.")
    detail: Any = Field(None, description="More for programs, such as one entry per wrong field.")


class ErrorAnswer(BaseModel):
    """The answer of every request that failed."""

    error: Problem


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorAnswer, "description": HTTPStatus(status).phrase}
    for status in (401, 403, 404, 422, 429, 500, 503)
}


class ApiError(Exception):
    """Ends a request with a status, a code and a sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})


def error_response(
    status: int, code: str, message: str, detail: Any = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error in the one shape."""
    body = {"error": {"code": code, "message": message, "detail": detail}}
    return JSONResponse(body, status, headers)


def install(app: FastAPI) -> None:
    """Let every error of the application leave in the one shape."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    for kind, _, _ in _KNOWN:
        app.add_exception_handler(kind, _known_error)
    app.add_exception_handler(Exception, _unknown_error)


def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_response(error.status, error.code, error.message, error.detail, error.headers)


def _known_error(_: Request, error: Exception) -> JSONResponse:
    status, code = next((s, c) for kind, s, c in _KNOWN if isinstance(error, kind))
    if status == 503:
        log.warning("answered 503: %s", error)
    return error_response(status, code, str(error))


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "error")
    words = {
        404: f"{request.url.path} is not an address of this server",
        405: f"{request.method} is not allowed on {request.url.path}",
    }
    is_bare = error.detail == HTTPStatus(error.status_code).phrase
    message = words.get(error.status_code, error.detail) if is_bare else error.detail
    return error_response(error.status_code, code, message, headers=dict(error.headers or {}))


def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        {"where": ".".join(str(p) for p in e["loc"]), "problem": e["msg"]} for e in error.errors()
    ]
    sentence = "; ".join(f"{f['where']}: {f['problem']}" for f in fields)
    return error_response(422, "invalid", sentence, fields)


def _unknown_error(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return error_response(
        500, "internal", "the server failed at this request; its log says where and why"
    )
