"""Files as web servers and their helpers make them: names by variables, directories to come, rotatelogs,
Caddy's roller; and those that are gone before they were read."""
import http.client
import os
import socket
import subprocess
import time
from collections import Counter

import lines
from harness import expected, start_nginx, wait_stored, wait_sunk
from proc import check, wait_for


def nginx_by_host(world):
    """A real nginx that logs to logs/<host>/access.log, in directories that are not there yet."""
    prefix, logs = world.mkdir("nginx"), world.path("logs")
    path = os.path.join(prefix, "s")
    proc = start_nginx(world, f"""    default_type text/html;
    set_real_ip_from unix:;
    real_ip_header X-Forwarded-For;
    access_log {logs}/$host/access.log combined;
    server {{
        listen unix:{path};
        root {prefix};
        location / {{ return 200 "<html>hello</html>"; }}
    }}
""")
    return proc, path


def get(path, host, n):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("GET", f"/n/{n}", headers={"Host": host, "User-Agent": lines.HUMANS[0],
                                                    "X-Forwarded-For": f"203.0.113.{n % 250 + 1}"})
    check(connection.getresponse().status == 200, "nginx")
    connection.close()


def test_names_by_variables_in_directories_to_come(world):
    """access_log with $host: each site's directory appears later, under a watched one that does, too."""
    sites = ("one.example", "two.example")
    server = world.server(sites=sites).start()
    agent = world.agent(server, files=world.path("logs", "{host}", "access.log")).start()
    proc, path = nginx_by_host(world)
    for turn, site in enumerate(sites):
        time.sleep(0.3)
        world.mkdir("logs", site)
        for n in range(20):
            get(path, site, turn * 100 + n)
        wait_for(lambda: server.count() == 20 * (turn + 1), 5, f"the lines of {site} well before a poll")
    hosts = server.rows("SELECT s.domain, count(*) FROM records r JOIN lanes l ON l.id = r.id >> 24 "
                        "JOIN sites s ON s.id = l.site GROUP BY 1 ORDER BY 1")
    check(hosts == [("one.example", 20), ("two.example", 20)], f"{hosts}")
    proc.stop(10, None)
    agent.stop()


STEPS = (
    # A look has listed the names, and the directory is not watched yet.
    ("listed", "sleep:look.listed:1-1:800"),
    # It is watched, and the next look is planned.
    ("watched", "sleep:look.planned:1-1:800"),
    # A second look has listed the names.
    ("again", "sleep:look.listed:2-2:800"),
    # The same, and whoever plans a third one sleeps until that and the second one's answer are due: in one
    # turn of the loop, in which the answer comes first.
    ("both", "sleep:look.listed:2-2:800,sleep:look.planned:2-2:1500"),
)


def make_log(home, text, way):
    """Moved there by its name, or made empty and then written to, half a line first."""
    os.makedirs(home, exist_ok=True)
    target = os.path.join(home, "access.log")
    with open(target + "~" if way == "moved" else target, "w", encoding="utf-8") as f:
        for part in (text[:70], text[70:]):
            f.write(part)
            f.flush()
            time.sleep(0 if way == "moved" else 0.02)
    if way == "moved":
        os.rename(target + "~", target)


def test_file_made_at_each_step_of_a_look(world):
    """Whenever it comes, and its directory with it, a file is noticed at once: no poll has to find it."""
    sink = world.sink()
    log = lines.Log(world.path("unused"))
    agents = []
    for step, fault in STEPS:
        for way in ("moved", "late"):
            home = world.path(step, way)
            os.makedirs(os.path.dirname(home) if way == "late" else home, exist_ok=True)
            agents.append(world.agent(sink, f"{step}-{way}", files=os.path.join(home, "access.log")))
            agents[-1].start(fault)
            time.sleep(0.15)
            make_log(home, log.text(20), way)
    wait_for(lambda: Counter(sink.numbers()) == expected(log.written), 10, "the lines, well before a poll")
    for agent in agents:
        agent.stop()


def rotatelogs(world, *arguments):
    child = subprocess.Popen(["rotatelogs", *arguments], stdin=subprocess.PIPE, cwd=world.dir)
    return child, child.stdin


def piped(world, server, pattern, arguments, keys=""):
    """Numbered lines through a real rotatelogs that makes a new file every second."""
    log = lines.Log(world.path("unused"), tag="piped")
    agent = world.agent(server, files=world.path(pattern), source_keys=keys).start()
    child, pipe = rotatelogs(world, *arguments)
    for _ in range(30):
        pipe.write(log.text(20).encode())
        pipe.flush()
        time.sleep(0.12)
    pipe.close()
    check(child.wait(10) == 0, "rotatelogs")
    wait_stored(server, log.written)
    check(agent.ledger()["duplicate"] == 0, "something came twice")
    agent.stop()


def test_log_made_and_rotated_while_the_agent_is_away(world):
    """The agent was there first, and there was no log: what comes before its next start is not history,
    whatever `start` says and however the format is known."""
    for start in ("beginning", "end"):
        for form in ("nginx_combined", "auto"):
            name = f"{start}-{form}"
            server = world.server(name=name + "-server").start()
            log = lines.Log(os.path.join(world.mkdir(name), "access.log"))
            agent = world.agent(server, name, files=log.path, source_format=form,
                                source_keys=f"    start: {start}\n").start()
            agent.wait_first_look()
            agent.kill()
            log.write(30)
            os.rename(log.path, log.path + ".1")
            log.write(30)
            agent.start()
            log.write(30)
            wait_stored(server, log.written, 30, name)
            agent.stop()
            server.stop()


def test_first_lines_decide_the_format_and_are_read(world):
    """`format: auto` and `start: end`: the log that comes later begins with the lines that tell its format."""
    server = world.server().start()
    log = lines.Log(os.path.join(world.mkdir("later"), "access.log"))
    agent = world.agent(server, files=log.path, source_format="auto", source_keys="    start: end\n").start()
    agent.wait_first_look()
    log.write(50)
    wait_stored(server, log.written, 40)
    agent.stop()


def test_rotatelogs(world):
    """Apache's rotatelogs: files named by the time, which are live as long as they are written to."""
    server = world.server().start()
    world.mkdir("apache")
    piped(world, server, "apache/access.*", [world.path("apache", "access"), "1"])


def test_rotatelogs_with_a_link(world):
    """-L: a hard link to the newest file, so one inode has two names, and the link changes its file."""
    server = world.server().start()
    world.mkdir("apache")
    piped(world, server, "apache/access_log*",
          ["-L", world.path("apache", "access_log"), world.path("apache", "access_log.%H%M%S"), "1"])


def test_names_of_caddys_roller(world):
    """access.log becomes access-<time>.log, then access-<time>.log.gz."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(50)
    agent = world.agent(server).start()
    for turn in range(5):
        log.write(30)
        rolled = world.path(f"access-2026-11-25T10-0{turn}-00.123.log")
        os.rename(log.path, rolled)
        log.write(30)
        if turn % 2 == 0:
            lines.gzip_copy(rolled, rolled + ".gz")
            os.unlink(rolled)
        time.sleep(0.2)
    wait_stored(server, log.written)
    check(agent.ledger()["duplicate"] == 0, "something came twice")
    agent.stop()


def test_line_without_newline_of_a_rotated_file(world):
    """Nobody will end it: after half a minute it is a line, also where it is the only one."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(5)
    log.raw(log.text(1).rstrip("\n").encode())
    agent = world.agent(server).start()
    wait_stored(server, log.written[:5])
    os.rename(log.path, log.path + ".2")
    log.raw(log.text(1).rstrip("\n").encode())
    time.sleep(0.3)
    os.rename(log.path, log.path + ".1")
    wait_stored(server, log.written, 70)
    agent.stop()


test_line_without_newline_of_a_rotated_file.limit = 150
test_line_without_newline_of_a_rotated_file.waits = 40


def test_file_that_vanished_unread(world):
    """Reading has to wait, and the log is deleted meanwhile: said by name, with the bytes, and counted."""
    sink = world.sink()
    sink.mood = 503  # nothing is read before the sites are known
    log = lines.Log(world.path("access.log"))
    log.write(1000)
    size = os.path.getsize(log.path)
    other = lines.Log(world.path("other.log"), first=5000)
    other.write(20)
    agent = world.agent(sink, sources={
        "web": {"files": log.path, "format": "nginx_combined"},
        "other": {"files": other.path, "format": "nginx_combined"}}).start()
    wait_for(lambda: agent.state_files() and any("positions" in f for f in agent.state_files()), 10, "an entry")
    time.sleep(1.0)
    os.unlink(log.path)
    time.sleep(0.5)
    sink.mood = None
    lost = agent.proc.wait_event("lines_lost", 30)
    check(lost["path"] == log.path and lost["from"] == 0 and lost["bytes"] == size, f"{lost}, {size} bytes")
    check(agent.ledger()["lost"] == size, f"{agent.ledger()}")
    wait_sunk(sink, other.written)
    agent.stop()
    agent.start()  # and said once
    time.sleep(2.5)
    check(not agent.proc.events("lines_lost"), "told again after a restart")
    agent.stop()
