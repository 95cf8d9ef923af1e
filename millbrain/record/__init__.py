"""The record stage: facts into the warehouse, things and accounts into the ledger, both kept safe.

Only this stage knows the storage engines (`chdb`, `clickhouse-connect`, SQLAlchemy). Others see the
`Warehouse` protocol, the ledger and the intake.
"""
