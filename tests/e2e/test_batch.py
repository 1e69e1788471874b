"""The batch endpoint: atomic, idempotent, exact about duplicates, rights decided record by record."""
import gzip
import json
import subprocess
import threading
import uuid

import lines
from harness import SITE
from proc import check

BATCH = "/api/ingest/server/batch"
OTHER = "other.example"
DECODED_CAP = 32 << 20


class Batch:
    """A header and its records, as bytes."""

    def __init__(self, stream=None, name=None, **header):
        self.id = name or str(uuid.uuid4())
        self.stream = stream or uuid.uuid4().hex
        self.header = header
        self.rows = []

    def fetch(self, n, host=SITE, **changes):
        row = {"k": "ai_fetch", "at": n * 100, "h": f"{n:08x}", "hostname": host, "path": f"/n/{n}",
               "status_code": 200, "content_type": "text/html", "user_agent": 0,
               "timestamp": "2026-10-05T01:02:03Z"}
        row.update(changes)
        self.rows.append({k: v for k, v in row.items() if v is not None})
        return self

    def view(self, n, host=SITE, **changes):
        row = {"k": "pageview", "at": n * 100, "h": f"{n:08x}", "url": f"https://{host}/n/{n}",
               "timestamp": "2026-10-05T01:02:03Z", "visitor_ip": "203.0.113.7", "user_agent": 1}
        row.update(changes)
        self.rows.append({k: v for k, v in row.items() if v is not None})
        return self

    def bytes(self):
        last = max((r.get("at", 0) for r in self.rows), default=0) + 100
        header = {"v": 1, "batch": self.id, "agent": "test/1", "node": "web-1", "job": None,
                  "streams": [{"id": self.stream, "from": 0, "to": last, "lines": len(self.rows),
                               "records": len(self.rows), "skipped": {}, "name": "access.log"}],
                  "user_agents": [lines.AI[0], lines.HUMANS[0]]}
        header.update(self.header)
        return "".join(json.dumps(x, separators=(",", ":")) + "\n" for x in [header, *self.rows]).encode()


def post(server, body, encoding=None, token=None, **headers):
    fields = {"Content-Type": "application/x-ndjson", **headers}
    if encoding:
        fields["Content-Encoding"] = encoding
    status, _, answer = server.request("POST", BATCH, body, token or server.token, fields)
    return status, answer


def accepted(server, batch, stored, duplicate=0, rejected=0, **how):
    body = batch if isinstance(batch, bytes) else batch.bytes()
    status, answer = post(server, body, **how)
    check(status == 200, f"{status} {answer[:200]!r}")
    told = json.loads(answer)
    have = (told["stored"], told["duplicate"], len(told["rejected"]))
    check(have == (stored, duplicate, rejected), f"{told}, expected {stored} {duplicate} {rejected}")
    return told


def zstd(data, *options):
    return subprocess.run(["zstd", "-qc", *options], input=data, capture_output=True, check=True).stdout


def test_replay_and_reuse(world):
    """Same id and body: the stored answer. Same id, another body: 422, and nothing changes."""
    server = world.server().start()
    batch = Batch().fetch(1).view(2).view(3)
    status, first = post(server, batch.bytes())
    check(status == 200, f"{status} {first!r}")
    told = json.loads(first)
    check(told["batch"] == batch.id and told["stored"] == 3, f"{told}")
    for _ in range(3):
        check(post(server, batch.bytes()) == (200, first), "a replay has another answer")
    check(post(server, gzip.compress(batch.bytes()), "gzip") == (200, first), "a compressed replay differs")
    other = Batch(batch.stream, batch.id).fetch(9)
    check(post(server, other.bytes())[0] == 422, "an id with another body was taken")
    server.kill()
    server.start()
    check(post(server, batch.bytes()) == (200, first), "a replay after a crash differs")
    check(server.count() == 3, f"{server.count()} stored")
    # The id is keyed by the token's owner: a token of the same owner replays, too.
    again = post(server, batch.bytes(), token=server.client("second", f"{SITE}=ingest"))
    check(again[0] == 200 and server.count() == 3, f"the owner's other token: {again}")


def test_duplicates_are_exact(world):
    """A duplicate has the site, the stream, the position and the hash of a stored record, no less."""
    server = world.server(sites=(SITE, OTHER)).start()
    first = Batch().fetch(1).view(2)
    accepted(server, first, 2)
    accepted(server, Batch(first.stream).fetch(1).view(2).view(3), 1, 2)
    accepted(server, Batch().fetch(1).view(2), 2)  # another stream
    accepted(server, Batch(first.stream).fetch(1, h="ffffffff"), 1)  # another line
    accepted(server, Batch(first.stream).fetch(1, at=150), 1)  # another position
    accepted(server, Batch(first.stream).fetch(1, host=OTHER), 1)  # another site
    accepted(server, Batch().fetch(7).fetch(7), 1, 1)  # twice in one batch
    check(server.count() == 9, f"{server.count()} stored")


def test_rights_record_by_record(world):
    """A record without a right is rejected with its line; its neighbours are stored."""
    server = world.server(sites=(SITE, OTHER), grants=[f"{SITE}=ingest"]).start()
    batch = Batch().fetch(1).fetch(2, host=OTHER).view(3, host="nowhere.example").view(4)
    told = accepted(server, batch, 2, 0, 2)
    reasons = [(r["line"], r["status"], r["error"]) for r in told["rejected"]]
    check([r[1] for r in reasons] == [403, 403], f"rejected: {reasons}")
    check([r[2].strip() for r in reasons] == ["Access denied", "Access denied"], f"rejected: {reasons}")
    check(reasons[1][0] - reasons[0][0] == 1, f"lines of the rejected: {reasons}")
    # What was refused covers nothing: with the grant, sending all of it again adds just that one.
    server.cli("client", "grant", "t", f"{OTHER}=ingest")
    again = Batch(batch.stream)
    again.rows = batch.rows
    accepted(server, again, 1, 2, 1)
    # An explicit site decides, not the host.
    accepted(server, Batch().fetch(5, host="cdn.example.net", site=SITE), 1)


def test_bad_tokens(world):
    server = world.server(grants=[f"{SITE}=viewer"]).start()
    body = Batch().fetch(1).bytes()
    told = accepted(server, body, 0, 0, 1)
    check(told["rejected"][0]["status"] == 403, f"{told}")
    status, _, answer = server.request("POST", BATCH, body)
    check((status, answer) == (401, b"Unauthorized\n"), f"without a token: {status} {answer!r}")
    status, answer = post(server, body, token="lf_" + "0" * 64 + "_00000000")
    check((status, answer) == (401, b"Unauthorized\n"), f"with a wrong token: {status} {answer!r}")
    check(server.count() == 0, "something was stored")


def test_encodings(world):
    server = world.server().start()
    made = [Batch().fetch(i).view(i + 50) for i in range(6)]
    accepted(server, made[0].bytes(), 2)
    accepted(server, gzip.compress(made[1].bytes()), 2, encoding="gzip")
    accepted(server, zstd(made[2].bytes()), 2, encoding="zstd")
    half = len(made[3].bytes()) // 2
    members = gzip.compress(made[3].bytes()[:half]) + gzip.compress(made[3].bytes()[half:])
    status, _ = post(server, members, "gzip")
    check(status in (200, 400), f"a gzip of two members: {status}")
    for name, body, encoding in (
            ("gzip that is none", made[4].bytes(), "gzip"), ("zstd that is none", made[4].bytes(), "zstd"),
            ("cut gzip", gzip.compress(made[4].bytes())[:-9], "gzip"),
            ("cut zstd", zstd(made[4].bytes())[:-5], "zstd"),
            ("wrong CRC", flip(gzip.compress(made[4].bytes()), -6), "gzip"),
            ("unknown encoding", made[4].bytes(), "br"), ("two encodings", made[4].bytes(), "gzip, gzip")):
        status, answer = post(server, body, encoding)
        check(status in (400, 415), f"{name}: {status} {answer[:80]!r}")
    check(server.rows("SELECT count(*) FROM records WHERE path = '/n/4'")[0][0] == 0, "a broken body was stored")


def flip(data, at):
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


def test_caps(world):
    """Bombs and oversized batches are refused, cheaply, and the server lives."""
    server = world.server().start()
    filler = b"x" * (DECODED_CAP + 1)
    for name, body, encoding in (("plain", filler, None), ("gzip bomb", gzip.compress(b"\0" * (200 << 20), 9), "gzip"),
                                 ("zstd bomb", zstd(b"\0" * (200 << 20)), "zstd"),
                                 ("a wide zstd window", zstd(b"ab" * (20 << 20), "--long=27", "-1"), "zstd")):
        try:
            status, answer = post(server, body, encoding)
        except OSError:
            status, answer = 413, b""  # it closed while the body was being sent
        check(status in (400, 413), f"{name}: {status} {answer[:80]!r}")
    check(server.proc.alive(), f"the server died:\n{server.proc.text()[-2000:]}")
    many = Batch()
    for n in range(10001):
        many.fetch(n)
    status, answer = post(server, many.bytes())
    check(status in (400, 413), f"10001 records: {status} {answer[:80]!r}")
    many.rows.pop()
    accepted(server, gzip.compress(many.bytes()), 10000, encoding="gzip")


def test_broken_batches(world):
    """A batch that is none is 400 as a whole; a record that is none is rejected, or the batch is."""
    server = world.server().start()
    good = Batch().fetch(1)
    for name, body in (
            ("empty", b""), ("no JSON", b"{\n"), ("header only, cut", good.bytes()[:40]),
            ("version 99", Batch(v=99).fetch(1).bytes()), ("no batch id", Batch(batch="x").fetch(1).bytes()),
            ("no streams", Batch(streams=None).fetch(1).bytes()),
            ("streams of the wrong form", Batch(streams=[1]).fetch(1).bytes()),
            ("stream id of the wrong form", Batch("zz").fetch(1).bytes()), ("deep", b"[" * 100000)):
        status, answer = post(server, body)
        check(status in (400, 422), f"{name}: {status} {answer[:80]!r}")
    for name, changes in (("kind", {"k": "x"}), ("no position", {"at": None}), ("bad hash", {"h": "xyz"}),
                          ("no time", {"timestamp": None}), ("agent index", {"user_agent": 99}),
                          ("status", {"status_code": 99}), ("a browser", {"user_agent": 1}),
                          ("wrong type", {"path": 7})):
        batch = Batch().fetch(1, **changes).view(2)
        status, answer = post(server, batch.bytes())
        if status == 200:
            told = json.loads(answer)
            check(told["stored"] == 1 and len(told["rejected"]) == 1, f"{name}: {told}")
            check(told["rejected"][0]["status"] in (400, 422), f"{name}: {told}")
        else:
            check(status in (400, 422), f"{name}: {status} {answer[:80]!r}")
    check(server.proc.alive(), "the server died")


def test_many_at_once(world):
    """Equal batches from many connections at the same moment: one of them stores."""
    server = world.server().start()
    batch = Batch()
    for n in range(500):
        batch.view(n)
    body, answers = batch.bytes(), []

    def send(data):
        answers.append(post(server, data))

    twins = [Batch(batch.stream) for _ in range(6)]
    for twin in twins:
        twin.rows = batch.rows
    threads = [threading.Thread(target=send, args=(body,)) for _ in range(6)]
    threads += [threading.Thread(target=send, args=(t.bytes(),)) for t in twins]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(all(status == 200 for status, _ in answers), f"{[a[0] for a in answers]}")
    check(server.count() == 500, f"{server.count()} stored, 500 expected")
    stored = [json.loads(a)["stored"] for _, a in answers]
    check(max(stored) == 500, f"stored: {stored}")


def test_capabilities(world):
    server = world.server().start()
    status, fields, body = server.request("GET", "/api/ingest/server/capabilities")
    if status == 401:
        status, fields, body = server.request("GET", "/api/ingest/server/capabilities", token=server.token)
    check(status == 200 and fields["Content-Type"].startswith("application/json"), f"{status} {body!r}")
    told = json.loads(body)
    check("batch" in told["protocols"] and told["server"].startswith("logferry-server/"), f"{told}")
    check(str(DECODED_CAP) in body.decode() and "10000" in body.decode(), f"no limits in {told}")
