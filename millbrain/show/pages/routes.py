"""The routes of the pages and how they are rendered."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from millbrain import __version__
from millbrain.core.pages import Query, RoomPage
from millbrain.show.pages import words
from millbrain.show.pages.listed import PAGES, PlainPage
from millbrain.show.pages.signals import signals
from millbrain.show.pages.vehicle_columns import VEHICLE_COLUMNS

SHOW_FOLDER: Final = Path(__file__).parent.parent
THEMES: Final = ("auto", "light", "dark")
PLANT_ZONE: Final = "Asia/Shanghai"
ROOM_FILES: Final = {".js": "text/javascript", ".css": "text/css"}
_DRAWN: Final = ("code", "name", "name_zh", "short", "col", "row")
WORDS_KEPT_S: Final = 365 * 24 * 3600


class Viewer(Protocol):
    """Who looks at a page. `language` and `theme` are empty where the account has no wish."""

    @property
    def name(self) -> str:
        """Account name."""
        ...

    @property
    def role(self) -> str:
        """Role: viewer, operator or admin."""
        ...

    @property
    def language(self) -> str:
        """Language code, empty where the account has no wish."""
        ...

    @property
    def theme(self) -> str:
        """Theme, empty where the account has no wish."""
        ...


def mount_pages(
    app: FastAPI,
    viewer: Callable[[Request], Viewer | None],
    rooms: Sequence[RoomPage] = (),
    zone: str = PLANT_ZONE,
    regions: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Add every page, the static files and the word lists to the application.

    Parameters
    ----------
    app
        Where to mount; the API is expected under /api/v1 of the same application.
    viewer
        Says who asks; None = nobody is logged in. May block: it is called in a worker thread.
    rooms
        Pages that rooms bring along, in the order of the navigation.
    zone
        IANA name of the plant's time zone; every page shows its times in it.
    regions
        Districts with code, names, tile column and row, for pages that draw them.
    """
    renderer = Renderer(viewer, rooms, zone, regions)
    app.mount("/static", StaticFiles(directory=SHOW_FOLDER / "static"), name="static")
    app.add_api_route("/words/{name}", _answer_words, include_in_schema=False)
    for page in PAGES:
        _add(app, page.path, renderer.private(page))
    app.add_api_route("/cards/worker.js", _answer_worker, include_in_schema=False)
    app.add_api_route("/rooms/{room}/{name}", _room_file(rooms), include_in_schema=False)
    # A path with a parameter would also match its literal neighbours, so it comes after them.
    for room in sorted(rooms, key=lambda r: "{" in r.page.path):
        own = _of_room(room)
        _add(app, own.path, renderer.public(own) if room.page.wall else renderer.private(own))
    _add(app, "/login", renderer.public(PlainPage("/login", "login.html", "Log in")))
    _add(app, "/wall", renderer.public(PlainPage("/wall", "wall.html", "Overview", "wall")))


def _add(app: FastAPI, path: str, endpoint: Callable[..., Response]) -> None:
    app.add_api_route(path, endpoint, response_class=HTMLResponse, include_in_schema=False)


def _of_room(room: RoomPage) -> PlainPage:
    page = room.page
    key = "wall" if page.wall else (page.within or page.path).strip("/")
    template = f"{room.room}/{page.template}"
    way = not page.wall and "{" not in page.path
    return PlainPage(page.path, template, page.title, key, page.title_zh, page.queries, way)


def _room_file(rooms: Sequence[RoomPage]) -> Callable[..., Response]:
    """Return the endpoint that serves the modules and styles beside rooms' templates, no others."""
    folders = {(room.room, (room.folder / room.page.template).parent) for room in rooms}
    files = {
        (room, path.name): path
        for room, folder in sorted(folders)
        for path in sorted(folder.iterdir())
        if path.suffix in ROOM_FILES
    }

    def endpoint(room: str, name: str) -> Response:
        path = files.get((room, name))
        if path is None:
            return Response(status_code=404)
        return FileResponse(path, media_type=ROOM_FILES[path.suffix])

    return endpoint


def _answer_worker() -> Response:
    """Serve the service worker of the job cards from where it may answer for their page."""
    path = SHOW_FOLDER / "static" / "js" / "cards" / "worker.js"
    headers = {"Service-Worker-Allowed": "/cards", "Cache-Control": "no-cache"}
    return FileResponse(path, media_type="text/javascript", headers=headers)


def _answer_words(name: str) -> Response:
    language = name.partition(".")[0]
    if language not in words.LANGUAGES:
        return Response(status_code=404)
    current = words.words_url(language).endswith(f"/{name}")
    kept = f"public, max-age={WORDS_KEPT_S}, immutable" if current else "no-cache"
    return Response(
        words.words_json(language), media_type="application/json", headers={"Cache-Control": kept}
    )


class Renderer:
    """Renders the shells: one Jinja2 environment a language, shared by all readers."""

    def __init__(
        self,
        viewer: Callable[[Request], Viewer | None],
        rooms: Sequence[RoomPage],
        zone: str,
        regions: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._viewer = viewer
        self._regions = [{k: r[k] for k in _DRAWN if k in r} for r in regions]
        self._zone = zone
        self._rooms = rooms
        self._room_ways = [p for r in rooms if (p := _of_room(r)).way]
        self._environments = {code: _environment(code, rooms) for code in words.LANGUAGES}

    def private(self, page: PlainPage) -> Callable[..., Response]:
        """Return the endpoint of a page that asks for a login."""

        def endpoint(request: Request) -> Response:
            viewer = self._viewer(request)
            if viewer is None:
                return RedirectResponse(f"/login?next={quote(_here(request))}", status_code=303)
            return self._render(page, request, viewer)

        return endpoint

    def public(self, page: PlainPage) -> Callable[..., Response]:
        """Return the endpoint of a page that everybody may open; it holds no data."""

        def endpoint(request: Request) -> Response:
            return self._render(page, request, self._viewer(request))

        return endpoint

    def _render(self, page: PlainPage, request: Request, viewer: Viewer | None) -> Response:
        wish = (viewer.language if viewer else "") or request.cookies.get("language", "")
        language = words.choose_language(wish, request.headers.get("accept-language", ""))
        theme = (viewer.theme if viewer else "") or request.cookies.get("theme", "")
        context = {
            "page": page,
            "zone": self._zone,
            "viewer": viewer,
            "language": language,
            "languages": words.LANGUAGES,
            "theme": theme if theme in THEMES else "auto",
            "words_url": words.words_url(language),
            "room_entries": self._room_entries(language),
            "queries": {q.name: _query_json(q, language) for q in page.queries},
            "parameters": request.path_params,
            "ways": self._ways(page.key),
            "plant": self._ways("plant"),
            "regions": self._regions,
            "signals": signals(language),
            "vehicle_columns": [column.as_json(language) for column in VEHICLE_COLUMNS],
        }
        html = self._environments[language].get_template(page.template).render(context)
        # The shell depends on the cookie: a shared cache must not hand it to another reader.
        return HTMLResponse(html, headers={"Cache-Control": "private, no-cache"})

    def _room_entries(self, language: str) -> list[tuple[str, str, str]]:
        """Return path, key and title of the rooms' own entries in the navigation."""
        pages = [r.page for r in self._rooms if not r.page.within and not r.page.wall]
        return [
            (p.path, p.path.strip("/"), p.title_zh if language == "zh" else p.title) for p in pages
        ]

    def _ways(self, key: str) -> list[PlainPage]:
        """Return the pages of a key in its row of ways: its first page, ours, then the rooms'."""
        ways = [p for p in (*PAGES, *self._room_ways) if key and p.key == key and p.way]
        return sorted(ways, key=lambda p: p.path != f"/{key}")


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _environment(language: str, rooms: Sequence[RoomPage]) -> Environment:
    environment = Environment(
        loader=_Loader(rooms),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    install: Any = environment
    install.install_gettext_translations(words.translations(language), newstyle=True)
    environment.globals.update(version=__version__)
    return environment


def _query_json(query: Query, language: str) -> dict[str, Any]:
    """Return what a page's module needs to draw a query's rows as a table."""
    return {
        "title": query.title_zh if language == "zh" else query.title,
        "columns": [
            {
                "name": c.name,
                "kind": c.kind,
                "title": c.meaning_zh if language == "zh" else c.meaning,
                "unit": c.unit.symbol if c.unit else "",
            }
            for c in query.columns
        ],
    }


class _Loader(FileSystemLoader):
    """Finds our templates by name and a room's as ``<room>/<file>`` in the room's own folder."""

    def __init__(self, rooms: Sequence[RoomPage]) -> None:
        super().__init__(SHOW_FOLDER / "templates")
        self._folders = {room.room: room.folder for room in rooms}

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Read a template; a room's name leads into the room's folder."""
        room, _, file = template.partition("/")
        if not file or room not in self._folders:
            return super().get_source(environment, template)
        return FileSystemLoader(self._folders[room]).get_source(environment, file)
