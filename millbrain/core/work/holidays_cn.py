"""Public holidays and make-up working days of mainland China, year by year, as announced.

Source: the yearly notices of the General Office of the State Council on the arrangement of public
holidays: for 2024 国办发明电〔2023〕7号, for 2025 国办发明电〔2024〕12号, and for 2026 the notice
国办发明电〔2025〕7号. A year is added when its notice is out; one that is missing here has weekends
and nothing else.
"""

from typing import Final

# year -> (holidays as "month-day" or "month-day..month-day", make-up working days)
HOLIDAYS_CN: Final = {
    2024: (
        ("01-01", "02-10..02-17", "04-04..04-06", "05-01..05-05", "06-10", "09-15..09-17",
         "10-01..10-07"),
        ("02-04", "02-18", "04-07", "04-28", "05-11", "09-14", "09-29", "10-12"),
    ),
    2025: (
        ("01-01", "01-28..02-04", "04-04..04-06", "05-01..05-05", "05-31..06-02", "10-01..10-08"),
        ("01-26", "02-08", "04-27", "09-28", "10-11"),
    ),
    2026: (
        ("01-01..01-03", "02-15..02-23", "04-04..04-06", "05-01..05-05", "06-19..06-21",
         "09-25..09-27", "10-01..10-07"),
        ("01-04", "02-14", "02-28", "05-09", "09-20", "10-10"),
    ),
}  # fmt: skip
