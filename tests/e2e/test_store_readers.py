"""Readers never hold the writer up, and its log does not grow for ever; a store whose disk is full says
so, keeps what it has acknowledged, and recovers by itself.
"""
import ctypes
import json
import os
import sqlite3
import subprocess
import threading
import time
import uuid

import lines
from harness import wait_stored
from proc import check, wait_for, within

MIB = 1 << 20
CLONE_NEWNS = 0x00020000
UA = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


class Sender:
    """Batches of its own stream, straight to the endpoint; knows what was acknowledged."""

    def __init__(self, server):
        self.server = server
        self.stream = uuid.uuid4().hex
        self.at = 0
        self.acknowledged = []  # bodies
        self.slowest = 0.0

    def body(self, records, room):
        head = {"v": 1, "batch": str(uuid.uuid4()), "agent": "t/1", "node": "direct", "user_agents": [UA],
                "streams": [{"id": self.stream, "from": self.at, "to": self.at + records, "lines": records,
                             "records": records}]}
        text = json.dumps(head) + "\n"
        for i in range(self.at, self.at + records):
            text += json.dumps({"k": "pageview", "at": i, "h": f"{i:08x}", "user_agent": 0,
                                "url": f"https://example.com/{'x' * room}/{i}",
                                "timestamp": "2026-11-03T12:00:00Z", "visitor_ip": "203.0.113.9"}) + "\n"
        self.at += records
        return text.encode()

    def post(self, path, body):
        return self.server.request("POST", "/api/ingest/server/" + path, body, token=self.server.token)

    def send(self, records=500, room=1500):
        """The status of one batch more."""
        body = self.body(records, room)
        began = time.monotonic()
        status, fields, _ = self.post("batch", body)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if status == 200:
            self.acknowledged.append(body)
        return status, fields

    def check_all_present(self):
        for body in self.acknowledged:
            status, _, answer = self.post("verify", body)
            found = json.loads(answer)
            check(status == 200 and found["missing"] == 0 and found["present"] > 0,
                  f"acknowledged and not there: {status} {answer[:300]!r}")


def log_bytes(server):
    return os.path.getsize(server.database() + "-wal")


def test_a_long_reader(world):
    """A read transaction that stays open: batches are answered as before; when it ends, so does the
    growth of the log, and its file is cut back."""
    server = world.server().start()
    sender = Sender(server)
    sender.send()
    reader = sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    seen = reader.execute("SELECT count(*) FROM records").fetchone()
    while log_bytes(server) < 70 * MIB:
        status, _ = sender.send(600, 7000)
        check(status == 200, f"{status} beside a reader")
    check(sender.slowest < within(4), f"a batch took {sender.slowest:.1f} s: it waited for the reader")
    check(reader.execute("SELECT count(*) FROM records").fetchone() == seen, "the reader's moment moved")
    reader.close()
    sender.send()  # moves the log over
    sender.send()  # begins it anew
    check(log_bytes(server) <= 64 * MIB, f"the log was not cut back: {log_bytes(server)}")
    for _ in range(9):
        sender.send(600, 7000)
    check(log_bytes(server) <= 64 * MIB, f"the log went on growing: {log_bytes(server)}")
    sender.acknowledged = sender.acknowledged[::5]
    sender.check_all_present()


def test_reports_without_a_pause(world):
    """Two loops of reports, always one of them reading: batches are answered as before."""
    server = world.server().start()
    sender = Sender(server)
    done = threading.Event()
    problems = []

    def report():
        while not done.is_set():
            try:
                server.cli("report", "--json")
            except Exception as problem:
                problems.append(problem)
                return

    threads = [threading.Thread(target=report) for _ in range(2)]
    for t in threads:
        t.start()
    for _ in range(10):
        status, _ = sender.send()
        check(status == 200, f"{status} beside reports")
    done.set()
    for t in threads:
        t.join()
    check(not problems, f"{problems[:1]}")
    check(sender.slowest < within(4), f"a batch took {sender.slowest:.1f} s: it waited for a report")


def own_disk(path, size):
    """A tmpfs at `path`, seen by this test's processes only. False where that is not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return False
    os.makedirs(path, 0o700)
    for argv in (["mount", "--make-rprivate", "/"],
                 ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", path]):
        if subprocess.run(argv, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            return False
    return True


def fill(path):
    """Takes all room but a little."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(fd, b"\0" * 4096)
    except OSError:
        os.close(fd)


def single_records(server):
    """The statuses of the three endpoints for one record."""
    page = {"url": "https://example.com/p", "timestamp": "2026-11-03T12:00:00Z", "visitor_ip": "203.0.113.9",
            "user_agent": UA}
    site = json.loads(server.request("GET", "/api/sites", token=server.token)[2])[0]["id"]
    fetch = {"path": "/p", "status_code": 200, "user_agent": "GPTBot/1.2"}
    answers = []
    for path, body in (("/api/ingest/server/pageview", page),
                       ("/api/ingest/server/event", dict(page, name="n")),
                       (f"/api/sites/{site}/ingest/ai-fetch", fetch)):
        status, _, _ = server.request("POST", path, json.dumps(body).encode(), token=server.token)
        answers.append(status)
    return answers


def test_a_disk_that_is_full(world):
    """A store on a small disk, filled up under load."""
    disk = world.path("server.store")
    if not own_disk(disk, "24m"):
        print("skipped: no right to mount a tmpfs in a namespace of its own")
        return
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(500)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    sender = Sender(server)
    sender.send()
    ballast = os.path.join(disk, "ballast")
    fill(ballast)
    refused = 0
    for _ in range(60):
        log.write(100)
        status, fields = sender.send()
        check(status in (200, 507), f"{status} on a full disk")
        if status == 507:
            refused += 1
            check(fields["Retry-After"] == "30", f"Retry-After: {fields['Retry-After']}")
        if refused == 5:
            break
    check(refused == 5, f"the disk of 24 MiB was not full: {refused} refused")
    singles = single_records(server)
    # As HitKeep has it: there is no status of its own for this. Nothing is said to be stored.
    check(singles == [500, 500, 500], f"single records: {singles}")
    check(server.request("GET", "/readyz")[0] == 503 and server.request("GET", "/healthz")[0] == 200, "probes")
    server.cli("report")
    server.cli("fsck")
    sender.check_all_present()
    server.cli("client", "create", "--name", "late", "--grant", "example.com=ingest", expect=73)
    os.unlink(ballast)
    wait_for(lambda: server.request("GET", "/readyz")[0] == 200, 20, "the store to recover by itself")
    check(sender.send()[0] == 200, "a batch after there was room again")
    log.write(100)
    # What the sender put has other paths: only the agent's is compared, line by line.
    have = lambda: server.rows("SELECT count(*) FROM records WHERE path LIKE '%/n/%'")[0][0]
    want = sum(1 for n in log.written if lines.kind(n) != lines.SKIP)
    wait_for(lambda: have() >= want, 60, "every line of the agent")
    check(have() == want, f"{have()} lines stored, {want} expected")
    sender.check_all_present()
    check(server.proc.events("store_writable"), "it did not say that it can be written again")
    agent.stop()
    server.stop()
    server.cli("fsck")
