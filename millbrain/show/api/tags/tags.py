"""Tags: what each value of a connection is called here, its newest reading, and changes of many."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.plant.tags import Phase, Tag, TagKind
from millbrain.core.tagging.rules import twice
from millbrain.core.times import utc_from_epoch
from millbrain.show import tag_sheet
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.tags.connections import refuse
from millbrain.show.api.tags.scope import editable, one, one_to_edit, seen
from millbrain.show.errors import ApiError
from millbrain.show.queries import tag_values
from millbrain.show.queries.rows import now_ms
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/tags", tags=["tags"])

_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_Connection = Annotated[str, Query(max_length=64, description="Key; empty = of all.")]
_Address = Annotated[str, Field(min_length=1, max_length=500)]


class TagFields(BaseModel):
    """A tag."""

    connection: str = Field(max_length=64)
    address: _Address = Field(examples=["holding:100:f32"])
    thing: str = Field(max_length=128, examples=["MW-L03-M07"])
    signal: str = Field(max_length=128, examples=["spindle_speed_rpm"])
    kind: TagKind = TagKind.NUMBER
    unit: str = Field("", max_length=32)
    scale: float = Field(1.0, description="A raw number x is stored as x * scale + offset.")
    offset: float = 0.0
    deadband: float = Field(0.0, description="Smallest change that is sent; 0 = every value.")
    period_ms: int = Field(1000, description="How often it is read or sampled.")
    writable: bool = Field(False, description="Whether a command may write it.")
    enabled: bool = True
    title: str = Field("", max_length=128)
    title_zh: str = Field("", max_length=128)

    def tag(self) -> Tag:
        """Return it as the register keeps it."""
        return Tag(**self.model_dump())


class TagAnswer(TagFields):
    """A tag and its newest reading."""

    value: float | None
    text: str
    quality: int | None = Field(description="0 bad, 64 uncertain, 192 good; null = no reading.")
    device_at: datetime | None
    received_at: datetime | None
    stale: bool = Field(
        description="Its connection does not stand, it is switched off or in trouble: the value is "
        "the last one, not the present one."
    )
    trouble: str = Field(description="Why it brings no value; empty = it does.")
    trouble_zh: str = Field(description="The same in Chinese, where the room says it.")


class Changed(BaseModel):
    """What a change did."""

    added: int = 0
    changed: int = 0
    deleted: int = 0


class TagChanges(BaseModel):
    """What to change in many tags at once; leave out what stays."""

    thing: str | None = Field(None, max_length=128)
    unit: str | None = Field(None, max_length=32)
    scale: float | None = None
    offset: float | None = None
    deadband: float | None = None
    period_ms: int | None = None
    writable: bool | None = None
    enabled: bool | None = None


class Bulk(BaseModel):
    """A change of many tags of one connection: put, change or delete."""

    connection: str = Field(max_length=64)
    put: list[TagFields] = Field(default_factory=list, max_length=limits.TAGS_AT_ONCE_MAX)
    addresses: list[_Address] = Field(
        default_factory=list, max_length=limits.TAGS_AT_ONCE_MAX,
        description="Tags that `change` or `delete` is about.",
    )  # fmt: skip
    change: TagChanges | None = None
    delete: bool = False


class SheetWrong(BaseModel):
    """What is not allowed in a sheet."""

    row: int = Field(description="Counted from 1, the heading included.")
    column: str
    found: str
    allowed: str


class Imported(BaseModel):
    """What an import did, or would do."""

    done: bool = Field(description="False: nothing was changed.")
    added: int
    changed: int
    unchanged: int
    refused: int = Field(description="Rows left out because something in them is not allowed.")
    wrongs: list[SheetWrong] = Field(description="The first 1,000 of them.")


@router.get("", summary="Tags with their newest reading", response_model=Rows[TagAnswer])
def tags(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    connection: _Connection = "",
    thing: Annotated[str, Query(max_length=128, description="Only tags of this thing.")] = "",
    q: Annotated[str, Query(max_length=64, description="Part of an address, name or title.")] = "",
) -> object:
    """Return tags by connection and address."""
    keys = [one(connection, caller, use).key] if connection else list(seen(caller, use))
    found, total = use.ledger.tags.page(keys, q, thing, paging.offset, paging.size)
    return paging.answer(_with_values(found, use), total)


@router.post("", summary="Add or change a tag")
def put_tag(fields: TagFields, caller: OperatorCaller, use: Use) -> TagAnswer:
    """Keep a tag, in place of the one of its connection and address."""
    tag = fields.tag()
    change_tags([tag], tag.connection, caller, use)
    use.ledger.audit.add(caller.name, caller.address, "tag.put", f"{tag.connection} {tag.address}",
                         f"{tag.thing} {tag.signal}")  # fmt: skip
    return TagAnswer(**_with_values([tag], use)[0])


@router.delete("", summary="Delete a tag")
def delete_tag(
    caller: OperatorCaller,
    use: Use,
    connection: Annotated[str, Query(min_length=1, max_length=64)],
    address: Annotated[str, Query(min_length=1, max_length=500)],
) -> Changed:
    """Delete a tag; its readings stay."""
    one_to_edit(connection, caller, use)
    if not use.ledger.tags.delete_tags(connection, [address]):
        raise NotFoundError(f"connection {connection} has no tag {address!r}")
    use.ledger.audit.add(caller.name, caller.address, "tag.delete", f"{connection} {address}")
    return Changed(deleted=1)


@router.post("/bulk", summary="Add, change or delete many tags")
def bulk(asked: Bulk, caller: OperatorCaller, use: Use) -> Changed:
    """Do all of it or nothing, in one transaction."""
    one_to_edit(asked.connection, caller, use)
    done = Changed()
    if asked.put:
        done.added, done.changed = _put_many(asked, caller, use)
    elif asked.delete:
        done.deleted = use.ledger.tags.delete_tags(asked.connection, asked.addresses)
    elif asked.change:
        values = asked.change.model_dump(exclude_none=True)
        mine = _named(asked, use)
        made = [dataclasses.replace(tag, **values) for tag in mine]
        done.changed = change_tags(made, asked.connection, caller, use)[1]
    what = f"{done.added} added, {done.changed} changed, {done.deleted} deleted"
    use.ledger.audit.add(caller.name, caller.address, "tag.bulk", asked.connection, what)
    return done


def _put_many(asked: Bulk, caller: Caller, use: Services) -> tuple[int, int]:
    foreign = {f.connection for f in asked.put} - {asked.connection}
    if foreign:
        raise ApiError(422, "invalid", f"a tag is of {foreign.pop()!r}; all must be of "
                       f"{asked.connection!r}, the connection of the change")  # fmt: skip
    return change_tags([f.tag() for f in asked.put], asked.connection, caller, use)


def _named(asked: Bulk, use: Services) -> list[Tag]:
    known = {tag.address: tag for tag in use.ledger.tags.tags(asked.connection)}
    missing = [a for a in asked.addresses if a not in known]
    if missing:
        raise NotFoundError(
            f"connection {asked.connection} has no tag {missing[0]!r}"
            + (f" and {len(missing) - 1} others" if len(missing) > 1 else "")
            + "; nothing was changed"
        )
    return [known[a] for a in dict.fromkeys(asked.addresses)]


def change_tags(made: Sequence[Tag], key: str, caller: Caller, use: Services) -> tuple[int, int]:
    """Judge tags of a connection and keep them; return how many were added, how many replaced."""
    connection = one_to_edit(key, caller, use)
    fresh = {tag.address for tag in made}
    others = [tag for tag in use.ledger.tags.tags(key) if tag.address not in fresh]
    mixed = [w for w in twice([*others, *made]) if w.address in fresh]
    refuse([*use.settings.tag_rules.of_tags(connection, made), *mixed])
    return use.ledger.tags.put_tags(made)


def _with_values(tags: Sequence[Tag], use: Services) -> list[dict[str, Any]]:
    if not tags:
        return []
    values = tag_values.latest(use.warehouse, tags)
    states = _states(use)
    rows = []
    for tag in tags:
        value = values.get((tag.thing, tag.signal), tag_values.EMPTY)
        state = states.get(tag.connection) if states is not None else None
        trouble = state["troubles"].get(tag.address, "") if state else ""
        row = tag_sheet.as_json(tag) | {n: value[n] for n in tag_values.EMPTY}
        is_stale = row["received_at"] is not None and (
            _is_old(row) if states is None else not (state and _brings(tag, state) and not trouble)
        )
        chinese = state.get("troubles_zh", {}).get(tag.address, "") if state else ""
        rows.append(row | {"stale": is_stale, "trouble": trouble, "trouble_zh": chinese})
    return rows


def _brings(tag: Tag, state: Mapping[str, Any]) -> bool:
    return tag.enabled and state["phase"] == Phase.CONNECTED


def _is_old(row: Mapping[str, Any]) -> bool:
    """Whether a reading is old by its age alone: nobody knows how its connection stands."""
    age_ms = now_ms() - datetime.fromisoformat(row["received_at"]).timestamp() * 1000
    return bool(age_ms > 3 * row["period_ms"] + 10_000)


def _states(use: Services) -> dict[str, Mapping[str, Any]] | None:
    """Return how each connection stands, None where the engine does not say."""
    try:
        return {state["connection"]: state for state in use.engine.connections()}
    except ConnectionError:
        return None


@router.post("/import", summary="Import the tag list from XLSX, CSV or TOML")
def import_tags(
    file: UploadFile,
    caller: OperatorCaller,
    use: Use,
    connection: _Connection = "",
    mode: Annotated[
        Literal["all", "good", "check"],
        Query(
            description="all: everything or nothing. good: leave bad rows out. check: only look."
        ),
    ] = "all",
) -> Imported:
    """Read a sheet; every row that is not allowed is named with what it may be."""
    sheet = tag_sheet.read_sheet(
        file.file.read(), editable(caller, use), use.ledger.tags.tags, use.settings.tag_rules,
        connection,
    )  # fmt: skip
    is_done = mode == "good" or (mode == "all" and not sheet.wrongs)
    fresh = [*sheet.added, *sheet.changed]
    if is_done and fresh:
        use.ledger.tags.put_tags(fresh)
    what = f"{len(sheet.added)} added, {len(sheet.changed)} changed, {sheet.refused} refused"
    if mode != "check":
        result = what if is_done else f"nothing done: {sheet.refused} rows refused"
        use.ledger.audit.add(caller.name, caller.address, "tag.import", file.filename or "", result)
    wrongs = [dataclasses.asdict(w) for w in sheet.wrongs[: tag_sheet.WRONGS_SHOWN]]
    return Imported(
        done=is_done, added=len(sheet.added), changed=len(sheet.changed),
        unchanged=sheet.unchanged, refused=sheet.refused, wrongs=[SheetWrong(**w) for w in wrongs],
    )  # fmt: skip


@router.get("/export", summary="The tag list as a sheet")
def export_tags(
    caller: ViewerCaller,
    use: Use,
    connection: _Connection = "",
    form: Literal["xlsx", "csv"] = "xlsx",
) -> StreamingResponse:
    """Return a sheet that the import takes back unchanged."""
    keys = [one(connection, caller, use).key] if connection else list(seen(caller, use))
    total = sum(n for key, n in use.ledger.tags.counts().items() if key in keys)
    if total > limits.EXPORT_ROWS_MAX:
        raise LimitError(f"{total} tags; an export has at most {limits.EXPORT_ROWS_MAX}")
    found = [tag for key in keys for tag in use.ledger.tags.tags(key)]
    stamp = utc_from_epoch(now_ms() / 1000).strftime("%Y%m%dT%H%M%SZ")
    disposition = f'attachment; filename="tags_{stamp}.{form}"'
    return StreamingResponse(
        tag_sheet.sheet_of(found, form), media_type=_MEDIA[form],
        headers={"Content-Disposition": disposition},
    )  # fmt: skip
