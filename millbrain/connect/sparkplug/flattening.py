"""Templates and data sets as plain metrics, so that each of their members is a reading.

A member of a template is ``name/member``, a cell of a data set ``name/column`` where it has one
row, else ``name/row/column``. Definitions of templates carry no values and are passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from millbrain.connect.sparkplug import codec
from millbrain.connect.sparkplug.fields import BYTES, DATASET, TEMPLATE

CELLS_MAX: Final = 10_000  # of one data set; a longer one is a file, not a machine's state
_INHERITED: Final = ("timestamp", "is_historical", "is_transient")


def is_nested(metric: Mapping[str, Any]) -> bool:
    """Whether a metric is a template or a data set."""
    return "template_value" in metric or "dataset_value" in metric


def flatten(metric: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the plain metrics within a metric; itself where it is plain."""
    shared = {k: metric[k] for k in _INHERITED if k in metric}
    if "template_value" in metric:
        template = metric["template_value"]
        if template.get("is_definition"):
            return
        for member in template["metrics"]:
            yield from flatten(shared | member, f"{name}/{member.get('name', '')}")
        for parameter in template["parameters"]:
            plain = {k: v for k, v in parameter.items() if k.endswith("_value")}
            own = f"{name}/{parameter.get('name', '')}"
            yield shared | plain | {"name": own, "datatype": parameter.get("type", 0)}
    elif "dataset_value" in metric:
        yield from _cells(metric["dataset_value"], name, shared)
    elif metric.get("datatype") not in (TEMPLATE, DATASET):
        yield {k: v for k, v in metric.items() if k != "alias"} | {"name": name}


def _cells(
    table: Mapping[str, Any], name: str, shared: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    columns, types, rows = table["columns"], table["types"], table["rows"]
    if len(columns) * len(rows) > CELLS_MAX:
        yield {**shared, "name": name, "datatype": BYTES, "bytes_value": b""}  # refused by name
        return
    for number, row in enumerate(rows):
        where = name if len(rows) == 1 else f"{name}/{number}"
        for column, datatype, cell in zip(columns, types, row["elements"], strict=False):
            yield {**shared, **cell, "name": f"{where}/{column}", "datatype": datatype}


def plain_payload(raw: bytes, names: Mapping[int, str]) -> bytes:
    """Return a payload whose templates and data sets are plain metrics behind the others.

    names: alias -> name, for data that tell the alias alone.

    Raises
    ------
    FrameError
        The bytes are no payload.
    """
    payload = codec.decode(raw)
    metrics: list[dict[str, Any]] = []
    for metric in payload["metrics"]:
        name = metric.get("name") or names.get(metric.get("alias", -1), "")
        metrics += flatten(metric, name) if is_nested(metric) else [metric]
    return codec.encode(payload | {"metrics": metrics})
