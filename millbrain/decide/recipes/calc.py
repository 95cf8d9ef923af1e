"""Which recipe is meant, and whether everything is as it must be. Pure.

A recipe fits where each of part type, revision, station and tool set is what it names, or it names
none. Of those that fit, the ones go first whose step is due on the part. A recipe that names more
goes before one that names less of the same; two of which neither names all that the other does are
ambiguous, and nothing is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from millbrain.core.scans.checks import AMBIGUOUS, CHECKS, Check, passes, shown
from millbrain.core.scans.recipes import MATCHED, Failed, Part, Recipe, Station


@dataclass(frozen=True, slots=True)
class Matched:
    """The recipe that is meant, None = none or several. among: names of several."""

    recipe: Recipe | None
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a scan is judged by. qualifications: valid ones of the operator. today: ISO."""

    part: Part
    station: Station
    who: str
    qualifications: tuple[str, ...]
    steps_done: tuple[str, ...]
    today: date


def match(recipes: Sequence[Recipe], facts: Facts) -> Matched:
    """Return the recipe that is meant for a part at a station.

    recipes: in use; those of other part types do not matter.
    """
    fitting = [r for r in recipes if _fits(r, facts)]
    due = [r for r in fitting if _is_due(r, facts.steps_done)]
    pool = due or fitting
    best = [r for r in pool if not any(_names_more(other, r) for other in pool)]
    if len(best) == 1:
        return Matched(best[0])
    return Matched(None, tuple(sorted(r.name for r in best)))


def judge(matched: Matched, facts: Facts) -> list[Failed]:
    """Return the checks that a scan does not pass, in declared order; none = it may go on."""
    told = _told(matched, facts)
    checks: Sequence[Check] = CHECKS
    if matched.recipe is None:
        if len(matched.among) > 1:
            return [*_failed(_before_recipe(checks), told, facts),
                    _fail(AMBIGUOUS, list(matched.among), "", told, facts)]  # fmt: skip
        checks = tuple(c for c in checks if not c.left.startswith("recipe.") or c.key == "recipe")
    if not facts.part.part_type:
        checks = tuple(c for c in checks if c.key in ("part_known", "hold"))
    return _failed(checks, told, facts)


def _before_recipe(checks: Sequence[Check]) -> Sequence[Check]:
    return [c for c in checks if "recipe." not in c.left + c.right]


def _fits(recipe: Recipe, facts: Facts) -> bool:
    there = {
        "part_type": facts.part.part_type, "revision": facts.part.revision,
        "station": facts.station.name, "tool_set": facts.station.tool_set,
    }  # fmt: skip
    return all(not getattr(recipe, n) or getattr(recipe, n) == there[n] for n in MATCHED)


def _is_due(recipe: Recipe, done: Sequence[str]) -> bool:
    return recipe.step not in done and (not recipe.after or recipe.after in done)


def _names_more(one: Recipe, other: Recipe) -> bool:
    """Whether a recipe names all that another one does, and more."""
    names = [{n for n in MATCHED if getattr(r, n)} for r in (one, other)]
    return names[0] > names[1]


def _told(matched: Matched, facts: Facts) -> dict[str, Any]:
    """Return every fact by its name in checks."""
    recipe, station = matched.recipe, facts.station
    names = ("name", "after", "step", "qualification", "tool_cycles")
    told: dict[str, Any] = {f"recipe.{n}": getattr(recipe, n) if recipe else "" for n in names}
    parts = ("part_type", "revision", "lot", "expires", "hold")
    told |= {f"part.{n}": getattr(facts.part, n) for n in parts}
    return told | {
        "part.steps_done": facts.steps_done, "job.part_type": station.job.part_type,
        "job.revision": station.job.revision, "job.lots": station.job.lots,
        "station.tool_life": station.tool_life, "operator.qualifications": facts.qualifications,
        "today": facts.today.isoformat(), "always": "always",
    }  # fmt: skip


def _failed(checks: Sequence[Check], told: Mapping[str, Any], facts: Facts) -> list[Failed]:
    found = []
    for check in checks:
        left, right = told[check.left], told[check.right]
        if not passes(check.test, left, right):
            found.append(_fail(check, left, right, told, facts))
    return found


def _fail(check: Check, left: Any, right: Any, told: Mapping[str, Any], facts: Facts) -> Failed:
    found, wanted = shown(left), shown(right)
    part = facts.part
    key = "/".join(filter(None, (part.part_type, part.revision, facts.station.tool_set)))
    words = {
        "found": found, "wanted": wanted, "part": part.key.partition(":")[2] or part.key,
        "station": facts.station.name, "who": facts.who, "tool_set": facts.station.tool_set,
        "step": told["recipe.step"], "recipe": told["recipe.name"], "found_key": key or "-",
    }  # fmt: skip
    message = check.message.format(**words)
    return Failed(check.key, message, check.message_zh.format(**words), found, wanted)
