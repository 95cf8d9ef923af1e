"""What scans are checked against: recipes by version, stations, qualifications, known parts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.errors import NotFoundError
from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Job, Part, Recipe, Station
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.scans.models import KNOWN_PART, QUALIFICATION, RECIPE, STATION

_RECIPE: Final = ("name", "version", "part_type", "revision", "station", "tool_set", "step",
                  "after", "qualification", "tool_cycles", "program")  # fmt: skip
_PART: Final = sa.select(KNOWN_PART).where(KNOWN_PART.c.key == sa.bindparam("key"))
_PARTS_A_WRITE: Final = 10_000
_PARTS_MAX: Final = 200_000  # known parts that are kept; the oldest go


class RecipeBook:
    """Recipes, stations, qualifications and known parts.

    `operator` of the questions: organisation whose stations are seen, empty = all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # Recipes --------------------------------------------------------------------------------------

    def put_recipes(self, recipes: Sequence[Recipe], who: str) -> tuple[int, int]:
        """Keep recipes, all or none; return how many are new or changed, and how many were there.

        Another content of a name is its next version; the one before stays readable, dated.
        """
        changed = 0
        with self._database.write() as c:
            for recipe in recipes:
                newest = self._newest(c, recipe.name)
                if newest is not None and newest.replaced_at is None:
                    if _content(_recipe(newest)) == _content(recipe):
                        continue
                    self._end(c, recipe.name)
                version = newest.version + 1 if newest is not None else 1
                row = {n: getattr(recipe, n) for n in _RECIPE} | {
                    "version": version, "settings": [s.as_json() for s in recipe.settings],
                    "entered_by": who, "entered_at": now(),
                }  # fmt: skip
                c.execute(sa.insert(RECIPE).values(**row))
                changed += 1
        return changed, len(recipes) - changed

    def end_recipe(self, name: str) -> None:
        """Take a recipe out of use; NotFoundError where none of that name is."""
        with self._database.write() as c:
            if not self._end(c, name):
                raise NotFoundError(f"no recipe in use is named {name!r}")

    def recipes(self, part_type: str = "") -> list[Recipe]:
        """Return the recipes in use, of a part type or all, by name."""
        where: list[sa.ColumnElement[bool]] = [RECIPE.c.replaced_at.is_(None)]
        if part_type:
            where.append(RECIPE.c.part_type == part_type)
        with self._database.read() as c:
            rows = c.execute(sa.select(RECIPE).where(*where).order_by(RECIPE.c.name))
            return [_recipe(row) for row in rows]

    def recipe(self, name: str, version: int) -> Recipe | None:
        """Return a version of a recipe."""
        query = sa.select(RECIPE).where(RECIPE.c.name == name, RECIPE.c.version == version)
        with self._database.read() as c:
            row = c.execute(query).first()
        return _recipe(row) if row else None

    def versions(self, name: str) -> list[tuple[Recipe, str, datetime, datetime | None]]:
        """Return every version of a recipe, newest first: who entered it when, until when."""
        query = sa.select(RECIPE).where(RECIPE.c.name == name).order_by(RECIPE.c.version.desc())
        with self._database.read() as c:
            return [(_recipe(r), r.entered_by, r.entered_at, r.replaced_at)
                    for r in c.execute(query)]  # fmt: skip

    def _newest(self, c: sa.Connection, name: str) -> Any:
        query = sa.select(RECIPE).where(RECIPE.c.name == name).order_by(RECIPE.c.version.desc())
        return c.execute(query.limit(1)).first()

    def _end(self, c: sa.Connection, name: str) -> bool:
        change = sa.update(RECIPE).where(RECIPE.c.name == name, RECIPE.c.replaced_at.is_(None))
        return c.execute(change.values(replaced_at=now())).rowcount > 0

    # Stations -------------------------------------------------------------------------------------

    def put_station(self, station: Station) -> None:
        """Keep a station in place of the one of its name."""
        row = {n: getattr(station, n) for n in ("name", "title", "title_zh", "address", "tool_set",
                                                "tool_life", "place", "operator")}  # fmt: skip
        row |= {"job": asdict(station.job), "simulated": station.is_simulated, "changed_at": now()}
        values = [name for name in row if name != "name"]
        with self._database.write() as c:
            c.execute(self._database.upsert(STATION, ["name"], values).values(**row))

    def station(self, name: str, operator: str = "") -> Station | None:
        """Return a station within a scope."""
        where = [STATION.c.name == name, *_scope(operator)]
        with self._database.read() as c:
            row = c.execute(sa.select(STATION).where(*where)).first()
        return _station(row) if row else None

    def stations(self, operator: str = "") -> list[Station]:
        """Return the stations of a scope by name."""
        query = sa.select(STATION).where(*_scope(operator)).order_by(STATION.c.name)
        with self._database.read() as c:
            return [_station(row) for row in c.execute(query)]

    # Qualifications -------------------------------------------------------------------------------

    def put_qualification(self, account: str, name: str, until: str) -> None:
        """Say until when (ISO, included) an account has a qualification; '' takes it away."""
        with self._database.write() as c:
            if not until:
                mine = (QUALIFICATION.c.account == account, QUALIFICATION.c.name == name)
                c.execute(sa.delete(QUALIFICATION).where(*mine))
                return
            put = self._database.upsert(QUALIFICATION, ["account", "name"], ["until"])
            c.execute(put.values(account=account, name=name, until=until))

    def qualifications(self, account: str = "") -> list[tuple[str, str, str]]:
        """Return account, qualification and last day (ISO), of an account or all."""
        query = sa.select(QUALIFICATION).order_by(QUALIFICATION.c.account, QUALIFICATION.c.name)
        if account:
            query = query.where(QUALIFICATION.c.account == account)
        with self._database.read() as c:
            return [(r.account, r.name, r.until) for r in c.execute(query)]

    # Known parts ----------------------------------------------------------------------------------

    def put_parts(self, parts: Iterable[Part]) -> None:
        """Keep what the resolver said of parts."""
        put = self._database.upsert(KNOWN_PART, ["key"], ["fields", "fetched_at"])
        rows = [{"key": p.asked or p.key, "fields": _fields(p), "fetched_at": p.fetched_at or now()}
                for p in parts]  # fmt: skip
        if rows:
            with self._database.write() as c:
                c.execute(put, rows)

    def part(self, key: str) -> Part | None:
        """Return what the resolver said of a part when it was asked last."""
        with self._database.read() as c:
            row = c.execute(_PART, {"key": key}).first()
        if row is None:
            return None
        told = dict(row.fields) | {"steps": tuple(row.fields.get("steps", ()))}
        return Part(**told, fetched_at=row.fetched_at, is_cached=True, asked=key)

    def forget_parts(self) -> int:
        """Drop the oldest known parts beyond the bound; return how many."""
        with self._database.write() as c:
            count = c.scalar(sa.select(sa.func.count()).select_from(KNOWN_PART)) or 0
            if count <= _PARTS_MAX:
                return 0
            oldest = sa.select(KNOWN_PART.c.key).order_by(KNOWN_PART.c.fetched_at)
            gone = [r.key for r in c.execute(oldest.limit(min(count - _PARTS_MAX, _PARTS_A_WRITE)))]
            c.execute(sa.delete(KNOWN_PART).where(KNOWN_PART.c.key.in_(gone)))
        return len(gone)


def _content(recipe: Recipe) -> Mapping[str, Any]:
    return recipe.as_json() | {"version": 0}


def _recipe(row: Any) -> Recipe:
    settings = tuple(Setting(**s) for s in row.settings)
    return Recipe(settings=settings, **{n: getattr(row, n) for n in _RECIPE})


def _station(row: Any) -> Station:
    job = dict(row.job) | {"lots": tuple(row.job.get("lots", ()))}
    return Station(row.name, row.title, row.title_zh, row.address, row.tool_set, row.tool_life,
                   Job(**job), row.place, row.operator, row.simulated)  # fmt: skip


def _fields(part: Part) -> dict[str, Any]:
    names = ("key", "part_type", "revision", "lot", "expires", "hold")
    return {n: getattr(part, n) for n in names} | {"steps": list(part.steps)}


def _scope(operator: str) -> list[sa.ColumnElement[bool]]:
    return [STATION.c.operator == operator] if operator else []
