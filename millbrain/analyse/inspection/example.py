"""A ternary pack that reached 61 degrees on the bench: what the lane says."""

from millbrain.analyse.inspection.app import rules
from millbrain.core.life.inspections import Opinion


def example() -> Opinion:
    """Return the opinion on one inspection."""
    measured = {
        "charge_duration_s": 240, "charge_start_pct": 45, "charge_temp_degc": 61,
        "charge_cell_max_mv": 4_180, "charge_cell_spread_mv": 38, "working_voltage_v": 400,
        "socket_dc_insulation_kohm": 21_000, "bonding_mohm": 12,
    }  # fmt: skip
    about = {"chemistry": "ternary", "day": "2026-03-02"}
    return rules().judge(measured, about, ())


if __name__ == "__main__":
    opinion = example()
    print(opinion.conclusion, *(f"{en}\n{zh}" for en, zh in opinion.reasons), sep="\n")
