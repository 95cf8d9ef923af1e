"""Recipes, stations, parts and scans: the rows that the ledger, `decide` and the pages share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from millbrain.core.forms import FormField
from millbrain.core.lifecycle import Action, Lifecycle, Step
from millbrain.core.scans.commands import Setting

# By what a recipe is matched; an empty one of a recipe fits everything.
MATCHED: Final = ("part_type", "revision", "station", "tool_set")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a machine is told for a part, and what must be so before.

    name: unique. step: of the routing; after: the step that must have been carried out before, '' =
    it is the first. qualification: that the operator needs, '' = none. tool_cycles: tool life that
    one part takes.
    """

    name: str
    part_type: str
    step: str
    settings: tuple[Setting, ...]
    revision: str = ""
    station: str = ""
    tool_set: str = ""
    after: str = ""
    qualification: str = ""
    tool_cycles: int = 0
    program: str = ""
    version: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        names = (*MATCHED, "name", "step", "after", "qualification", "tool_cycles", "program",
                 "version")  # fmt: skip
        return {n: getattr(self, n) for n in names} | {
            "settings": [s.as_json() for s in self.settings]
        }


@dataclass(frozen=True, slots=True)
class Job:
    """What a station works on now; what is empty is not demanded. lots: those that are allowed."""

    order: str = ""
    part_type: str = ""
    revision: str = ""
    lots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Station:
    """A machine with its controller.

    address: host:port of the controller, or the machine behind a connection: its thing, or
    room:connection/thing. tool_life: cycles left of the tool set that is mounted,
    None = not counted. operator: organisation that it belongs to, '' = the centre's own.
    is_simulated: its controller is a simulator.
    """

    name: str
    title: str
    title_zh: str
    address: str
    tool_set: str = ""
    tool_life: int | None = None
    job: Job = field(default_factory=Job)
    place: str = ""
    operator: str = ""
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a scanned part.

    key: its identifier (`core.keys.Key.text`), that of its record where there is one. asked: the
    one that was scanned. expires: last day of its material (ISO), '' = none.
    hold: why it is blocked, '' = it is not. steps: carried out elsewhere, as its record says.
    fetched_at: when the resolver said so. is_cached: it was not asked now.
    """

    key: str
    part_type: str = ""
    revision: str = ""
    lot: str = ""
    expires: str = ""
    hold: str = ""
    steps: tuple[str, ...] = ()
    fetched_at: datetime | None = None
    is_cached: bool = False
    asked: str = ""


# Type of a value of a record -> field of a part. One list for resolver, imports and documents.
PART_VALUES: Final[Mapping[str, str]] = {
    "PART_TYPE": "part_type", "REVISION": "revision", "LOT": "lot", "EXPIRES": "expires",
    "HOLD": "hold", "STEPS": "steps",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failed:
    """A check that a scan did not pass. found, wanted: what was compared."""

    check: str
    message: str
    message_zh: str
    found: str = ""
    wanted: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {"check": self.check, "message": self.message, "message_zh": self.message_zh,
                "found": self.found, "wanted": self.wanted}  # fmt: skip


STATES: Final = {
    "cleared": ("cleared, being written", "校验通过，写入中"),
    "written": ("written, event on its way", "已写入，事件待上报"),
    "recorded": ("written and recorded", "已写入并记录"),
    "refused": ("refused", "已拒绝"),
    "failed": ("not written", "写入失败"),
}
LIFECYCLE: Final = Lifecycle(
    name="scan",
    states=STATES,
    actions={
        "write": Action("Written and read back", "写入并回读一致"),
        "fail": Action("Not written", "写入失败"),
        "record": Action("Event recorded", "事件已记录"),
    },
    steps=(
        Step("write", ("cleared",), "written"),
        Step("fail", ("cleared",), "failed"),
        Step("record", ("written",), "recorded"),
    ),
    start="cleared",
    final=frozenset(("recorded", "refused", "failed")),
)
CARRIED_OUT: Final = ("written", "recorded")  # states in which a step counts as done


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan and what became of it.

    id: given by the device that scans, so that to send it again changes nothing. number: order of
    scans. text: what was read. result: of the command, '' = none was sent. place: of the station,
    as it was then.
    """

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
    state: str
    failed: Sequence[Mapping[str, Any]]
    settings: Sequence[Mapping[str, Any]]
    read_back: Sequence[Mapping[str, Any]]
    program: str
    result: str
    detail: str
    deadline: datetime | None
    write_count: int
    place: str
    is_cached: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A scan as it comes in. operator: organisation that the account is limited to, '' = none."""

    id: str
    text: str
    station: str
    who: str
    operator: str = ""


class Scanner(Protocol):
    """The room that turns scans into commands, as the web process sees it. May block."""

    def scan(self, asked: Asked) -> Scan:
        """Resolve, check, write and read back; the answer is on disk when this returns.

        Raises
        ------
        NotFoundError
            There is no such station, or it is another organisation's.
        IllegalStepError
            The station is busy with another scan.
        """
        ...

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        ...


# One row of a table of recipes is one parameter; rows of one recipe agree in everything else.
RECIPE_FORM: Final = (
    FormField("recipe", "id", "Recipe", "配方", is_required=True, headings=("name", "配方号")),
    FormField("part_type", "id", "Part type", "零件类型", is_required=True, headings=("零件号",)),
    FormField("revision", "id", "Revision", "版本", longest=32, headings=("图纸版本",)),
    FormField("step", "id", "Routing step", "工序", is_required=True, longest=32,
              headings=("operation", "工序号")),
    FormField("after", "id", "After step", "前道工序", longest=32, headings=("previous",)),
    FormField("station", "id", "Station", "工位", headings=("machine", "机床")),
    FormField("tool_set", "id", "Tool set", "刀具组", headings=("tools", "刀具")),
    FormField("program", "text", "Program", "程序号", longest=64, headings=("nc program",)),
    FormField("qualification", "id", "Qualification", "资质要求"),
    FormField("tool_cycles", "whole", "Tool cycles a part", "单件刀具消耗次数", low=0,
              high=100_000),
    FormField("parameter", "id", "Parameter", "参数", is_required=True, headings=("参数名",)),
    FormField("value", "text", "Value", "参数值", is_required=True, longest=64),
    FormField("unit", "text", "Unit", "单位", longest=16),
)  # fmt: skip
