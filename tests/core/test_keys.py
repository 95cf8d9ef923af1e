"""One grammar for identifiers: each row of keys.tsv names its source."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core import gs1
from millbrain.core.keys import SCHEMES, fold, parse
from millbrain.core.limits import IDENTIFIER_BYTES_MAX

ROWS = [
    line.split("\t")
    for line in (Path(__file__).parent / "keys.tsv").read_text("utf-8").splitlines()[1:]
]


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_text_is_read_as_its_source_says(row: list[str]) -> None:
    text, key, display, source = row
    found = parse(text)
    assert source
    assert (found.text, found.display) == (key, display)
    assert parse(found.text) == found
    assert parse(f"  {text}\n") == found
    assert found.stored == key.encode()


def test_every_scheme_is_in_the_table() -> None:
    assert {row[1].partition(":")[0] for row in ROWS} == set(SCHEMES)
    assert all(s.title and s.title_zh and s.source for s in SCHEMES.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1..2048 bytes"),
        ("x" * (IDENTIFIER_BYTES_MAX + 1), "1..2048 bytes"),
        ("88.1/a\x00b", "control characters"),
        ("88.1/a\udcff", "control characters"),
        ("88.100.1", "OID|fits no scheme"),
        ("88..1/x", "prefix/suffix"),
        ("/x", "prefix/suffix"),
        ("88.1/", "prefix/suffix"),
        ("hello", "fits no scheme"),
        ("oid:1.2.03", "leading zeros"),
        ("oid:3.1.1", "arcs"),
        ("oid:1.40.1", "arcs"),
        ("ecode:9123", "version 1-4"),
        ("ecode:1006", "version 1-4"),
        ("vaa:088", "VAA and"),
        ("did:Example:1", "did:method"),
        ("did:bid:short", "did:method"),
        ("vin:LDPGABAC2JN36150", "17 characters"),
        ("vin:LDPGABAC2JN36150O", "without I, O, Q"),
        ("bat:X12QCPM27KLPCLX2M2382320", "24 characters"),
        ("(01)09506000134353", "check digit is 3, 2 was computed"),
        ("(01)0950600013", "is not"),
        ("(10)ABC", "no primary key"),
        ("(9999)1", "not known"),
        ("(01)09506000134352(01)09521234543213", "stands twice"),
        ("(x)", "does not begin"),
        ("urn:epc:id:sgtin:abc.1.2", "no kind"),
        ("urn:epc:id:gid:1.2.3", "no kind"),
        ("https:///x", "host"),
    ],
)
def test_what_fits_no_scheme_is_refused_with_its_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


# GS1 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "key", "attributes"),
    [
        # Predefined lengths need no separator, the others end at FNC1 or at the end.
        ("]d201095060001343521725123110ABC\x1d2112345", "01/09506000134352/10/ABC/21/12345",
         (("17", "251231"),)),
        ("]C100106141411234567897", "00/106141411234567897", ()),
        ("]Q301095060001343523103001250\x1d21A", "01/09506000134352/21/A", (("3103", "001250"),)),
        ("]d2\x1d01095060001343522112345", "", ()),
    ],
)  # fmt: skip
def test_reader_output(raw: str, key: str, attributes: tuple[tuple[str, str], ...]) -> None:
    if not key:
        with pytest.raises(ValueError, match="no application identifier"):
            parse(raw)
        return
    found = parse(raw)
    assert (found.value, found.attributes) == (key, attributes)


@pytest.mark.parametrize(
    ("digits", "check"),
    [
        ("0950600013435", "2"),
        ("10614141123456789", "7"),
        ("061414112345", "2"),
        ("629104150021", "3"),
    ],
)
def test_check_digits_of_published_numbers(digits: str, check: str) -> None:
    assert gs1.check_digit(digits) == check


# What a key says --------------------------------------------------------------------------------


def test_prefix_and_national_system() -> None:
    assert parse("88.608.8889/a/b").prefix == "88.608.8889"
    assert parse("88.608.8889/a").is_national
    assert parse("86.1/a").is_national
    assert not parse("880.1/a").is_national
    assert not parse("10.1000/182").is_national
    assert parse("vin:LDPGABAC2JN361504").prefix == ""


def test_folding_leaves_other_alphabets() -> None:
    assert fold("aßé壳") == "Aßé壳"


def test_stored_keys_sort_by_prefix() -> None:
    texts = ("88.1.2/a", "88.1.2/z", "88.1/a", "88.1/z", "vin:LDPGABAC2JN361504")
    stored = [parse(text).stored for text in texts]
    assert sorted(stored) == stored


# Properties -------------------------------------------------------------------------------------


@given(st.text(max_size=60) | st.from_regex(r"(hdl:|\(01\)|did:|https://|urn:epc:id:)?.{0,40}"))
def test_any_text_is_a_key_that_parses_to_itself_or_a_value_error(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert found.scheme in SCHEMES
    assert parse(found.text) == found
    assert parse(found.display) == found


@given(st.from_regex(r"8[68](\.[0-9]{1,4}){1,2}", fullmatch=True),
       st.from_regex(r"[ -~]{1,30}", fullmatch=True).filter(lambda s: s.strip() == s))  # fmt: skip
def test_case_never_makes_another_handle(prefix: str, suffix: str) -> None:
    handle = f"{prefix}/{suffix}"
    assert parse(handle) == parse(handle.lower()) == parse(handle.upper())
