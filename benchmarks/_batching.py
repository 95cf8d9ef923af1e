"""A client that registers identifiers in batches over the REST interface of enterprise nodes.

    python benchmarks/_batching.py PORT BATCHES LINKS

Enters a template with two fields, then sends batches of 2,000 rows that follow it, over so many
connections, each waiting for its answer. Prints one JSON object. The bodies are made beforehand:
what is measured is the server.
"""

import http.client
import json
import sys
import threading
import time
from typing import Any

from _creating import PREFIX, SECRET

ROWS = 2_000
HEADERS = {"Content-Type": "application/json"}
FIELDS = ("url", "model")


def main() -> None:
    port, batches, links = map(int, sys.argv[1:4])
    login = {"username": f"300:{PREFIX}/admin", "password": SECRET}
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    token = _sent(link, "POST", "/identity/token", json.dumps(login))["data"]["token"]
    HEADERS["Authorization"] = f"Bearer {token}"
    _sent(link, "POST", "/snms/api/v5/template", json.dumps(_template()))
    bodies = [_body(number) for number in range(batches)]
    began = time.perf_counter()
    threads = [
        threading.Thread(target=_send_all, args=(port, bodies[n::links])) for n in range(links)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - began
    print(json.dumps({"rate": batches * ROWS / took_s, "count": batches * ROWS}))


def _send_all(port: int, bodies: list[str]) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        told = _sent(link, "POST", "/identityv2/data/batchCreate", body)
        if {row["msg"] for row in told["data"]} != {"success"}:
            raise RuntimeError(f"a batch answered {str(told)[:300]}")
    link.close()


def _sent(link: http.client.HTTPConnection, method: str, path: str, body: str) -> dict[str, Any]:
    link.request(method, path, body, HEADERS)
    told: dict[str, Any] = json.loads(link.getresponse().read())
    if told["status"] != 1:
        raise RuntimeError(f"{method} {path}: {told}")
    return told


def _template() -> dict[str, Any]:
    bounds = {"type": "string", "minLength": 1, "maxLength": 255}
    items = [{"name": name, "idType": name, "idIndex": 2000 + n, "required": True,
              "metadata": bounds} for n, name in enumerate(FIELDS)]  # fmt: skip
    return {"prefix": PREFIX, "version": "bench", "type": 2, "items": items}


def _body(number: int) -> str:
    rows = []
    for row in range(number * ROWS, (number + 1) * ROWS):
        serial = row * 2_654_435_761 % 10_000_000_000
        texts = (f"https://id.example.cn/p/{serial:010d}", f"NC250-{row % 977:05d}")
        values = [{"index": 2000 + n, "type": name, "auth": "",
                   "data": {"format": "string", "value": text}}
                  for n, (name, text) in enumerate(zip(FIELDS, texts, strict=True))]  # fmt: skip
        handle = f"{PREFIX}/R{serial:010d}"
        rows.append({"handle": handle, "templateVersion": "bench", "value": values})
    return json.dumps(rows)


if __name__ == "__main__":
    main()
