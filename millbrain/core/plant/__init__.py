"""The plant as data: equipment, products, routings, calendars, people, tools, reasons, states."""
