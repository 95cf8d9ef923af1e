"""The life of a vehicle as data: what it is, what happens to it, how it is inspected."""
