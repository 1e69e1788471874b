"""Bad input of every kind: it is said what happened and how to mend it, and no good line is lost."""
import bz2
import gzip
import json
import lzma
import os
import subprocess
import time

import lines
from harness import SITE, expected, wait_stored, wait_sunk
from proc import check, run, wait_for
from test_crash_points import read_counts


def says(text, *words):
    for word in words:
        check(word.lower() in text.lower(), f"no word {word!r} in:\n{text[-1500:]}")


def tail_of(world, data, more=50):
    """A log with `more` good lines, `data`, and `more` good lines again, tailed into a real server."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(more)
    log.raw(data)
    log.write(more)
    agent = world.agent(server).start()
    return server, log, agent


def test_unreadable_file(world):
    """Root reads everything, so the agent runs as nobody where the test is root."""
    if os.geteuid() != 0:
        os.chmod(world.write("access.log", "x\n"), 0)
        proc = world.agent("http://127.0.0.1:1").start().proc
        wait_for(lambda: "access.log" in proc.text(), 10, "a word about the file")
        return
    log = lines.Log(world.path("access.log"))
    log.write(10)
    os.chmod(log.path, 0o600)
    for path in (world.dir, ):
        os.chmod(path, 0o755)
    agent = world.agent("http://127.0.0.1:1", token_file=world.write("tok", "lf_" + "a" * 76 + "\n"))
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for path in (agent.state, agent.token_file, agent.config):
        os.chown(path, 65534, 65534)
    _, out, err = run(nobody + [agent.world.agent_bin, "--config", agent.config, "backfill",
                                "--source", "web", log.path], world.dir, 60, agent.environment(), expect=None)
    says(out + err, "access.log", "permission denied")


def test_report_of_nothing(world):
    """Where no file could be read, the word about it is all that is said; an empty log is a log."""
    for path in (world.path("none"), world.write("junk", "a\nb\n")):
        _, out, err = run([world.agent_bin, "report", path], world.dir, expect=65)
        check(path in err and out == "", f"{err!r}, {out!r}")
    _, out, _ = run([world.agent_bin, "report", world.write("empty", "")], world.dir)
    check("0 lines" in out, out)


def put(world, name, data):
    with open(world.path(name), "wb") as f:
        f.write(data)
    return world.path(name)


def test_report_of_no_whole_line(world):
    """A file in which no line ends is told like one that is cut later; what is too long is a line, and so is nothing."""
    text = "".join(lines.combined(n, lines.default_base()) for n in range(500)).encode()
    for name, pack in (("a.gz", gzip.compress), ("a.bz2", bz2.compress), ("a.xz", lzma.compress)):
        cut = put(world, name, pack(text)[:30])
        for command in ("report", "explain"):
            _, out, err = run([world.agent_bin, command, cut], world.dir, expect=65)
            check("ends inside a member" in err and cut in err and out == "", f"{err!r}, {out!r}")
        _, out, err = run([world.agent_bin, "report", cut, put(world, "whole.log", text)], world.dir, expect=65)
        check("1 file was not read, or not to the end" in out and "accounted" not in out and cut in err, out)
    for name, text, reasons in (("long", b"x" * (3 << 20), {"too_long": 1}), ("blank", b"\n\n\n", {"unparsable": 3}),
                                ("header", b"#Version: 1.0\n", {"directive": 1}),
                                ("stderr", b"2026-11-03T00:10:24Z stderr F a word\n" * 5, {"directive": 5})):
        _, out, _ = run([world.agent_bin, "report", "--json", put(world, name, text)], world.dir)
        found = json.loads(out)
        check(found["reasons"] == reasons and found["lines"] == sum(reasons.values()), out)
        check(found["format"] == "", out)


def test_unknown_format(world):
    agent = world.agent("http://127.0.0.1:1", source_format="ngnix_combined")
    code, _, err = agent.command("run", expect=None, seconds=20)
    check(code == 78, f"exit code {code}, expected 78 (config)")
    says(err, "ngnix_combined", "nginx_combined", agent.config + ":")


def test_bad_yaml(world):
    agent = world.agent("http://127.0.0.1:1")
    with open(agent.config, "a", encoding="ascii") as f:
        f.write("exclude: {ip: [198.51.100.0/99]}\nunknown_key: 1\n")
    code, _, err = agent.command("run", expect=None, seconds=20)
    check(code == 78, f"exit code {code}, expected 78 (config)")
    with open(agent.config, encoding="ascii") as f:
        count = len(f.readlines())
    says(err, f"{agent.config}:{count - 1}:", "198.51.100.0/99", f"{agent.config}:{count}:", "unknown_key")
    world.write("broken.yaml", "sources:\n  web: {files: [\n")
    agent.config = world.path("broken.yaml")
    code, _, err = agent.command("run", expect=None, seconds=20)
    check(code == 78, f"exit code {code}, expected 78 (config)")
    says(err, "broken.yaml:")


def test_missing_configuration(world):
    agent = world.agent("http://127.0.0.1:1")
    agent.config = world.path("nowhere.yaml")
    code, _, err = agent.command("run", expect=None, seconds=20)
    check(code == 78, f"exit code {code}, expected 78 (config)")
    says(err, "nowhere.yaml")


def test_wrong_token(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    wrong = world.write("wrong.token", "lf_" + "0" * 64 + "_00000000\n")
    agent = world.agent(server, token_file=wrong).start()
    wait_for(lambda: "401" in agent.proc.text(), 15, "a word about the 401")
    says(agent.proc.text(), "token", "client create")
    world.write("wrong.token", server.token + "\n")
    wait_stored(server, log.written, 30, "every line after the token was mended")
    agent.stop()


def test_token_file_that_others_may_read(world):
    server = world.server().start()
    lines.Log(world.path("access.log")).write(10)
    os.chmod(server.token_file, 0o644)
    agent = world.agent(server)
    code, _, err = agent.command("backfill", "--source", "web", world.path("access.log"), expect=None)
    check(code != 0, "a token that everybody may read was accepted")
    says(err, server.token_file, "chmod")


def test_token_without_the_grant(world):
    server = world.server(sites=(SITE, "elsewhere.example"), grants=["elsewhere.example=ingest"]).start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server, extra=f"sites:\n  - {{hosts: [{SITE}], site: {SITE}}}\n").start()
    wait_for(lambda: SITE in agent.proc.text() and "403" in agent.proc.text(), 15, "a word about the grant")
    check(server.count() == 0, "a record without a grant was stored")
    server.cli("client", "grant", "t", f"{SITE}=ingest")
    agent.stop()
    agent.start()
    wait_stored(server, log.written, 60, "every line after the grant")
    agent.stop()


def test_unknown_host(world):
    """A host that the token's sites do not have is skipped and counted, so that a scanner cannot fill
    a queue; the site's own lines are delivered."""
    server = world.server().start()
    base = lines.default_base()
    with open(world.path("cdn.log"), "w", encoding="ascii") as f:
        f.write(lines.CF_HEADER)
        for n in range(200):
            f.write(lines.cloudfront(n, base, SITE if n % 2 == 0 else f"scanner{n}.invalid"))
    agent = world.agent(server, files=world.path("cdn.log"), source_format="cloudfront")
    ledger = agent.backfill("--source", "web", world.path("cdn.log"))
    want = expected(range(0, 200, 2))
    check(server.numbers() == want, f"{server.count()} stored, {sum(want.values())} expected")
    check(ledger["skipped"] == 202 - sum(want.values()) and ledger["directive"] == 2, f"ledger: {ledger}")
    strange = sum(expected(range(1, 200, 2)).values())
    check(ledger["unknown_site"] == strange, f"{strange} records of unknown hosts: {ledger}")


def test_server_down_at_the_start(world):
    server = world.server().start()
    server.stop()
    log = lines.Log(world.path("access.log"))
    log.write(200)
    agent = world.agent(server).start()
    wait_for(lambda: server.address in agent.proc.text(), 15, "a word about the server")
    check(agent.proc.alive(), "the daemon ended because its server was down")
    server.start()
    wait_stored(server, log.written, 40)
    agent.stop()
    server.stop()
    code, out, err = agent.command("backfill", "--source", "web", log.path, expect=None, seconds=60)
    if code:
        check(code == 69, f"backfill without a server: exit code {code}, expected 69")
        says(out + err, server.address)


test_server_down_at_the_start.waits = 30


def test_full_disk_for_the_spool(world):
    """No room in the spool while the server is down: the agent stops reading, and loses nothing."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start(fault="fail:spool.write:1-20:ENOSPC")
    wait_stored(server, log.written)
    server.stop()
    for _ in range(20):
        log.write(300)
        time.sleep(0.1)
    server.start()
    wait_stored(server, log.written, 60)
    agent.stop()


def test_full_disk_for_the_positions(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start(fault="fail:positions.write:1-4:ENOSPC")
    for _ in range(20):
        log.write(100)
        time.sleep(0.1)
    wait_stored(server, log.written, 40)
    says(agent.proc.text(), "no space left")
    wait_for(lambda: agent.state_files("positions") or agent.state_files(), 20, "positions in the end")
    agent.kill()
    agent.start()
    wait_stored(server, log.written, 40, "after a restart")
    agent.stop()


def test_full_disk_is_tried_every_few_seconds(world):
    """... and not all the time."""
    server, log = world.server().start(), lines.Log(world.path("access.log"))
    log.write(100)
    os.environ["LOGFERRY_FAULT_COUNTS"] = world.path("counts")
    agent = world.agent(server).start(fault="fail:positions.write:2-1000000:ENOSPC")
    for _ in range(3):
        log.write(100)
        time.sleep(1.2)
    wait_stored(server, log.written, 40)
    time.sleep(6)
    agent.stop()
    del os.environ["LOGFERRY_FAULT_COUNTS"]
    tried = read_counts(world.path("counts"))["positions.write"]
    check(3 <= tried <= 15, f"positions were written {tried} times in ten seconds")


def fill(path):
    """Writes until the disk is full."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (65536, 512):
            try:
                while os.write(fd, b"\0" * size):
                    pass
            except OSError:
                pass
    finally:
        os.close(fd)


def test_full_disk_for_real(world):
    """A state directory of 1 MiB, full: on a tmpfs, where the test may mount one."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", agent.state],
                             stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not mounted:
        print("skipped: no right to mount a tmpfs")
        return
    try:
        agent.start()
        wait_stored(server, log.written)
        server.stop()
        fill(os.path.join(agent.state, "ballast"))
        for _ in range(10):
            log.write(1000)
            time.sleep(0.1)
        check(agent.proc.alive(), f"the agent ended on a full disk:\n{agent.proc.text()[-1000:]}")
        server.start()
        wait_stored(server, log.written, 60, "every line in spite of the full disk")
        os.unlink(os.path.join(agent.state, "ballast"))
        log.write(100)
        wait_stored(server, log.written)
        agent.stop()
    finally:
        agent.proc.kill()
        subprocess.run(["umount", agent.state], check=False)


def test_truncated_gzip_backfilled(world):
    """A cut .gz: its whole lines are taken, it is said; the rest is added when it is there."""
    server = world.server().start()
    log = lines.Log(world.path("source.log"))
    log.write(5000)
    agent = world.agent(server)
    target = world.path("access.log.1.gz")
    whole = lines.gzip_copy(log.path, target)
    before = 0
    for cut in (whole // 10, whole // 3, whole - 5):
        lines.gzip_copy(log.path, target, cut)
        code, out, err = agent.command("backfill", "--source", "web", target, expect=None)
        says(out + err, "access.log.1.gz")
        check(code == 65, f"exit code {code} for a truncated gzip, expected 65 (bad data)")
        check(server.count() > before, f"a longer part added nothing to {before}")
        before = server.count()
    lines.gzip_copy(log.path, target)
    agent.backfill("--source", "web", target)
    wait_stored(server, log.written)


def test_truncated_gzip_followed(world):
    """The same for a .gz that is still being copied beside a followed log, into the sink: nothing lost,
    nothing twice."""
    sink = world.sink()
    log = lines.Log(world.path("source.log"))
    log.write(5000)
    live = lines.Log(os.path.join(world.mkdir("logs"), "access.log"), first=10000)
    live.write(10)
    target = world.path("logs", "access.log.1.gz")
    whole = lines.gzip_copy(log.path, target)
    with open(target, "rb") as f:
        data = f.read()
    agent = world.agent(sink, files=live.path, source_keys="    start: all\n")
    seen = 0
    for cut in (whole // 10, whole // 3, whole - 5, whole):
        with open(target, "wb" if not seen else "ab") as f:
            f.write(data[f.tell():cut])
        if not seen:
            agent.start()
        wait_for(lambda: len(sink.records) > seen + 10 or cut > whole - 9, 30, f"lines of the first {cut} bytes")
        seen = len(sink.records)
        live.write(10)
    again = wait_sunk(sink, log.written + live.written, 60)
    check(again == 0, f"{again} records came twice")
    agent.stop()


def test_damaged_gzip(world):
    """A flipped bit, trailing zeros, two members, an empty file, a gzip of a gzip."""
    server = world.server().start()
    agent = world.agent(server)
    directory = world.mkdir("gz")
    good = []
    for i, name in enumerate(("zeros", "members", "nested")):
        log = lines.Log(os.path.join(directory, name), first=i * 1000)
        log.write(500)
        lines.gzip_copy(log.path, log.path + ".gz")
        good.append(log)
    with open(good[0].path + ".gz", "ab") as f:
        f.write(b"\0" * 4096)
    good[1].write(300)
    with open(good[1].path, "rb") as f:
        text = f.read()
    half = text[:len(text) // 2].rfind(b"\n") + 1
    with open(good[1].path + ".gz", "wb") as f:
        f.write(gzip.compress(text[:half]) + gzip.compress(text[half:]))
    lines.gzip_copy(good[2].path + ".gz", good[2].path + ".gz.gz")
    with open(os.path.join(directory, "empty.gz"), "wb"):
        pass
    bad = lines.Log(os.path.join(directory, "flipped"), first=9000)
    bad.write(500)
    lines.gzip_copy(bad.path, bad.path + ".gz")
    with open(bad.path + ".gz", "r+b") as f:
        f.seek(-6, os.SEEK_END)  # inside the CRC
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x40]))
    for name in ("zeros.gz", "members.gz", "nested.gz", "empty.gz", "flipped.gz"):
        code, out, err = agent.command("backfill", "--source", "web", os.path.join(directory, name),
                                       expect=None)
        check(code in (0, 65), f"{name}: exit code {code}\n{err[-800:]}")
        if name == "flipped.gz":
            says(out + err, "flipped.gz")
    want = expected([n for log in good for n in log.written])
    have = server.numbers()
    check(not want - have, f"{sum((want - have).values())} lines of readable files are lost")
    foreign = have - want - expected(bad.written)
    check(not foreign, f"stored what no file holds: {sorted(foreign)[:5]}")


def test_ten_megabyte_line(world):
    server, log, agent = tail_of(world, b"GET /" + b"x" * (10 << 20) + b"\n")
    wait_stored(server, log.written)
    ledger = agent.ledger()
    check(ledger["lines"] == 101, f"101 lines: {ledger}")
    says(str(ledger), "too_long")
    resident, _ = agent.proc.usage()
    agent.stop()
    print(f"resident {resident >> 20} MiB")


def test_nul_bytes(world):
    """A hole of NULs, as a power cut leaves it, swallows at most the line that it touches."""
    server, log, agent = tail_of(world, b"\0" * 5000 + b"\n")
    wait_stored(server, log.written)
    ledger = agent.ledger()
    check(ledger["lines"] == 101, f"101 lines: {ledger}")
    agent.stop()


def test_invalid_utf8_and_control_bytes(world):
    base = lines.default_base()
    odd = lines.combined(0, base).encode()
    data = b"".join((
        odd.replace(b"/n/0", b"/n/7000000?q=\xff\xfe\xc0\xaf"),
        odd.replace(b"/n/0", b"/n/7000010").replace(b"Mozilla/5.0", b"Mozilla/5.0 \xed\xa0\x80 \x1b[31m"),
        odd.replace(b"/n/0", b"/n/7000020").replace(b"ref.example.net/t", b"r.example/\\x22\\x5C\xc3("),
        b"\r\n", b"\n", b"not a log line at all\n", b"\xef\xbb\xbf" + odd.replace(b"/n/0", b"/n/7000030")))
    server, log, agent = tail_of(world, data)
    wait_for(lambda: server.count() >= len(expected(log.written)) + 3, 20, "the odd lines that are requests")
    ledger = agent.ledger()
    check(ledger["lines"] == 107, f"107 lines: {ledger}")
    paths = [p for _, p in server.records()]
    check(any("7000010" in p for p in paths) and any("7000000" in p for p in paths), f"paths {paths[:3]}")
    check("\x1b" not in agent.proc.text(), "an escape byte from a log line reached the agent's log")
    agent.stop()


def test_half_a_last_line(world):
    """Half a line is waited for, and taken as one line when its end has come."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(20)
    line = log.text(1).encode()
    log.raw(line[:70])
    agent = world.agent(server).start()
    wait_stored(server, range(20), what="the whole lines")
    time.sleep(0.5)
    check(server.count() == len(expected(range(20))), "half a line was taken")
    log.raw(line[70:])
    wait_stored(server, log.written)
    log.raw(log.text(1).encode()[:-1])  # no newline: complete only once the file is finished
    os.rename(log.path, log.path + ".1")
    log.write(1)
    wait_stored(server, log.written, 50, "the last line of a rotated file")
    agent.stop()


test_half_a_last_line.waits = 40


def test_empty_files(world):
    server = world.server().start()
    for name in ("a.log", "b.log.gz"):
        with open(world.path(name), "wb"):
            pass
    agent = world.agent(server)
    ledger = agent.backfill("--source", "web", world.path("a.log"))
    check(ledger["lines"] == 0, f"an empty file: {ledger}")
    code, _, err = agent.command("backfill", "--source", "web", world.path("nothing-here"), expect=None)
    check(code != 0, "a path that does not exist is no success")
    says(err, "nothing-here")


DAMAGES = (lambda d: b"", lambda d: b"\0" * len(d), lambda d: d[:len(d) // 2], lambda d: b"#!/bin/sh\n",
           lambda d: d[:-20] + bytes([d[-20] ^ 1]) + d[-19:])


def with_two_generations(world):
    """An agent that was stopped, with both generations of its positions; and its server and log."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(500)
    agent = world.agent(server).start()
    wait_for(lambda: len(generations(agent)) == 2 or log.write(10), 20, "two generations", 0.3)
    wait_stored(server, log.written)
    agent.stop()
    return server, log, agent


def generations(agent):
    """Paths of the positions, the newest last."""
    found = [p for p in agent.state_files() if os.path.basename(p) in ("positions.a", "positions.b")]
    return sorted(found, key=os.path.getmtime)


def spoil(path, damage):
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(damage(data))


def test_one_generation_damaged(world):
    """The other one is used; nothing is lost, and little is sent again."""
    server, log, agent = with_two_generations(world)
    for damage in DAMAGES:
        spoil(generations(agent)[-1], damage)
        agent.start()
        log.write(50)
        wait_stored(server, log.written, 40, "lines after damaged positions")
        says(agent.proc.text(), "positions")
        agent.stop()
        agent.start()  # two good generations again
        log.write(50)
        wait_stored(server, log.written, 40)
        time.sleep(1.2)
        agent.stop()


def test_both_generations_damaged(world):
    """It is said, with what to do; done so, nothing is lost or stored twice."""
    server, log, agent = with_two_generations(world)
    for path in generations(agent):
        spoil(path, DAMAGES[1])
    log.write(50)
    agent.start()
    wait_for(lambda: "positions" in agent.proc.text(), 10, "a word about the positions")
    if not agent.proc.alive():
        check(agent.proc.child.returncode == 65, f"ended with {agent.proc.child.returncode}, expected 65")
        for path in generations(agent):
            os.rename(path, path + ".bad")
        agent.start()
    wait_stored(server, log.written, 40)
    agent.stop()


def test_two_agents_on_one_state(world):
    server = world.server().start()
    lines.Log(world.path("access.log")).write(10)
    agent = world.agent(server).start()
    wait_for(lambda: server.count() > 0, 20, "the first agent at work")
    code, _, err = agent.command("run", expect=None, seconds=20)
    check(code != 0 and agent.proc.alive(), f"a second agent on one state directory: exit code {code}")
    says(err, agent.state)
    agent.stop()


def test_usage(world):
    for program in (world.agent_bin, world.server_bin):
        for arguments in (["--help"], ["--version"]):
            _, out, _ = run([program, *arguments], world.dir, 20)
            check(out.strip(), f"{program} {arguments} printed nothing")
        for arguments in (["no-such-command"], ["--no-such-option"]):
            code, _, err = run([program, *arguments], world.dir, 20, expect=None)
            check(code == 64, f"{program} {arguments}: exit code {code}, expected 64")
            check(err.strip(), f"{program} {arguments} said nothing")
