"""What the energy room looks at: the signals of a meter, its parameters."""

from typing import Final

from millbrain.core.rooms import Parameter

ENERGY: Final = "interval_energy_kwh"  # energy of the interval that ends at device_at
LAGGING: Final = "reactive_lagging_kvarh"
LEADING: Final = "reactive_leading_kvarh"
CO2: Final = "co2_t"
LOAD_TYPE: Final = "load_type"  # text: name of the tariff or load class of the interval
OFFSET: Final = "zone_offset_h"  # of the meter's day from UTC, told once; 8 where it never was
SIGNALS: Final = (ENERGY, LAGGING, LEADING, CO2, LOAD_TYPE)
OFFSET_H: Final = 8.0

PARAMETERS: Final = (
    Parameter("look_s", "Pause between two looks for new intervals", "检查新数据的间隔",
              10.0, 0.1, 3600.0),
    Parameter("interval_s", "Length of a metering interval", "计量区间长度", 900, 60, 3600,
              whole=True),
)  # fmt: skip
