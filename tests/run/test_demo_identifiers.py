"""The demonstration's identifiers: right codes, resolvable, traceable, written once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.core.keys import handle_key, parse
from millbrain.core.nodes.prefixes import APPLIED, HOMED, REJECTED, ROUTED, WITHDRAWN
from millbrain.core.records import stored_values
from millbrain.core.registry import Asker
from millbrain.record.identifiers import StoredRegistry
from millbrain.run.demo import fill
from millbrain.run.demo.identifiers import WHO
from millbrain.run.resolver import open_registry
from millbrain.run.settings import Settings, load

pytestmark = pytest.mark.slow
CITY = {"demo__vehicles": 60, "demo__history_vehicles": 6}
NOBODY = Asker(None, "test", "")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = load(tmp_path_factory.mktemp("demo"), None, **CITY)
    assert fill(made) > 120
    return made


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Iterator[StoredRegistry]:
    store, opened = open_registry(settings)
    yield opened
    opened.close()
    store.close()


def values(registry: StoredRegistry, handle: str) -> dict[str, str]:
    (stored,) = registry.get_many([handle_key(handle)])
    assert stored is not None
    return {v.type: v.data.decode("utf-8", "replace") for v in stored_values(stored)}


def vehicles(registry: StoredRegistry) -> list[str]:
    names = registry.names("88.999.1", WHO, "", 500)
    return [n for n in names if re.fullmatch(r"88\.999\.1/[A-Z0-9]{17}", n)]


def test_a_vehicle_leads_to_its_pack_and_back(registry: StoredRegistry) -> None:
    cars = vehicles(registry)
    assert len(cars) == 60
    for handle in cars:
        told = values(registry, handle)
        assert parse(told["ALIAS"]).scheme == "vin"
        pack = values(registry, told["pack"])
        assert pack["installed_in"] == handle
        assert parse(pack["ALIAS"]).scheme == "bat"
        assert f"Model {told['ALIAS'][9]} " in told["MODEL"]  # the letter of its VIN
        assert (told["simulated"], pack["simulated"]) == ("true", "true")


def test_prefixes_stand_in_every_state(registry: StoredRegistry) -> None:
    states = {a.state for a in registry.prefixes.applications()}
    assert states >= {APPLIED, HOMED, REJECTED, ROUTED, WITHDRAWN}
    assert registry.is_homed("88.999.1/X")
    route = registry.route("88.999.10/X")
    assert route is not None
    assert route.sites


def test_a_lower_bound_of_zero_is_told(registry: StoredRegistry) -> None:
    template = registry.template("88.999.1/META_VEHICLE")
    assert template is not None
    told = template.as_json()["fields"]
    assert {f["name"]: f.get("low") for f in told}["mass"] == 0
    assert "low" not in told[0]


def test_nobody_sees_a_price(registry: StoredRegistry) -> None:
    handle = vehicles(registry)[0]
    (stored,) = registry.get_many([handle_key(handle)])
    assert stored is not None
    assert not {"price", "buyer", "plate"} & {
        v.type for v in registry.readable(stored, handle, NOBODY)
    }


def test_some_records_have_a_past_and_the_trail_is_sound(registry: StoredRegistry) -> None:
    assert any(registry.history(handle) for handle in vehicles(registry))
    assert registry.check_audit() == ""


def test_it_is_written_once(settings: Settings, tmp_path: Path) -> None:
    other = load(tmp_path, None, **CITY)
    assert fill(other) > 120
    assert fill(other) == 0
