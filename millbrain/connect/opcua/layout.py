"""What the binary encoding of OPC UA looks like, as tables: built-in types, masks, service numbers.

Everything stands in OPC 10000-6 (encoding) and OPC 10000-4 (services, status codes); the numbers of
nodes are those of OPC 10000-6 annex A.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Builtin:
    """One built-in type. size: bytes of a value, 0 where it varies. format: of `struct`."""

    id: int
    name: str
    size: int = 0
    format: str = ""


# OPC 10000-6 table 1
BUILTINS: Final = {
    b.id: b
    for b in (
        Builtin(1, "Boolean", 1, "?"),
        Builtin(2, "SByte", 1, "b"),
        Builtin(3, "Byte", 1, "B"),
        Builtin(4, "Int16", 2, "<h"),
        Builtin(5, "UInt16", 2, "<H"),
        Builtin(6, "Int32", 4, "<i"),
        Builtin(7, "UInt32", 4, "<I"),
        Builtin(8, "Int64", 8, "<q"),
        Builtin(9, "UInt64", 8, "<Q"),
        Builtin(10, "Float", 4, "<f"),
        Builtin(11, "Double", 8, "<d"),
        Builtin(12, "String"),
        Builtin(13, "DateTime", 8, "<q"),
        Builtin(14, "Guid", 16),
        Builtin(15, "ByteString"),
        Builtin(16, "XmlElement"),
        Builtin(17, "NodeId"),
        Builtin(18, "ExpandedNodeId"),
        Builtin(19, "StatusCode", 4, "<I"),
        Builtin(20, "QualifiedName"),
        Builtin(21, "LocalizedText"),
        Builtin(22, "ExtensionObject"),
        Builtin(23, "DataValue"),
        Builtin(24, "Variant"),
        Builtin(25, "DiagnosticInfo"),
    )
}
BOOLEAN: Final = 1
INT64: Final = 8
UINT64: Final = 9
FLOAT: Final = 10
DOUBLE: Final = 11
STRING: Final = 12
DATE_TIME: Final = 13
XML_ELEMENT: Final = 16
STATUS_CODE: Final = 19
EXTENSION_OBJECT: Final = 22
NUMBERS: Final = frozenset((*range(1, 12), STATUS_CODE))  # become the value of a reading

# Variant encoding byte (OPC 10000-6 table 25)
TYPE_BITS: Final = 0x3F
HAS_DIMENSIONS: Final = 0x40
IS_ARRAY: Final = 0x80

# DataValue encoding mask (OPC 10000-6 table 26)
HAS_VALUE: Final = 0x01
HAS_STATUS: Final = 0x02
HAS_SOURCE_AT: Final = 0x04
HAS_SERVER_AT: Final = 0x08
HAS_SOURCE_PICO: Final = 0x10
HAS_SERVER_PICO: Final = 0x20

# Encoding ids of binary structures (OPC 10000-6 annex A.3)
PUBLISH_RESPONSE: Final = 829
REPUBLISH_RESPONSE: Final = 835
HISTORY_READ_RESPONSE: Final = 667
HISTORY_DATA: Final = 658
DATA_CHANGE: Final = 811
STATUS_CHANGE: Final = 820

# A DateTime counts 100 ns from 1601-01-01 UTC (OPC 10000-6 5.2.2.5).
TICKS_A_MS: Final = 10_000
EPOCH_TICKS: Final = 116_444_736_000_000_000  # 1970-01-01 in such ticks

# Status codes (OPC 10000-4 7.39): severity in the top two bits, an overflow in the info bits.
UNCERTAIN_BIT: Final = 0x4000_0000
BAD_BIT: Final = 0x8000_0000
OVERFLOW: Final = 0x0000_0480  # info type DataValue, bit Overflow: the server's queue was too short
