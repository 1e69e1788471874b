"""Rows of the agent: reading, spooling, delivering, watching, starting."""
import os
import re
import shutil
import signal
import subprocess
import time

import peers
from measure import Figure, median, run_until, usage_of
from sink import Sink

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "www.example-shop.com"
NOBODY = "http://127.0.0.1:1"  # refuses every connection
LEDGER = re.compile(r"event=ledger source=s lines=(\d+) records=(\d+).*\n.*event=ledger destination=main .* in_memory=(\d+)")


def row_reference(b):
    """what the machine does without us"""
    b.speed("wc -l nginx.log", b.nginx, b.command(["wc", "-l", b.path("nginx.log")]))
    b.zcat = b.speed("zcat cf/*.gz", b.cloudfront, b.command(["sh", "-c", f"zcat {b.path('cf')}/*.gz"]))


class Ledger:
    """Asks a running agent for its ledger until every line is read and nothing is in memory."""

    def __init__(self, lines, log):
        self.lines, self.log, self.records, self.asked = lines, log, 0, 0.0

    def settled(self, pid):
        with open(self.log, encoding="utf-8") as f:
            found = LEDGER.findall(f.read())
        if found:
            lines, self.records, in_memory = (int(n) for n in found[-1])
            if lines >= self.lines and in_memory == 0:
                return True
        now = time.monotonic()
        if now - self.asked > 0.1 and "event=started" in open(self.log, encoding="utf-8").read():
            self.asked = now
            os.kill(pid, signal.SIGUSR1)
        return False


def seal(b, files, source_format, lines):
    """One run of the daemon whose server is down: (figure, ledger, MiB on disk)."""
    config, env = b.config("seal", NOBODY, files, source_format, extra="limits: {spool: 64GiB}\nworkers: 1\n")
    log = os.path.join(b.dir, "seal", "log")
    with open(log, "w", encoding="utf-8") as err:
        ledger = Ledger(lines, log)
        figure = run_until(b.agent("--config", config, "run"), ledger.settled, env, err, every=0.02)
    spool = os.path.join(env["STATE_DIRECTORY"], "spool")
    size = sum(e.stat().st_size for e in os.scandir(spool)) >> 20
    b.drop("seal")
    return figure, ledger, size


def row_seal(b):
    """P1, P3: files to sealed batches, spooled and synced, while no server answers; one worker"""
    zcat = getattr(b, "zcat", None)
    for name, source_format, log, lines, mark in (
            ("P1 seal: nginx, every line kept", "nginx_combined", "pages.log", b.nginx, "2.0 M lines/CPU-s"),
            ("P1 seal: nginx, usual mix", "nginx_combined", "nginx.log", b.nginx, ""),
            ("P3 seal: CloudFront .gz, every line kept", "cloudfront", "cf-pages", b.cloudfront, "640 k lines/s"),
            ("P3 seal: CloudFront .gz, usual mix", "cloudfront", "cf", b.cloudfront, "1.0 M lines/s")):
        last = {}
        files = b.path(log) + ("/*.gz" if source_format == "cloudfront" else "")

        def once(files=files, source_format=source_format, lines=lines, last=last):
            figure, last["ledger"], last["size"] = seal(b, files, source_format, lines)
            return figure

        figure = median(b.runs, once)
        note = f"{mark + '; ' if mark else ''}{last['ledger'].records} records, {last['size']} MiB on disk"
        if zcat and log == "cf":
            note += f"; less time than zcat: here {figure.seconds / zcat.seconds:.2f} of it"
        b.speed(name, lines, figure, note)


# nginx's combined, as somebody would write it down.
REGEX = (r"""{regex: '^(?<client_ip>\S+) - \S+ \[(?<time>[^\]]+)\] "(?<request>[^"]*)" (?<status>\d+) (?<bytes>\d+)"""
         r""" "(?<referrer>[^"]*)" "(?<user_agent>[^"]*)"$'}""")


def row_formats(b):
    """P11: how fast each format's lines are parsed, and a user's regular expression to sealed batches"""
    golden = os.path.join(HERE, "../data/golden")
    out = subprocess.run([os.path.join(b.bin, "tests/bench/bench_formats"), golden], check=True, capture_output=True,
                         text=True).stdout
    for name, speed, size in (line.split() for line in out.splitlines()):
        b.add(f"parse: {name}", f"{int(speed) / 1e6:.2f} M lines/CPU-s", f"{size} bytes a line")
    figure, ledger, size = seal(b, b.path("pages.log"), REGEX, b.nginx)
    b.speed("P11 seal: nginx by a regular expression, every line kept", b.nginx, figure,
            f"1.5 M lines/CPU-s; {ledger.records} records, {size} MiB on disk")


def row_judge(b):
    """lines to verdicts, no records made; one worker"""
    for name, source_format, log, lines in (("nginx, every line kept", "nginx_combined", "pages.log", b.nginx),
                                            ("nginx, usual mix", "nginx_combined", "nginx.log", b.nginx),
                                            ("CloudFront .gz, usual mix", "cloudfront", "cf", b.cloudfront)):
        argv = b.agent("backfill", "--format", source_format, "--host", HOST, "--output", "none", "--jobs", "1", b.path(log))
        b.speed(f"judge: {name}", lines, b.command(argv, {"STATE_DIRECTORY": b.scratch("judge")}), "parsed and judged only")


def row_report(b):
    """the report on a terminal; beside GoAccess on the first tenth, for it gets slower as it goes"""
    b.speed("logferry report", b.nginx, b.command(b.agent("report", b.path("nginx.log"))))
    part, lines = b.part("nginx.log")
    b.speed(f"logferry report, first {lines} lines", lines, b.command(b.agent("report", part)))
    if shutil.which("goaccess"):
        argv = ["goaccess", "--no-global-config", "--log-format=COMBINED", "--no-progress", "-o",
                os.path.join(b.dir, "goaccess.json"), part]
        b.speed(f"goaccess, first {lines} lines", lines, run_until(argv), "a report only")


def deliver(b, log, source_format, jobs):
    """Median figure of a backfill into the sink, and what the sink got in the last run."""
    last = {}

    def once():
        sink = Sink(b.bin)
        config, env = b.config("deliver", sink.url, b.path(log) + ("/*.gz" if source_format == "cloudfront" else ""),
                               source_format)
        argv = b.agent("--config", config, "backfill", "--source", "s", "--jobs", str(jobs), b.path(log))
        figure = run_until(argv, env=env)
        last.update(sink.close())
        return figure

    return median(b.runs, once), last


def row_deliver(b):
    """P2, P4: a file to a server that throws it away; the peers doing the same"""
    nginx_mark = "10 x Fluent Bit: 1.4 M lines/s, 1.6 M lines/CPU-s; "
    for name, source_format, log, lines, mark in (
            ("nginx, every line kept", "nginx_combined", "pages.log", b.nginx, nginx_mark),
            ("nginx, usual mix", "nginx_combined", "nginx.log", b.nginx, nginx_mark),
            ("CloudFront .gz, usual mix", "cloudfront", "cf", b.cloudfront, "")):
        one, got = deliver(b, log, source_format, 1)
        b.speed(f"P2 deliver: {name}, 1 worker", lines, one,
                f"{mark}{got['bytes'] >> 20} MiB in {got['requests']} requests")
        two, _ = deliver(b, log, source_format, 2)
        b.speed(f"P4 deliver: {name}, 2 workers", lines, two,
                f"1.8 x one worker: here {one.seconds / two.seconds:.2f} x, on {os.cpu_count()} CPUs that the sink shares")
    for name, lines, figure, note in peers.deliver(b):
        b.speed(name, lines, figure, note)


def start_agent(b, config, env):
    child = subprocess.Popen(b.agent("--config", config, "run"), stderr=subprocess.DEVNULL, env=dict(os.environ, **env))
    return child


def stop(*children):
    for child in children:
        child.terminate()
        child.wait()


def row_many_files(b):
    """P6: ten thousand files watched"""
    count, directory, sink = b.watched, b.scratch("many"), Sink(b.bin)
    with open(b.path("pages.log"), encoding="ascii") as source:
        for i in range(count):
            with open(os.path.join(directory, f"s{i}.log"), "w", encoding="ascii") as f:
                f.write(source.readline())
    config, env = b.config("many-agent", sink.url, f"{directory}/*.log")
    agent = start_agent(b, config, env)
    began = time.monotonic()
    while sink.stats()["lines"] < count and time.monotonic() - began < 60:
        time.sleep(0.05)
    first = time.monotonic() - began
    time.sleep(2)
    before, _ = usage_of(agent.pid)
    time.sleep(20)
    after, resident = usage_of(agent.pid)
    descriptors = len(os.listdir(f"/proc/{agent.pid}/fd"))
    stop(agent)
    sink.close()
    b.drop("many")
    b.add(f"P6 {count} files, none changing", f"{(after - before) * 5:.2f} % CPU, {resident:.0f} MiB, {descriptors} descriptors, "
          f"all read once in {first:.1f} s", "0.5 %, 32 MiB, 256 descriptors at 10000")


def row_idle(b):
    """P7: an agent with nothing to do"""
    sink, log = Sink(b.bin), os.path.join(b.scratch("idle-log"), "access.log")
    with open(log, "w", encoding="ascii"):
        pass
    config, env = b.config("idle", sink.url, log)
    agent = start_agent(b, config, env)
    time.sleep(2)
    before, _ = usage_of(agent.pid)
    time.sleep(10)
    after, resident = usage_of(agent.pid)
    with open(f"/proc/{agent.pid}/smaps_rollup", encoding="ascii") as f:
        private = sum(int(line.split()[1]) for line in f if line.startswith("Private_")) / 1024
    stop(agent)
    sink.close()
    b.add("P7 agent, idle", f"{private:.1f} MiB private, {resident:.1f} MiB resident, {(after - before) * 100:.1f} ms CPU a second",
          "6 MiB private; 1 ms a second")


def row_start(b):
    """P10: start to ready, and what the programs weigh"""
    samples = []
    for _ in range(5):
        config, env = b.config("start", NOBODY, "/nonexistent/*.log")
        log = os.path.join(b.dir, "start", "log")
        with open(log, "w", encoding="utf-8") as err:
            figure = run_until(b.agent("--config", config, "run"),
                               lambda _, log=log: "event=started" in open(log, encoding="utf-8").read(), env, err, every=0.001)
        samples.append(figure.seconds * 1e3)
    b.add("P10 agent, start to ready", f"{sorted(samples)[2]:.0f} ms", "50 ms")
    for program in ("logferry", "logferry-server"):
        stripped = os.path.join(b.dir, program)
        subprocess.run(["strip", "-o", stripped, os.path.join(b.bin, program)], check=True)
        b.add(f"P10 size of {program}, stripped", f"{os.path.getsize(stripped) / 1e6:.2f} MB", "3 MB")
