"""Recipes: what is in use, one with its versions, a change, a table of many."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, UploadFile

from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.limits import RECIPE_SETTINGS_MAX, RECIPES_MAX
from millbrain.core.scans.checks import CHECKS
from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import RECIPE_FORM, Recipe
from millbrain.record.ledger import Role
from millbrain.show.access import Caller, Needs, ViewerCaller
from millbrain.show.api.answers import Done
from millbrain.show.api.scans.answers import (
    RecipeAnswer,
    RecipeFields,
    RecipeList,
    RecipesTaken,
    RecipeVersion,
)
from millbrain.show.api.things import PROBLEMS_SHOWN, ImportProblem
from millbrain.show.entries import Entry, entries_in
from millbrain.show.imports import RowProblem
from millbrain.show.services import Use

router = APIRouter(prefix="/recipes", tags=["scans"])
_Name = Annotated[str, Path(pattern=r"^[!-.0-~]{1,64}$")]
# Recipes are the plant's, not one organisation's.
WholeAdmin = Annotated[Caller, Depends(Needs(Role.ADMIN, is_whole=True))]
_NUMBER: Final = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?", re.ASCII)
_COMMON: Final = ("part_type", "revision", "step", "after", "station", "tool_set", "program",
           "qualification", "tool_cycles")  # fmt: skip


@router.get("", summary="Recipes in use")
def recipes(caller: ViewerCaller, use: Use) -> RecipeList:
    """Return the recipes in use, what a table of them consists of, and the checks."""
    found = [RecipeAnswer.model_validate(r.as_json()) for r in use.ledger.recipes.recipes()]
    form = [field.as_json() for field in RECIPE_FORM]
    return RecipeList(recipes=found, form=form, checks=[asdict(check) for check in CHECKS])


@router.post("/import", summary="Import recipes from XLSX, CSV or JSON")
def import_recipes(file: UploadFile, caller: WholeAdmin, use: Use) -> RecipesTaken:
    """Keep every good recipe; one parameter a row, rows of one recipe agree in all else.

    A recipe with a bad row is left out whole: half a recipe on a machine is worse than none.
    """
    content = file.file.read()
    found = entries_in(content, RECIPE_FORM)
    problems = list(found.problems)
    refused = _named_in_bad_rows(content, problems)
    made = _grouped(found.entries, problems, refused)
    good = [recipe for name, recipe in made.items() if name not in refused]
    changed, unchanged = use.ledger.recipes.put_recipes(good, caller.name)
    said = f"{changed} changed, {unchanged} unchanged, {len(refused)} refused"
    use.ledger.audit.add(caller.name, caller.address, "recipe.import", file.filename or "", said)
    shown = sorted(problems, key=lambda p: p.row)[:PROBLEMS_SHOWN]
    return RecipesTaken(
        changed=changed, unchanged=unchanged, refused=sorted(refused), unused=list(found.unused),
        problems=[ImportProblem(**asdict(p)) for p in shown],
    )  # fmt: skip


@router.get("/{name}", summary="A recipe with its versions")
def versions(name: _Name, caller: ViewerCaller, use: Use) -> list[RecipeVersion]:
    """Return every version of a recipe, newest first."""
    found = use.ledger.recipes.versions(name)
    if not found:
        raise NotFoundError(f"no recipe is named {name!r}")
    return [
        RecipeVersion.model_validate(
            r.as_json() | {"entered_by": who, "entered_at": at, "replaced_at": until}
        )
        for r, who, at, until in found
    ]


@router.put("/{name}", summary="Set a recipe")
def put(name: _Name, fields: RecipeFields, caller: WholeAdmin, use: Use) -> RecipeAnswer:
    """Keep a recipe; another content of a name is its next version."""
    told = fields.model_dump()
    _check_names([s["name"] for s in told["settings"]])
    settings = tuple(Setting(**s) for s in told.pop("settings"))
    use.ledger.recipes.put_recipes([Recipe(name=name, settings=settings, **told)], caller.name)
    kept = use.ledger.recipes.versions(name)[0][0]
    said = f"version {kept.version}"
    use.ledger.audit.add(caller.name, caller.address, "recipe.set", name, said)
    return RecipeAnswer.model_validate(kept.as_json())


@router.delete("/{name}", summary="Take a recipe out of use")
def end(name: _Name, caller: WholeAdmin, use: Use) -> Done:
    """Take a recipe out of use; its versions stay readable."""
    use.ledger.recipes.end_recipe(name)
    use.ledger.audit.add(caller.name, caller.address, "recipe.end", name)
    return Done()


def _named_in_bad_rows(content: bytes, problems: Sequence[RowProblem]) -> set[str]:
    """Return the names of recipes that have a bad row."""
    bad = {problem.row for problem in problems}
    if not bad:
        return set()
    form = [field for field in RECIPE_FORM if field.name == "recipe"]
    names = entries_in(content, form)
    return {entry.values["recipe"] for entry in names.entries if entry.row in bad}


def _grouped(
    entries: Sequence[Entry], problems: list[RowProblem], refused: set[str]
) -> dict[str, Recipe]:
    """Return the recipes of good rows; what rows of one recipe disagree in is a problem."""
    rows: dict[str, list[Entry]] = {}
    for entry in entries:
        rows.setdefault(entry.values["recipe"], []).append(entry)
    if len(rows) > RECIPES_MAX:
        raise LimitError(f"{len(rows)} recipes, at most {RECIPES_MAX} at once; nothing was kept")
    made = {}
    for name, own in rows.items():
        wrong = _disagreements(own)
        problems += wrong
        if wrong:
            refused.add(name)
        else:
            made[name] = _recipe(name, own)
    return made


def _disagreements(rows: Sequence[Entry]) -> list[RowProblem]:
    first, found = rows[0], []
    seen: set[str] = set()
    for entry in rows:
        for column in _COMMON:
            was, wanted = entry.values.get(column), first.values.get(column)
            if was != wanted:
                told = f"was {was!r}, row {first.row} of the recipe says {wanted!r}"
                found.append(RowProblem(entry.row, column, told))
        parameter = entry.values["parameter"]
        if parameter in seen:
            found.append(RowProblem(entry.row, "parameter", f"{parameter!r} stands there twice"))
        seen.add(parameter)
    if len(rows) > RECIPE_SETTINGS_MAX:
        told = f"{len(rows)} parameters; at most {RECIPE_SETTINGS_MAX} are allowed"
        found.append(RowProblem(first.row, "recipe", told))
    return found


def _recipe(name: str, rows: Sequence[Entry]) -> Recipe:
    common = {c: v for c in _COMMON if (v := rows[0].values.get(c)) is not None}
    return Recipe(name=name, settings=tuple(_setting(r.values) for r in rows), **common)


def _setting(values: Mapping[str, Any]) -> Setting:
    """Return a parameter; what does not look like a number is a text."""
    text = values["value"]
    value: float | str = float(text) if _NUMBER.fullmatch(text) else text
    return Setting(values["parameter"], value, values.get("unit", ""))


def _check_names(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise LimitError("a parameter stands there twice; nothing was kept")
