"""The life of a vehicle over the API: inspections, health record, accident replay."""
