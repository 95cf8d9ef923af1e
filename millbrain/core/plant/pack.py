"""From the files of a pack, read to dicts, to a checked `Plant`; regular parts are written short.

`plant.toml` says the places: `[[node]]` one by one, `[[units]]` several machines of a class under
one place. `people.toml` has `[[people]]`, several of a team; a `[[routing]]` may serve several
products. Everything else is an entry of its own. Reads no file itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from millbrain.core.errors import SettingsError
from millbrain.core.plant import checks, model
from millbrain.core.plant.calendar import MONDAY, Calendar, Overtime, Shift, Weekdays
from millbrain.core.plant.entries import Told, Troubles, read_all, read_one, value_of
from millbrain.core.plant.plant import Plant
from millbrain.core.work.holidays_cn import HOLIDAYS_CN

FILES: Final = ("plant.toml", "equipment.toml", "products.toml", "routings.toml", "calendar.toml",
                "people.toml", "reasons.toml")  # fmt: skip
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HEAD: Final = ("key", "title", "title_zh", "time_zone", "simulated", "about", "about_zh")
_SAID_MAX: Final = 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Units:
    """Several units of a class under one place: `count` of them, numbered on within the place."""

    parent: str
    equipment_class: str
    title: str
    title_zh: str
    count: int = 1
    stage: int = 0
    buffer_count: int = 0
    speed_ratio: float = 1.0
    digital: bool = True
    calendar: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Several workers of a team, numbered on within the plant."""

    team: str
    count: int
    skills: Mapping[str, int]
    grade: int = 1
    title: str = "Operator {n:03}"
    title_zh: str = "操作工{n:03}"


@dataclass(frozen=True, slots=True)
class Routed:
    """One routing for several products; run_ratio: standard times of each against those given.

    place: line or cell of the operations that name a class and no machines.
    """

    products: tuple[str, ...]
    operations: tuple[model.Operation, ...]
    run_ratio: tuple[float, ...] = ()
    place: str = ""
    rank: int = 1


@dataclass(frozen=True, slots=True)
class Working:
    """A calendar as a pack says it: weeks map days ("mon..fri", "sat") to shifts.

    holidays: days or spans of days that are free, beside those of `country` ("cn" or none).
    """

    key: str
    title: str
    title_zh: str
    weeks: tuple[Mapping[str, tuple[str, ...]], ...]
    anchor: date = MONDAY
    country: str = ""
    holidays: tuple[str, ...] = ()
    days: tuple[Mapping[str, str], ...] = ()
    overtime: tuple[Overtime, ...] = ()


def assemble(files: Mapping[str, Told]) -> Plant:
    """Return the plant of a pack. files: content by name of file.

    Raises
    ------
    SettingsError
        Naming everything that is wrong: file, entry, what was found, what is allowed.
    """
    troubles = Troubles()
    book = _Book(files, troubles)
    plant = _plant(book)
    if plant is not None and not troubles.sentences:
        checks.check(plant, troubles)
    if troubles.sentences or plant is None:
        said = troubles.sentences[:_SAID_MAX]
        more = len(troubles.sentences) - len(said)
        raise SettingsError("; ".join(said) + (f"; and {more} more" if more else ""))
    return plant


class _Book:
    """The files, read entry by entry."""

    def __init__(self, files: Mapping[str, Told], troubles: Troubles) -> None:
        self.files, self.troubles = files, troubles

    def entries(self, file: str, name: str) -> Sequence[Told]:
        found = self.files.get(file, {}).get(name, [])
        if not isinstance(found, list):
            self.troubles.add(file, f"{name!r} is one table, allowed is a list: [[{name}]]")
            return []
        return found

    def all(self, kind: type[T], file: str, name: str) -> list[T]:
        return list(read_all(kind, self.entries(file, name), f"{file}, {name}", self.troubles))

    def keyed(self, kind: type[T], file: str, name: str, key: str = "key") -> dict[str, T]:
        return self.by(key, self.all(kind, file, name), f"{file}, {name}")

    def by(self, key: str, found: Sequence[T], where: str) -> dict[str, T]:
        kept: dict[str, T] = {}
        for one in found:
            name = getattr(one, key)
            if name in kept:
                self.troubles.add(where, f"{name!r} stands twice; each {key} stands once")
            kept[name] = one
        return kept

    def known(self, file: str, names: Sequence[str]) -> None:
        for name in self.files.get(file, {}).keys() - set(names):
            self.troubles.add(file, f"{name!r} is not known; allowed are {', '.join(names)}")


def _plant(book: _Book) -> Plant | None:
    for file in set(FILES) - book.files.keys():
        book.troubles.add(file, "is missing; a plant has " + ", ".join(FILES))
    head = book.files.get("plant.toml", {})
    book.known("plant.toml", (*_HEAD, "node", "units"))
    book.known("equipment.toml", ("signals", "class", "setup", "tool", "fixture", "maintenance"))
    book.known("products.toml", ("product", "lot"))
    book.known("calendar.toml", ("day_start", "shift", "calendar"))
    book.known("people.toml", ("skill", "team", "people", "person"))
    book.known("reasons.toml", ("reason",))
    book.known("routings.toml", ("routing",))
    zone = _zone(head, book.troubles)
    if zone is None:
        return None
    return Plant(
        key=str(head.get("key", "")), title=str(head.get("title", "")),
        title_zh=str(head.get("title_zh", "")), zone=zone,
        simulated=bool(head.get("simulated", True)), about=str(head.get("about", "")),
        about_zh=str(head.get("about_zh", "")),
        nodes=book.by("id", list(_nodes(book)), "plant.toml"),
        classes=book.by("key", list(_classes(book)), "equipment.toml"),
        calendars=_calendars(book, zone),
        products=book.keyed(model.Product, "products.toml", "product"),
        routings=book.by("key", list(_routings(book)), "routings.toml"),
        setups=tuple(book.all(model.SetupTime, "equipment.toml", "setup")),
        skills=book.keyed(model.Skill, "people.toml", "skill"),
        teams=book.keyed(model.Team, "people.toml", "team"),
        people=book.by("code", list(_people(book)), "people.toml"),
        tools=book.keyed(model.Tool, "equipment.toml", "tool"),
        fixtures=book.keyed(model.Fixture, "equipment.toml", "fixture"),
        reasons=book.keyed(model.ReasonNode, "reasons.toml", "reason", "code"),
        lots=tuple(book.all(model.MaterialLot, "products.toml", "lot")),
        maintenance=tuple(book.all(model.Maintenance, "equipment.toml", "maintenance")),
    )  # fmt: skip


def _zone(head: Told, troubles: Troubles) -> ZoneInfo | None:
    name = head.get("time_zone", "")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        allowed = "a name of the IANA data base such as Asia/Shanghai"
        troubles.add("plant.toml", f"time_zone is {name!r}, allowed is {allowed}")
        return None


def _nodes(book: _Book) -> Iterator[model.Node]:
    nodes = book.all(model.Node, "plant.toml", "node")
    yield from nodes
    lines = {n.id for n in nodes if n.level is model.Level.LINE}
    held: dict[str, int] = {}
    stages: dict[str, int] = {}
    for some in book.all(Units, "plant.toml", "units"):
        stages[some.parent] = some.stage or stages.get(some.parent, 0) + 1
        for n in range(1, some.count + 1):
            number = held[some.parent] = held.get(some.parent, 0) + 1
            yield model.Node(
                f"{some.parent}-M{number:02}", model.Level.UNIT, some.parent,
                _numbered(some.title, n, some.count), _numbered(some.title_zh, n, some.count),
                some.equipment_class, some.calendar,
                stages[some.parent] if some.parent in lines else 0,
                some.buffer_count, some.speed_ratio, some.digital,
            )  # fmt: skip


def _numbered(title: str, n: int, count: int) -> str:
    return title.format(n=n) if "{n" in title or count == 1 else f"{title} {n}"


def _people(book: _Book) -> Iterator[model.Person]:
    number = 0
    for some in book.all(People, "people.toml", "people"):
        for _ in range(some.count):
            number += 1
            yield model.Person(
                f"P{number:03}", some.title.format(n=number), some.title_zh.format(n=number),
                some.team, some.skills, some.grade,
            )  # fmt: skip
    yield from book.all(model.Person, "people.toml", "person")


def _routings(book: _Book) -> Iterator[model.Routing]:
    for told in book.entries("routings.toml", "routing"):
        where = f"routings.toml, routing of {told.get('products')}"
        some = read_one(Routed, told, where, book.troubles)
        if some is None:
            continue
        ratios = some.run_ratio or (1.0,) * len(some.products)
        if len(ratios) != len(some.products):
            book.troubles.add(where, "run_ratio needs one number for each product")
            continue
        for product, ratio in zip(some.products, ratios, strict=True):
            steps = tuple(_routed(o, ratio, some.place) for o in some.operations)
            key = f"R-{product}" + (f"-{some.rank}" if some.rank > 1 else "")
            yield model.Routing(key, product, steps, some.rank)


def _routed(one: model.Operation, ratio: float, place: str) -> model.Operation:
    machines = (place,) if place and one.equipment_class and not one.machines else one.machines
    return replace(one, run_s=round(one.run_s * ratio, 1), machines=machines)


def _classes(book: _Book) -> Iterator[model.EquipmentClass]:
    """Yield the classes with the signals of the sets that they name."""
    sets = {
        name: tuple(read_all(model.Signal, told, f"equipment.toml, signals {name}", book.troubles))
        for name, told in book.files.get("equipment.toml", {}).get("signals", {}).items()
    }
    for told in book.entries("equipment.toml", "class"):
        own = {name: value for name, value in told.items() if name != "sets"}
        where = f"equipment.toml, class {told.get('key')!r}"
        found = read_one(model.EquipmentClass, own, where, book.troubles)
        for name in told.get("sets", ()):
            if name not in sets:
                book.troubles.add(where, f"set {name!r} is not known; there are {', '.join(sets)}")
        if found is not None:
            given = [s for name in told.get("sets", ()) for s in sets.get(name, ())]
            yield replace(found, signals=(*given, *found.signals))


def _calendars(book: _Book, zone: ZoneInfo) -> dict[str, Calendar]:
    troubles = book.troubles
    shifts = book.keyed(Shift, "calendar.toml", "shift")
    told_start = book.files.get("calendar.toml", {}).get("day_start", "00:00")
    try:
        day_start = value_of(time, told_start, "calendar.toml", troubles)
    except ValueError as error:
        troubles.add("calendar.toml", f"day_start is {told_start!r}, allowed is {error}")
        day_start = time(0)
    found = {}
    for told in book.keyed(Working, "calendar.toml", "calendar").values():
        where = f"calendar.toml, calendar {told.key!r}"
        try:
            found[told.key] = _calendar(told, zone, shifts, day_start)
        except ValueError as error:
            troubles.add(where, str(error))
    return found


def _calendar(
    told: Working, zone: ZoneInfo, shifts: Mapping[str, Shift], day_start: time
) -> Calendar:
    weeks = tuple(_week(week, shifts) for week in told.weeks)
    if not weeks:
        raise ValueError("weeks is empty, allowed is at least one week")
    days = _free_days(told, weeks[0])
    for one in told.days:
        keys = tuple(one["shifts"].split())
        _known(keys, shifts)
        days |= dict.fromkeys(_span(one["day"]), keys)
    return Calendar(
        told.key, zone, shifts, weeks, told.title, told.title_zh, day_start, told.anchor, days,
        told.overtime,
    )  # fmt: skip


def _free_days(told: Working, week: Weekdays) -> dict[date, tuple[str, ...]]:
    days: dict[date, tuple[str, ...]] = {}
    if told.country == "cn":
        for year, (free, made_up) in HOLIDAYS_CN.items():
            days |= {d: () for text in free for d in _span(_in_year(year, text))}
            days |= {d: week[0] for text in made_up for d in _span(_in_year(year, text))}
    elif told.country:
        raise ValueError(f"country is {told.country!r}, allowed is 'cn' or nothing")
    return days | {d: () for text in told.holidays for d in _span(text)}


def _in_year(year: int, text: str) -> str:
    return "..".join(f"{year}-{part}" for part in text.split(".."))


def _week(told: Mapping[str, Sequence[str]], shifts: Mapping[str, Shift]) -> Weekdays:
    week: list[tuple[str, ...]] = [()] * len(_DAYS)
    for days, keys in told.items():
        first, _, last = days.partition("..")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"days are {days!r}, allowed is 'mon..fri' or one of {_DAYS}")
        _known(keys, shifts)
        for n in range(_DAYS.index(first), _DAYS.index(last or first) + 1):
            week[n] = tuple(keys)
    return tuple(week)


def _known(keys: Sequence[str], shifts: Mapping[str, Shift]) -> None:
    for key in keys:
        if key not in shifts:
            raise ValueError(f"shift {key!r} is not known; there are {', '.join(shifts)}")


def _span(text: Any) -> list[date]:
    first, _, last = str(text).partition("..")
    day, end = date.fromisoformat(first), date.fromisoformat(last or first)
    return [day + timedelta(days=n) for n in range((end - day).days + 1)]
