"""The hash of events: lines by hand after CBV 2.0, 8.9.2, and what must not change them."""

import hashlib
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millbrain.identify.epcis.hashing import digest_of, event_id, pre_hash

PREFIXES = {"our": "https://ns.example.com/epcis/"}
SHIPPED: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-03-04T11:00:30+01:00",
    "eventTimeZoneOffset": "+01:00",
    "epcList": ["urn:epc:id:sgtin:9506000.013435.S2", "https://id.gs1.org/01/09506000134352/21/S1"],
    "action": "OBSERVE",
    "bizStep": "departing",
    "disposition": "urn:epcglobal:cbv:disp:in_transit",
    "readPoint": {"id": "urn:epc:id:sgln:4012345.00011.0", "our:gate": "AB-12"},
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epc:id:gdti:4012345.11111.123"}],
    "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00000"}],
    "our:note": "CD-34",
}
LINE = (
    "eventType=ObjectEventeventTime=2026-03-04T10:00:30.000ZeventTimeZoneOffset=+01:00"
    "epcListepc=https://id.gs1.org/01/09506000134352/21/S1"
    "epc=https://id.gs1.org/01/09506000134352/21/S2"
    "action=OBSERVEbizStep=https://ref.gs1.org/cbv/BizStep-departing"
    "disposition=https://ref.gs1.org/cbv/Disp-in_transit"
    "readPointid=https://id.gs1.org/414/4012345000115"
    "bizTransactionListtype=https://ref.gs1.org/cbv/BTT-po"
    "bizTransaction=https://id.gs1.org/253/4012345111118123"
    "sourceListtype=https://ref.gs1.org/cbv/SDT-owning_party"
    "source=https://id.gs1.org/417/4012345000009"
    "readPoint{https://ns.example.com/epcis/}gate=AB-12{https://ns.example.com/epcis/}note=CD-34"
)
MEASURED: dict[str, Any] = {
    "type": "ObjectEvent", "eventTime": "2026-04-01T15:00:00+01:00",
    "eventTimeZoneOffset": "+01:00", "action": "OBSERVE", "bizStep": "inspecting",
    "quantityList": [{"epcClass": "urn:epc:class:lgtin:9506000.013435.L", "quantity": 200.0,
                      "uom": "KGM"}],
    "sensorElementList": [{
        "sensorMetadata": {"deviceID": "urn:epc:id:giai:4000001.111"},
        "sensorReport": [{"type": "Temperature", "value": 26, "sDev": 0.1, "uom": "CEL"},
                         {"type": "gs1:AbsoluteHumidity", "value": 12.1, "uom": "A93"}],
    }],
}  # fmt: skip


def test_the_line_of_an_event() -> None:
    assert pre_hash(SHIPPED, PREFIXES) == LINE
    assert event_id(digest_of(SHIPPED, PREFIXES)) == (
        f"ni:///sha-256;{hashlib.sha256(LINE.encode()).hexdigest()}?ver=CBV2.0"
    )


def test_quantities_and_sensors() -> None:
    assert pre_hash(MEASURED, {}) == (
        "eventType=ObjectEventeventTime=2026-04-01T14:00:00.000ZeventTimeZoneOffset=+01:00"
        "quantityListquantityElementepcClass=https://id.gs1.org/01/09506000134352/10/L"
        "quantity=200uom=KGMaction=OBSERVEbizStep=https://ref.gs1.org/cbv/BizStep-inspecting"
        "sensorElementsensorMetadatadeviceID=https://id.gs1.org/8004/4000001111"
        "sensorReporttype=https://ref.gs1.org/voc/AbsoluteHumidityvalue=12.1uom=A93"
        "sensorReporttype=https://ref.gs1.org/voc/Temperaturevalue=26sDev=0.1uom=CEL"
    )


@given(st.randoms(use_true_random=False))
def test_order_and_record_keeping_do_not_count(chance: random.Random) -> None:
    members = list(SHIPPED.items())
    chance.shuffle(members)
    shuffled = dict(members) | {"recordTime": "2026-03-05T00:00:00Z", "eventID": "urn:uuid:1"}
    shuffled["epcList"] = chance.sample(SHIPPED["epcList"], 2)
    assert pre_hash(shuffled, PREFIXES) == LINE


@given(st.sampled_from(sorted(SHIPPED.keys() - {"eventTimeZoneOffset", "type"})))
def test_every_member_counts(name: str) -> None:
    less = {n: v for n, v in SHIPPED.items() if n != name}
    assert digest_of(less, PREFIXES) != digest_of(SHIPPED, PREFIXES)
