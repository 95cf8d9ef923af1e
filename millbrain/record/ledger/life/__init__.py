"""The life of a vehicle in the ledger: inspections and events, each in all its versions."""
