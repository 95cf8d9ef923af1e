"""Every question that pages and API ask the warehouse, one module per subject.

Each function takes a `Warehouse` and returns plain rows. Values travel as bound parameters;
identifiers come from the declared tables only. `scope` is an organisation: where it is not empty,
only vehicles of that operator count.
"""
