"""Metadata templates: what there is, its versions, and new ones."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core.limits import IDENTIFIER_BYTES_MAX
from millbrain.core.templates import KINDS
from millbrain.show.access import AdminCaller, ViewerCaller
from millbrain.show.api.answers import Done
from millbrain.show.services import Use

router = APIRouter(prefix="/templates")


class TemplateAnswer(BaseModel):
    """A template with its versions. fields: as the newest version has them."""

    model_config = ConfigDict(extra="ignore")
    handle: str
    prefix: str
    version: int
    title: str
    title_zh: str
    about: dict[str, str]
    is_withdrawn: bool
    fields: list[dict[str, Any]]
    versions: list[dict[str, Any]] = Field(
        description="Each: number, at_s, and what is new in it, as it was declared."
    )


class TemplatesAnswer(BaseModel):
    """Every template of this node."""

    templates: list[TemplateAnswer]
    prefixes: list[str] = Field(description="Prefixes that this node answers for.")
    kinds: dict[str, tuple[str, str]] = Field(description="Kinds of fields, English and Chinese.")
    is_whole: bool = Field(description="False: there are more than are shown.")


class NewVersion(BaseModel):
    """What a version adds or widens; the first one declares the template."""

    model_config = ConfigDict(extra="forbid")
    handle: str = Field(max_length=IDENTIFIER_BYTES_MAX, examples=["88.100.1/META_GEAR"])
    version: dict[str, Any] = Field(
        description="title, title_zh, about, is_withdrawn, fields; see `core.templates`."
    )


@router.get("", summary="Templates of this node, with every version")
def templates(caller: ViewerCaller, use: Use) -> TemplatesAnswer:
    """Return the templates of all prefixes that this node answers for."""
    return TemplatesAnswer.model_validate(use.identifiers.templates(caller) | {"kinds": KINDS})


@router.post("/{number}", summary="Add a version of a template", status_code=201)
def add_version(
    number: Annotated[int, Path(ge=1, le=1_000, description="The version that it becomes.")],
    new: NewVersion, caller: AdminCaller, use: Use,
) -> Done:  # fmt: skip
    """Add a version, the first one makes the template; refused where it narrows what was valid."""
    use.identifiers.add_version(caller, new.handle, number, new.version)
    return Done()
