"""Templates at work: what a change may make of a template, and of a record that follows one.

Asked for every write, whichever face it came through, and for every record of a file that is
loaded. The rules themselves stand in `core.templates`; nothing here is kept in memory but parsed
templates, by the bytes that they were parsed from.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.forms import FieldProblem
from millbrain.core.nodes.ranges import samples
from millbrain.core.records import PUBLIC_READ, Value, is_live, stored_values
from millbrain.core.registry import Reason, RegistryError
from millbrain.core.templates import (
    META_TYPE,
    SUFFIX,
    TEMPLATE_TYPE,
    Template,
    is_administrative,
    named_templates,
    problems_of,
    read_template,
    template_of,
)
from millbrain.record.identifiers.store import Record

Look = Callable[[bytes], bytes | None]
_PREFIXES: Final = "0.NA/"
_MARK: Final = META_TYPE.encode()  # stands in the type of templates as well
_PROBLEMS_TOLD_MAX: Final = 5


class TemplateError(RegistryError):
    """A record does not follow its template; `problems` has each field and what is wrong."""

    def __init__(self, handle: str, problems: Sequence[FieldProblem]) -> None:
        told = "; ".join(f"{p.field} {p.problem}" for p in problems[:_PROBLEMS_TOLD_MAX])
        more = len(problems) - _PROBLEMS_TOLD_MAX
        rest = f"; and {more} more" if more > 0 else ""
        super().__init__(Reason.INVALID, f"{handle}: {told}{rest}; nothing was changed")
        self.problems = tuple(problems)


def demand_lawful(handle: str, before: Sequence[Value], after: Sequence[Value], look: Look) -> None:
    """Raise a RegistryError where templates forbid what a change makes of a record.

    Parameters
    ----------
    before, after
        Values of the record, empty where there is none.
    look
        Returns the stored form behind a key.
    """
    _demand_versions(handle, before, after)
    if not after:
        return
    try:
        shown = samples(handle, after)
    except ValueError as error:
        raise RegistryError(Reason.INVALID, f"{error}; nothing was changed") from error
    for values in shown:
        demand_followed(handle, before, values, look)


def _demand_versions(handle: str, before: Sequence[Value], after: Sequence[Value]) -> None:
    """Refuse to lose or narrow a version of a template."""
    kept = {v.index: v.data for v in after if v.type == TEMPLATE_TYPE}
    for value in before:
        if value.type == TEMPLATE_TYPE and kept.get(value.index) != value.data:
            raise RegistryError(
                Reason.DENIED,
                f"{handle}: value {value.index} is a version of a template, which records name; "
                "it is kept as it is. Add a version, or withdraw the template with one",
            )
    if not kept:
        return
    suffix = keys.fold(handle).partition("/")[2]
    if not suffix.startswith(SUFFIX):
        raise RegistryError(
            Reason.INVALID, f"{handle}: the handle of a template is prefix/{SUFFIX}...; not made"
        )
    if hidden := [
        v.index for v in after if v.type == TEMPLATE_TYPE and not v.permissions & PUBLIC_READ
    ]:
        raise RegistryError(
            Reason.INVALID,
            f"{handle}: version at index {hidden[0]} is hidden; templates are public",
        )
    try:
        read_template(keys.fold(handle), after)
    except ValueError as error:
        raise RegistryError(Reason.INVALID, f"{error}; nothing was changed") from error


def demand_followed(
    handle: str, before: Sequence[Value], after: Sequence[Value], look: Look
) -> None:
    """Refuse a record that does not follow the template that it, or its prefix, names."""
    own = named_templates(after)
    if keys.fold(handle).startswith(_PREFIXES):
        for name in own:
            _demand_template(name, handle, look)
        return
    allowed = of_prefix(handle, look)
    if not own and (not allowed or all(is_administrative(v.type) for v in after)):
        return
    name = _chosen(handle, own, allowed)
    template = _demand_template(name, handle, look)
    if template.is_withdrawn and keys.fold(name) not in map(keys.fold, named_templates(before)):
        raise RegistryError(
            Reason.INVALID, f"{handle}: template {name} is withdrawn; no further record follows it"
        )
    if problems := problems_of(template, after):
        raise TemplateError(handle, problems)


def of_prefix(handle: str, look: Look) -> list[str]:
    """Return the templates that the record of a handle's prefix names."""
    stored = look(keys.handle_key(_PREFIXES + handle.partition("/")[0]))
    if stored is None or _MARK not in stored or not is_live(stored):
        return []
    try:
        return named_templates(stored_values(stored))
    except FrameError:
        return []


def followed(handle: str, values: Sequence[Value], look: Look) -> Template | None:
    """Return the template that a record follows, None where there is none."""
    names = named_templates(values) or of_prefix(handle, look)
    if len(names) != 1:
        return None
    key = keys.handle_key(names[0])
    return template_of(keys.fold(names[0]), look(key))


def demand_loadable(
    batch: Sequence[Record], marked: Sequence[Record], heads: Iterable[bytes], look: Look
) -> None:
    """Refuse a batch of records to be loaded of which one is against its template.

    Templates of the batch itself hold already. Only records that name a template, or whose prefix
    does, are looked at.

    Parameters
    ----------
    marked
        Those of the batch that hold a value of type META, or have the handle of a template.
    heads
        Keys of the prefixes in the batch, with their slash.
    """
    new = {key: stored for key, stored in marked if _MARK in stored or _MARK in key}

    def seen(key: bytes) -> bytes | None:
        return new.get(key) or look(key)

    ruled = {head for head in heads if of_prefix(head[4:].decode(), seen)}
    for key, stored in batch if ruled else new.items():
        if key in new or key[: key.index(b"/") + 1] in ruled:
            _demand_loadable(key, stored, look, seen)


def _demand_loadable(key: bytes, stored: bytes, look: Look, seen: Look) -> None:
    handle, before = key[4:].decode("utf-8", "surrogateescape"), look(key)
    held = stored_values(before) if before is not None and is_live(before) else ()
    demand_lawful(handle, held, stored_values(stored) if is_live(stored) else (), seen)


def _chosen(handle: str, own: Sequence[str], allowed: Collection[str]) -> str:
    """Return the one template that holds for a record."""
    told = ", ".join(allowed)
    if len(own) > 1:
        raise RegistryError(Reason.INVALID, f"{handle}: names {len(own)} templates; one is allowed")
    if own:
        if allowed and keys.fold(own[0]) not in map(keys.fold, allowed):
            raise RegistryError(
                Reason.INVALID, f"{handle}: names template {own[0]!r}; its prefix allows {told}"
            )
        return own[0]
    if len(allowed) > 1:
        raise RegistryError(
            Reason.INVALID, f"{handle}: names no template; its prefix allows {told}"
        )
    return next(iter(allowed))


def _demand_template(name: str, handle: str, look: Look) -> Template:
    template = template_of(keys.fold(name), look(keys.handle_key(name)))
    if template is None:
        raise RegistryError(
            Reason.INVALID, f"{handle}: template {name[:200]!r} is not recorded on this node"
        )
    return template
