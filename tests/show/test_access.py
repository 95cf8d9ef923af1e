"""Who may call what: a table over every route of the application, logins, limits, headers."""

import base64
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from millbrain.core import limits
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.show.access import SESSION_COOKIE
from millbrain.show.app import WebSettings, create_app
from tests.show.conftest import PASSWORD, StubEngine, client_of

API = "/api/v1"
VIN = "LDPGABAC2JN361504"

# Who may call each route: open = without a login; whole = a viewer without an organisation.
ROUTES = {
    "GET /readings": "viewer",
    "GET /readings/latest": "viewer",
    "GET /plants": "viewer",
    "GET /plants/places/{id}": "viewer",
    "GET /plants/places/{id}/working": "viewer",
    "GET /plants/{key}/tree": "viewer",
    "GET /plants/{key}/products": "viewer",
    "GET /plants/{key}/reasons": "viewer",
    "GET /scans": "viewer",
    "POST /scans": "operator",
    "GET /scans/{id}": "viewer",
    "GET /stations": "viewer",
    "PUT /stations/{name}": "admin",
    "GET /qualifications": "admin",
    "PUT /qualifications/{account}/{qualification}": "admin",
    "GET /recipes": "viewer",
    "POST /recipes/import": "admin",
    "GET /recipes/{name}": "viewer",
    "PUT /recipes/{name}": "admin",
    "DELETE /recipes/{name}": "admin",
    "GET /connections": "viewer",
    "POST /connections": "operator",
    "GET /connections/rooms": "viewer",
    "GET /connections/{key}": "viewer",
    "PUT /connections/{key}": "operator",
    "DELETE /connections/{key}": "operator",
    "GET /connections/{key}/troubles": "viewer",
    "POST /connections/{key}/test": "operator",
    "GET /connections/{key}/browse": "operator",
    "GET /tags": "viewer",
    "POST /tags": "operator",
    "DELETE /tags": "operator",
    "POST /tags/bulk": "operator",
    "POST /tags/import": "operator",
    "GET /tags/export": "viewer",
    "GET /tags/commands": "viewer",
    "POST /tags/commands": "operator",
    "GET /production/orders": "viewer",
    "POST /production/orders": "operator",
    "GET /production/orders/board": "viewer",
    "GET /production/orders/form": "viewer",
    "POST /production/orders/import": "operator",
    "GET /production/orders/{number}": "viewer",
    "POST /production/orders/{number}/release": "operator",
    "POST /production/orders/{number}/steps": "operator",
    "GET /production/orders/{number}/genealogy": "viewer",
    "GET /production/shift-reports": "whole",
    "GET /production/shift-reports/files/{name}": "whole",
    "GET /production/shift-reports/{day}": "whole",
    "GET /production/pay/books": "admin",
    "POST /production/pay/books": "admin",
    "GET /production/pay/{period}": "viewer",
    "GET /production/pay/{period}/{person}": "viewer",
    "POST /production/b2mml": "operator",
    "GET /production/b2mml/performance": "viewer",
    "GET /production/words": "viewer",
    "GET /production/stations": "viewer",
    "GET /production/stations/{station}": "viewer",
    "POST /production/checks": "operator",
    "GET /production/reports": "viewer",
    "POST /production/reports": "operator",
    "GET /production/lots": "viewer",
    "GET /production/status": "viewer",
    "GET /production/andon": "viewer",
    "POST /production/andon": "operator",
    "GET /production/andon/statistics": "viewer",
    "GET /production/andon/{id}": "viewer",
    "POST /production/andon/{id}/steps": "operator",
    "POST /login": "open",
    "POST /logout": "open",
    "GET /me": "viewer",
    "PATCH /me": "viewer",
    "POST /me/password": "viewer",
    "GET /overview": "viewer",
    "GET /vehicles": "viewer",
    "GET /vehicles/choices": "viewer",
    "GET /vehicles/{vin}": "viewer",
    "GET /vehicles/{vin}/trend": "viewer",
    "GET /vehicles/{vin}/track": "viewer",
    "GET /vehicles/{vin}/frames": "viewer",
    "GET /vehicles/{vin}/events": "viewer",
    "GET /vehicles/{vin}/commands": "viewer",
    "POST /vehicles/{vin}/commands": "operator",
    "GET /intake": "whole",
    "GET /intake/links": "whole",
    "GET /intake/dead-letters": "whole",
    "GET /system": "whole",
    "GET /dictionary": "viewer",
    "GET /things": "viewer",
    "POST /things/import": "operator",
    "GET /things/{id}": "viewer",
    "PUT /things/{id}": "operator",
    "DELETE /things/{id}": "admin",
    "GET /tokens": "viewer",
    "POST /tokens": "viewer",
    "DELETE /tokens/{id}": "viewer",
    "GET /accounts": "admin",
    "POST /accounts": "admin",
    "PATCH /accounts/{name}": "admin",
    "DELETE /accounts/{name}": "admin",
    "GET /peers": "admin",
    "POST /peers": "admin",
    "PATCH /peers/{user}": "admin",
    "DELETE /peers/{user}": "admin",
    "PUT /keys/{owner}/{kind}": "admin",
    "DELETE /keys/{owner}/{kind}": "admin",
    "GET /audit": "admin",
    "GET /orders": "viewer",
    "POST /orders": "operator",
    "GET /orders/board": "viewer",
    "GET /orders/choices": "viewer",
    "GET /orders/{number}": "viewer",
    "POST /orders/{number}/steps": "operator",
    "POST /orders/{number}/files": "operator",
    "GET /orders/{number}/files/{id}": "viewer",
    "GET /identifiers/schemes": "viewer",
    "GET /identifiers/recognise": "viewer",
    "GET /identifiers/resolve": "viewer",
    "GET /identifiers/qr.svg": "viewer",
    "GET /identifiers/record": "viewer",
    "GET /identifiers/node": "viewer",
    "GET /identifiers/summary": "viewer",
    "GET /identifiers/statistics": "viewer",
    "GET /identifiers/reports": "admin",
    "GET /identifiers/vehicles/{vin}": "viewer",
    "GET /identifiers/templates": "viewer",
    "GET /identifiers/trace/{way}": "viewer",
    "GET /identifiers/recall": "viewer",
    "GET /identifiers/labels": "viewer",
    "POST /identifiers/labels/sheets": "viewer",
    "POST /identifiers/templates/{number}": "admin",
    "POST /identifiers/prefixes": "admin",
    "PUT /identifiers/prefixes/{prefix}/quotas": "admin",
    "POST /identifiers/prefixes/{prefix}/steps/{action}": "admin",
    "GET /notices/targets": "admin",
    "POST /notices/targets": "admin",
    "PATCH /notices/targets/{id}": "admin",
    "DELETE /notices/targets/{id}": "admin",
    "POST /notices/targets/{id}/test": "admin",
    "GET /notices/deliveries": "admin",
    "GET /alarm-rules": "viewer",
    "GET /alarms": "viewer",
    "GET /alarms/bell": "viewer",
    "GET /alarms/chattering": "viewer",
    "GET /alarms/history": "viewer",
    "GET /alarms/lifecycle": "viewer",
    "GET /alarms/summary": "viewer",
    "GET /alarms/{id}": "viewer",
    "GET /inspections": "viewer",
    "GET /inspections/sheet": "viewer",
    "GET /inspections/{id}": "viewer",
    "GET /inspections/{id}/curve": "viewer",
    "GET /inspections/{id}/report.pdf": "viewer",
    "GET /limits": "viewer",
    "PUT /limits": "operator",
    "DELETE /limits": "operator",
    "POST /limits/import": "operator",
    "GET /life-events": "viewer",
    "GET /life-events/kinds": "viewer",
    "GET /vehicles/{vin}/record": "viewer",
    "GET /vehicles/{vin}/replay": "viewer",
    "POST /alarms/act": "operator",
    "POST /alarms/{id}/comment": "operator",
    "POST /inspections": "operator",
    "POST /inspections/import": "operator",
    "POST /inspections/{id}/judge": "operator",
    "POST /life-events/{kind}/import": "operator",
    "DELETE /alarm-rules/{app}/{kind}": "whole operator",
    "PUT /alarm-rules/{app}/{kind}": "whole operator",
    "PUT /inspections/limits/{item}": "whole operator",
    "POST /alarm-rules/import": "whole operator",
}
MAY = {
    "open": {"nobody", "viewer", "north", "operator", "admin"},
    "viewer": {"viewer", "north", "operator", "admin"},
    "whole": {"viewer", "operator", "admin"},
    "operator": {"north", "operator", "admin"},
    "whole operator": {"operator", "admin"},
    "admin": {"admin"},
}
PLACES = {"{vin}": VIN, "{kind}": "aes", "{id}": "999", "{name}": "nobody", "{user}": "nobody"}


def test_every_route_stands_in_the_table(app: FastAPI) -> None:
    described = app.openapi()["paths"]
    found = {
        f"{method.upper()} {path.removeprefix(API)}"
        for path, m in described.items()
        for method in m
    }
    assert found == set(ROUTES)


# Pages are shells without data; all but these ask for a login.
OPEN_PAGES = {"/login", "/wall", "/words/{name}", "/rooms/{room}/{name}", "/cards/worker.js"}


def test_pages_ask_for_a_login(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    hidden = {r.path for r in app.routes if isinstance(r, APIRoute) and not r.include_in_schema}
    assert hidden >= OPEN_PAGES | {"/"}
    assert not {path for path in hidden if path.startswith("/api")}
    for path in hidden:
        answer = client.get(re.sub(r"\{\w+\}", "x", path))
        is_open = not answer.headers.get("location", "").startswith("/login?next=")
        assert is_open is (path in OPEN_PAGES), path


@pytest.mark.parametrize("who", ["nobody", "viewer", "north", "operator", "admin"])
def test_roles(app: FastAPI, ledger: Ledger, who: str) -> None:
    client = TestClient(app) if who == "nobody" else client_of(app, ledger, who)
    wrong = {}
    for route, needed in ROUTES.items():
        method, path = route.split()
        if path == "/login":
            continue  # has tests of its own
        url = API + re.sub(r"\{\w+\}", lambda m: PLACES.get(m[0], "x"), path)
        status = client.request(method, url).status_code
        is_let_in = status not in (401, 403)
        if is_let_in != (who in MAY[needed]):
            wrong[route] = status
    assert wrong == {}


def test_login_sets_a_cookie_that_scripts_cannot_read(app: FastAPI) -> None:
    client = TestClient(app)
    answer = client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    assert answer.json()["role"] == "viewer"
    cookie = answer.headers["set-cookie"]
    assert re.search(r"HttpOnly; Max-Age=43200; Path=/; SameSite=lax", cookie)
    assert "Secure" not in cookie
    assert client.get(f"{API}/me").json()["via"] == "cookie"
    secret = client.cookies[SESSION_COOKIE]
    assert client.post(f"{API}/logout").status_code == 200
    client.cookies.set(SESSION_COOKIE, secret)
    assert client.get(f"{API}/me").status_code == 401


def test_under_tls_the_cookie_is_secure(
    city: Warehouse, ledger: Ledger, engine: StubEngine
) -> None:
    app = create_app(ledger, city, (), WebSettings(secure=True), engine)  # type: ignore[arg-type]
    client = TestClient(app, base_url="https://testserver")
    answer = client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    assert answer.headers["set-cookie"].startswith(f"__Host-{SESSION_COOKIE}=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]
    assert client.get(f"{API}/me").status_code == 200


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "http://testserver"}, False),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
    ],
)
def test_a_change_from_another_site_is_refused(
    app: FastAPI, headers: dict[str, str], is_refused: bool
) -> None:
    client = TestClient(app)
    client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    answer = client.patch(f"{API}/me", json={"theme": "dark"}, headers=headers)
    assert (answer.status_code == 403) is is_refused
    assert client.get(f"{API}/me", headers=headers).status_code == 200
    again = client.post(
        f"{API}/login", json={"account": "viewer", "password": PASSWORD}, headers=headers
    )
    assert (again.status_code == 403) is is_refused


def test_failed_logins_are_limited(app: FastAPI) -> None:
    client = TestClient(app)
    wrong = {"account": "viewer", "password": "wrong"}
    found = {
        client.post(f"{API}/login", json=wrong).status_code for _ in range(limits.LOGIN_TRIES_MAX)
    }
    assert found == {401}
    refused = client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= limits.LOGIN_WINDOW_S + 1
    pair = base64.b64encode(b"viewer:wrong").decode()
    basic = client.get(f"{API}/me", headers={"Authorization": f"Basic {pair}"})
    assert basic.status_code == 429


def test_unknown_and_wrong_look_alike(app: FastAPI) -> None:
    client = TestClient(app)
    answers = [
        client.post(f"{API}/login", json={"account": name, "password": "wrong"})
        for name in ("viewer", "nobody")
    ]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "Basic !!!", "Basic d3Jvbmc=", "Digest x", "x"]
)
def test_a_wrong_header_is_401_even_beside_a_good_cookie(app: FastAPI, header: str) -> None:
    client = TestClient(app)
    client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    answer = client.get(f"{API}/me", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_new_password_ends_every_session(app: FastAPI) -> None:
    client = TestClient(app)
    client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    change = {"old": "wrong", "new": "another long one"}
    assert client.post(f"{API}/me/password", json=change).status_code == 403
    change["old"] = PASSWORD
    assert client.post(f"{API}/me/password", json=change).status_code == 200
    assert client.get(f"{API}/me").status_code == 401
    old = client.post(f"{API}/login", json={"account": "viewer", "password": PASSWORD})
    assert old.status_code == 401


def test_a_token_cannot_change_the_password(viewer: TestClient) -> None:
    change = {"old": PASSWORD, "new": "another long one"}
    assert viewer.post(f"{API}/me/password", json=change).status_code == 403


def test_preferences_stay_with_the_account(viewer: TestClient) -> None:
    assert viewer.patch(f"{API}/me", json={"language": "zh", "theme": "dark"}).status_code == 200
    me = viewer.get(f"{API}/me").json()
    assert (me["language"], me["theme"]) == ("zh", "dark")
    assert viewer.patch(f"{API}/me", json={"language": "xx"}).status_code == 422


@pytest.mark.parametrize("path", ["/login", "/api/v1/me", "/nothing", "/static/nothing"])
def test_every_answer_carries_the_security_headers(app: FastAPI, path: str) -> None:
    headers = TestClient(app).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    if path.startswith("/api"):
        assert headers["cache-control"] == "no-store"


def test_bodies_are_limited(operator: TestClient) -> None:
    big = b"x" * (limits.UPLOAD_BYTES_MAX + 1)
    declared = operator.post(f"{API}/login", content=big)
    assert (declared.status_code, declared.json()["error"]["code"]) == (413, "too_large")

    def parts() -> Any:
        for _ in range(17):
            yield b"x" * (1 << 20)

    chunked = operator.post(f"{API}/login", content=parts())
    assert chunked.status_code in (400, 413)
    assert "error" in chunked.json()


def test_a_demoted_account_takes_its_tokens_down(app: FastAPI, ledger: Ledger) -> None:
    client = client_of(app, ledger, "operator")
    ledger.accounts.change("operator", role="viewer")
    assert client.get(f"{API}/me").json()["role"] == "viewer"
    assert client.put(f"{API}/things/X", json={}).status_code == 403
