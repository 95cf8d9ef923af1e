"""The counterparts of the OPC UA benchmark: a server that changes nodes fast, and a bare client.

    python benchmarks/_opcua_server.py serve PORT NODES HZ
    python benchmarks/_opcua_server.py receive URL NODES SECONDS

The server is asyncua's with its whole protocol stack. Its values change with every turn, so they
are put straight into the queues of the subscriptions: asyncua's own comparison of old and new value
copies each deeply and would hold the server at a tenth of the rate. The client is asyncua's as its
documentation shows it, with a handler that counts.
"""

import asyncio
import logging
import sys
import time
from typing import Any, Final

from asyncua import Client, Server, ua

from millbrain.core.times import utc_from_epoch

NAMESPACE: Final = "urn:millbrain:benchmark"
TURN_S: Final = 0.02
QUEUE: Final = 10_000


async def serve(port: int, nodes: int, hz: float) -> None:
    """Change `nodes` nodes, `hz` values a second over all, for ever."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/bench")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    number = await server.register_namespace(NAMESPACE)
    folder = await server.nodes.objects.add_object(ua.NodeId("Bench", number), "Bench")
    for n in range(nodes):
        await folder.add_variable(ua.NodeId(f"n{n}", number), f"n{n}", 0.0)
    await server.start()
    print("serving", flush=True)
    share, due, turn = hz * TURN_S, 0.0, 0
    next_at = time.monotonic()
    while True:
        next_at = max(next_at + TURN_S, time.monotonic() - 1)
        due += share
        turn += 1
        for subscription in list(server.iserver.subscription_service.subscriptions.values()):
            await change(subscription, turn, int(due))
        due -= int(due)
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))


async def change(subscription: Any, turn: int, count: int) -> None:
    """Put `count` new values into the queues of a subscription, over its items in turn."""
    items = list(vars(subscription.monitored_item_srv)["_monitored_items"].items())
    if not items:
        return
    now = utc_from_epoch(time.time())
    start = turn * count
    for n in range(start, start + count):
        item, told = items[n % len(items)]
        value = ua.DataValue(ua.Variant(float(n)), SourceTimestamp=now, ServerTimestamp=now)
        note = ua.MonitoredItemNotification(told.client_handle, value)
        await subscription.enqueue_datachange_event(item, note, QUEUE)


class Counter:
    """A handler that counts."""

    def __init__(self) -> None:
        self.count = 0

    def datachange_notification(self, node: Any, val: Any, data: Any) -> None:
        self.count += 1


async def receive(url: str, nodes: int, seconds: float) -> None:
    """Subscribe to the nodes and print what came a second, and what it cost."""
    async with Client(url) as client:
        number = await client.get_namespace_index(NAMESPACE)
        handler = Counter()
        subscription = await client.create_subscription(100, handler)
        wanted = [client.get_node(ua.NodeId(f"n{n}", number)) for n in range(nodes)]
        for start in range(0, nodes, 1000):
            await subscription.subscribe_data_change(wanted[start : start + 1000], queuesize=QUEUE)
        await asyncio.sleep(1.0)
        before, began, spent = handler.count, time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        took_s = time.perf_counter() - began
        count = handler.count - before
        cpu_s = time.process_time() - spent
        print(f"{count / took_s:.6g} {cpu_s / max(count, 1) * 1e6:.6g}", flush=True)
        await subscription.delete()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    what, where, size, amount = sys.argv[1:5]
    if what == "serve":
        asyncio.run(serve(int(where), int(size), float(amount)))
    else:
        asyncio.run(receive(where, int(size), float(amount)))
