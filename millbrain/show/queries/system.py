"""The warehouse as a thing to be watched: its version, its tables on disk, its disks."""

from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of


def version(warehouse: Warehouse) -> str:
    """Return the version of the engine."""
    return str(rows_of(warehouse.query("SELECT version() AS v"))[0]["v"])


def tables(warehouse: Warehouse) -> list[Row]:
    """Return rows, parts and size of every table [bytes], biggest first."""
    sql = """
        SELECT table AS name, sum(rows) AS rows, count() AS parts, sum(bytes_on_disk) AS disk_bytes,
               sum(data_uncompressed_bytes) AS raw_bytes
        FROM system.parts WHERE active AND database = {database:String}
        GROUP BY name ORDER BY disk_bytes DESC"""
    return rows_of(warehouse.query(sql, {"database": warehouse.database}))


def disks(warehouse: Warehouse) -> list[Row]:
    """Return free and whole size of every disk of the engine [bytes]."""
    sql = "SELECT name, free_space AS free_bytes, total_space AS total_bytes FROM system.disks"
    return rows_of(warehouse.query(sql))
