"""Rows of the server: records into the store, single requests, latency from the log to the disk."""
import os
import re
import shutil
import sqlite3
import subprocess
import threading
import time

from measure import run_until, usage_of
from rows_agent import start_agent, stop

# Each request another page and another visitor, as wrk's threads make them.
WRK = """
local n, now = 0, os.date("!%Y-%m-%dT%H:%M:%SZ")
request = function()
  n = n + 1
  return wrk.format("POST", "/api/ingest/server/pageview",
    {{["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/json"}},
    string.format('{{"url":"https://www.example-shop.com/p/%d?utm_source=x","visitor_ip":"203.0.113.%d",' ..
      '"user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/14%d","referrer":"https://ref.example/",' ..
      '"timestamp":"%s"}}', n % 5000, n % 250, n % 10, now))
end
"""


class Server:
    """A real server with one site and one token."""

    def __init__(self, b, name, role="ingest"):
        self.b, self.name = b, name
        self.store = os.path.join(b.scratch(name), "store")
        self.cli("init")
        self.cli("site", "add", "example-shop.com", "--retention", "forever")
        out = self.cli("client", "create", "--name", "t", "--grant", "example-shop.com=" + role)
        self.token = next(w for w in out.split() if w.startswith("lf_"))
        log = os.path.join(b.dir, name, "log")
        with open(log, "w", encoding="utf-8") as err:
            self.child = subprocess.Popen(b.server(self.store, "serve", "--listen", "127.0.0.1:0"), stderr=err)
        address = None
        while not address:
            time.sleep(0.005)
            with open(log, encoding="utf-8") as f:
                address = re.search(r"event=listening address=(\S+)", f.read())
        self.url = "http://" + address.group(1)

    def cli(self, *arguments):
        return subprocess.run(self.b.server(self.store, *arguments), check=True, capture_output=True, text=True).stdout

    def cpu(self):
        return usage_of(self.child.pid)[0]

    def close(self):
        stop(self.child)
        self.b.drop(self.name)


def row_store(b):
    """P8: the store alone, without HTTP"""
    records = max(20, b.nginx // 2000)
    argv = [os.path.join(b.bin, "tests/bench/bench_store"), os.path.join(b.scratch("store"), "s"), str(records)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines() or [f"all   failed with {done.returncode}"]:
        name, figure = re.split(r"\s{2,}", line.strip().rstrip(":"), maxsplit=1)
        b.add("P8 store: " + name, re.sub(r"\s+", " ", figure), "300 k records/s, in batches")
    b.drop("store")


def row_server(b):
    """P8, P9: the agent into the real server, durable and deduplicated; then a report"""
    server = Server(b, "server")
    for again in ("first time", "again, all duplicates"):
        config, env = b.config("to-server", server.url, b.path("pages.log"), token=server.token)
        before = server.cpu()
        figure = run_until(b.agent("--config", config, "backfill", "--source", "s", b.path("pages.log")), env=env)
        cpu = max(server.cpu() - before, 0.01)
        b.add(f"P8 server: {b.nginx} records, {again}",
              f"{b.nginx / figure.seconds / 1e3:.0f} k records/s, {b.nginx / cpu / 1e3:.0f} k records per CPU-s of the server, "
              f"{usage_of(server.child.pid)[1]:.0f} MiB" if figure.code == 0 else f"failed with {figure.code}",
              "300 k records/s; agent and server share the CPUs")
    figure = run_until(b.server(server.store, "report", "--json"))
    b.add(f"P9 server: report over {b.nginx} records", f"{figure.seconds * 1e3:.0f} ms", "100 ms over 10 M records")
    size = sum(e.stat().st_size for e in os.scandir(server.store) if e.is_file())
    b.add("server: store", f"{size / b.nginx:.0f} bytes a record")
    server.close()


def row_reads(b):
    """P9: the reports of the API over 10 M records of one site, 90 days, four streams"""
    millions = max(1, round(10 * b.nginx / 2_000_000))
    argv = [os.path.join(b.bin, "tests/bench/bench_reads"), os.path.join(b.scratch("reads"), "s"), str(millions)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines() or [f"all   failed with {done.returncode}"]:
        name, figure = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        mark = {"overview": "100 ms", "time series": "100 ms", "stored": ""}.get(name, "1 s")
        b.add(f"P9 reads, {millions} M: {name}", figure, mark)
    b.drop("reads")


def row_singles(b):
    """P8: one pageview a request, each durable before its 202; wrk with 64 connections"""
    if not shutil.which("wrk"):
        b.add("P8 server: single pageviews", "not measured", "wrk is not installed")
        return
    server = Server(b, "singles")
    script = os.path.join(b.dir, "singles", "wrk.lua")
    with open(script, "w", encoding="ascii") as f:
        f.write(WRK.format(token=server.token))
    before = server.cpu()
    out = subprocess.run(["wrk", "-t1", "-c64", "-d5s", "--latency", "-s", script, server.url], capture_output=True,
                         text=True, check=True).stdout
    cpu = server.cpu() - before
    total = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", out).group(1))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    base = sqlite3.connect(f"file:{server.store}/logferry.db?mode=ro", uri=True)
    stored = base.execute("SELECT count(*) FROM records").fetchone()[0]
    base.close()
    p99 = re.search(r"99%\s+(\S+)", out).group(1)
    b.add("P8 server: single pageviews", f"{rate / 1e3:.1f} k requests/s, {total / cpu / 1e3:.1f} k per CPU-s of the server, "
          f"p99 {p99}", f"20 k requests/s; {stored} stored, {refused.group(1) if refused else 0} refused")
    server.close()


def row_latency(b):
    """P5: a line written, 200 a second, until it is in the server's database"""
    server = Server(b, "latency")
    log = os.path.join(b.dir, "latency", "access.log")
    with open(log, "w", encoding="ascii"):
        pass
    config, env = b.config("latency-agent", server.url, log, token=server.token)
    agent = start_agent(b, config, env)
    time.sleep(1.5)
    base = sqlite3.connect(f"file:{server.store}/logferry.db?mode=ro", uri=True)
    count, written = 2000, []

    def write():
        with open(b.path("pages.log"), encoding="ascii") as source, open(log, "a", encoding="ascii") as target:
            began = time.monotonic()
            for i in range(count):
                line = source.readline()
                time.sleep(max(0.0, began + i / 200 - time.monotonic()))
                target.write(line)
                target.flush()
                written.append(time.monotonic())

    writer = threading.Thread(target=write)
    writer.start()
    samples, end = [], time.monotonic() + 30
    while len(samples) < count and time.monotonic() < end:
        stored = base.execute("SELECT count(*) FROM records").fetchone()[0]
        now = time.monotonic()
        samples += [(now - written[i]) * 1e3 for i in range(len(samples), min(stored, len(written)))]
        time.sleep(0.0005)
    writer.join()
    base.close()
    stop(agent)
    server.close()
    samples.sort()
    if samples:
        b.add("P5 line written to durable in the server, 200 a second",
              f"p50 {samples[len(samples) // 2]:.1f} ms, p99 {samples[len(samples) * 99 // 100]:.1f} ms",
              f"p50 5 ms, p99 25 ms; {len(samples)} of {count} lines")
    else:
        b.add("P5 line written to durable in the server, 200 a second", "failed", "nothing was stored")
