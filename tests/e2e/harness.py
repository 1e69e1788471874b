"""The world of one test: a directory, a real server, a real agent, nginx, and the oracle.

A test is a function `test_…(world)` in a file test_*.py; run.py calls it in a process of its own,
in a directory of its own, under a time limit. Seeds come from E2E_SEED, so a failure can be had again.
"""
import fcntl
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections import Counter

import lines
from proc import Fail, Proc, check, parse_event, run, wait_for
from sink import Sink

SITE = "example.com"


class World:
    def __init__(self, directory, bin_dir, seed):
        self.dir = directory
        self.agent_bin = os.path.join(bin_dir, "logferry")
        self.server_bin = os.path.join(bin_dir, "logferry-server")
        self.random = random.Random(seed)
        self.sinks = []

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def mkdir(self, *parts):
        os.makedirs(self.path(*parts), exist_ok=True)
        return self.path(*parts)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def sink(self, **options):
        sink = Sink(**options)
        self.sinks.append(sink)
        return sink

    def clock(self, seconds=0):
        """A wall clock that the test sets, for every program that is started from now on."""
        return Clock(self, seconds)

    def server(self, sites=(SITE,), grants=None, config=None, name="server"):
        return Server(self, sites, grants, config, name)

    def agent(self, destination, name="agent", **options):
        return Agent(self, destination, name, **options)

    def close(self):
        for sink in self.sinks:
            sink.close()


class Clock:
    """How far the wall clock of the programs is off (parsers/base/fault.h); can be set while they run.
    Needs a build with SAN=1."""

    def __init__(self, world, seconds):
        self.path = world.path("clock")
        self.set(seconds)
        os.environ["LOGFERRY_CLOCK"] = self.path

    def set(self, seconds):
        # In place and at once: the programs have the file mapped.
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(fd, int(seconds).to_bytes(8, "little", signed=True), 0)
        os.close(fd)


class Server:
    """The real logferry-server with a store of its own; its port stays the same over restarts."""

    def __init__(self, world, sites, grants, config, name):
        self.world = world
        self.name = name
        self.store = world.path(name + ".store")
        self.config = config
        self.proc = None
        self.address = None
        self.grants = [f"{s}=ingest" for s in sites] if grants is None else grants
        told = any(name.startswith("LOGFERRY_") for name in os.environ)  # to suffer, or another time (fault.h)
        common = "E2E_COMMON" in os.environ and not told
        self.token = self.copy_store(sites) if common else self.make_store(sites)
        self.token_file = world.write(name + ".token", self.token + "\n")

    def make_store(self, sites):
        """Returns the token of a client with the grants."""
        self.cli("init")
        for site in sites:
            self.cli("site", "add", site, "--retention", "forever")  # lines of any day
        return self.client("t", *self.grants)

    def copy_store(self, sites):
        """The same, of a store that was made once in this run (E2E_COMMON: a directory of all its tests)."""
        name = hashlib.sha256(json.dumps([self.name, list(sites), self.grants]).encode()).hexdigest()
        made = os.path.join(os.environ["E2E_COMMON"], name)
        with open(made + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(made + ".token"):
                token = self.make_store(sites)
                shutil.copytree(self.store, made)
                with open(made + ".token", "w", encoding="ascii") as f:
                    f.write(token)
                return token
        shutil.copytree(made, self.store, dirs_exist_ok=True)  # a test may have mounted a disk there
        with open(made + ".token", encoding="ascii") as f:
            return f.read()

    def cli(self, *arguments, expect=0, seconds=30):
        argv = [self.world.server_bin, "--store", self.store, *arguments]
        return run(argv, self.world.dir, seconds, expect=expect)[1]

    def client(self, name, *grants):
        """Creates a client and returns its token."""
        out = self.cli("client", "create", "--name", name, *[x for g in grants for x in ("--grant", g)])
        found = [word for word in out.replace("=", " ").split() if word.startswith("lf_")]
        check(found, f"client create printed no token: {out!r}")
        return found[0]

    def start(self, fault=None, seconds=20):
        argv = [self.world.server_bin, "--store", self.store]
        if self.config:
            argv += ["--config", self.config]
        argv += ["serve", "--listen", self.address or "127.0.0.1:0"]
        self.proc = Proc(argv, self.world.dir, self.name, {"LOGFERRY_FAULT": fault or ""})
        self.address = str(self.proc.wait_event("listening", seconds)["address"])
        return self

    @property
    def url(self):
        return "http://" + self.address

    def kill(self):
        self.proc.kill()

    def stop(self):
        self.proc.stop()

    def request(self, method, path, body=b"", token=None, headers=None):
        """(status, headers, body) of one request on a connection of its own."""
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        fields = dict(headers or {})
        if token:
            fields["Authorization"] = "Bearer " + token
        try:
            connection.request(method, path, body or None, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def rows(self, sql, *values):
        """A query on the store, read-only; works beside a running server."""
        base = sqlite3.connect(f"file:{self.database()}?mode=ro", uri=True, timeout=10)
        try:
            return base.execute(sql, values).fetchall()
        finally:
            base.close()

    def database(self):
        found = [f for f in os.listdir(self.store) if f.endswith((".db", ".sqlite", ".sqlite3"))]
        check(len(found) == 1, f"{self.store}: expected one database, found {found}")
        return os.path.join(self.store, found[0])

    def numbers(self):
        """Counter of (kind, number) over the stored records."""
        return Counter((kind, int(path.rstrip("/").rsplit("/", 1)[1]))
                       for kind, path in self.records())

    def records(self):
        """(kind, path) of every stored record."""
        return [("ai_fetch" if k else "pageview", p) for k, p in self.rows(
            "SELECT kind, path FROM records")]

    def count(self):
        return self.rows("SELECT count(*) FROM records")[0][0]


class Agent:
    """The real logferry with a configuration and a state directory of its own."""

    def __init__(self, world, destination, name, files=None, source_format="nginx_combined",
                 token_file=None, extra="", sources=None, source_keys="", destination_keys="",
                 more_destinations=""):
        self.world = world
        self.name = name
        self.destination = destination
        self.state = world.mkdir(name + ".state")
        os.chmod(self.state, 0o700)
        self.proc = None
        self.extra = extra
        self.destination_keys = ", " + destination_keys if destination_keys else ""
        self.more_destinations = more_destinations
        self.token_file = token_file or getattr(destination, "token_file", None)
        if self.token_file is None:
            self.token_file = world.write(name + ".token", "lf_" + "0" * 64 + "_00000000\n")
        if sources is None:
            sources = {"web": {"files": files or world.path("access.log"), "format": source_format,
                               "keys": source_keys}}
        self.sources = sources
        self.config = world.path(name + ".yaml")
        self.configure()

    def configure(self, extra=None, url=None):
        """Writes the configuration file anew."""
        if extra is not None:
            self.extra = extra
        url = url or getattr(self.destination, "url", self.destination)
        text = (f"node: {self.name}\n"
                "destinations:\n"
                f"  main: {{url: '{url}', token_file: {self.token_file}{self.destination_keys}}}\n"
                f"{self.more_destinations}"
                "sources:\n")
        for name, source in self.sources.items():
            text += f"  {name}:\n    files: {source['files']}\n    format: {source['format']}\n"
            text += f"    default_host: {source.get('host', SITE)}\n"
            text += source.get("keys") or ""
        text += self.extra
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def environment(self, fault=None):
        return {"STATE_DIRECTORY": self.state, "RUNTIME_DIRECTORY": self.state,
                "LOGFERRY_FAULT": fault or ""}

    def start(self, fault=None):
        argv = [self.world.agent_bin, "--config", self.config, "run"]
        self.proc = Proc(argv, self.world.dir, self.name, self.environment(fault))
        # Before it has started, a signal would find no handler.
        wait_for(lambda: self.proc.events("started") or not self.proc.alive(), 20,
                 f"{self.name} to start")
        return self

    def kill(self):
        self.proc.kill()

    def stop(self, seconds=20):
        self.proc.stop(seconds)

    def command(self, *arguments, expect=0, seconds=120, fault=None, stdin=None):
        argv = [self.world.agent_bin, "--config", self.config, *arguments]
        return run(argv, self.world.dir, seconds, self.environment(fault), stdin, expect)

    def backfill(self, *arguments, expect=0, seconds=120, fault=None):
        """Returns the ledger that the backfill prints at its end."""
        _, out, err = self.command("backfill", *arguments, expect=expect, seconds=seconds, fault=fault)
        return ledger_of(out + err, self.name + " backfill") if expect == 0 else out + err

    def start_backfill(self, *arguments, fault=None, name=None):
        """The same as a process that can be killed."""
        argv = [self.world.agent_bin, "--config", self.config, "backfill", *arguments]
        return Proc(argv, self.world.dir, name or self.name + ".backfill", self.environment(fault))

    def ledger(self):
        """The ledger that the running agent logs on SIGUSR1."""
        def balances():
            return [e for e in self.proc.events("ledger") if "balanced" in e]
        before = len(balances())
        self.proc.signal(signal.SIGUSR1)
        wait_for(lambda: len(balances()) > before, 10, f"the ledger of {self.name}")
        return ledger_of(self.proc.text(), self.name)

    def wait_first_look(self):
        """Until the positions say what there was when the agent came."""
        wait_for(lambda: any(os.path.exists(os.path.join(self.state, f"positions.{x}")) for x in "ab"), 10,
                 f"{self.name}: its first look")

    def state_files(self, *below):
        """Paths of the regular files under the state directory."""
        top = os.path.join(self.state, *below)
        return sorted(os.path.join(d, f) for d, _, files in os.walk(top) for f in files)


def ledger_of(text, what):
    """The last ledger in a log as one dict: the sources' lines, records, skipped and reasons, and the
    destinations' counts, each summed. Checks that it balances."""
    events = [parse_event(line) for line in text.splitlines() if "event=ledger" in line]
    check(events and "balanced" in events[-1], f"{what}: no whole ledger in:\n{text[-1500:]}")
    check(events[-1]["balanced"] == "yes", f"{what}: says itself that it does not balance: {events}")
    ends = [i for i, e in enumerate(events[:-1]) if "balanced" in e]
    last = events[ends[-1] + 1 if ends else 0:-1]
    ledger = Counter(lines=0, records=0, skipped=0)
    for event in last:
        one = {k: v for k, v in event.items() if isinstance(v, int)}
        if "source" in event:
            check(one["lines"] == one["records"] + one["skipped"], f"{what}: lines do not balance: {event}")
        else:
            one["sent"] = one.pop("records")
            became = sum(one[k] for k in ("acknowledged", "dead", "in_memory", "spooled", "parked", "expired",
                                          "refused", "held"))
            check(one["sent"] == became, f"{what}: records do not balance: {event}")
            check(one["acknowledged"] == one["stored"] + one["duplicate"] + one["excluded"],
                  f"{what}: what was acknowledged does not balance: {event}")
        ledger.update(one)
    return ledger


# ---- the oracle ------------------------------------------------------------------------------

def expected(numbers):
    """Counter of (kind, number) that numbered lines must become: each exactly once."""
    return Counter((lines.kind(n), n) for n in numbers if lines.kind(n) != lines.SKIP)


def skipped(numbers):
    return sum(1 for n in numbers if lines.kind(n) == lines.SKIP)


def difference(want, have):
    """"" when equal, else a sentence with counts and examples."""
    lost, more = want - have, have - want
    if not lost and not more:
        return ""
    return (f"{sum(want.values())} wanted, {sum(have.values())} there; {sum(lost.values())} lost "
            f"{sorted(lost)[:5]}, {sum(more.values())} too many {sorted(more)[:5]}")


def check_exactly_once(want, have, what):
    check(want == have, f"{what}: {difference(want, have)}")


def check_nothing_lost(want, have, what):
    """For the sink without deduplication: each at least once, and nothing else."""
    missing, foreign = set(want) - set(have), set(have) - set(want)
    check(not missing and not foreign,
          f"{what}: {len(missing)} lost {sorted(missing)[:5]}, {len(foreign)} foreign {sorted(foreign)[:5]}")


def wait_stored(server, numbers, seconds=60, what="every line stored"):
    """Waits until the store holds what the lines must become; then checks it line by line."""
    want = expected(numbers)
    total = sum(want.values())
    try:
        wait_for(lambda: server.count() >= total, seconds, what, 0.2)
    except Fail:
        pass  # the comparison below says more
    check_exactly_once(want, server.numbers(), what)


def wait_sunk(sink, numbers, seconds=60, what="every line delivered"):
    """The same for the sink: every line at least once. Returns how many came more than once."""
    want = expected(numbers)
    try:
        wait_for(lambda: len(sink.records) >= len(want) and set(want) <= set(sink.numbers()), seconds,
                 what, 0.2)
    except Fail:
        pass
    have = Counter(sink.numbers())
    check_nothing_lost(want, have, what)
    return sum(have.values()) - len(have)


# ---- real web server, real rotation --------------------------------------------------------------

def start_nginx(world, http):
    """nginx in the directory "nginx" with this inside of its http block, once it listens."""
    prefix = world.mkdir("nginx")
    temp = "".join(f"    {m}_temp_path {prefix}/tmp;\n" for m in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    world.write("nginx/conf", f"""{user}daemon off;
worker_processes 1;
pid {prefix}/pid;
error_log {prefix}/error.log;
events {{}}
http {{
{temp}{http}}}
""")
    proc = Proc(["nginx", "-e", prefix + "/error.log", "-p", prefix, "-c", prefix + "/conf"], world.dir, "nginx")
    wait_for(lambda: os.path.exists(prefix + "/pid"), 10, "nginx")  # it is written when all sockets are
    return proc


class Nginx:
    """nginx in the test's directory on a unix socket, so that no port can be taken; a request names
    its visitor's address in X-Forwarded-For."""

    def __init__(self, world):
        self.world = world
        self.prefix = world.mkdir("nginx")
        self.log = os.path.join(world.mkdir("nginx", "log"), "access.log")
        self.socket = os.path.join(self.prefix, "s")
        root = world.mkdir("nginx", "www")
        with open(os.path.join(root, "page"), "w", encoding="ascii") as f:
            f.write("<html>hello</html>\n")
        self.proc = start_nginx(world, f"""    default_type text/html;
    types {{ text/html html; text/css css; }}
    set_real_ip_from unix:;
    real_ip_header X-Forwarded-For;
    access_log {self.log};
    keepalive_requests 1000000;
    server {{
        listen unix:{self.socket};
        root {root};
        location /n/ {{ try_files /page =404; }}
        location /static/ {{ try_files /page =404; }}
    }}
""")
        self.asked = []
        self.connection = None

    def get(self, n):
        """Fetches the page of line `n` with that line's user agent and visitor."""
        import socket
        if self.connection is None:
            self.connection = http.client.HTTPConnection("localhost")
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(10)
            sock.connect(self.socket)
            self.connection.sock = sock
        path = lines.path_of(n) if lines.reason(n) != "status" else f"/missing/{n}"
        self.connection.request("GET", path, headers={
            "User-Agent": lines.agent_of(n), "X-Forwarded-For": f"203.0.113.{n % 250 + 1}"})
        self.connection.getresponse().read()
        self.asked.append(n)

    def rotate(self, compress=False, delay=False):
        """One run of logrotate as Debian's nginx package has it: rename, create, USR1."""
        options = ("    compress\n" if compress else "    nocompress\n") + ("    delaycompress\n" if delay else "")
        self.world.write("nginx/rotate.conf", f"""{self.log} {{
    rotate 20
    create 0640
    missingok
{options}    sharedscripts
    postrotate
        kill -USR1 $(cat {self.prefix}/pid)
    endscript
}}
""", 0o644)
        subprocess.run(["logrotate", "-f", "-s", self.prefix + "/rotate.state",
                        self.prefix + "/rotate.conf"], check=True, timeout=30,
                       stdin=subprocess.DEVNULL, capture_output=True)

    def stop(self):
        self.proc.stop(10, None)


def read_json(text):
    try:
        return json.loads(text)
    except ValueError:
        raise Fail(f"not JSON: {text[:400]!r}") from None
