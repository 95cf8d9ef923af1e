"""What is charted: what a plant's operations measure, and what the file of the house says."""

from pathlib import Path

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.plant.charted import ChartKind
from millbrain.run.plant.charted import ChartedBook
from millbrain.run.plant.load import PlantBook

OWN = """
[[characteristic]]
thing = "{thing}"
signal = "own_mm"
title = "Own"
title_zh = "自有"
number = 200
"""


def test_a_plants_characteristics_are_charted_and_the_file_adds_to_them(tmp_path: Path) -> None:
    plants = PlantBook(["machining-works"])
    book = ChartedBook(tmp_path, plants)
    found = book()
    assert found, "the pack measures nothing"
    (plant,) = plants()
    for c in found:
        declared = {d.name: d for d in plant.characteristics_of(c.thing)}[c.signal]
        assert (c.lower, c.upper, c.target) == (declared.lower, declared.upper, declared.nominal)
        assert (c.chart is ChartKind.XBAR_R) == (declared.sample > 1)
    path = tmp_path / "characteristics.toml"
    path.write_text(OWN.format(thing=found[0].thing))
    assert len(book()) == len(found) + 1
    path.write_text(OWN.format(thing=found[0].thing).replace("own_mm", found[0].signal))
    own = next(c for c in book() if (c.thing, c.signal) == (found[0].thing, found[0].signal))
    assert own.title == "Own"
    path.unlink()
    assert book() == found


def test_a_wrong_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "characteristics.toml").write_text("[[characteristic]]\nthing = 1\n")
    with pytest.raises(SettingsError, match=r"characteristics\.toml"):
        ChartedBook(tmp_path)()
