"""R20, R31 to R33, R38: names and networks, backfills that are killed, reload storms, an hour of
everything, and state of other versions."""
import ctypes
import glob
import os
import signal
import sqlite3
import struct
import socket
import ssl
import subprocess
import threading
import time

import lines
from chaos import (SKIPPED, FastSink, Writer, check, count_of, descriptors, figure, resident,
                   scenario, settle)
from harness import check_exactly_once, expected, wait_sunk
from machine import command, private_mounts, private_network
from proc import wait_for

NAME = "ingest.test"
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


# ---- names and networks ------------------------------------------------------------------------------

class Names(threading.Thread):
    """A name server on 127.0.0.1:53 of a network of our own. `mood`: ok, nxdomain, servfail, silent,
    garbage; `a` and `aaaa` are the addresses it knows."""

    def __init__(self):
        super().__init__(daemon=True)
        self.mood, self.a, self.aaaa, self.asked = "ok", ["127.0.0.1"], [], 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            self.asked += 1
            reply = self.reply(query)
            if reply:
                self.socket.sendto(reply, client)

    def reply(self, query):
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack(">H", query[end - 4:end - 2])[0]
        if self.mood == "silent":
            return None
        if self.mood == "garbage":
            return query[:2] + b"\x81\x80" + b"\xff" * 40
        code = {"nxdomain": 3, "servfail": 2}.get(self.mood, 0)
        found = {1: self.a, 28: self.aaaa}.get(kind, []) if code == 0 else []
        family = socket.AF_INET6 if kind == 28 else socket.AF_INET
        records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(packed)) + packed
                           for packed in (socket.inet_pton(family, x) for x in found))
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        return head + query[12:end] + records


def network(world):
    """A network and a resolver of our own; None, or why not. Before anything else is started."""
    why = private_mounts() or private_network()
    if why:
        return why
    world.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", 0o644)
    try:
        command("mount", "--bind", world.path("resolv.conf"), os.path.realpath("/etc/resolv.conf"))
        # A black hole: a neighbour that is known, and not there.
        command("ip", "link", "add", "hole", "type", "veth", "peer", "name", "bottom")
        command("ip", "link", "set", "bottom", "up")
        command("ip", "link", "set", "hole", "up")
        command("ip", "-6", "addr", "add", "fd00::1/64", "dev", "hole", "nodad")
        command("ip", "-6", "neigh", "add", "fd00::2", "lladdr", "02:00:00:00:00:02", "dev", "hole", "nud",
                "permanent")
    except OSError as e:
        return str(e)
    return None


def tls_sink(world):
    sink, key, pem = world.sink(), world.path("key"), world.path("pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
                    "-keyout", key, "-out", pem], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    sink.http.socket = context.wrap_socket(sink.http.socket, server_side=True, do_handshake_on_connect=False)
    return sink, pem


def named_agent(world, sink, pem, name=NAME):
    agent = world.agent(sink)
    agent.configure(url=f"https://{name}:{sink.port}")
    with open(agent.config, encoding="utf-8") as f:
        text = f.read()
    with open(agent.config, "w", encoding="utf-8") as f:
        f.write(text.replace("token_file:", f"ca_file: {pem}, token_file:", 1))
    return agent


def first_request(agent, sink, log, what):
    """Seconds from a start to the first new request."""
    agent.stop()
    log.write(10)
    seen, began = len(sink.requests), time.monotonic()
    agent.start()
    wait_for(lambda: len(sink.requests) > seen, 20, f"a request, {what}", 0.01)
    return sink.requests[seen][0] - began


@scenario("4 failures of DNS, a black hole in IPv6, a dead address: clear words, 0 lost, <= 300 ms late",
          limit=110, build="release")
def r20_names(world):
    """NXDOMAIN, SERVFAIL, silence and garbage are said and outlasted; of several addresses one that
    answers is enough, and a silent IPv6 one costs no more than 300 ms."""
    why = network(world)
    if why:
        return SKIPPED + why
    names = Names()
    sink, pem = tls_sink(world)
    log = lines.Log(world.path("access.log"))
    log.write(20)
    agent = named_agent(world, sink, pem).start()
    wait_sunk(sink, log.written, what="before")
    for mood in ("nxdomain", "servfail", "silent", "garbage"):
        agent.stop()
        names.mood = mood
        agent.start()
        log.write(10)
        wait_for(lambda: agent.proc.events("destination_unwell"), 20, f"a word about {mood}")
        said = str(agent.proc.events("destination_unwell")[0]).lower()
        check(NAME in said and "resolve" in said or "resolving" in said, f"{mood}: unclear: {said}")
        time.sleep(figure(0.5, 10))
        names.mood = "ok"
        wait_sunk(sink, log.written, 60, f"every line after {mood}")
    plain = min(first_request(agent, sink, log, "one address") for _ in range(3))
    names.aaaa = ["fd00::2"]
    hole = min(first_request(agent, sink, log, "IPv6 a black hole") for _ in range(3))
    names.aaaa, names.a = [], ["127.0.0.3", "127.0.0.1"]  # nobody listens at the first
    first_request(agent, sink, log, "one of two addresses dead")
    wait_sunk(sink, log.written)
    agent.stop()
    late = (hole - plain) * 1000
    check(late <= figure(4000, 300), f"a silent IPv6 address costs {late:.0f} ms")
    return f"4 failures outlasted, a silent IPv6 address costs {max(0, late):.0f} ms, 0 lost"


def openssl(world, *arguments, clock=None):
    env = dict(os.environ, **({"LD_PRELOAD": FAKETIME, "FAKETIME": clock} if clock else {}))
    done = subprocess.run(["openssl", *arguments], cwd=world.dir, env=env, capture_output=True, timeout=30,
                          check=False)
    check(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr.decode()[-400:]}")


def issued(world, name, host, clock=None):
    """A key and a certificate for a host, valid for two days from that moment on, by the CA of ca.pem."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key")
    if not os.path.exists(world.path("ca.pem")):
        openssl(world, "req", "-x509", *key[:-1], "ca.key", "-days", "3650", "-subj", "/CN=a test's CA", "-out",
                "ca.pem", clock="-100d")
    world.write(name + ".ext", f"subjectAltName=DNS:{host}\n")
    openssl(world, "req", "-new", *key, "-subj", f"/CN={host}", "-out", name + ".csr")
    openssl(world, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem", clock=clock)
    return world.path(name + ".pem"), world.path(name + ".key")


@scenario("expired, not yet valid, another host's, of an unknown CA: refused with words, 0 lost; renewed: 0 lost",
          limit=90)
def r20_certificates(world):
    """A certificate that cannot be trusted gets no line, and says why; its successor gets all of them."""
    if not os.path.exists(FAKETIME):
        return SKIPPED + "no libfaketime"
    host = "ingest.localhost"  # libcurl takes it for this machine, the configuration does not
    bad = {"expired": issued(world, "expired", host, "-30d"),
           "not yet valid": issued(world, "future", host, "+30d"),
           "another host's": issued(world, "other", "elsewhere.localhost")}
    good = [issued(world, f"good{i}", host) for i in range(2)]
    os.rename(world.path("ca.pem"), world.path("kept.pem"))
    os.unlink(world.path("ca.key"))
    bad["of an unknown CA"] = issued(world, "stranger", host)
    sink, context = world.sink(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*good[0])
    sink.http.socket = context.wrap_socket(sink.http.socket, server_side=True, do_handshake_on_connect=False)
    log = lines.Log(world.path("access.log"))
    log.write(50)
    agent = named_agent(world, sink, world.path("kept.pem"), host)
    for what, pair in bad.items():
        context.load_cert_chain(*pair)
        agent.start()
        log.write(10)
        wait_for(lambda: agent.proc.events("destination_unwell"), 20, f"a word about a certificate: {what}")
        said = str(agent.proc.events("destination_unwell")[0]).lower()
        check("certificate" in said or "host name" in said, f"{what}: unclear: {said}")
        agent.stop()
        check(not sink.requests, f"{what}: something was sent")
    context.load_cert_chain(*good[0])
    agent.start()
    wait_sunk(sink, log.written, what="every line once it was right")
    context.load_cert_chain(*good[1])  # renewed while it runs
    sink.mood = "reset"
    log.write(10)
    time.sleep(1)
    sink.mood = None
    wait_sunk(sink, log.written, what="every line after the renewal")
    agent.stop()
    return f"{len(bad)} refused with words, 0 lost, renewed under a running agent"


# ---- backfill ---------------------------------------------------------------------------------------

@scenario("killed 100 times, another window, run again 3 times, beside the live tail: the same set stored",
          full_limit=1200, build="release")
def r31_backfill(world):
    """However a history is delivered, and whatever the daemon delivers of it at the same time, the store
    holds each line once."""
    server, kills = world.server().start(), figure(5, 100)
    count = figure(24000, 400000)
    rotated = [Writer(world, world.path(f"access.log.{3 - i}"), rate=0, count=count // 3, per_write=100,
                      first=i * (count // 3), density=100).finish() for i in range(3)]
    live = Writer(world, world.path("access.log"), first=count, rate=500, per_write=5)
    agent = world.agent(server).start()  # tails the live log all the while
    paths = [w.path for w in rotated] + [live.path]
    done = 0
    for _ in range(kills):
        proc = agent.start_backfill("--source", "web", "--rate", str(figure(10000, 40000)), *paths)
        time.sleep(world.random.uniform(0.05, figure(0.5, 1.2)))
        if not proc.alive():
            check(proc.child.returncode == 0, f"the backfill failed: {proc.text()[-800:]}")
            break
        proc.kill()
        done += 1
    half = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(lines.default_base() + count // 200))
    agent.backfill("--source", "web", "--since", half, *paths)
    agent.backfill("--source", "web", "--until", half, *paths)
    ranges = [(0, count // 3 * 3)]
    live.stop()
    settle(server, ranges + live.ranges(), agent=agent, what="after all windows")
    before = server.count()
    for _ in range(figure(1, 3)):
        ledger = agent.backfill("--source", "web", *paths)
        check(ledger["stored"] == 0, f"run again, it stored {ledger['stored']}")
    fresh = world.agent(server, "fresh").backfill("--source", "web", *paths)
    check(fresh["stored"] == 0 and server.count() == before, f"a fresh agent stored {fresh['stored']}")
    agent.stop()
    return f"{done} kills, {before} records, the same after 2 windows, more runs, and by a fresh agent"


# ---- reloads -----------------------------------------------------------------------------------------

@scenario("1,000 reloads under load, half of them of invalid files: 0 lost, 0 again", limit=90,
          build="release")
def r32_reloads_under_load(world):
    """A good file takes over, a bad one changes nothing, and neither costs or repeats a line."""
    sink, turns = FastSink(world), figure(30, 1000)
    writer = Writer(world, world.path("access.log"), rate=figure(1000, 10000), per_write=10, density=1000)
    agent = world.agent(sink).start()
    with open(agent.config, encoding="utf-8") as f:
        good = f.read()
    bad = (good + "no_such_key: 1\n", good[:len(good) // 2] + "{[", "", good.replace("nginx_combined", "nginx"))
    for turn in range(turns):
        invalid = turn % 2 == 1
        event = "reload_refused" if invalid else "started"
        before = len(agent.proc.events(event))
        world.write("agent.yaml", bad[turn // 2 % len(bad)] if invalid else good + f"# {turn}\n")
        agent.proc.signal(signal.SIGHUP)
        wait_for(lambda: len(agent.proc.events(event)) > before, 20, f"event={event}, turn {turn}", 0.01)
    world.write("agent.yaml", good)
    writer.stop()
    again = settle(sink, writer.ranges(), agent=agent)
    check(again == 0, f"{again} records came again")
    open_now = descriptors(agent.proc)
    agent.stop()
    check(open_now < 64, f"{open_now} descriptors after {turns} reloads")
    return f"{turns} reloads, {count_of(writer.ranges())} lines, {open_now} descriptors, 0 lost, 0 again"


# ---- an hour of everything ---------------------------------------------------------------------------

class Everything:
    """Faults by turns, while lines are written: rotation with old files removed, kills of the server, 503s
    and lost answers on the way, reloads good and bad."""

    def __init__(self, world, rate):
        self.world = world
        self.server = world.server().start()
        self.way = FastSink(world, "way", to=self.server)
        self.log = os.path.join(world.mkdir("logs"), "access.log")
        self.writer = Writer(world, self.log, rate=rate, per_write=50, density=10000)
        self.agent = world.agent(self.way, files=self.log).start()
        wait_for(self.server.count, 20, "the first record")
        with open(self.agent.config, encoding="utf-8") as f:
            self.good = f.read()
        self.turn, self.samples = 0, []

    def rotate(self):
        rename_to = f"{self.log}.{self.turn:06d}"
        os.rename(self.log, rename_to)
        self.writer.reopen()
        wait_for(lambda: os.path.exists(self.log), 20, "the writer's next file")
        for old in sorted(glob.glob(self.log + ".*"))[:-20]:
            os.unlink(old)

    def kill_server(self):
        self.server.kill()
        time.sleep(self.world.random.uniform(0.0, 1.0))
        self.server.start()

    def spoil_the_way(self):
        self.way.rules(self.world.random.choice(("1 status 503", "1 status 429 1", "1 reset", "1 lose")))
        time.sleep(self.world.random.uniform(0.2, figure(0.5, 5)))
        self.way.rules("94 ok", "3 lose", "2 twice", "1 held 700")

    def reload(self):
        bad = self.turn % 2
        self.world.write("agent.yaml", self.good + (f"no_such_key: {self.turn}\n" if bad else f"# {self.turn}\n"))
        self.agent.proc.signal(signal.SIGHUP)

    def step(self):
        (self.rotate, self.kill_server, self.rotate, self.spoil_the_way, self.rotate,
         self.reload if self.turn % 60 == 5 else self.rotate)[self.turn % 6]()
        self.turn += 1

    def sample(self):
        """The ledger balances (ledger() checks it); memory and descriptors are noted."""
        self.agent.ledger()
        self.samples.append((time.monotonic(), resident(self.agent.proc), descriptors(self.agent.proc)))


def slope(samples):
    """Bytes a second, by least squares over the second half."""
    late = samples[len(samples) // 2:]
    n = len(late)
    mean_t, mean_v = sum(s[0] for s in late) / n, sum(s[1] for s in late) / n
    spread = sum((s[0] - mean_t) ** 2 for s in late)
    return sum((s[0] - mean_t) * (s[1] - mean_v) for s in late) / spread if spread else 0.0


@scenario("CHAOS_SECONDS (3,600) at 20,000 lines/s with faults: memory and descriptors flat, ledger "
          "balanced at every sample, 0 lost, 0 twice", limit=90, full_limit=90000, build="release")
def r33_soak(world):
    """Everything at once, for long."""
    seconds = int(os.environ.get("CHAOS_SECONDS", figure(12, 3600)))
    soak = Everything(world, figure(2000, 20000))
    end, sampled = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        soak.step()
        if time.monotonic() - sampled > figure(2, 15):
            soak.sample()
            sampled = time.monotonic()
        time.sleep(figure(0.3, 2))
    world.write("agent.yaml", soak.good)
    soak.way.rules()
    soak.writer.stop()
    settle(soak.server, soak.writer.ranges(), seconds=figure(40, 600), agent=soak.agent)
    soak.sample()
    # Over a few seconds the slope says nothing.
    per_day, half = slope(soak.samples) * 86400 / (1 << 20), soak.samples[len(soak.samples) // 2:]
    memory = [s[1] >> 20 for s in half]
    text = f"{seconds} s, {count_of(soak.writer.ranges())} lines, {soak.turn} faults, {len(soak.samples)} " \
           f"samples, memory {min(memory)} to {max(memory)} MiB" \
           f"{f' (slope {per_day:.1f} MiB a day)' if seconds >= 1800 else ''}, " \
           f"{min(s[2] for s in half)} to {max(s[2] for s in half)} descriptors"
    if seconds >= 1800:
        check(max(memory) - min(memory) <= 24, text)
        check(max(s[2] for s in half) <= 96, text)
    soak.agent.stop()
    return text


# ---- other versions ----------------------------------------------------------------------------------

def as_newer(path):
    """Gives the positions the first line of a version to come, with a sum that is right; returns what
    they were."""
    xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    xxh3.restype, xxh3.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    with open(path, "rb") as f:
        text = f.read()
    body, mark, old = text.partition(b"sum ")
    check(mark and int(old, 16) == xxh3(body, len(body)), f"{path}: the sum is another one than this test knows")
    newer = body.replace(b"logferry-positions ", b"logferry-positions 9", 1)
    with open(path, "wb") as f:
        f.write(newer + b"sum %016x\n" % xxh3(newer, len(newer)))
    return text


@scenario("positions, spool, and store of a newer version: refused with words, untouched, and good again")
def r38_newer_state(world):
    """A downgrade is refused or set aside, never guessed at, and the way back loses nothing."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(200)
    agent = world.agent(server).start()
    wait_for(lambda: len(glob.glob(agent.state + "/positions.?")) == 2 or log.write(5), 20, "positions", 0.5)
    settle(server, [(0, log.next)], agent=agent)
    agent.stop()
    kept = {path: as_newer(path) for path in glob.glob(agent.state + "/positions.?")}
    newer = {path: open(path, "rb").read() for path in kept}
    code, _, err = agent.command("run", expect=None, seconds=20)
    check(code in (65, 78), f"newer positions: exit code {code}")
    check("positions" in err and ("newer" in err or "version" in err), f"unclear: {err[-600:]}")
    check(newer == {path: open(path, "rb").read() for path in kept}, "the newer positions were changed")
    for path, text in kept.items():
        with open(path, "wb") as f:
            f.write(text)
    server.stop()
    refuse_newer_store(server)
    log.write(100)
    agent.start()
    wait_for(lambda: glob.glob(agent.state + "/spool/*.batch"), 30, "a spooled batch")
    agent.kill()
    spooled_by_a_newer_agent(agent)
    server.start()
    settle(server, [(0, log.next)], lost=range(log.next - 100, log.next), agent=agent, what="back again")
    ledger = agent.backfill("--source", "web", log.path)
    check_exactly_once(expected(range(log.next)), server.numbers(), "after the backfill that the message asks for")
    agent.stop()
    return f"3 refusals, {ledger['stored']} records of the spool file that was set aside came by a backfill"


def refuse_newer_store(server):
    base = sqlite3.connect(server.database())
    old = base.execute("PRAGMA user_version").fetchone()[0]
    base.execute(f"PRAGMA user_version = {old + 1}")
    base.commit()
    code, _, err = server_run(server)
    check(code == 65, f"a newer store: exit code {code}")
    check("newer" in err or "version" in err, f"unclear: {err[-600:]}")
    base.execute(f"PRAGMA user_version = {old}")
    base.commit()
    base.close()


def server_run(server):
    from proc import run
    return run([server.world.server_bin, "--store", server.store, "serve", "--listen", server.address],
               server.world.dir, 20, expect=None)


def spooled_by_a_newer_agent(agent):
    """One spool file gets a version of the future; it is set aside, with a word."""
    path = glob.glob(agent.state + "/spool/*.batch")[0]
    with open(path, "rb") as f:
        text = f.read()
    with open(path, "wb") as f:
        f.write(text.replace(b"logferry-batch ", b"logferry-batch 9", 1))
    agent.start()
    wait_for(lambda: agent.proc.events("spool_file_damaged"), 15, "a word about the newer spool file")
    aside = [p for p in agent.state_files() if p.endswith(".bad")]
    check(len(aside) == 1, f"set aside: {aside}")
