"""A shaft of revision B at a lathe: the more particular recipe is meant; without its step, none."""

from datetime import date

from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Part, Recipe, Station
from millbrain.decide.recipes import calc
from millbrain.decide.recipes.calc import Facts


def example() -> str:
    """Return the values for a part whose first step was carried out, and why not before."""
    speed = (Setting("spindle_speed", 1800, "1/min"),)
    general = Recipe("TURN", "SHAFT", "20", (Setting("spindle_speed", 1500, "1/min"),), after="10")
    own = Recipe("TURN-B", "SHAFT", "20", speed, revision="B", after="10")
    lathe = Station("LATHE1", "Lathe 1", "车床1", "127.0.0.1:4800")
    shaft = Part("hdl:88.100.1/S1", "SHAFT", "B")
    facts = Facts(shaft, lathe, "wang", (), ("10",), date(2026, 11, 20))
    found = calc.match([general, own], facts).recipe
    assert found is not None
    early = Facts(shaft, lathe, "wang", (), (), date(2026, 11, 20))
    failed = calc.judge(calc.match([general, own], early), early)
    value = found.settings[0]
    told = f"{found.name}: {value.name} {value.value} {value.unit}"
    return f"{told}; then: {', '.join(f.check for f in failed)}"


if __name__ == "__main__":
    print(example())
