"""What reaches a running daemon by its control socket: status, dead letters, backfills."""
import gzip
import json
import os
import socket
import stat
import struct
import time

import lines
from harness import SITE, check_exactly_once, expected, wait_stored, wait_sunk
from proc import CRASHED, Proc, check, parse_event, run, wait_for, within


def status(agent):
    return json.loads(agent.command("status", "--json")[1])


def test_status(world):
    """What the daemon says of itself, for programs and for people; and that nobody answers without it."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(1000)
    agent = world.agent(sink)
    code, _, err = agent.command("status", expect=None)
    check(code == 69 and "no daemon answers" in err, f"{code} {err}")
    agent.start()
    wait_sunk(sink, log.written)
    now = wait_for(lambda: (lambda s: s["sources"][0]["bytes_behind"] == 0 and s)(status(agent)), 15, "nothing behind")
    check(now["balanced"] and now["sources"][0]["lines"] == 1000 and now["pid"] == agent.proc.pid, f"{now}")
    main = now["destinations"][0]
    check(main["state"] == "ready" and main["acknowledged"] == 700 and now["spool"]["files"] == 0, f"{now}")
    text = agent.command("status")[1]
    check("source web: 1,000 lines, 700 records" in text and "destination main: ready" in text, text)
    sink.mood = 503
    log.write(100)
    wait_for(lambda: status(agent)["spool"]["files"] > 0, 15, "a spooled batch")
    time.sleep(1.1)
    now = status(agent)
    main = now["destinations"][0]
    check(main["state"] == "waiting" and main["last_error"] and main["spooled"] == 70
          and main["oldest_seconds"] >= 1 and now["spool"]["bytes"] > 0, f"{now}")
    mode = os.stat(os.path.join(agent.state, "control.sock")).st_mode
    check(stat.S_IMODE(mode) == 0o660, f"the socket's mode is {oct(mode)}")
    agent.stop()
    check(not os.path.exists(os.path.join(agent.state, "control.sock")), "the socket stays")


def connect(agent):
    s = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(agent.state)
    s.connect("control.sock")
    os.chdir(here)
    s.settimeout(20)
    return s


def request(agent, *words):
    st = os.stat(agent.state)
    text = b"".join(w.encode() + b"\0" for w in (f"{st.st_dev}:{st.st_ino}",) + words)
    return b"LFc1" + struct.pack(">I", len(text)) + text


def test_hostile_clients(world):
    """Junk, silence, half requests, answers that nobody takes, too many at once: the daemon goes on."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    good = request(agent, "status", "json", "--")
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"LFc2" + good[4:], b"LFc1\xff\xff\xff\xff", b"LFc1\0\0\0\0", good[:-1],
                 b"LFc1" + struct.pack(">I", 3) + b"abc", request(agent), request(agent, "status"),
                 request(agent, "status", "colour=red", "--"), good + b"x", os.urandom(4096)):
        s = connect(agent)
        s.sendall(junk)
        s.shutdown(socket.SHUT_WR)
        got = s.recv(100)
        check(got in (b"",) or got[:1] in (b"o", b"e", b"s"), f"{junk[:40]!r}: {got!r}")
        s.close()
    s = connect(agent)
    s.sendall(request(agent, "format-disk", "--"))
    check(s.recv(5)[:1] == b"e", "an unknown command")
    s.close()
    s = connect(agent)
    st = os.stat("/")
    words = b"".join(w + b"\0" for w in (f"{st.st_dev}:{st.st_ino}".encode(), b"status", b"--"))
    s.sendall(b"LFc1" + struct.pack(">I", len(words)) + words)
    check(s.recv(5)[:1] == b"s", "another state directory's command is answered")
    s.close()
    idle = [connect(agent) for _ in range(40)]  # more than it keeps
    for s in idle[:8]:
        s.sendall(good[:9])
    log.write(100)
    wait_sunk(sink, log.written, 10, "lines while clients hang")
    for s in idle:
        s.close()
    slow = connect(agent)
    slow.sendall(good)  # never read
    wait_for(lambda: status(agent)["pid"] == agent.proc.pid, 5, "an answer beside them")
    slow.close()
    agent.stop()


def test_socket_in_the_way(world):
    """A dead process's socket is replaced; a file of somebody else's is left alone, and said so."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    agent = world.agent(sink).start()
    agent.kill()
    agent.start()
    check(status(agent)["pid"] == agent.proc.pid, "the stale socket was not replaced")
    agent.stop()
    path = os.path.join(agent.state, "control.sock")
    with open(path, "w", encoding="ascii") as f:
        f.write("mine")
    agent.start()
    word = agent.proc.events("no_control_socket")
    check(word and "no socket" in word[0]["why"], f"{word}")
    log.write(10)
    wait_sunk(sink, log.written)
    agent.stop()
    with open(path, encoding="ascii") as f:
        check(f.read() == "mine", "the file is gone")


def test_two_agents_on_one_state(world):
    """The second refuses, and says who is there."""
    sink = world.sink()
    lines.Log(world.path("access.log")).write(10)
    agent = world.agent(sink).start()
    code, _, err = agent.command("run", expect=None)
    check(code == 73 and f"process {agent.proc.pid}" in err and "stop it" in err, f"{code} {err}")
    check(status(agent)["pid"] == agent.proc.pid, "the first one's socket is gone")
    agent.stop()


# ---- dead letters -------------------------------------------------------------------------------

def poisoned(world, mood):
    """A sink that refuses line 500 of 1,000 (for itself, or the whole batch), and an agent."""
    sink = world.sink()
    sink.poison = (500, mood)
    log = lines.Log(world.path("access.log"))
    agent = world.agent(sink)
    log.write(1000)
    agent.start()
    rest = [n for n in log.written if n != 500]
    wait_sunk(sink, rest, 30, "all but one")
    wait_for(lambda: agent.ledger()["dead"] == 1, 10, "a dead letter")
    return sink, agent, rest, log.written


def letters(agent):
    return [json.loads(line) for line in agent.command("dead", "list", "--json")[1].splitlines()]


def test_poison_record(world):
    """R17: one record of a batch is refused for itself: 999 are stored, one is a dead letter; mended, it goes."""
    sink, agent, _, everything = poisoned(world, "record")
    found = letters(agent)
    check(len(found) == 1 and found[0]["records"] == 1 and found[0]["destination"] == "main"
          and found[0]["site"] == SITE and "poison" in found[0]["reason"], f"{found}")
    shown = agent.command("dead", "show", found[0]["id"])[1]
    check('"url":"https://example.com/n/500"' in shown and "203.0.113.0" in shown, shown)
    check("203.0.113.1\"" not in shown and "203.0.113.1" in agent.command(
        "dead", "show", found[0]["id"], "--show-ip")[1], shown)
    agent.command("dead", "replay", found[0]["id"])  # not mended yet: it dies again
    wait_for(lambda: agent.ledger()["dead"] == 2, 10, "its second death")
    again = letters(agent)
    check(len(again) == 1 and again[0]["id"] != found[0]["id"], f"{again}")
    sink.poison = None
    agent.command("dead", "replay", "--all")
    wait_sunk(sink, everything, 20, "the mended record")
    wait_for(lambda: not letters(agent), 10, "no dead letter")
    check(agent.command("dead", "list")[1].count("\n") == 1, "the list")
    agent.stop()


def test_crash_while_replaying(world):
    """R3: the dead letter and its successor in the spool are both there: nothing is lost, and the server
    would count what comes twice."""
    sink, agent, _, everything = poisoned(world, "record")
    found = letters(agent)
    agent.stop()
    sink.poison = None
    code, _, _ = agent.command("dead", "replay", "--all", expect=None, fault="crash:replay.after_write:1")
    check(code == CRASHED, f"ended with {code}")
    check([x["id"] for x in letters(agent)] == [x["id"] for x in found] and agent.state_files("spool"),
          "both are there")
    agent.start()
    wait_sunk(sink, everything, 20, "the mended record")
    check(len(letters(agent)) == 1, "the letter stays until it is replayed")
    agent.command("dead", "replay", "--all")
    wait_for(lambda: not letters(agent), 10, "no dead letter")
    agent.stop()


def test_a_letter_comes_once(world):
    """A crash between the letter and the books: the record is sent and refused again, and has its letter."""
    for nth, point in enumerate(("bury.after_write", "aftermath.before_settle")):
        sink = world.sink()
        sink.poison = (500, "record")
        log = lines.Log(world.path(f"{nth}.log"))
        agent = world.agent(sink, name=f"agent{nth}", files=log.path)
        log.write(1000)
        agent.start(f"crash:{point}:1")
        check(agent.proc.wait(30) == CRASHED, f"{point} was not reached")
        first = agent.state_files("dead")
        check(len(first) == 1, f"{point}: {first}")
        agent.start()
        wait_for(lambda: agent.ledger()["dead"] == 1, 20, "the second answer")
        agent.stop()
        check(agent.state_files("dead") == first, f"{point}: {first}, then {agent.state_files('dead')}")
        # It is replayed, refused once more, and a letter again.
        agent.start()
        agent.command("dead", "replay", "--all")
        wait_for(lambda: agent.ledger()["dead"] == 1, 20, "its second death")
        agent.stop()
        check(len(agent.state_files("dead")) == 1 and agent.state_files("dead") != first, f"{point}: replayed")


def test_poison_batch(world):
    """R17: the server answers 400 to any batch that holds it: found in log2(1000) + 1 splits."""
    sink, agent, rest, _ = poisoned(world, "batch")
    posts = len([r for r in sink.requests if r[1] == "POST"])
    check(posts <= 2 * 11 + 3, f"{posts} requests to find one record in a thousand")
    have = sorted(sink.numbers())
    check(len(have) == len(expected(rest)), f"{len(have)} records of {len(expected(rest))}")
    # without a daemon
    agent.stop()
    found = letters(agent)
    check(len(found) == 1, f"{found}")
    code, _, err = agent.command("dead", "drop", "--all", expect=None)
    check(code == 64 and "--yes" in err and letters(agent), f"{code} {err}")
    check(agent.command("dead", "replay", "ffff", expect=65), "an id that is not there")
    agent.command("dead", "replay", "--all")
    check(not letters(agent) and agent.state_files("spool"), "it waits in the spool now")
    agent.start()
    wait_for(lambda: len(letters(agent)) == 1, 15, "its second death")
    agent.command("dead", "drop", letters(agent)[0]["id"], "--yes")
    check(not letters(agent) and not agent.state_files("dead"), "it is still there")
    agent.ledger()
    agent.stop()


# ---- backfill -----------------------------------------------------------------------------------

def job_events(agent):
    return [e for e in agent.proc.events() if str(e.get("event")).startswith("job_")]


def test_backfill_is_handed_over(world):
    """The daemon does it; the command prints plan and ledger, relative paths and all; run again it adds nothing."""
    server = world.server().start()
    history = lines.Log(world.path("old.log"), first=100000, tag="old")
    history.write(5000)
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    ledger = agent.backfill("--source", "web", "old.log")
    check(ledger["lines"] == 5000 and ledger["acknowledged"] == ledger["stored"] == 3500, f"{ledger}")
    wait_stored(server, log.written + history.written)
    check([e["event"] for e in job_events(agent)] == ["job_started", "job_finished"], f"{job_events(agent)}")
    check(not agent.state_files("jobs"), f"{agent.state_files('jobs')}")
    again = agent.backfill("--source", "web", "old.log")
    check(again["duplicate"] == 3500, f"{again}")
    code, _, err = agent.command("backfill", "--source", "web", "missing.log", expect=None)
    check(code == 65 and "missing.log" in err, f"{code} {err}")
    code, _, err = agent.command("backfill", "--source", "nothing", "old.log", expect=None)
    check(code == 64 and "no source" in err, f"{code} {err}")
    with open(history.path, "rb") as f:
        text = f.read()
    for content in (text, gzip.compress(text)):
        piped = agent.command("backfill", "--source", "web", "-", stdin=content)
        check("duplicate=3500" in piped[2], piped[2])  # by the command itself
    check(len(job_events(agent)) == 8, f"{job_events(agent)}")
    agent.stop()


def slow_backfill(world, destination, count=90000, rate=5000):
    history = lines.Log(world.path("old.log"), first=100000, tag="old")
    history.write(count)
    agent = world.agent(destination)
    lines.Log(world.path("access.log")).write(10)
    agent.start()
    argv = ("--source", "web", "--rate", str(rate), history.path)
    return history, agent, argv


def test_backfill_interrupted(world):
    """Ctrl-C, a killed client, a daemon that stops: the job ends cleanly and goes on from there."""
    server = world.server().start()
    history, agent, argv = slow_backfill(world, server)
    wait_for(lambda: server.count() >= 7, 10, "the live lines")
    client = agent.start_backfill(*argv)
    wait_for(lambda: server.count() > 500, 20, "some of it")
    check(len(status(agent)["jobs"]) == 1, "status shows no job")
    code, _, err = agent.command("backfill", *argv, expect=None)
    check(code == 73 and "the same backfill is under way" in err, f"{code} {err}")
    client.signal(2)
    code = client.wait(10)
    check(code == 130 and "goes on from here" in client.text() and "event=ledger" in client.text(),
          f"{code} {client.text()}")
    wait_for(lambda: not status(agent)["jobs"], 5, "the job's end")
    check(agent.state_files("jobs"), "nothing is kept of it")
    before = server.count()
    client = agent.start_backfill(*argv)
    wait_for(lambda: server.count() > before + 500, 20, "more of it")
    client.kill()
    wait_for(lambda: not status(agent)["jobs"], 10, "the job's end when its client is gone")
    before = server.count()
    client = agent.start_backfill(*argv)
    wait_for(lambda: server.count() > before + 500, 20, "still more of it")
    began = time.monotonic()
    agent.stop()
    check(time.monotonic() - began < within(6), "the daemon did not stop in time")
    check(client.wait(5) == 130 and "goes on from here" in client.text(), client.text())
    agent.start()
    ledger = agent.backfill("--source", "web", history.path)
    check(ledger["duplicate"] <= 10000 and ledger["lines"] < 80000, f"it began anew: {ledger}")
    wait_stored(server, list(range(10)) + history.written)
    agent.stop()


def test_backfill_again_at_once(world):
    """A client is killed while the server is slow; the same command, started at once, waits and goes on."""
    sink = world.sink()
    history, agent, argv = slow_backfill(world, sink, count=20000)
    wait_for(lambda: len(sink.records) >= 7, 10, "the live lines")
    client = agent.start_backfill(*argv)
    wait_for(lambda: len(sink.records) > 500, 20, "some of it")
    sink.mood = "silent"
    asked = len(sink.requests)
    wait_for(lambda: len(sink.requests) > asked, 20, "a request that gets no answer")
    client.kill()
    sink.mood = None
    ledger = agent.backfill("--source", "web", history.path)
    check(ledger["lines"] < 20000, f"it began anew: {ledger}")
    wait_sunk(sink, list(range(10)) + history.written, 20, "all of it")
    agent.stop()


def test_backfill_and_reload(world):
    server = world.server().start()
    history, agent, argv = slow_backfill(world, server)
    client = agent.start_backfill(*argv)
    wait_for(lambda: server.count() > 500, 20, "some of it")
    agent.proc.signal(1)
    check(client.wait(10) == 130, "a reload did not end the job")
    agent.proc.wait_event("started", 10, 2)
    agent.backfill(*argv[:2], argv[4])
    wait_stored(server, list(range(10)) + history.written)
    agent.stop()


def as_nobody(argv, agent, name):
    """The daemon as a user of its own, in a directory that this user owns."""
    wrapper = ["setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups", *argv]
    return Proc(wrapper, agent.world.dir, name, agent.environment())


def test_root_beside_a_service_user(world):
    """Root's commands in a state directory of another user leave nothing of root's there, and what the daemon
    may not read is read by the command itself."""
    if os.geteuid() != 0:
        print("skipped: needs root")
        return
    server = world.server().start()
    os.chmod(world.dir, 0o755)
    history = lines.Log(world.path("secret.log"), first=100000, tag="old")
    history.write(2000)
    os.chmod(history.path, 0o600)
    log = lines.Log(world.path("access.log"))
    log.write(100)
    os.chmod(log.path, 0o644)
    agent = world.agent(server)
    for path in (agent.state, agent.token_file):
        os.chown(path, 4711, 4711)
    os.chmod(agent.config, 0o644)

    def foreign():
        return [p for top, dirs, files in os.walk(agent.state) for p in
                (os.path.join(top, n) for n in dirs + files) if os.lstat(p).st_uid != 4711]

    ledger = agent.backfill("--source", "web", history.path)  # no daemon
    check(ledger["stored"] == 1400 and not foreign(), f"{ledger} {foreign()}")
    proc = as_nobody([agent.agent_bin if hasattr(agent, "agent_bin") else world.agent_bin, "--config",
                      agent.config, "run"], agent, "service")
    agent.proc = proc
    proc.wait_event("started", 20)
    wait_stored(server, log.written + history.written)
    more = lines.Log(world.path("secret2.log"), first=200000, tag="more")
    more.write(1000)
    os.chmod(more.path, 0o600)
    _, _, err = agent.command("backfill", "--source", "web", more.path)
    check("may not read" in err and "stored=700" in err, err)
    check(not foreign(), f"{foreign()}")
    open_log = lines.Log(world.path("open.log"), first=300000, tag="open")
    open_log.write(1000)
    os.chmod(open_log.path, 0o644)
    agent.backfill("--source", "web", open_log.path)
    check(len([e for e in job_events(agent) if e["event"] == "job_started"]) == 2, f"{job_events(agent)}")
    proc.stop()
    agent.start()  # by mistake: as root
    log.write(50)
    wait_stored(server, log.written + history.written + more.written + open_log.written)
    agent.stop()
    check(not foreign(), f"{foreign()}")
