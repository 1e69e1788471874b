#!/usr/bin/env python3
"""Measures the programs, with wc, zcat, GoAccess, rsyslog and syslog-ng beside them in the same run.

  bench.py --bin BUILD_DIR [--quick] [ROW…]

Writes BUILD/../bench.md. Machines are noisy: read the ratios of one run, not the figures of two. Nothing
here passes or fails.
"""
import argparse
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import peers  # noqa: E402
from sink import Discard  # noqa: E402

HOST = "www.example-shop.com"


class Figure:
    """What one run cost."""

    def __init__(self, seconds, cpu, resident_kib, code):
        self.seconds, self.cpu, self.resident, self.code = seconds, cpu, resident_kib / 1024, code


def measure(argv, env=None):
    """Runs a command to its end. The peak of memory is read while it runs: what wait4 says would be
    Python's own, which the child was before it became the command."""
    began = time.monotonic()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
    peak = 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, peak_of(child.pid))
        time.sleep(0.005)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Figure(time.monotonic() - began, usage.ru_utime + usage.ru_stime, peak, child.returncode)


def peak_of(pid):
    """KiB, of the running process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return next((int(line.split()[1]) for line in f if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def usage_of(pid):
    """CPU seconds and resident MiB of a running process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(fields[21]) * resource.getpagesize() / (1 << 20)


class Bench:
    def __init__(self, options):
        self.bin = os.path.abspath(options.bin)
        self.build = os.path.dirname(self.bin)
        self.scale = 10 if options.quick else 1
        self.dir = tempfile.mkdtemp(prefix="lf-bench-", dir=self.build)
        self.data = os.path.join(self.build, f"bench-data-{self.scale}")
        self.rows = []

    def generate(self):
        stats = os.path.join(self.data, "stats.json")
        if not os.path.exists(stats):
            print("making logs ...", flush=True)
            subprocess.run([sys.executable, os.path.join(HERE, "gen_logs.py"), self.data,
                            "--nginx", str(2000000 // self.scale), "--cloudfront", str(1000000 // self.scale),
                            "--files", str(200 // self.scale)], check=True, stdout=subprocess.DEVNULL)
        with open(stats, encoding="ascii") as f:
            self.stats = json.load(f)
        self.nginx = self.stats["usual"]["nginx"]["lines"]
        self.cloudfront = self.stats["usual"]["cloudfront"]["lines"]

    def path(self, *parts):
        return os.path.join(self.data, *parts)

    def scratch(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    def part(self, name):
        """The first tenth of a log, for programs that would take minutes: (path, lines)."""
        path, lines = os.path.join(self.dir, "part-" + name), self.nginx // 10
        if not os.path.exists(path):
            with open(self.path(name), "rb") as source, open(path, "wb") as target:
                target.writelines(itertools.islice(source, lines))
        return path, lines

    def add(self, name, what, note=""):
        self.rows.append((name, what, note))
        print(f"{name}: {what}  {note}", flush=True)

    def speed(self, name, lines, figure, note=""):
        if figure.code != 0:
            self.add(name, f"failed with {figure.code}", note)
            return
        cpu = max(figure.cpu, 0.001)
        self.add(name, f"{lines / figure.seconds / 1e6:.2f} M lines/s, {lines / cpu / 1e6:.2f} M lines/CPU-s, "
                       f"{figure.seconds:.2f} s, {figure.resident:.0f} MiB", note)

    def agent(self, *arguments):
        return [os.path.join(self.bin, "logferry"), *arguments]

    def server(self, store, *arguments):
        return [os.path.join(self.bin, "logferry-server"), "--store", store, *arguments]

    def config(self, name, url, sources, extra=""):
        """A configuration file and the environment of an agent with a state of its own."""
        state = self.scratch(name)
        token = os.path.join(state, "token")
        with open(token, "w", encoding="ascii") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write("lf_" + "0" * 64 + "_00000000\n")
        path = os.path.join(state, "logferry.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"destinations:\n  main: {{url: '{url}', token_file: {token}}}\nsources:\n{sources}{extra}")
        return path, {"STATE_DIRECTORY": self.scratch(name + "/state"), "CREDENTIALS_DIRECTORY": state}

    def write(self):
        path = os.path.join(self.build, "bench.md")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"# Benchmarks\n\n{os.cpu_count()} CPUs; {self.nginx} nginx lines, {self.cloudfront} CloudFront lines.\n\n"
                    "| what | figure | mark |\n|---|---|---|\n")
            f.writelines(f"| {name} | {what} | {note} |\n" for name, what, note in self.rows)
        print(f"written: {path}")


# ---- rows: each is a function of the bench; the docstring is what it shows --------------------------

def row_reference(b):
    """What the machine does without us."""
    b.speed("wc -l nginx.log", b.nginx, measure(["wc", "-l", b.path("nginx.log")]))
    b.speed("zcat cf/*.gz", b.cloudfront, measure(["sh", "-c", f"zcat {b.path('cf')}/*.gz"]))


def row_parse(b):
    """Lines to verdicts and sealed batches that go nowhere, one worker."""
    for name, fmt, path, lines, mark in (
            ("nginx, usual mix", "nginx_combined", "nginx.log", b.nginx, ""),
            ("nginx, every line kept", "nginx_combined", "pages.log", b.nginx, "P1 without the disk"),
            ("CloudFront .gz, usual mix", "cloudfront", "cf", b.cloudfront, "P3: 1.0 M lines/s"),
            ("CloudFront .gz, every line kept", "cloudfront", "cf-pages", b.cloudfront, "P3: 640 k lines/s")):
        argv = b.agent("backfill", "--format", fmt, "--host", HOST, "--output", "none", "--jobs", "1", b.path(path))
        b.speed(f"parse: {name}", lines, measure(argv, env={"STATE_DIRECTORY": b.scratch("parse")}), mark)


def row_report(b):
    """The report on a terminal; beside GoAccess on the first part, for it gets slower as it goes."""
    b.speed("logferry report", b.nginx, measure(b.agent("report", b.path("nginx.log"))))
    part, lines = b.part("nginx.log")
    b.speed(f"logferry report, first {lines} lines", lines, measure(b.agent("report", part)))
    if shutil.which("goaccess"):
        argv = ["goaccess", "--no-global-config", "--log-format=COMBINED", "--no-progress", "-o",
                os.path.join(b.dir, "goaccess.json"), part]
        b.speed(f"goaccess, first {lines} lines", lines, measure(argv))


def row_deliver(b):
    """A file to a server that throws it away, and the peers doing the same."""
    for jobs in (1, 2):
        for name, fmt, path, lines in (("nginx, every line kept", "nginx_combined", "pages.log", b.nginx),
                                       ("nginx, usual mix", "nginx_combined", "nginx.log", b.nginx),
                                       ("CloudFront .gz, usual mix", "cloudfront", "cf", b.cloudfront)):
            sink = Discard()
            config, env = b.config(f"deliver{jobs}{path}", sink.url,
                                   f"  s: {{files: '{b.path(path)}', format: {fmt}, default_host: {HOST}}}\n")
            argv = b.agent("--config", config, "backfill", "--source", "s", "--jobs", str(jobs), b.path(path))
            b.speed(f"deliver: {name}, {jobs} worker", lines, measure(argv, env=env),
                    f"P2, P4; {sink.bytes >> 20} MiB in {sink.requests} requests")
            sink.close()
    for name, lines, figure, note in peers.deliver(b):
        b.speed(name, lines, figure, note)


def row_spool(b):
    """Every line kept, into the spool, while the server is down: sealed, written, synced; one worker."""
    sink = Discard()
    config, env = b.config("spool", sink.url, f"  s: {{files: '{b.scratch('spool')}/one.log', format: nginx_combined, "
                           f"default_host: {HOST}}}\n", "limits: {spool: 8GiB}\nworkers: 1\n")
    log = os.path.join(b.dir, "spool", "one.log")
    with open(b.path("pages.log"), "rb") as source, open(log, "wb") as target:
        target.write(source.readline())
    argv = b.agent("--config", config, "run")
    child = subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=dict(os.environ, **env))
    time.sleep(2)  # it learns the token's sites
    child.terminate()
    child.wait()
    sink.close()
    os.unlink(log)
    os.symlink(b.path("pages.log"), log)
    spool = os.path.join(env["STATE_DIRECTORY"], "spool")
    began = time.monotonic()
    child = subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=dict(os.environ, **env))
    size, quiet = 0, 0
    while quiet < 15 and time.monotonic() - began < 120:
        time.sleep(0.1)
        now = sum(e.stat().st_size for e in os.scandir(spool) if e.is_file())
        quiet, size = (quiet + 1, size) if now == size and now else (0, now)
    cpu, resident = usage_of(child.pid)
    figure = Figure(time.monotonic() - began - 1.5, cpu, resident * 1024, 0)
    child.kill()
    child.wait()
    b.speed("spool: nginx, every line kept", b.nginx, figure, f"P1: 2.0 M lines/CPU-s; {size >> 20} MiB on disk")
    shutil.rmtree(os.path.join(b.dir, "spool"))


def serve(b, name):
    """A real server with the site; (process, url, agent's token file, store)."""
    store = os.path.join(b.scratch(name), "store")
    run = lambda *a: subprocess.run(b.server(store, *a), check=True, capture_output=True, text=True).stdout
    run("init")
    run("site", "add", "example-shop.com")
    token = next(w for w in run("client", "create", "--name", "t", "--grant", "example-shop.com=ingest").split()
                 if w.startswith("lf_"))
    log = open(os.path.join(b.dir, name, "log"), "w+", encoding="utf-8")
    child = subprocess.Popen(b.server(store, "serve", "--listen", "127.0.0.1:0"), stderr=log)
    address = None
    while not address:
        time.sleep(0.01)
        log.seek(0)
        address = next((w[8:] for line in log if "event=listening" in line for w in line.split()
                        if w.startswith("address=")), None)
    return child, f"http://{address}", token, store


def row_server(b):
    """Into the real server, durable and deduplicated; then its reports."""
    child, url, token, store = serve(b, "server")
    for again in ("first time", "again: all duplicates"):
        config, env = b.config("to-server-" + again[:5], url, f"  s: {{files: '{b.path('pages.log')}', "
                               f"format: nginx_combined, default_host: {HOST}}}\n")
        with open(os.path.join(os.path.dirname(config), "token"), "w", encoding="ascii") as f:
            f.write(token + "\n")
        before, _ = usage_of(child.pid)
        figure = measure(b.agent("--config", config, "backfill", "--source", "s", b.path("pages.log")), env=env)
        after, resident = usage_of(child.pid)
        b.add(f"server: {b.nginx} records, {again}",
              f"{b.nginx / figure.seconds / 1e3:.0f} k records/s, {b.nginx / (after - before) / 1e3:.0f} k records per CPU-s "
              f"of the server, {resident:.0f} MiB" if figure.code == 0 else f"failed with {figure.code}", "P8: 300 k records/s")
    figure = measure(b.server(store, "report", "--json"))
    b.add("server: report over all of it", f"{figure.seconds * 1e3:.0f} ms", "P9: 100 ms over 10 M records")
    child.terminate()
    child.wait()
    size = sum(e.stat().st_size for e in os.scandir(store) if e.is_file())
    b.add("server: store", f"{size / b.nginx:.0f} bytes a record")
    shutil.rmtree(os.path.join(b.dir, "server"))


def row_latency(b):
    """A line written, 1000 a second, until the server's answer that it is durable."""
    child, url, token, store = serve(b, "latency")
    log = os.path.join(b.dir, "latency", "access.log")
    open(log, "w", encoding="ascii").close()
    config, env = b.config("latency/agent", url, f"  s: {{files: '{log}', format: nginx_combined, default_host: {HOST}}}\n")
    with open(os.path.join(os.path.dirname(config), "token"), "w", encoding="ascii") as f:
        f.write(token + "\n")
    agent = subprocess.Popen(b.agent("--config", config, "run"), stderr=subprocess.DEVNULL, env=dict(os.environ, **env))
    time.sleep(1.5)
    cpu_before, _ = usage_of(agent.pid)
    idle_from = time.monotonic()
    time.sleep(3)
    idle = (usage_of(agent.pid)[0] - cpu_before) / (time.monotonic() - idle_from)
    b.add("agent: idle", f"{usage_of(agent.pid)[1]:.1f} MiB resident, {idle * 1e3:.1f} ms CPU a second", "P7, P5")
    import sqlite3
    base = sqlite3.connect(f"file:{store}/logferry.db?mode=ro", uri=True)
    with open(b.path("pages.log"), encoding="ascii") as source, open(log, "a", encoding="ascii") as target:
        samples = []
        for _ in range(300):
            count = base.execute("SELECT count(*) FROM records").fetchone()[0]
            target.write(source.readline())
            target.flush()
            began = time.monotonic()
            while base.execute("SELECT count(*) FROM records").fetchone()[0] == count and time.monotonic() - began < 2:
                time.sleep(0.0002)
            samples.append((time.monotonic() - began) * 1e3)
    samples.sort()
    b.add("latency: line written to durable in the server", f"p50 {samples[150]:.1f} ms, p99 {samples[296]:.1f} ms",
          "P5: p50 5 ms, p99 25 ms; one line at a time")
    for process in (agent, child):
        process.terminate()
        process.wait()


def row_many_files(b):
    """Ten thousand files watched."""
    count = 10000 // b.scale
    directory = b.scratch("many")
    sink = Discard()
    with open(b.path("pages.log"), encoding="ascii") as source:
        for i in range(count):
            with open(os.path.join(directory, f"s{i}.log"), "w", encoding="ascii") as f:
                f.write(source.readline())
    config, env = b.config("many-agent", sink.url, f"  s: {{files: '{directory}/*.log', format: nginx_combined, default_host: {HOST}}}\n")
    agent = subprocess.Popen(b.agent("--config", config, "run"), stderr=subprocess.DEVNULL, env=dict(os.environ, **env))
    began = time.monotonic()
    while sink.lines < count and time.monotonic() - began < 60:
        time.sleep(0.05)
    first = time.monotonic() - began
    time.sleep(1)
    before, _ = usage_of(agent.pid)
    time.sleep(10)
    after, resident = usage_of(agent.pid)
    files = len(os.listdir(f"/proc/{agent.pid}/fd"))
    b.add(f"{count} files, none changing", f"{(after - before) * 10:.2f} % CPU, {resident:.0f} MiB, {files} descriptors, "
          f"all read once in {first:.1f} s", "P6: 0.5 %, 32 MiB, 256 descriptors at 10000")
    agent.terminate()
    agent.wait()
    sink.close()


def row_start(b):
    """Start to ready, and what the programs weigh."""
    child, _, _, _ = serve(b, "start")
    child.terminate()
    child.wait()
    samples = []
    for _ in range(5):
        began = time.monotonic()
        measure(b.agent("--version"))
        samples.append((time.monotonic() - began) * 1e3)
    b.add("start", f"{sorted(samples)[2]:.0f} ms to print the version", "P10: ready in 50 ms")
    for program in ("logferry", "logferry-server"):
        stripped = os.path.join(b.dir, program)
        subprocess.run(["strip", "-o", stripped, os.path.join(b.bin, program)], check=True)
        b.add(f"size of {program}, stripped", f"{os.path.getsize(stripped) / 1e6:.2f} MB", "P10: 3 MB")


def main():
    parser = argparse.ArgumentParser(description="benchmarks")
    parser.add_argument("rows", nargs="*", help="names of rows; default: all")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--quick", action="store_true", help="a tenth of the lines")
    options = parser.parse_args()
    rows = {name[4:]: call for name, call in globals().items() if name.startswith("row_")}
    b = Bench(options)
    try:
        b.generate()
        for name, call in rows.items():
            if not options.rows or name in options.rows:
                call(b)
        b.write()
    finally:
        shutil.rmtree(b.dir, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        os.environ.pop(variable, None)
    main()
