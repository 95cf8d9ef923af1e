"""Writes a plant into the ledger: its places as things, its simulated servers as connections.

It is done once: what is there stays as people changed it. Only the address of a simulated server
follows the port that it really took.
"""

from collections.abc import Sequence
from dataclasses import replace

from millbrain.core.plant.model import LEVEL_TITLES, Level, Node
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger, Thing
from millbrain.run.plant.points import Server, tags_of


def register_places(ledger: Ledger, plant: Plant) -> int:
    """Add the places of a plant that are not registered yet; return how many."""
    fresh = [
        thing_of(plant, node) for node in plant.nodes.values() if ledger.things.get(node.id) is None
    ]
    added, _ = ledger.things.put(fresh)
    return added


def thing_of(plant: Plant, node: Node) -> Thing:
    """Return a place as a thing: kind `machine` for a unit, else its level."""
    kind = plant.equipment_class(node.id)
    title, title_zh = LEVEL_TITLES[node.level]
    return Thing(
        id=node.id,
        kind="machine" if node.level is Level.UNIT else node.level.value,
        protocol="plant",
        model=kind.title if kind else title,
        simulated=plant.simulated,
        attributes={
            "plant": plant.key, "parent": node.parent, "title": node.title,
            "title_zh": node.title_zh, "model_zh": kind.title_zh if kind else title_zh,
            "path": "/".join(n.id for n in plant.path(node.id)),
        },
    )  # fmt: skip


def register_servers(
    ledger: Ledger, plant: Plant, servers: Sequence[tuple[Server, Connection]]
) -> int:
    """Add connections and tags of simulated servers; return how many connections are new."""
    added = 0
    for server, connection in servers:
        known = ledger.tags.connection(connection.key)
        if known is None:
            ledger.tags.put_connection(connection)
            ledger.tags.put_tags(tags_of(server, plant))
            added += 1
        elif known.endpoint != connection.endpoint:
            ledger.tags.put_connection(replace(known, endpoint=connection.endpoint))
    return added
