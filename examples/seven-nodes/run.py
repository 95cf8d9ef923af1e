"""Start seven nodes on this machine and resolve across them: `python examples/seven-nodes/run.py`.

Everything in it is made up. Each node is a process of its own in a folder of its own; ports are
those that are free. With `--stay` the nodes run on until Ctrl-C.
"""

import argparse
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message, decode, encode, encode_data
from millbrain.identify.handle.face import site_of
from millbrain.identify.handle.sites import places
from millbrain.run import run_files

HOST = "127.0.0.1"
READY_S_MAX = 60.0


@dataclass
class Node:
    """One node: its name, its part, the prefixes that it answers for, and whom it knows below."""

    name: str
    role: str
    prefix: str = ""
    below: "tuple[Node, ...]" = ()
    upstream: "Node | None" = None
    parts: tuple[tuple[str, str], ...] = ()
    port: int = field(default=0)


def nodes() -> list[Node]:
    """Return the tree, leaves first."""
    wheels = Node("wheels", "enterprise", "88.101.1", parts=(("W-7", "wheel, 19 inches"),))
    gears = Node("gears", "enterprise", "88.101.2", parts=(("G-3", "gearbox, 6 gears"),))
    cells = Node("cells", "enterprise", "88.102.1", parts=(("C-9", "cell, LFP, 50 Ah"),))
    vehicles = Node("vehicles", "secondary", "88.101", (wheels, gears))
    batteries = Node("batteries", "secondary", "88.102", (cells,))
    top = Node("top", "top", "88", (vehicles, batteries))
    asked = Node("recursive", "recursive", upstream=top)
    return [wheels, gears, cells, vehicles, batteries, top, asked]


def records(node: Node) -> Iterator[dict[str, object]]:
    """Return what a node records: its parts, and the sites of the prefixes below it."""
    for suffix, text in node.parts:
        values = [{"index": 1, "type": "DESC", "data": text}]
        yield {"handle": f"{node.prefix}/{suffix}", "values": values}
    if node.prefix and not node.parts:
        yield {"handle": f"{node.prefix}/about", "values": [
            {"index": 1, "type": "DESC", "data": f"{node.role} node {node.name}"}]}  # fmt: skip
    for other in node.below:
        site = encode_data("HS_SITE", site_of(HOST, other.port))
        data = {"format": "base64", "value": base64.b64encode(site).decode()}
        values = [{"index": 1, "type": "HS_SITE", "data": data}]
        yield {"handle": f"0.NA/{other.prefix}", "values": values}


@contextmanager
def running(node: Node, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Prepare a node's folder and run it until the end of the block."""
    folder.mkdir(parents=True)
    upstream = f'upstream = ["{HOST}:{node.upstream.port}"]\n' if node.upstream else ""
    settings = f'[resolver]\nrole = "{node.role}"\nhttp_port = 0\n{upstream}'
    (folder / "millbrain.toml").write_text(f"{settings}[handle]\nport = {node.port}\n", "utf-8")
    command = [sys.executable, "-m", "millbrain.run.cli"]
    lines = [json.dumps(record, ensure_ascii=False) for record in records(node)]
    if lines:
        (folder / "records.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        load = [*command, "handles", "load", str(folder / "records.jsonl"), "--data", str(folder)]
        subprocess.run(load, check=True, capture_output=True)
    process = subprocess.Popen([*command, "resolver", "--data", str(folder)],
                               stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        until = time.monotonic() + READY_S_MAX
        while not (run_files.read(folder / "run" / "resolver.json") or {}).get("ports"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"node {node.name} did not start; see {folder / 'log'}")
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def ask(port: int, handle: str, flags: int = 0) -> Message:
    """Ask one node for the public values of a handle."""
    body = {"handle": handle, "indexes": (), "types": ()}
    with socket.create_connection((HOST, port), 10) as link, link.makefile("rb") as answers:
        link.sendall(encode(Message(f.RESOLVE, body, flags=f.PUBLIC_ONLY | flags)))
        head = answers.read(f.ENVELOPE_BYTES)
        return decode(head + answers.read(int.from_bytes(head[16:20], "big")))


def follow(port: int, handle: str) -> tuple[Message, list[str]]:
    """Resolve as a client that follows referrals; return the answer and the way to it."""
    way = [str(port)]
    answer = ask(port, handle)
    while answer.code in f.REFERRALS and len(way) < 8:
        port = places(answer.body["values"], handle)[0].port
        way.append(f"{port} ({answer.body['handle']})")
        answer = ask(port, handle)
    return answer, way


def text(answer: Message) -> str:
    """Return an answer in one line."""
    if answer.code != f.OK:
        return f"{answer.code} {f.RESPONSES[answer.code].title}"
    return ", ".join(f"{v.type} = {v.data.decode()}" for v in answer.body["values"])


def show(tree: list[Node], processes: "dict[str, subprocess.Popen[bytes]]") -> None:
    """Resolve every part, then stop a node and see what is still known."""
    by_name = {node.name: node for node in tree}
    top, asked = by_name["top"], by_name["recursive"]
    handles = [f"{n.prefix}/{suffix}" for n in tree for suffix, _ in n.parts]
    for handle in (*handles, "88.101.1/none", "88.109.1/none"):
        answer, way = follow(top.port, handle)
        print(f"follow    {handle:15} {' -> '.join(way)}: {text(answer)}")
        print(f"recursive {handle:15} {text(ask(asked.port, handle, f.RECURSIVE))}")
    processes["cells"].kill()
    processes["cells"].wait()
    print("node cells is killed")
    print(f"recursive {handles[2]:15} {text(ask(asked.port, handles[2], f.RECURSIVE))}")
    began = time.monotonic()
    unknown = ask(asked.port, "88.102.1/C-10", f.RECURSIVE)
    print(f"recursive 88.102.1/C-10   {text(unknown)} in {time.monotonic() - began:.2f} s")


def main() -> None:
    """Start the nodes, resolve across them, stop them."""
    parser = argparse.ArgumentParser(description="Seven nodes on one machine; all data are made up")
    parser.add_argument("--stay", action="store_true", help="run on until Ctrl-C")
    stay = parser.parse_args().stay
    tree = nodes()
    for node, port in zip(tree, free_ports(len(tree)), strict=True):
        node.port = port
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        processes = {n.name: held.enter_context(running(n, folder / n.name)) for n in tree}
        for node in reversed(tree):
            print(f"{node.role:10} {node.name:10} {node.prefix:9} {HOST}:{node.port}")
        show(tree, processes)
        if stay:
            print("the nodes run on; Ctrl-C stops them", flush=True)
            held.callback(print, "stopped")
            signal_wait()


def signal_wait() -> None:
    """Wait for Ctrl-C."""
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        print(f"\nprocess {os.getpid()} ends")


if __name__ == "__main__":
    main()
