"""What the API says of scans, recipes and stations, as types."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from millbrain.core.limits import RECIPE_SETTINGS_MAX
from millbrain.show.api.things import ImportProblem

_NAME = r"^[!-~]{1,64}$"
_SHORT = r"^[!-~]{0,64}$"


class SettingAnswer(BaseModel):
    """One parameter of a machine."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    name: str = Field(pattern=_NAME, examples=["spindle_speed"])
    value: float | str = Field(examples=[1800])
    unit: str = Field("", max_length=16, examples=["1/min"])


class RecipeFields(BaseModel):
    """A recipe without its name; an empty text fits everything."""

    model_config = ConfigDict(extra="forbid")
    part_type: str = Field(pattern=_NAME)
    step: str = Field(pattern=r"^[!-~]{1,32}$", description="Of the routing.")
    settings: list[SettingAnswer] = Field(min_length=1, max_length=RECIPE_SETTINGS_MAX)
    revision: str = Field("", pattern=r"^[!-~]{0,32}$")
    station: str = Field("", pattern=_SHORT)
    tool_set: str = Field("", pattern=_SHORT)
    after: str = Field("", pattern=r"^[!-~]{0,32}$", description="Step that must be carried out.")
    qualification: str = Field("", pattern=_SHORT, description="That the operator needs.")
    tool_cycles: int = Field(0, ge=0, le=100_000, description="Tool life that one part takes.")
    program: str = Field("", max_length=64)


class RecipeAnswer(RecipeFields):
    """A recipe in use."""

    name: str
    version: int


class RecipeVersion(RecipeAnswer):
    """One version of a recipe."""

    entered_by: str
    entered_at: datetime
    replaced_at: datetime | None = Field(description="Null: it is in use.")


class RecipeList(BaseModel):
    """The recipes in use, the form of a table of them, and the checks before a command."""

    recipes: list[RecipeAnswer]
    form: list[dict[str, Any]]
    checks: list[dict[str, str]]


class RecipesTaken(BaseModel):
    """What an import did. A recipe with a bad row is left out whole."""

    changed: int = Field(description="New recipes, and new versions of known ones.")
    unchanged: int
    refused: list[str] = Field(description="Names of the recipes that were left out.")
    unused: list[str] = Field(description="Headings that no field has.")
    problems: list[ImportProblem] = Field(description="The first 1,000 of them.")


class JobFields(BaseModel):
    """What a station works on; what is empty is not demanded."""

    model_config = ConfigDict(extra="forbid")
    order: str = Field("", max_length=64)
    part_type: str = Field("", max_length=64)
    revision: str = Field("", max_length=32)
    lots: list[str] = Field(default=[], max_length=100)


class StationFields(BaseModel):
    """A machine with its controller, without its name."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=1, max_length=128)
    title_zh: str = Field("", max_length=128)
    address: str = Field(
        pattern=r"^([A-Za-z0-9.:\[\]_-]{1,120}:\d{1,5}"
        r"|([a-z0-9_]{1,32}:[A-Za-z0-9._-]{1,64}/)?[^\s/:]{1,64})$",
        max_length=128,
        examples=["127.0.0.1:4800", "MW-L03-M07", "opcua:cell-3/MW-L03-M07"],
        description="Controller (host:port), or a machine behind a connection.",
    )
    tool_set: str = Field("", pattern=_SHORT)
    tool_life: int | None = Field(None, ge=0, description="Cycles left; null = not counted.")
    job: JobFields = Field(default_factory=lambda: JobFields.model_validate({}))
    place: str = Field("", max_length=200, description="Identifier of the place, for events.")
    operator: str = Field("", max_length=128, description="Organisation; empty = the centre.")
    is_simulated: bool = False


class StationAnswer(StationFields):
    """A station."""

    name: str
    address: str


class QualificationFields(BaseModel):
    """Until when somebody has a qualification; null takes it away."""

    model_config = ConfigDict(extra="forbid")
    until: str | None = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Last day.")


class QualificationAnswer(BaseModel):
    """Who has which qualification until when."""

    account: str
    qualification: str
    until: str


class ScanAsked(BaseModel):
    """One scan. The same id again changes nothing and answers the same."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="A UUID.")
    text: str = Field(min_length=1, max_length=2048, description="What the reader read.")
    station: str = Field(pattern=_NAME)


class FailedAnswer(BaseModel):
    """A check that was not passed."""

    check: str
    message: str
    message_zh: str
    found: str
    wanted: str


class ScanAnswer(BaseModel):
    """A scan and what became of it."""

    id: str
    number: int
    at: datetime
    who: str
    station: str
    text: str
    part: str
    part_type: str
    revision: str
    lot: str
    recipe: str
    recipe_version: int
    step: str
    program: str
    state: str = Field(description="cleared, written, recorded, refused or failed.")
    state_en: str
    state_zh: str
    is_good: bool = Field(description="The values are on the machine and were read back.")
    is_open: bool = Field(description="Not known yet: ask again.")
    failed: list[FailedAnswer]
    settings: list[SettingAnswer]
    read_back: list[SettingAnswer]
    result: str = Field(description="Of the command; empty = none was sent.")
    result_en: str
    result_zh: str
    detail: str
    write_count: int
    is_cached: bool = Field(description="The part was known; the resolver was not asked now.")
    changed_at: datetime
