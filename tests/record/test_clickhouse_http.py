"""The ClickHouse HTTP protocol over a real socket: clients as they are, and hostile ones."""

import asyncio
import gzip
import json
import os
import socket
import threading
import time
from pathlib import Path

import clickhouse_connect
import httpx
import lz4.frame
import pyarrow as pa
import pytest

from millbrain.core import limits
from millbrain.record.warehouse import http as protocol
from millbrain.record.warehouse import open_server
from millbrain.record.warehouse.embedded import open_embedded
from millbrain.record.warehouse.http import Role, query_app

PASSWORDS = {("default", ""): Role.READER, ("ada", "secret"): Role.READER,
             ("millbrain", "key"): Role.WRITER}  # fmt: skip


@pytest.fixture(scope="module")
def port(warehouse_folder, serving):
    opened = open_embedded(warehouse_folder, "http_test")
    opened.execute(
        "CREATE TABLE report (vin String, device_at DateTime('UTC'), soc Nullable(UInt8)) "
        "ENGINE = MergeTree ORDER BY vin"
    )
    opened.execute(
        "INSERT INTO report VALUES ('A', 1700000000, 80), ('B', 1700000001, NULL), "
        "('中文', 1700000002, 7)"
    )
    with serving(query_app(opened, lambda user, password: PASSWORDS.get((user, password)))) as port:
        yield port
    opened.execute("DROP DATABASE http_test SYNC")
    opened.close()


@pytest.fixture(scope="module")
def http(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=40) as client:
        yield client


@pytest.fixture
def writer(http):
    def run(sql, **options):
        headers = {"X-ClickHouse-User": "millbrain", "X-ClickHouse-Key": "key"}
        return http.post("/", content=sql, headers=headers, **options)

    return run


def test_health_checks_answer_ok(http):
    for path in ("/ping", "/replicas_status", "/"):
        assert http.get(path).text == "Ok.\n"
    assert http.head("/ping").status_code == 200
    missing = http.get("/nothing")
    assert missing.status_code == 404
    assert missing.text.startswith("There is no handle /nothing")


def test_a_query_in_the_url_in_the_body_and_in_both(http):
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert http.post("/", content="SELECT 'a\tb', NULL").text == "a\\tb\t\\N\n"
    assert http.post("/", params={"query": "SELECT 1,"}, content="2").text == "1\t2\n"


def test_headers_of_an_answer(http):
    answer = http.get("/", params={"query": "SELECT vin FROM report FORMAT JSON", "query_id": "q7"})
    assert answer.headers["X-ClickHouse-Query-Id"] == "q7"
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert answer.headers["X-ClickHouse-Timezone"]
    summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert summary["read_rows"] == "3"
    assert summary["result_rows"] == "3"
    assert [r["vin"] for r in answer.json()["data"]] == ["A", "B", "中文"]


def test_head_sends_the_headers_only(http):
    answer = http.head("/", params={"query": "SELECT 1 FORMAT JSON"})
    assert answer.status_code == 200
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.content == b""


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ({"default_format": "CSV"}, {}),
        ({}, {"X-ClickHouse-Format": "CSV"}),
        ({"query": "SELECT vin, soc FROM report ORDER BY vin FORMAT CSV"}, {}),
        (
            {"query": "SELECT vin, soc FROM report ORDER BY vin FORMAT CSV SETTINGS max_threads=1"},
            {},
        ),
    ],
)
def test_the_format_can_be_named_in_three_ways(http, params, headers):
    query = {"query": "SELECT vin, soc FROM report ORDER BY vin"} | params
    answer = http.get("/", params=query, headers=headers)
    if "SETTINGS" in query["query"]:  # a reader's settings are fixed in the text, not in the URL
        assert answer.status_code == 403
        return
    assert answer.text == '"A",80\n"B",\\N\n"中文",7\n'
    assert answer.headers["X-ClickHouse-Format"] == "CSV"


def test_values_come_as_parameters(http):
    answer = http.get(
        "/",
        params={
            "query": "SELECT {a:String} AS a, {b:Array(UInt8)} AS b, {c:Nullable(UInt8)} AS c "
            "FORMAT JSONEachRow",
            "param_a": "it's \\t",
            "param_b": "[1,2]",
            "param_c": "\\N",
        },
    )
    assert answer.json() == {"a": "it's \t", "b": [1, 2], "c": None}


def test_values_may_come_as_a_form_where_a_url_would_be_too_long(http):
    many = [f"车{i:05d}" for i in range(20_000)]
    sql = "SELECT length({b:Array(String)}) AS n, {b:Array(String)}[20000] AS last"
    values = "[" + ",".join(f"'{v}'" for v in many) + "]"
    form = {"query": f"{sql} FORMAT JSONEachRow", "param_b": values}
    answer = http.post("/", files={name: (None, value) for name, value in form.items()})
    assert answer.json() == {"n": 20_000, "last": "车19999"}


def test_a_client_of_clickhouse_sends_long_lists(port):
    server = open_server(f"http://ada:secret@127.0.0.1:{port}/http_test")
    try:
        many = [f"V{i:05d}" for i in range(20_000)]
        (row,) = server.query("SELECT length({b:Array(String)}) AS n", {"b": many}).to_pylist()
    finally:
        server.close()
    assert row == {"n": 20_000}


def test_three_ways_to_log_in(http):
    ask = {"query": "SELECT 1"}
    assert http.get("/", params=ask, auth=("ada", "secret")).text == "1\n"
    assert http.get("/", params=ask | {"user": "ada", "password": "secret"}).text == "1\n"
    assert http.get("/", params=ask, headers={"X-ClickHouse-User": "ada", "X-ClickHouse-Key":
                    "secret"}).text == "1\n"  # fmt: skip
    wrong = http.get("/", params=ask, auth=("ada", "wrong"))
    assert wrong.status_code == 403
    assert wrong.headers["X-ClickHouse-Exception-Code"] == "516"
    assert "Authentication failed" in wrong.text


def test_settings_of_a_request_are_taken_lowered_or_ignored(http):
    ask = "SELECT getSetting('{}') FORMAT TSV"
    value = {
        (name, given): http.get("/", params={"query": ask.format(name), name: given}).text.strip()
        for name, given in (
            ("max_execution_time", "3"), ("max_execution_time", "300"), ("max_threads", "1"),
            ("max_threads", "64"), ("max_memory_usage", "0"), ("readonly", "0"),
            ("max_result_rows", "5"),
        )
    }  # fmt: skip
    assert value == {
        ("max_execution_time", "3"): "3",
        ("max_execution_time", "300"): str(limits.QUERY_S_MAX),
        ("max_threads", "1"): "1",
        ("max_threads", "64"): "2",
        ("max_memory_usage", "0"): str(limits.QUERY_MEMORY_BYTES_MAX),
        ("readonly", "0"): "1",
        ("max_result_rows", "5"): "5",
    }
    assert http.get("/", params={"query": "SELECT 1", "no_such_setting": "1"}).text == "1\n"
    too_many = http.get("/", params={"query": "SELECT * FROM numbers(9)", "max_result_rows": "5"})
    assert too_many.headers["X-ClickHouse-Exception-Code"] == "396"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT (1", 400, "62"),
        ("SELECT nothing", 400, "47"),
        ("SELECT * FROM nothing", 404, "60"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("INSERT INTO report VALUES ('C', 1, 1)", 403, "164"),
        ("CREATE TABLE t (a UInt8) ENGINE = Memory", 403, "164"),
        ("DROP TABLE report", 403, "164"),
        ("SET readonly = 0", 403, "164"),
        ("USE system", 403, "164"),
        ("KILL QUERY WHERE 1", 403, "164"),
        ("SYSTEM FLUSH LOGS", 403, "164"),
        ("SELECT 1 SETTINGS max_memory_usage = 0", 403, "164"),
        ("\xff".encode("latin1"), 400, "62"),
    ],
)
def test_errors_come_in_clickhouse_form(http, sql, status, code):
    answer = http.post("/", content=sql)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "Stack trace" not in answer.text


OUTSIDE = (
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT file('/etc/hostname')",
    "SELECT `fil\\x65`('/etc/hostname')",
    "SELECT \"file\"/* ( */ --\n('/etc/hostname')",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
    "SELECT arrayMap(file, ['/etc/hostname'])",
    "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "SHOW TABLES WHERE file('/etc/hostname') != ''",
    "DESCRIBE file('/etc/hostname', 'LineAsString')",
    "DESCRIBE url('http://127.0.0.1:1/', 'CSV')",
    "DESCRIBE (SELECT file('/etc/hostname'))",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'a String')",
    "SELECT * FROM executable('ls', 'CSV', 'a String')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM loop(file('/etc/hostname', 'LineAsString'))",
    "SELECT * FROM Python(pa)",
    "SELECT * FROM python /* */ (pa)",
    "SELECT * FROM system.stack_trace",
    "SELECT hasColumnInTable('127.0.0.1', 'system', 'one', 'dummy')",
    "BACKUP DATABASE http_test TO File('/tmp/millbrain-test-backup')",
    "SELECT 1 INTO OUTFILE '/tmp/millbrain-test-outfile'",
    "EXPLAIN SELECT file('/etc/hostname')",
)


@pytest.mark.parametrize("sql", OUTSIDE)
def test_a_reader_cannot_reach_outside_the_warehouse(http, sql):
    answer = http.post("/", content=sql)
    assert answer.status_code in (400, 403)
    assert Path("/etc/hostname").read_text().strip() not in answer.text
    assert not Path("/tmp/millbrain-test-backup").exists()
    assert not Path("/tmp/millbrain-test-outfile").exists()


def test_names_that_only_look_like_outside_functions_are_fine(http):
    sql = "SELECT 'file(1)' AS a, 'url' AS url, 'it''s \\'python (x' AS b FORMAT TSV"
    answer = http.post("/", content=sql.replace("python", "snake"))
    assert answer.text == "file(1)\turl\tit\\'s \\'snake (x\n"


@pytest.mark.slow
def test_a_query_that_runs_away_is_cut_near_its_limit(http):
    for sql in (
        "SELECT count() FROM numbers(1e13)",
        "SELECT uniqExact(number) FROM numbers(1e12)",
        "SELECT number FROM system.numbers ORDER BY cityHash64(number) LIMIT 3",
    ):
        begun = time.monotonic()
        answer = http.post("/", params={"max_execution_time": "0.5"}, content=sql)
        assert time.monotonic() - begun < 10, "none of them would ever end"
        assert answer.status_code in (408, 500)
        assert answer.headers["X-ClickHouse-Exception-Code"] in ("159", "241")


def test_memory_is_limited(http):
    answer = http.post("/", params={"max_memory_usage": "20000000"},
                       content="SELECT groupArray(number) FROM numbers(1e8)")  # fmt: skip
    assert answer.headers["X-ClickHouse-Exception-Code"] == "241"
    answer = http.post("/", content="SELECT length(range(400000000))")
    assert answer.status_code >= 400


def test_a_text_that_is_too_long_is_refused(http):
    for content in (b"SELECT '" + b"x" * limits.QUERY_TEXT_BYTES_MAX + b"'",
                    b" " * (limits.QUERY_TEXT_BYTES_MAX + 1)):  # fmt: skip
        answer = http.post("/", content=content)
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "307")
    bomb = gzip.compress(b" " * (limits.QUERY_TEXT_BYTES_MAX * 50))
    answer = http.post("/", content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_bodies_may_be_compressed(http):
    for coding, content in (
        ("gzip", gzip.compress(b"SELECT 1")),
        ("lz4", lz4.frame.compress(b"SELECT 1")),
        ("zstd", bytes(pa.compress(b"SELECT 1", "zstd", asbytes=True))),
    ):
        headers = {"Content-Encoding": coding}
        assert http.post("/", content=content, headers=headers).text == "1\n"
    for coding in ("gzip", "br"):
        answer = http.post("/", content=b"garbage", headers={"Content-Encoding": coding})
        assert answer.status_code in (400, 500, 501)


def test_answers_are_compressed_where_the_client_asks_for_it(http):
    ask = {"query": "SELECT number FROM numbers(100000) FORMAT CSV", "enable_http_compression": 1}
    plain = "".join(f"{i}\n" for i in range(100_000)).encode()
    for coding, unfold in (
        ("gzip", gzip.decompress),
        ("lz4", lz4.frame.decompress),
        ("zstd", lambda b: pa.CompressedInputStream(pa.BufferReader(b), "zstd").read()),
    ):
        with http.stream("GET", "/", params=ask, headers={"Accept-Encoding": coding}) as answer:
            assert answer.headers["Content-Encoding"] == coding
            raw = b"".join(answer.iter_raw())
        assert len(raw) < len(plain)
        assert unfold(raw) == plain
    refused = http.get("/", params=ask | {"compress": "1"})
    assert refused.status_code == 501


def test_big_answers_are_streamed_whole(http):
    sql = "SELECT number FROM numbers(3000000) FORMAT CSV"
    digest, size = 0, 0
    with http.stream("POST", "/", content=sql) as answer:
        assert "content-length" not in answer.headers
        for piece in answer.iter_raw():
            size += len(piece)
            digest += piece.count(b"\n")
    # 10 one-digit numbers with a newline, 90 two-digit ones, ... 2,000,000 seven-digit ones
    assert size == sum(9 * 10 ** (d - 1) * (d + 1) for d in range(2, 7)) + 10 * 2 + 2_000_000 * 8
    assert digest == 3_000_000


def test_an_arrow_answer_of_many_pieces_is_one_stream(http):
    sql = "SELECT number, [number, 7] AS list FROM numbers({})"
    raw = http.post("/", content=f"{sql.format(300_000)} FORMAT ArrowStream").content
    stream = pa.ipc.open_stream(raw)
    batches = list(stream)
    assert len(batches) > 1
    table = pa.Table.from_batches(batches)
    assert table["number"].to_numpy().sum() == 300_000 * 299_999 // 2
    assert table["list"][299_999].as_py() == [299_999, 7]
    none = http.post("/", content=f"{sql.format(0)} FORMAT ArrowStream").content
    assert pa.ipc.open_stream(none).read_all().schema == stream.schema


def test_an_answer_that_fails_half_way_is_not_taken_for_whole(http):
    sql = "SELECT throwIf(number = 2000000) FROM numbers(3000000) FORMAT CSV"
    text = b""
    with http.stream("POST", "/", content=sql) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012
            for piece in answer.iter_raw():
                text += piece
    assert b"\r\n__exception__\r\n" + answer.headers["X-ClickHouse-Exception-Tag"].encode() in text
    assert b"Code: 395. DB::Exception" in text


def test_the_size_of_an_answer_is_limited(http, monkeypatch):
    monkeypatch.setattr(limits, "QUERY_RESULT_BYTES_MAX", 1_000_000)
    answer = http.post("/", content="SELECT toString(number) FROM numbers(1000000) FORMAT JSON")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "396"


def test_a_client_that_leaves_frees_its_place(http, port):
    asked = b"GET /?query=SELECT+number+FROM+system.numbers+FORMAT+CSV HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(limits.QUERIES_AT_ONCE_MAX + 2):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(asked)
            client.recv(1000)
    begun = time.monotonic()
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert time.monotonic() - begun < 5


def test_a_query_whose_client_left_is_stopped(http, port):
    running = {"query": "SELECT count() FROM system.processes WHERE query LIKE '%1e14%'"}
    for fmt in ("JSON", "CSV"):
        sql = f"SELECT+count()+FROM+numbers(1e14)+FORMAT+{fmt}"
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"GET /?query={sql} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            time.sleep(0.3)
            assert http.get("/", params=running).text == "2\n"  # that query and this one
        until = time.monotonic() + 3
        while http.get("/", params=running).text != "1\n":
            assert time.monotonic() < until


@pytest.mark.slow
def test_a_client_that_does_not_read_is_let_go(http, port, monkeypatch):
    monkeypatch.setattr(limits, "QUERY_S_MAX", 1)
    asked = b"GET /?query=SELECT+number+FROM+system.numbers+FORMAT+CSV&max_execution_time=1"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(asked + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(1.5)
        begun = time.monotonic()
        while http.get("/", params={"query": "SELECT count() FROM system.processes"}).text != "1\n":
            assert time.monotonic() - begun < 3


@pytest.mark.slow
def test_the_reader_after_the_last_place_waits_then_is_refused(http, monkeypatch):
    monkeypatch.setattr(limits, "QUERY_WAIT_S_MAX", 0.3)
    slow = "SELECT count() FROM numbers(1e13)"
    with_limit = {"max_execution_time": "1.5"}
    threads = [
        threading.Thread(target=lambda: http.post("/", params=with_limit, content=slow))
        for _ in range(limits.QUERIES_AT_ONCE_MAX)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    answer = http.post("/", content="SELECT 1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (503, "202")
    for thread in threads:
        thread.join()
    assert http.post("/", content="SELECT 1").text == "1\n"


def test_only_the_writer_writes_and_only_by_post(http, writer):
    assert writer("CREATE TABLE w (a UInt64, s String) ENGINE = MergeTree ORDER BY a").text == ""
    assert writer('INSERT INTO w FORMAT JSONEachRow\n{"a":1,"s":"x"}\n{"a":2,"s":"y"}').text == ""
    sql = "INSERT INTO w (a, s) SETTINGS max_insert_threads=1 FORMAT CSV"
    assert writer(b'3,"z"\n', params={"query": sql}).status_code == 200
    assert writer("INSERT INTO w VALUES (4, 'v')").status_code == 200
    assert writer("INSERT INTO w SELECT a + 10, s FROM w").status_code == 200
    assert writer("SELECT count(), sum(a) FROM w").text == "8\t60\n"
    assert http.get("/", params={"query": "DROP TABLE w", "user": "millbrain",
                                 "password": "key"}).status_code == 403  # fmt: skip
    broken = writer(b"5,x\nnot a number,y\n", params={"query": sql})
    assert (broken.status_code, broken.headers["X-ClickHouse-Exception-Code"]) == (400, "27")
    assert writer("SELECT count() FROM w").text == "8\n"
    writer("DROP TABLE w SYNC")


def test_clickhouse_connect_reads(port):
    client = clickhouse_connect.get_client(host="127.0.0.1", port=port)
    rows = client.query(
        "SELECT vin, device_at, soc FROM report WHERE soc > {least:UInt8} ORDER BY vin",
        parameters={"least": 10},
    )
    assert rows.column_names == ("vin", "device_at", "soc")
    assert [(r[0], r[2]) for r in rows.result_rows] == [("A", 80)]
    empty = client.query("SELECT vin, soc FROM report WHERE vin = 'none'")
    assert (empty.column_names, empty.result_rows) == (("vin", "soc"), [])
    assert client.query_df("SELECT * FROM report").shape == (3, 3)
    assert client.query_arrow("SELECT vin FROM report").num_rows == 3
    assert client.query("SELECT number FROM numbers(200000)").row_count == 200_000
    assert client.command("SELECT count() FROM report") == 3
    assert client.raw_query("SELECT 1", fmt="JSONEachRow") == b'{"1":1}\n'
    assert client.query("SHOW TABLES").result_rows == [("report",)]
    with pytest.raises(clickhouse_connect.driver.exceptions.ClickHouseError, match="may only read"):
        client.insert("report", [["C", 1, 1]], column_names=["vin", "device_at", "soc"])
    client.close()


def test_what_dashboards_and_drivers_ask_first(http):
    for sql in (
        "SELECT version() FORMAT TabSeparated",
        "SELECT timezone()",
        "SELECT name FROM system.databases FORMAT JSON",
        "SELECT name, type FROM system.columns WHERE table = 'report' FORMAT JSON",
        "DESCRIBE TABLE report FORMAT JSONCompact",
        "SHOW CREATE TABLE report",
        "EXPLAIN SYNTAX SELECT 1",
        "select 1 format RowBinaryWithNamesAndTypes",
        "SELECT toStartOfInterval(device_at, INTERVAL 60 SECOND) AS time, avg(soc) FROM report "
        "GROUP BY time ORDER BY time FORMAT JSON;",
    ):
        answer = http.post("/", params={"session_id": "x", "session_timeout": "60"}, content=sql)
        assert answer.status_code == 200, answer.text
    assert http.get("/", params={"query": "SELECT currentDatabase()", "database": "system"}).text
    gone = http.get("/", params={"query": "SELECT 1", "database": "nowhere"})
    assert (gone.status_code, gone.headers["X-ClickHouse-Exception-Code"]) == (404, "81")


def test_a_password_that_was_right_is_not_checked_again_at_once():
    asked = []
    logins = protocol._Logins(lambda user, _: asked.append(user) or Role.READER)
    assert [asyncio.run(logins.role("ada", "secret")) for _ in range(3)] == [Role.READER] * 3
    asyncio.run(logins.role("ada", "other"))
    assert asked == ["ada", "ada"]


def test_files_of_the_process_are_not_left_open(http, writer):
    before = len(os.listdir("/proc/self/fd"))
    writer("CREATE TABLE f (a UInt64) ENGINE = Memory")
    for _ in range(10):
        writer(b"1\n", params={"query": "INSERT INTO f FORMAT CSV"})
    writer("DROP TABLE f SYNC")
    assert len(os.listdir("/proc/self/fd")) <= before + 5
