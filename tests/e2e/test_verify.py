"""`logferry verify` finds what is missing, says in which hours, and prints the command that mends it."""
import json
import os
import shlex
import shutil
import sqlite3
import sys

import lines
from harness import SITE, check_exactly_once, expected
from proc import check, run

BASE = lines.default_base() - 5 * 86400
HOUR = 3600


def history(world, hours=6, each=300, name="access.log.1"):
    """`each` lines in each of so many hours; the times of a file that was finished long ago."""
    log = lines.Log(world.path(name), tag="history")
    for hour in range(hours):
        log.base = BASE + hour * HOUR - log.next // 10
        log.write(each)
    os.utime(log.path, (BASE, BASE))
    return log


def stamp(hour):
    return lines.time.strftime("%Y-%m-%dT%H:00:00Z", lines.time.gmtime(BASE + hour * HOUR))


def verify(agent, *arguments, expect=0, stdin=None, seconds=120):
    """The objects that --json prints: (hours, streams, summary). The books of each balance."""
    _, out, err = agent.command("verify", "--json", *arguments, expect=expect, stdin=stdin, seconds=seconds)
    objects = [json.loads(line) for line in out.splitlines()]
    check(objects and objects[-1]["type"] == "summary", f"no summary:\n{out[-1000:]}{err}")
    for o in objects:
        check(o["lines"] == o["records"] + sum(o["skipped"].values())
              and o["records"] == o["stored"] + o["missing"] + o["excluded"] + o["rejected"], f"does not balance: {o}")
    check(objects[-1]["balanced"] is True, f"says that it does not balance: {objects[-1]}")
    streams = [o for o in objects if o["type"] == "stream"]
    for key in ("lines", "records", "missing"):
        total = sum(s[key] for s in streams if not s["same_as"])
        check(total == objects[-1][key], f"{key}: {total} in the streams, {objects[-1]}")
    return [o for o in objects if o["type"] == "hour"], streams, objects[-1]


def holes(hours):
    """{hour: missing} of the rows that miss something."""
    return {h["hour"]: h["missing"] for h in hours if h["missing"]}


def run_words(world, agent, command, expect=0):
    """Runs a command that was printed, as a person would paste it."""
    words = shlex.split(command)
    check(words[:2] == ["logferry", "backfill"], f"no backfill: {command!r}")
    return run([world.agent_bin, *words[1:]], world.dir, 120, agent.environment(), None, expect)


def delete(server, where, *values):
    """Rows go from the store, as a broken disk or an old copy would have it. Returns how many."""
    server.stop()
    base = sqlite3.connect(server.database())
    with base:
        count = base.execute(f"DELETE FROM records WHERE {where}", values).rowcount
    base.close()
    server.start()
    return count


def records_in(log, hours, each=300):
    """How many lines of these hours are records."""
    return sum(sum(expected(log.written[h * each:(h + 1) * each]).values()) for h in hours)


# ---- with the real server -----------------------------------------------------------------------

def test_nothing_missing(world):
    """Plain, compressed, from a pipe, several streams in one file; each line is accounted for."""
    server, log = world.server().start(), history(world)
    cdn = world.mkdir("cdn")
    for i in range(3):
        with open(os.path.join(cdn, f"E2.{i}"), "w", encoding="ascii") as f:
            f.write(lines.CF_HEADER)
            f.writelines(lines.cloudfront(n, BASE) for n in range(5000 + i * 200, 5200 + i * 200))
        lines.gzip_copy(os.path.join(cdn, f"E2.{i}"), os.path.join(cdn, f"E2.{i}.gz"))
        os.unlink(os.path.join(cdn, f"E2.{i}"))
    agent = world.agent(server, sources={"web": {"files": log.path, "format": "nginx_combined"},
                                         "cdn": {"files": cdn + "/*.gz", "format": "cloudfront"}})
    agent.backfill("--source", "web", log.path)
    agent.backfill("--source", "cdn", cdn)
    before = server.count()
    hours, streams, total = verify(agent, "--source", "web", log.path)
    want = sum(expected(log.written).values())
    check(total["stored"] == want and total["lines"] == 1800 and total["mend"] is None, f"{total}")
    check(len(hours) == 6 and [h["hour"] for h in hours] == [stamp(h) for h in range(6)], f"{hours}")
    check(all(h["lines"] == 300 and h["stored"] == want // 6 for h in hours), f"{hours}")
    check(total["skipped"] == {"asset": 180, "bot": 180, "status": 180}, f"{total}")
    lines.gzip_copy(log.path, log.path + ".gz")
    _, streams, total = verify(agent, "--source", "web", log.path, log.path + ".gz")
    check(streams[1]["same_as"] == log.path and total["repeated"] == 1 and total["lines"] == 1800, f"{streams}")
    run(["zstd", "-q", log.path, "-o", world.path("twin.zst")], world.dir)
    _, streams, total = verify(agent, "--source", "web", world.path("twin.zst"), log.path)
    check(streams[1]["same_as"] == world.path("twin.zst") and total["stored"] == want, f"{streams}")
    with open(log.path, "rb") as f:
        _, streams, total = verify(agent, "--source", "web", "-", stdin=f.read())
    check(streams[0]["path"] == "-" and total["stored"] == want, f"{streams}")
    _, streams, total = verify(agent, "--source", "cdn", cdn)
    check(len(streams) == 3 and total["lines"] == 606 and total["skipped"]["directive"] == 6, f"{streams}")
    with open(world.path("all.gz"), "wb") as out:
        for name in sorted(os.listdir(cdn)):
            with open(os.path.join(cdn, name), "rb") as f:
                shutil.copyfileobj(f, out)
    _, joined, total = verify(agent, "--source", "cdn", world.path("all.gz"))
    check({s["stream"] for s in joined} == {s["stream"] for s in streams} and total["missing"] == 0, f"{joined}")
    _, both, total = verify(agent, "--source", "cdn", cdn, world.path("all.gz"))
    check(total["repeated"] == 3 and total["lines"] == 606 and len(both) == 6, f"{both}")
    check(server.count() == before, "verify stored something")
    text = agent.command("verify", "--source", "web", log.path)[1]
    check("none missing" in text and "nothing is missing" in text and stamp(0)[:10] not in text, text)
    text = agent.command("verify", "--source", "web", "--all-hours", log.path)[1]
    check(text.count(stamp(0)[:10]) == 6, text)


def test_hole(world):
    """Rows vanish from the store: two hours, in part and as a whole. The command that is printed
    mends exactly that."""
    server, log = world.server().start(), history(world)
    other = lines.Log(world.path("other.log.1"), first=9000, base=BASE - 900 + HOUR)
    other.write(300)
    os.utime(other.path, (BASE, BASE))
    agent = world.agent(server)
    agent.backfill("--source", "web", log.path, other.path)
    want = expected(log.written + other.written)
    check_exactly_once(want, server.numbers(), "backfill")
    gone = delete(server, "(at >= ? AND at < ?) AND path LIKE '/n/%' AND CAST(substr(path, 4) AS INTEGER) < 9000",
                  (BASE + 3 * HOUR) * 1000, (BASE + 4 * HOUR) * 1000)
    check(gone == records_in(log, [3]), f"{gone} rows deleted")
    some = delete(server, "kind = 1 AND at >= ? AND at < ? AND CAST(substr(path, 4) AS INTEGER) < 9000",
                  (BASE + 4 * HOUR) * 1000, (BASE + 5 * HOUR) * 1000)
    check(some > 10, f"{some} rows deleted")
    hours, _, total = verify(agent, "--source", "web", log.path, other.path, expect=65)
    check(holes(hours) == {stamp(3): gone, stamp(4): some}, f"{holes(hours)}")
    check(total["missing"] == gone + some, f"{total}")
    check(all(h["path"] == log.path for h in hours if h["missing"]), f"{hours}")
    text = agent.command("verify", "--source", "web", log.path, other.path, expect=65)[1]
    row = [line.split() for line in text.splitlines() if line.strip().startswith(stamp(3)[:10] + " " + stamp(3)[11:16])]
    check(row and row[0][2:] == ["300", str(300 - gone), str(gone), "0", str(gone), "0", "0"], text)
    check(stamp(0)[11:16] not in [r[1] for r in row] and f"MISSING {gone + some}" in text, text)
    mend = next(line for line in text.splitlines() if line.startswith("mend: ")).removeprefix("mend: ")
    check(mend == total["mend"], f"{mend!r} and {total['mend']!r}")
    check(other.path not in mend and f"--since {stamp(3)} --until {stamp(5)}" in mend, mend)
    _, out, err = run_words(world, agent, mend)
    ledger = [line for line in (out + err).splitlines() if "event=ledger destination=" in line][-1]
    check(f" stored={gone + some} " in ledger, ledger)
    check(f" out_of_window={records_in(log, [0, 1, 2, 5])}" in out + err, out + err)
    check_exactly_once(want, server.numbers(), "mended")
    verify(agent, "--source", "web", log.path, other.path)


def test_old_copy_of_the_store(world):
    """The server goes back to last night's copy: what came since is missing, hour by hour."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    agent.backfill("--source", "web", "--until", stamp(2), log.path)
    server.stop()
    shutil.copytree(server.store, world.path("copy"))
    server.start()
    agent.backfill("--source", "web", log.path)
    want = expected(log.written)
    check_exactly_once(want, server.numbers(), "all")
    server.stop()
    shutil.rmtree(server.store)
    shutil.copytree(world.path("copy"), server.store)
    os.chmod(server.store, 0o700)
    server.start()
    hours, _, total = verify(agent, "--source", "web", log.path, expect=65)
    check(holes(hours) == {stamp(h): records_in(log, [h]) for h in range(2, 6)}, f"{holes(hours)}")
    run_words(world, agent, total["mend"])
    check_exactly_once(want, server.numbers(), "mended")
    verify(agent, "--source", "web", log.path)


def test_window(world):
    """--since and --until: what lies outside is skipped, and said to be."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    agent.backfill("--source", "web", "--since", stamp(1), "--until", stamp(3), log.path)
    verify(agent, "--source", "web", log.path, expect=65)
    hours, _, total = verify(agent, "--source", "web", "--since", stamp(1), "--until", stamp(3), log.path)
    check(total["skipped"]["out_of_window"] == records_in(log, [0, 3, 4, 5]), f"{total}")
    check(sum(h["stored"] for h in hours) == records_in(log, [1, 2]), f"{hours}")
    _, _, total = verify(agent, "--source", "web", "--since", stamp(0)[:13] + ":10:00Z", log.path, expect=65)
    check(f"--since {stamp(3)} " in total["mend"], f"{total['mend']}")
    _, _, total = verify(agent, "--source", "web", "--since", stamp(3)[:13] + ":00:05Z", log.path, expect=65)
    check(f"--since {stamp(3)[:13]}:00:05Z " in total["mend"], f"{total['mend']}")


def test_excluded(world):
    """What the server's configuration excludes is neither stored nor missing; it is told by hour."""
    config = world.write("server.yaml", "exclude: {ip: [203.0.113.0/28]}\n")
    server, log = world.server(config=config).start(), history(world)
    agent = world.agent(server)
    ledger = agent.backfill("--source", "web", log.path)
    check(ledger["excluded"] > 0, f"{ledger}")
    hours, _, total = verify(agent, "--source", "web", log.path)
    check(total["excluded"] == ledger["excluded"] and total["stored"] == ledger["stored"], f"{total}, {ledger}")
    for at, hour in enumerate(hours):
        want = sum(1 for n in log.written[at * 300:(at + 1) * 300]
                   if lines.kind(n) == lines.PAGEVIEW and n % 250 + 1 < 16)
        check(hour["excluded"] == want, f"{want} of hour {at} are excluded: {hour}")


def test_site_without_a_grant(world):
    """With sites of its own, a configuration may name one that the token may not write."""
    server, log = world.server(sites=(SITE, "other.example"), grants=[f"{SITE}=ingest"]).start(), history(world)
    foreign = history(world, 2, 100, "foreign.log.1")
    agent = world.agent(server, sources={
        "web": {"files": log.path, "format": "nginx_combined"},
        "foreign": {"files": foreign.path, "format": "nginx_combined", "host": "other.example"}}, extra=f"""sites:
  - {{hosts: [{SITE}], site: {SITE}, to: [main]}}
  - {{hosts: [other.example], site: other.example, to: [main]}}
""")
    agent.backfill("--source", "web", log.path)
    verify(agent, "--source", "web", log.path)
    want = sum(expected(foreign.written).values())
    hours, streams, total = verify(agent, "--source", "foreign", foreign.path, expect=65)
    check(total["rejected"] == want and total["missing"] == 0 and total["mend"] is None, f"{total}")
    check(total["reasons"] == [{"status": 403, "error": "Access denied", "records": want}], f"{total}")
    check(streams[0]["reasons"] == total["reasons"] and [h["rejected"] for h in hours] == [want // 2] * 2, f"{hours}")
    text = agent.command("verify", "--source", "foreign", foreign.path, expect=65)[1]
    check("403 Access denied" in text and "client grant" in text and "nothing is missing" not in text, text)
    server.cli("client", "grant", "t", "other.example=ingest")
    _, _, total = verify(agent, "--source", "foreign", foreign.path, expect=65)
    check(total["missing"] == want and total["rejected"] == 0, f"{total}")
    run_words(world, agent, total["mend"])
    verify(agent, "--source", "foreign", foreign.path)


def test_writes_nothing(world):
    """No state directory, no file anywhere, no row; not even a batch in the server's books."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    agent.backfill("--source", "web", log.path)
    shutil.rmtree(agent.state)

    def picture():
        return {os.path.join(d, f): os.path.getsize(os.path.join(d, f)) for d, dirs, files in os.walk(world.dir)
                for f in files + dirs if server.store not in d}
    before, rows = picture(), [server.rows(f"SELECT count(*) FROM {t}") for t in ("records", "batches")]
    verify(agent, "--source", "web", log.path)
    check(picture() == before, f"{set(picture()) ^ set(before)}")
    check([server.rows(f"SELECT count(*) FROM {t}") for t in ("records", "batches")] == rows, "the store changed")


def test_live_file(world):
    """A line without its newline is none yet: neither missing nor counted."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(200)
    agent = world.agent(server)
    agent.backfill("--source", "web", log.path)
    log.raw(b"203.0.113.9 - - [half a line")
    code, out, err = agent.command("verify", "--source", "web", log.path)
    check("200 lines" in out and "28 bytes behind the last newline" in err, out + err)


def test_damage(world):
    """What cannot be read is said and is no success, though nothing of the rest is missing."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    agent.backfill("--source", "web", log.path)
    size = lines.gzip_copy(log.path, world.path("cut.gz"))
    lines.gzip_copy(log.path, world.path("cut.gz"), size // 2)
    with open(world.path("old.Z"), "wb") as f:
        f.write(b"\x1f\x9d\x90" + bytes(40))
    for path, word in ((world.path("cut.gz"), "ends too early"), (world.path("old.Z"), "| logferry verify"),
                       (world.path("nowhere"), "No such file")):
        code, out, err = agent.command("verify", "--source", "web", path, expect=65)
        check(word in err and "NOT READ" in out and "missing of what could be read" not in err, out + err)
    _, _, total = verify(agent, "--source", "web", log.path, world.path("nowhere"), expect=65)
    check(total["unread"] == 1 and total["missing"] == 0, f"{total}")


def test_without_a_configuration(world):
    """The words of the command line come again in the command that mends."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    env = dict(agent.environment(), LOGFERRY_TOKEN=server.token)
    words = ["--format", "nginx_combined", "--host", SITE, "--output", server.url]
    code, out, err = run([world.agent_bin, "verify", *words, log.path], world.dir, 60, env, None, 65)
    mend = next(line for line in out.splitlines() if line.startswith("mend: ")).removeprefix("mend: logferry ")
    run([world.agent_bin, *shlex.split(mend)], world.dir, 60, env, None, 0)
    check_exactly_once(expected(log.written), server.numbers(), "mended")
    run([world.agent_bin, "verify", *words, log.path], world.dir, 60, env, None, 0)


# ---- with a server that misbehaves --------------------------------------------------------------

def sunk(world, count=900):
    """A sink that holds all of a log."""
    sink, log = world.sink(), history(world, 3, count // 3)
    agent = world.agent(sink)
    agent.backfill("--source", "web", log.path)
    return sink, agent, log


def test_busy_server(world):
    """It is asked again, as late as it says; nothing is counted twice."""
    sink, agent, log = sunk(world)
    sink.verify_moods = [(503, 1), (429, 1), 507, "reset", 500, None]
    _, _, total = verify(agent, "--source", "web", log.path)
    check(total["stored"] == sum(expected(log.written).values()) and not sink.verify_moods, f"{total}")
    sink.verify_moods = [(503, 3600)]
    code, out, err = agent.command("verify", "--source", "web", log.path, expect=69)
    check("unwell" in err and "a part" in err and "nothing is missing" not in out, out + err)


def test_halves(world):
    """413 halves the question; what is refused alone is a rejected record."""
    sink, agent, log = sunk(world)
    want = sum(expected(log.written).values())
    sink.held = {k for k in sink.held if k[1] % 7}
    left = len(sink.held)
    _, whole, total = verify(agent, "--source", "web", log.path, expect=65)
    check(total["stored"] == left and total["missing"] == want - left, f"{total}")
    sink.verify_limit, sink.asked = 50, []
    hours, _, again = verify(agent, "--source", "web", log.path, expect=65)
    check(again["stored"] == left and again["missing"] == want - left, f"{again}")
    check(sorted(sink.asked)[-1] == want and sum(n for n in sink.asked if n <= 50) == want, f"{sink.asked}")
    sink.verify_limit = 1
    verify(agent, "--source", "web", "--until", stamp(1), log.path, expect=65)
    sink.verify_limit = 0
    sink.verify_poison, sink.asked = 601, []
    hours, _, total = verify(agent, "--source", "web", log.path, expect=65)
    check([h["rejected"] for h in hours] == [0, 0, 1] and len(sink.asked) <= 21, f"{hours}, {sink.asked}")
    check(total["reasons"] == [{"status": 400, "error": "line 2: poison", "records": 1}], f"{total}")
    sink.verify_poison = None
    sink.verify_moods = [422] * 2000
    code, _, err = agent.command("verify", "--source", "web", log.path, expect=69)
    check("refuses" in err, err)
    sink.verify_moods = []


def test_excluded_of_several_hours(world):
    """An answer that counts the excluded and does not say which is asked for in parts."""
    sink, agent, log = sunk(world)
    sink.excluded = {f"203.0.113.{i}" for i in range(1, 6)}
    hours, _, total = verify(agent, "--source", "web", log.path)
    want = [sum(1 for n in log.written[h * 300:(h + 1) * 300]
                if lines.kind(n) == lines.PAGEVIEW and n % 250 + 1 < 6) for h in range(3)]
    check([h["excluded"] for h in hours] == want and total["excluded"] == sum(want), f"{hours}")
    check(len(sink.asked) < 60, f"{len(sink.asked)} questions")


def test_hostile_answers(world):
    """What is no answer of this API is none, whatever it looks like."""
    sink, agent, log = sunk(world)
    n = sum(expected(log.written).values())

    def changed(**what):
        return lambda answer: dict(answer, **what)
    for name, mood in {
            "garbage": "garbage", "another id": "wrong_id",
            "too few": changed(present=n - 1), "too many": changed(missing=1, missing_lines=[[2, 2]]),
            "lines without a count": changed(missing_lines=[[2, 3]]),
            "behind the body": changed(present=n - 1, missing=1, missing_lines=[[n + 2, n + 2]]),
            "the header": changed(present=n - 1, missing=1, missing_lines=[[1, 1]]),
            "backwards": changed(present=n - 2, missing=2, missing_lines=[[5, 5], [3, 3]]),
            "overlapping": changed(present=n - 3, missing=3, missing_lines=[[5, 6], [6, 6]]),
            "negative": changed(present=n + 1, missing=-1),
            "a large number": changed(present=n - 1, missing=2 ** 63 - 1, missing_lines=[[2, 2 ** 63 - 1]]),
            "text": changed(present=str(n)),
            "missing and rejected": changed(present=n - 2, missing=1, missing_lines=[[2, 2]],
                                            rejected=[{"line": 2, "status": 403, "error": "x"}]),
            "too deep": changed(extra=[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]])}.items():
        sink.verify_moods = [mood]
        code, out, err = agent.command("verify", "--source", "web", log.path, expect=69)
        check("not an answer of this API" in err and "nothing is missing" not in out, f"{name}: {out}{err}")
    sink.verify_moods = [changed(extra={"a": [1]})]
    verify(agent, "--source", "web", log.path)


def test_what_it_ends_with(world):
    """Exit codes, each with a sentence that says what to do."""
    sink, agent, log = sunk(world)
    for mood, code, word in ((404, 69, "cannot verify"), (405, 69, "HitKeep"), (401, 77, "client create"),
                             (403, 77, "proxy"), (302, 69, "redirects")):
        sink.verify_moods = [mood]
        _, out, err = agent.command("verify", "--source", "web", log.path, expect=code)
        check(word in err and "nothing is missing" not in out, f"{mood}: {out}{err}")
    sink.mood = 401
    check("client create" in agent.command("verify", "--source", "web", log.path, expect=77)[2], "401 on /api/sites")
    sink.mood = None
    sink.sites = []
    check("client grant" in agent.command("verify", "--source", "web", log.path, expect=77)[2], "no site")
    check("name log files" in agent.command("verify", "--source", "web", expect=64)[2], "no path")
    check("no source" in agent.command("verify", "--source", "x", log.path, expect=64)[2], "no such source")
    run([world.agent_bin, "verify", "--config", "/nonexistent", log.path], world.dir, 20, None, None, 78)
    os.chmod(agent.token_file, 0o644)
    check("token" in agent.command("verify", "--source", "web", log.path, expect=77)[2], "a token open to others")
    os.chmod(agent.token_file, 0o600)
    sink.close()
    code, _, err = agent.command("verify", "--source", "web", log.path, expect=69, seconds=30)
    check(agent.destination.url in err, err)


def test_several_destinations(world):
    """One is verified, and the command line has to say which."""
    sink, agent, log = sunk(world)
    other = world.sink()
    with open(agent.config, encoding="utf-8") as f:
        text = f.read()
    with open(agent.config, "w", encoding="utf-8") as f:
        f.write(text.replace("sources:", f"  second: {{url: '{other.url}', token_file: {agent.token_file}}}\nsources:"))
    check("--output NAME" in agent.command("verify", "--source", "web", log.path, expect=64)[2], "two destinations")
    verify(agent, "--source", "web", "--output", "main", log.path)
    _, _, total = verify(agent, "--source", "web", "--output", "second", log.path, expect=65)
    check(total["destination"] == "second" and "--output second" in total["mend"], f"{total}")


# What a process was before it became another program counts, too: a small one starts it.
MEASURE = """import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=100)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"""


def peak(argv, world, agent):
    """Exit code and most resident bytes of a command."""
    env = agent.environment() | {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}
    out = run([sys.executable, "-ISc", MEASURE, *argv], world.dir, 120, env=env)[1]
    return tuple(int(n) for n in out.split())


def test_bounded_memory(world):
    """Four times the lines, over four times the hours, take no more memory."""
    sink = world.sink()
    agent = world.agent(sink)
    sizes = {}
    for count in (40, 160):
        log = history(world, count, 500, f"access.log.{count}")
        code, sizes[count] = peak([world.agent_bin, "verify", "--config", agent.config, "--source", "web", log.path],
                                  world, agent)
        check(code == 65, f"{code} with an empty sink")
    check(sizes[160] < sizes[40] + (12 << 20), f"{sizes}")
    print(f"{sizes[40] >> 20} MiB, and {sizes[160] >> 20} MiB")
