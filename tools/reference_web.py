"""The pages of the reference that come from the web application: API routes and pages."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.run.discovery import room_pages
from millbrain.show.app import WebSettings, create_app
from millbrain.show.engine_client import EngineClient
from millbrain.show.pages.listed import PAGES
from millbrain.show.pages.words import translations

Grid = Callable[[Iterable[str], Iterable[Iterable[object]]], str]
METHODS: Final = ("get", "post", "put", "patch", "delete")


@cache
def openapi() -> Mapping[str, Any]:
    """Return the application's own OpenAPI description; no store is read for it."""
    with TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        try:
            app = create_app(
                ledger,
                cast("Warehouse", None),
                room_pages(),
                WebSettings(),
                EngineClient("http://127.0.0.1:1", ""),
            )
            return app.openapi()
        finally:
            ledger.close()


def api_page(grid: Grid) -> str:
    """List every route of the JSON API with its parameters."""
    described = openapi()
    parts = [
        "# JSON API 接口\n",
        f"{described['info']['description']}\n",
        "The running platform serves the full OpenAPI description at `/api/v1/openapi.json`. Lists "
        'answer `{"rows": [...], "total": n, "page": ..., "size": ..., "as_of": ...}`; errors '
        '`{"error": {"code": ..., "message": ..., "detail": ...}}`.\n',
        "```sh\ncurl -u admin:PASSWORD http://127.0.0.1:8080/api/v1/intake\n```\n",
        grid(("method", "path", "parameters", "what it does"), _routes(described)),
    ]
    return "\n".join(parts)


def _routes(described: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, item in sorted(described["paths"].items()):
        for method in (m for m in METHODS if m in item):
            route = item[method]
            inputs = [p["name"] for p in route.get("parameters", ()) if p["in"] == "query"]
            if "requestBody" in route:
                inputs.append("body")
            text = route.get("description") or route.get("summary", "")
            first = text.strip().partition("\n\n")[0]
            yield method.upper(), f"`{path}`", ", ".join(f"`{n}`" for n in inputs), first


def pages_page(grid: Grid) -> str:
    """List every page: our own and those that rooms bring."""
    own = [(f"`{p.path}`", p.title, p.title_zh or _chinese(p.title), "show") for p in PAGES]
    public = [
        ("`/login`", "Log in", _chinese("Log in"), "show"),
        ("`/wall`", "Overview", _chinese("Overview"), "show"),
    ]
    brought = [(f"`{r.page.path}`", r.page.title, r.page.title_zh, r.room) for r in room_pages()]
    return (
        "# Pages 页面\n\nEvery page has Chinese and English, light and dark; every number shows "
        "its as-of time; every table sorts, filters, pages and exports. `/wall` is the overview "
        "for a wall screen.\n\n"
        + grid(("path", "title", "标题", "brought by"), own + public + brought)
    )


def _chinese(title: str) -> str:
    return translations("zh").gettext(title)
