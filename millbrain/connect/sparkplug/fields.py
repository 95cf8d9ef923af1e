"""Sparkplug B 3.0, declared: fields of the payload, data types, message types, topics.

Field numbers and types are those of the protocol buffer definition in section 6.4.1 of the
specification; data types of section 6.4.16; topics of section 4. `codec.py` and `columnar.py` are
built from these tables, so that a number stands once.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

NAMESPACE: Final = "spBv1.0"  # 3.0 section 4.1
STATE: Final = "STATE"
BD_SEQ: Final = "bdSeq"
REBIRTH: Final = "Node Control/Rebirth"
CONTROLS: Final = ("Node Control/", "Device Control/")
SEQUENCE: Final = 256  # a sequence number runs from 0 to 255 (6.4.5)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message. kind: wire type, or `message` with `of` naming it."""

    name: str
    number: int
    kind: str
    many: bool = False
    of: str = ""


def _table(*rows: tuple[str, int, str]) -> tuple[Field, ...]:
    """Make fields of rows (name, number, kind); ``[]`` marks a list, any other kind a message."""
    scalar = {"u32", "u64", "bool", "float", "double", "string", "bytes"}
    fields = []
    for name, number, written in rows:
        kind = written.removesuffix("[]")
        of = "" if kind in scalar else kind
        fields.append(Field(name, number, "message" if of else kind, written.endswith("[]"), of))
    return tuple(fields)


MESSAGES: Final = MappingProxyType({
    "Payload": _table(
        ("timestamp", 1, "u64"), ("metrics", 2, "Metric[]"), ("seq", 3, "u64"),
        ("uuid", 4, "string"), ("body", 5, "bytes"),
    ),
    "Metric": _table(
        ("name", 1, "string"), ("alias", 2, "u64"), ("timestamp", 3, "u64"),
        ("datatype", 4, "u32"), ("is_historical", 5, "bool"), ("is_transient", 6, "bool"),
        ("is_null", 7, "bool"), ("metadata", 8, "MetaData"), ("properties", 9, "PropertySet"),
        ("int_value", 10, "u32"), ("long_value", 11, "u64"), ("float_value", 12, "float"),
        ("double_value", 13, "double"), ("boolean_value", 14, "bool"),
        ("string_value", 15, "string"), ("bytes_value", 16, "bytes"),
        ("dataset_value", 17, "DataSet"), ("template_value", 18, "Template"),
    ),
    "MetaData": _table(
        ("is_multi_part", 1, "bool"), ("content_type", 2, "string"), ("size", 3, "u64"),
        ("seq", 4, "u64"), ("file_name", 5, "string"), ("file_type", 6, "string"),
        ("md5", 7, "string"), ("description", 8, "string"),
    ),
    "PropertySet": _table(("keys", 1, "string[]"), ("values", 2, "PropertyValue[]")),
    "PropertySetList": _table(("propertyset", 1, "PropertySet[]")),
    "PropertyValue": _table(
        ("type", 1, "u32"), ("is_null", 2, "bool"), ("int_value", 3, "u32"),
        ("long_value", 4, "u64"), ("float_value", 5, "float"), ("double_value", 6, "double"),
        ("boolean_value", 7, "bool"), ("string_value", 8, "string"),
        ("propertyset_value", 9, "PropertySet"), ("propertysets_value", 10, "PropertySetList"),
    ),
    "DataSet": _table(
        ("num_of_columns", 1, "u64"), ("columns", 2, "string[]"), ("types", 3, "u32[]"),
        ("rows", 4, "Row[]"),
    ),
    "Row": _table(("elements", 1, "DataSetValue[]")),
    "DataSetValue": _table(
        ("int_value", 1, "u32"), ("long_value", 2, "u64"), ("float_value", 3, "float"),
        ("double_value", 4, "double"), ("boolean_value", 5, "bool"), ("string_value", 6, "string"),
    ),
    "Template": _table(
        ("version", 1, "string"), ("metrics", 2, "Metric[]"), ("parameters", 3, "Parameter[]"),
        ("template_ref", 4, "string"), ("is_definition", 5, "bool"),
    ),
    "Parameter": _table(
        ("name", 1, "string"), ("type", 2, "u32"), ("int_value", 3, "u32"),
        ("long_value", 4, "u64"), ("float_value", 5, "float"), ("double_value", 6, "double"),
        ("boolean_value", 7, "bool"), ("string_value", 8, "string"),
    ),
})  # fmt: skip

# 6.4.16: number -> name, and the field that carries a value of it
INT8: Final = 1
INT16: Final = 2
INT32: Final = 3
INT64: Final = 4
UINT8: Final = 5
UINT16: Final = 6
UINT32: Final = 7
UINT64: Final = 8
FLOAT: Final = 9
DOUBLE: Final = 10
BOOLEAN: Final = 11
STRING: Final = 12
DATETIME: Final = 13
TEXT: Final = 14
UUID: Final = 15
DATASET: Final = 16
BYTES: Final = 17
FILE: Final = 18
TEMPLATE: Final = 19

DATATYPES: Final = MappingProxyType({
    INT8: ("Int8", "int_value"), INT16: ("Int16", "int_value"), INT32: ("Int32", "int_value"),
    INT64: ("Int64", "long_value"), UINT8: ("UInt8", "int_value"),
    UINT16: ("UInt16", "int_value"), UINT32: ("UInt32", "int_value"),
    UINT64: ("UInt64", "long_value"), FLOAT: ("Float", "float_value"),
    DOUBLE: ("Double", "double_value"), BOOLEAN: ("Boolean", "boolean_value"),
    STRING: ("String", "string_value"), DATETIME: ("DateTime", "long_value"),
    TEXT: ("Text", "string_value"), UUID: ("UUID", "string_value"),
    DATASET: ("DataSet", "dataset_value"), BYTES: ("Bytes", "bytes_value"),
    FILE: ("File", "bytes_value"), TEMPLATE: ("Template", "template_value"),
    20: ("PropertySet", ""), 21: ("PropertySetList", ""), 22: ("Int8Array", "bytes_value"),
    23: ("Int16Array", "bytes_value"), 24: ("Int32Array", "bytes_value"),
    25: ("Int64Array", "bytes_value"), 26: ("UInt8Array", "bytes_value"),
    27: ("UInt16Array", "bytes_value"), 28: ("UInt32Array", "bytes_value"),
    29: ("UInt64Array", "bytes_value"), 30: ("FloatArray", "bytes_value"),
    31: ("DoubleArray", "bytes_value"), 32: ("BooleanArray", "bytes_value"),
    33: ("StringArray", "bytes_value"), 34: ("DateTimeArray", "bytes_value"),
})  # fmt: skip
SIGNED_BITS: Final = MappingProxyType({INT8: 8, INT16: 16, INT32: 32, INT64: 64})
TEXTS: Final = frozenset((STRING, TEXT, UUID))
NUMBERS: Final = frozenset((*range(INT8, BOOLEAN + 1), DATETIME))

QUALITY: Final = "Quality"  # property of a metric (6.4.8): 0 bad, 192 good, 500 stale
UNITS: Final = ("engUnit", "Engineering Units", "EngUnit", "engineeringUnits", "unit", "units")


def number(message: str, name: str) -> int:
    """Return the number of a field; KeyError where the message has none of that name."""
    for field in MESSAGES[message]:
        if field.name == name:
            return field.number
    raise KeyError(f"{message} has no field {name!r}")
