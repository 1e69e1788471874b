"""An ingest server without deduplication: it appends every record of every batch it acknowledges.

The real server's deduplication would hide an agent that sends everything again; this one shows it.
It can be told to misbehave, for all sites or for one.
"""
import gzip
import json
import socket
import struct
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SITES = ("example.com",)
BATCH = "/api/ingest/server/batch"
VERIFY = "/api/ingest/server/verify"


def decoded(body, encoding):
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return subprocess.run(["zstd", "-dcq"], input=body, capture_output=True, check=True).stdout
    return body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", content="text/plain; charset=utf-8", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, value):
        self.answer(200, (json.dumps(value) + "\n").encode(), "application/json")

    def reset(self):
        """A TCP reset instead of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def misbehave(self, mood):
        """True when `mood` says it all."""
        if isinstance(mood, int):
            text = {401: b"Unauthorized\n", 404: b"404 page not found\n"}.get(mood, b"not now\n")
            self.answer(mood, text)
        elif mood == "garbage":
            self.answer(200, b"\x00\xff{{{ not an answer", "application/json")
        elif mood == "wrong_id":
            self.json({"batch": str(uuid.uuid4()), "stored": 0, "duplicate": 0, "excluded": 0,
                       "rejected": []})
        elif mood == "reset":
            self.reset()
        elif mood in ("drip", "endless_header", "endless_body", "chunked_junk", "bad_gzip"):
            self.torment(mood)
        elif isinstance(mood, tuple):  # status, Retry-After
            self.answer(mood[0], b"not now\n", headers=(("Retry-After", str(mood[1])),))
        elif mood == "silent":
            self.server.sink.released.wait(60)
            self.close_connection = True
        else:
            return False
        return True

    def torment(self, mood):
        """Answers without an end, or without sense; until the client has had enough."""
        self.close_connection = True
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        released = self.server.sink.released
        try:
            if mood == "drip":
                for byte in head * 10:
                    self.wfile.write(bytes([byte]))
                    if released.wait(1):
                        return
            elif mood == "endless_header":
                self.wfile.write(head)
                while not released.is_set():
                    self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            elif mood == "endless_body":
                self.wfile.write(head + b"Content-Length: 1073741824\r\n\r\n")
                while not released.is_set():
                    self.wfile.write(b"[" * 65536)
            elif mood == "chunked_junk":
                self.wfile.write(head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nqq\r\n")
            else:
                self.wfile.write(head + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\n\x1f\x8b\xff\xff\0\0")
        except OSError:
            pass  # it has had enough

    def do_GET(self):
        sink = self.server.sink
        sink.requests.append((time.monotonic(), "GET", self.path))
        mood = sink.mood
        if mood != "reset_after" and self.misbehave(mood):
            return
        if self.path == "/api/sites":
            self.json([{"id": str(uuid.uuid5(uuid.NAMESPACE_DNS, s)),
                        "user_id": str(uuid.UUID(int=1)), "domain": s, "data_retention_days": 365,
                        "created_at": "2026-01-01T00:00:00Z"} for s in sink.sites])
        elif self.path == "/api/ingest/server/capabilities":
            self.json(sink.capabilities)
        else:
            self.answer(404, b"404 page not found\n")

    def do_POST(self):
        sink = self.server.sink
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mood = sink.mood
        sink.requests.append((time.monotonic(), "POST", self.path))
        if self.path == VERIFY:
            self.verify(body)
            return
        if self.path != BATCH:
            self.answer(404, b"404 page not found\n")
            return
        if mood != "reset_after" and self.misbehave(mood):
            return
        try:
            lines = decoded(body, self.headers.get("Content-Encoding")).splitlines()
            header = json.loads(lines[0])
            records = [json.loads(line) for line in lines[1:]]
        except (ValueError, IndexError, subprocess.CalledProcessError, OSError):
            sink.broken.append(body[:200])
            self.answer(400, b"Bad request body\n")
            return
        if sink.poison and sink.poison[1] == "batch" and sink.poison[0] in map(number_of, records):
            self.answer(400, b"poison\n")
            return
        sink.encodings.add(self.headers.get("Content-Encoding"))
        if sink.batch_limit is not None and len(records) > sink.batch_limit:
            self.answer(413, b"Request body too large\n")
            return
        rejected = sink.take(header, records)
        if mood == "reset_after":  # acknowledged in the sink's eyes, never heard of by the agent
            self.reset()
            return
        self.json({"batch": header["batch"], "stored": len(records) - len(rejected), "duplicate": 0,
                   "excluded": 0, "rejected": rejected})


    def verify(self, body):
        """Which of the records were taken before? `verify_moods` are for the next questions, one each:
        a status, a status with Retry-After, a word of misbehave(), or a function of the answer."""
        sink = self.server.sink
        mood = sink.verify_moods.pop(0) if sink.verify_moods else None
        if isinstance(mood, tuple):
            self.answer(mood[0], b"not now\n", headers=[("Retry-After", str(mood[1]))])
            return
        if not callable(mood) and self.misbehave(mood):
            return
        lines = decoded(body, self.headers.get("Content-Encoding")).splitlines()
        header = json.loads(lines[0])
        records = [json.loads(line) for line in lines[1:]]
        sink.asked.append(len(records))
        if sink.verify_limit and len(records) > sink.verify_limit:
            self.answer(413, b"too large\n")
            return
        if sink.verify_poison in [number_of(r) for r in records]:
            self.answer(400, b"line 2: poison\n")
            return
        answer = sink.look_up(header, records)
        self.json(mood(answer) if mood else answer)


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that was killed is no news."""


class Sink:
    """Listens on a port of the kernel's choice. `mood` is an HTTP status, or one of garbage,
    wrong_id, reset, reset_after, silent; None answers as the server does."""

    def __init__(self, sites=SITES, port=0):
        self.sites = list(sites)
        self.capabilities = {"server": "sink/0", "protocols": ["batch"],
                             "limits": {"decoded_bytes": 32 << 20, "records": 10000}}
        self.mood = None
        self.refused_sites = {}  # domain -> (status, error)
        self.refused = {}        # number of a line -> (status, error)
        self.batch_limit = None  # records; more are answered with 413
        self.poison = None       # (number, "record" or "batch"): what is refused with 400 for it
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.records = []   # (moment, batch id, record)
        self.keys = []      # (stream, at, hash) of each of them
        self.headers = []   # (moment, header)
        self.requests = []  # (moment, method, path)
        self.encodings = set()
        self.broken = []    # bodies that were no batch
        self.held = set()   # (stream, at, hash) of every record
        self.excluded = set()   # visitors' addresses
        self.verify_moods = []
        self.verify_limit = 0   # 413 for more records in a question
        self.verify_poison = None   # 400 for every question that holds the record of this number
        self.asked = []     # records of each question
        self.listen(port)

    def listen(self, port):
        self.http = Listener(("127.0.0.1", port), Handler)
        self.http.sink = self
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()

    def site_of(self, record):
        if record.get("site"):
            return record["site"]
        host = record.get("hostname") or record.get("url", "").split("/")[2]
        return host.removeprefix("www.")

    def take(self, header, records):
        now = time.monotonic()
        rejected = []
        with self.lock:
            self.headers.append((now, header))
            for at, (key, record) in enumerate(zip(keys_of(header, records), records)):
                status = self.refused_sites.get(self.site_of(record))
                if self.refused and not status:
                    status = self.refused.get(number_of(record))
                if self.poison and number_of(record) == self.poison[0]:
                    status = (400, "poison")
                if status:
                    rejected.append({"line": at + 2, "status": status[0], "error": status[1]})
                else:
                    self.records.append((now, header["batch"], record))
                    self.keys.append(key)
            self.held |= {key for key, record in zip(keys_of(header, records), records)
                          if not self.refused_sites.get(self.site_of(record))}
        return rejected

    def look_up(self, header, records):
        """The answer to a question."""
        counts, missing, rejected = {"present": 0, "missing": 0, "excluded": 0}, [], []
        with self.lock:
            for at, (key, record) in enumerate(zip(keys_of(header, records), records)):
                status = self.refused_sites.get(self.site_of(record))
                if status:
                    rejected.append({"line": at + 2, "status": status[0], "error": status[1]})
                elif record.get("visitor_ip") in self.excluded:
                    counts["excluded"] += 1
                elif key in self.held:
                    counts["present"] += 1
                else:
                    counts["missing"] += 1
                    if missing and missing[-1][1] == at + 1:
                        missing[-1][1] = at + 2
                    else:
                        missing.append([at + 2, at + 2])
        return {"batch": header["batch"], **counts, "missing_lines": missing, "rejected": rejected}

    def numbers(self):
        """(kind, number) of every record, in order of arrival, repeats included."""
        with self.lock:
            return [(r["k"], number_of(r)) for _, _, r in self.records]


def keys_of(header, records):
    """What identifies each record, for one site."""
    streams = [s["id"] for s in header["streams"] for _ in range(s["records"])]
    return [(stream, r["at"], r["h"]) for stream, r in zip(streams, records)]


def number_of(record):
    """The number of the line that a record was made of."""
    path = record.get("path") or record.get("url", "")
    return int(path.rstrip("/").rsplit("/", 1)[1])
