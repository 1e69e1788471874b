"""Every compression that logrotate may be told to use, made by the real programs: a log is finished in
whatever form it is found, at the right position; what is broken is said, and bombs cost no memory."""
import fcntl
import gzip
import os
import subprocess
import time

import lines
from harness import check_exactly_once, expected, wait_stored, wait_sunk
from proc import check, run, wait_for

CODECS = (("gz", ["gzip", "-c"]), ("zst", ["zstd", "-qc"]), ("bz2", ["bzip2", "-c"]), ("xz", ["xz", "-c"]))
MORE = (("long.zst", ["zstd", "-qc", "--long=27"]), ("ultra.zst", ["zstd", "-qc", "--ultra", "-20"]),
        ("threads.xz", ["xz", "-c", "-T2", "--block-size=65536"]), ("best.xz", ["xz", "-c", "-9e"]),
        ("small.bz2", ["bzip2", "-c", "-1"]), ("none.xz", ["xz", "-c", "--check=none"]))


def compress(command, source, target, cut=None):
    """As logrotate does: from standard input to standard output. Returns the whole length."""
    with open(source, "rb") as f:
        data = subprocess.run(command, stdin=f, capture_output=True, check=True, timeout=60).stdout
    with open(target, "wb") as f:
        f.write(data[:cut])
    return len(data)


def rotate(log, number, command, extension):
    """access.log.1 becomes access.log.2.<extension>, and the live log access.log.1 (delaycompress)."""
    older = log.path + ".1"
    if os.path.exists(older):
        target = f"{log.path}.{number}.{extension}"
        compress(command, older, target)
        os.unlink(older)
    os.rename(log.path, older)


def finished_compressed(world, extension, command):
    """Tailed to its middle; the agent stops; the log is written on, rotated twice and compressed."""
    sink = world.sink()
    log = lines.Log(os.path.join(world.mkdir(extension), "access.log"), tag=extension)
    log.write(700)
    agent = world.agent(sink, "agent-" + extension, files=log.path).start()
    wait_sunk(sink, log.written)
    agent.stop()
    log.write(900)
    rotate(log, 2, command, extension)
    log.write(300)
    rotate(log, 2, command, extension)
    log.write(50)
    agent.start()
    again = wait_sunk(sink, log.written, 60, f"every line of a rotated .{extension}")
    check(again == 0, f".{extension}: {again} records came twice")
    agent.stop()
    agent.start()
    log.write(10)
    again = wait_sunk(sink, log.written, 60, f"a line after another start beside a .{extension}")
    check(again == 0, f".{extension}: {again} records came twice after another start")
    agent.stop()


def test_finished_as_gz(world):
    finished_compressed(world, *CODECS[0])


def test_finished_as_zst(world):
    finished_compressed(world, *CODECS[1])


def test_finished_as_bz2(world):
    finished_compressed(world, *CODECS[2])


def test_finished_as_xz(world):
    finished_compressed(world, *CODECS[3])


def test_known_but_never_read(world):
    """The positions know the log, but none of its lines is safe yet, when it is rotated and compressed into
    a form that does not tell its length."""
    sink = world.sink()
    for extension, command in CODECS:
        log = lines.Log(os.path.join(world.mkdir("n" + extension), "access.log"), tag=extension,
                        first=1000 * len(sink.records))
        log.write(400)
        agent = world.agent(sink, "known-" + extension, files=log.path, source_keys="    start: all\n")
        agent.start(fault="crash:uplink.before_send:1")
        wait_for(lambda: not agent.proc.alive(), 20, "the crash")
        texts = [open(f, encoding="utf-8").read() for f in agent.state_files() if "positions" in f]
        check(any("entry" in t for t in texts), f"no entry for the log in {texts}")
        os.rename(log.path, log.path + ".1")
        compress(command, log.path + ".1", log.path + ".1." + extension)
        os.unlink(log.path + ".1")
        agent.start()
        before = {n for n in sink.numbers()} - set(expected(log.written))
        wait_for(lambda: set(expected(log.written)) <= set(sink.numbers()), 30, f"the lines of a .{extension}")
        check(set(sink.numbers()) == before | set(expected(log.written)), "lines of no file")
        agent.stop()


def test_start_at_end_of_files_that_come_whole(world):
    """`start: end` where files come whole: those that are there are history, also after a kill; what comes
    is read."""
    sink, directory = world.sink(), world.mkdir("cdn")
    base = lines.default_base()

    def come(first):
        with gzip.open(os.path.join(directory, f"E123.2026-11-03-{first // 100:02}.a{first}.gz"), "wt") as f:
            f.write(lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in range(first, first + 100)))
        return list(range(first, first + 100))

    for first in (0, 100, 200):
        come(first)
    agent = world.agent(sink, files=directory + "/*.gz", source_format="cloudfront", source_keys="    start: end\n")
    agent.start()
    agent.wait_first_look()
    asked = come(300)
    wait_sunk(sink, asked)
    agent.kill()
    asked += come(400)
    agent.start()
    asked += come(500)
    wait_sunk(sink, asked)
    agent.stop()
    check(not set(sink.numbers()) - set(expected(asked)), "files were read that had been there before")


def unanswered(agent, sink):
    """The agent starts and finds the files, and reads none: it does not know the sites yet."""
    for path in agent.state_files():
        if os.path.basename(path).startswith("sites."):
            os.unlink(path)
    sink.mood = 503
    agent.start()
    agent.proc.wait_event("destination_unwell", 20)
    time.sleep(1)  # for the look at its files


def test_gone_but_for_its_compressed_form(world):
    """Beside the .gz that is made of it a file waits to be read, and is deleted: the .gz has the rest."""
    sink, log = world.sink(), lines.Log(world.path("access.log"))
    log.write(300)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    agent.stop()
    log.write(200)
    os.rename(log.path, log.path + ".1")
    lines.gzip_copy(log.path + ".1", log.path + ".1.gz")
    unanswered(agent, sink)
    os.unlink(log.path + ".1")
    sink.mood = None
    again = wait_sunk(sink, log.written, 20, "the rest, from the .gz")
    check(again == 0, f"{again} records came twice")
    agent.stop()
    check("event=lines_lost" not in agent.proc.text(), "nothing was lost")


def test_inode_of_another_source(world):
    """The same, and a file of another source gets its inode: each source reads what is its own."""
    sink, log = world.sink(), lines.Log(os.path.join(world.mkdir("b"), "access.log"))
    log.write(300)
    sources = {name: {"files": world.path(name, "*.log"), "format": "nginx_combined"} for name in "ab"}
    agent = world.agent(sink, sources=sources).start()
    wait_sunk(sink, log.written)
    agent.stop()
    log.write(200)
    os.rename(log.path, log.path + ".1")
    lines.gzip_copy(log.path + ".1", log.path + ".1.gz")
    other = lines.Log(os.path.join(world.mkdir("a"), "other.log"), first=5000)
    text = other.text(300)
    unanswered(agent, sink)
    os.rename(log.path + ".1", other.path)  # the inode, whatever file system it is
    with open(other.path, "w", encoding="utf-8") as f:
        f.write(text)
    time.sleep(0.5)
    sink.mood = None
    again = wait_sunk(sink, log.written + other.written, 20, "the lines of both sources")
    check(again == 0, f"{again} records came twice")
    agent.stop()
    check(not agent.proc.events("file_refused") and not agent.proc.events("lines_lost"), agent.proc.text()[-800:])


def test_compressed_before_it_was_read(world):
    """Nothing of a file was read when it is rotated and compressed: its .gz is another file, which has
    all of it. Nothing was lost, and it is not said."""
    sink, log = world.sink(), lines.Log(world.path("access.log"))
    log.write(300)
    agent = world.agent(sink)
    unanswered(agent, sink)
    os.rename(log.path, log.path + ".1")
    lines.gzip_copy(log.path + ".1", log.path + ".1.gz")
    os.unlink(log.path + ".1")
    time.sleep(0.5)
    sink.mood = None
    wait_sunk(sink, log.written, 20, "all of it, from the .gz")
    wait_for(lambda: agent.proc.events("file_vanished") or agent.proc.events("lines_lost"), 20,
             "the first form to be told as gone")
    ledger = agent.ledger()
    check(ledger["lost"] == 0 and not agent.proc.events("lines_lost"), f"nothing was lost: {ledger}")
    agent.stop()


def test_killed_after_the_end_of_a_file(world):
    """It was read to its end, and no answer came for its lines: the next start does not take it for done,
    whatever its form tells of its length."""
    sink, log = world.sink(), lines.Log(world.path("access.log"))
    log.write(10)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    agent.stop()
    for number, (extension, command) in enumerate(CODECS):
        older = lines.Log(world.path(f"older.{number}"), first=100 * (number + 1))
        older.write(100)
        log.written += older.written
        compress(command, older.path, f"{log.path}.{number + 1}.{extension}")
    sink.mood = "silent"
    agent.start()
    positions = [os.path.join(agent.state, f"positions.{x}") for x in "ab"]

    def finished():
        texts = [open(p, encoding="utf-8").read() for p in positions if os.path.exists(p)]
        return any(text.count(" 1  \"") + text.count(" 1 0-") >= len(CODECS) for text in texts)
    wait_for(finished, 20, "positions that tell of every file's end")
    agent.kill()
    sink.mood = None
    sink.released.set()
    agent.start()
    wait_sunk(sink, log.written, 20, "every line")
    agent.stop()


def test_backfill_of_each(world):
    """What one form has stored, no other form adds to; report and explain read them as well."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(1000)
    want = expected(log.written)
    first = True
    for extension, command in CODECS + MORE:
        target = world.path("copy." + extension)
        compress(command, log.path, target)
        ledger = world.agent(server, "a-" + extension).backfill("--source", "web", target)
        check_exactly_once(want, server.numbers(), extension)
        check(ledger["duplicate"] == (0 if first else len(want)), f"{extension}: {ledger}")
        first = False
        if len(extension) > 3:
            continue
        _, out, _ = run([world.agent_bin, "report", "--format", "nginx_combined", target], world.dir, 60)
        check("1,000" in out or "1000" in out, f"{extension}: no 1000 in the report:\n{out[:800]}")
        _, out, err = run([world.agent_bin, "explain", "--format", "nginx_combined", target], world.dir, 60)
        check("/n/0" in out + err, f"{extension}: explain says\n{(out + err)[:800]}")


def test_members_and_trailers(world):
    """Several members in a file, zeros and text behind: each line once, and a clean end."""
    server = world.server().start()
    agent = world.agent(server)
    written = []
    for i, (extension, command) in enumerate(CODECS):
        log = lines.Log(world.path("m" + extension), first=i * 1000)
        log.write(100)
        compress(command, log.path, world.path("one"))
        log.write(100)
        with open(log.path, "rb") as f:
            text = f.read()
        half = text.index(lines.combined(i * 1000 + 100, log.base, None, log.tag).encode())
        with open(world.path("rest"), "wb") as f:
            f.write(text[half:])
        compress(command, world.path("rest"), world.path("two"))
        with open(log.path + "." + extension, "wb") as out:
            for part in ("one", "two"):
                with open(world.path(part), "rb") as f:
                    out.write(f.read())
            out.write(b"\0" * 512 if i % 2 else b"what tar or a tape left")
        agent.backfill("--source", "web", log.path + "." + extension)
        written += log.written
    wait_stored(server, written)


def test_hole_between_members(world):
    """Zeros where a crash left a hole: what is behind them is not read, and that is told."""
    for extension, command in CODECS:
        log = lines.Log(world.path("h" + extension))
        log.write(100)
        target = world.path("hole." + extension)
        compress(command, log.path, target)
        with open(target, "rb") as f:
            member = f.read()
        with open(target, "wb") as f:
            f.write(member + b"\0" * 4097 + member)
        for report in (["report"], ["report", "--format", "nginx_combined"]):
            _, out, err = run([world.agent_bin, *report, target], world.dir, 60, expect=65)
            check("damaged data" in err and target in err and f"at byte {len(member) + (4097 if extension == 'xz' else 0)} " in err, f"{extension}: {err}")
            check("100 lines" in out and "not to the end" in out, f"{extension}: {out}")


def test_truncated_and_damaged(world):
    """A cut file: its whole lines, exit code 65, and the rest when it is there. A damaged one is named."""
    server = world.server().start()
    agent = world.agent(server)
    for i, (extension, command) in enumerate(CODECS):
        log = lines.Log(world.path("source"), first=i * 20000, tag=extension)
        log.raw(b"")
        os.truncate(log.path, 0)
        log.write(6000)
        target = world.path("cut." + extension)
        whole = compress(command, log.path, target)
        stored = server.count()
        compress(command, log.path, target, whole - 5)
        text = agent.backfill("--source", "web", target, expect=65)
        check("compressed_truncated" in text and {"zst": "zstd", "bz2": "bzip2", "gz": "gzip"}.get(
            extension, extension) in text, f"{extension}: {text[-800:]}")
        check(server.count() > stored, f"{extension}: nothing of a cut file was stored")
        compress(command, log.path, target)
        agent.backfill("--source", "web", target)
        check_exactly_once(expected(log.written), server.numbers() - expected(range(i * 20000)), extension)
        with open(target, "r+b") as f:
            f.seek(whole // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 0x55]))
        code, out, err = run([world.agent_bin, "report", "--format", "nginx_combined", target], world.dir, 60,
                             expect=None)
        check(code == 65 and "damaged" in err and "at byte" in err, f"{extension}: {code} {err}")


def grows(world, extension, command):
    """One that is being copied beside a followed log: taken up again as it grows, nothing twice."""
    sink = world.sink()
    log = lines.Log(world.path("source.log"))
    log.write(12000)
    live = lines.Log(os.path.join(world.mkdir("logs"), "access.log"), first=20000)
    live.write(10)
    target = world.path("logs", "access.log.1." + extension)
    whole = compress(command, log.path, target)
    with open(target, "rb") as f:
        data = f.read()
    os.unlink(target)
    agent = world.agent(sink, files=live.path, source_keys="    start: all\n")
    for cut in (3, whole // 10, whole // 2, whole - 3, whole):
        with open(target, "ab") as f:
            f.write(data[f.tell():cut])
        if cut == 3:
            agent.start()
        if cut == whole - 3:
            wait_for(lambda: len(sink.records) > 4000, 30, f"lines of the first {cut} bytes of a .{extension}")
        live.write(10)
        wait_for(lambda: set(expected(live.written)) <= set(sink.numbers()), 30, "lines of the live log")
    again = wait_sunk(sink, log.written + live.written, 60)
    check(again == 0, f".{extension}: {again} records came twice")
    agent.stop()


def test_growing_gz(world):
    grows(world, *CODECS[0])


def test_growing_zst(world):
    grows(world, *CODECS[1])


def test_growing_bz2(world):
    grows(world, *CODECS[2])


def test_growing_xz(world):
    grows(world, *CODECS[3])


def test_foreign_is_named(world):
    """What is not read is named by its bytes, with a command that mends it."""
    server = world.server().start()
    for name, magic, word in (("a.lz4", b"\x04\x22\x4d\x18d@", "lz4 -dc"), ("a.Z", b"\x1f\x9d\x90", "zcat"),
                              ("a.zip", b"PK\x03\x04\x14\0", "unzip -p"),
                              ("wide.zst", b"\x28\xb5\x2f\xfd\0\x90\x19\0\0abc", "--long=31")):
        with open(world.path(name), "wb") as f:
            f.write(magic + b"\0" * 50)
        text = world.agent(server, name).backfill("--source", "web", world.path(name), expect=65)
        check(f"{word} {world.path(name)} | logferry backfill --source web -" in text, f"{name}: {text}")
        code, _, err = run([world.agent_bin, "report", "--format", "nginx_combined", world.path(name)], world.dir,
                           60, expect=None)
        check(code == 65 and word in err, f"{name}: {code} {err}")


# A build with sanitizers has ASan's shadow and its quarantine (256 MiB by default) on top, which say
# nothing about the program; it was seen at 40 MiB, and what is shown there is that a gibibyte does not stay.
LIMIT = 64 << 20
SANITIZED = 128 << 20
BOMBS = {"gz": 1 << 30, "zst": 1 << 30, "bz2": 128 << 20, "xz": 256 << 20}  # a second's work or two


def peak(proc):
    """The most that was resident so far; 0 when it is gone."""
    try:
        with open(f"/proc/{proc.pid}/status", encoding="ascii") as f:
            fields = dict(line.split(":", 1) for line in f)
    except OSError:
        return 0
    return int(fields.get("VmHWM", "0").split()[0]) << 10


def sanitized(world):
    with open(world.agent_bin, "rb") as f:
        return b"__asan_init" in f.read()


def bomb(world, extension, command):
    target = world.path("bomb." + extension)
    some = b"x" * (1 << 20)
    with open(target, "wb") as f, subprocess.Popen([*command, "-1"], stdin=subprocess.PIPE, stdout=f) as packer:
        fcntl.fcntl(packer.stdin, fcntl.F_SETPIPE_SZ, len(some))
        for _ in range(BOMBS[extension] // len(some)):
            packer.stdin.write(some)
    check(packer.returncode == 0, f"{command} ended with {packer.returncode}")
    return target


def test_bombs(world):
    """Up to a gibibyte of one line without its newline from each program: one line too long, counted once,
    and flat memory; the lines of the next file are not affected."""
    server = world.server().start()
    limit = SANITIZED if sanitized(world) else LIMIT
    for i, (extension, command) in enumerate(CODECS):
        target = bomb(world, extension, command)
        log = lines.Log(world.path(f"after.{extension}.log"), first=1000 * i)
        log.write(100)
        agent = world.agent(server, "bomb-" + extension)
        proc = agent.start_backfill("--source", "web", target, log.path)
        seen = 0
        while proc.alive():
            seen = max(seen, peak(proc))
            time.sleep(0.05)
        check(proc.wait(1) == 0, f"{extension}: {proc.text()[-800:]}")
        check("too_long=1" in proc.text(), f"{extension}: not counted once:\n{proc.text()[-800:]}")
        check(0 < seen < limit, f"{extension}: resident {seen >> 20} MiB")
        print(f"{extension}: {os.path.getsize(target)} bytes, resident {seen >> 20} MiB")
        os.unlink(target)
    wait_stored(server, [n for i in range(len(CODECS)) for n in range(1000 * i, 1000 * i + 100)])


def test_archives_and_nesting(world):
    """A compressed tar is named, with the command that unpacks it, which gives every line; in a pipe its header
    is in the first line, and the others are read. A compressed file inside another is lines of no format, and no
    crash."""
    server = world.server().start()
    agent = world.agent(server)
    log = lines.Log(world.path("access.log"))
    log.write(200)
    run(["tar", "-C", world.dir, "-czf", world.path("a.tar.gz"), "access.log"], world.dir)
    text = agent.backfill("--source", "web", world.path("a.tar.gz"), expect=65)
    check(f"tar -xOf {world.path('a.tar.gz')} | logferry backfill --source web -" in text, f"tar.gz: {text}")
    _, unpacked, _ = run(["tar", "-xOf", world.path("a.tar.gz")], world.dir)
    agent.command("backfill", "--source", "web", "-", stdin=unpacked.encode())
    check_exactly_once(expected(log.written), server.numbers(), "tar.gz")
    piped = lines.Log(world.path("piped.log"), first=1000)
    piped.write(200)
    run(["tar", "-C", world.dir, "-czf", world.path("b.tar.gz"), "piped.log"], world.dir)
    with open(world.path("b.tar.gz"), "rb") as f:
        agent.command("backfill", "--source", "web", "-", stdin=f.read())
    check_exactly_once(expected(log.written + piped.written[1:]), server.numbers(), "tar.gz in a pipe")
    for extension, command in CODECS:
        compress(command, log.path, world.path("in"))
        compress(command, world.path("in"), world.path("nested." + extension))
        ledger = agent.backfill("--source", "web", world.path("nested." + extension))
        check(ledger["lines"] == ledger["skipped"] and ledger["lines"] > 0, f"nested {extension}: {ledger}")


def test_files_that_give_no_lines(world):
    """What cannot be decompressed, or is broken before its first line ends, is told once a file, with how to
    mend it, whether it is a log or a rotated one; and read when it is whole."""
    server = world.server().start()
    directory = world.mkdir("logs")
    log = lines.Log(os.path.join(directory, "access.log"))
    log.write(20)
    agent = world.agent(server, files=directory + "/*.log").start()
    other = world.agent(server, "packed", files=directory + "/packed.*").start()
    wait_stored(server, log.written)
    lz4 = b"\x04\x22\x4d\x18" + bytes(200)
    names = {n: os.path.join(directory, n)
             for n in ("access.log.1.lz4", "packed.it's.lz4", "packed.b.gz", "packed.c.gz")}
    for name in list(names)[:2]:
        with open(names[name], "wb") as f:
            f.write(lz4)
    whole = lines.Log(world.path("whole"), first=1000)
    whole.write(10)
    with open(whole.path, "rb") as f:
        packed = gzip.compress(f.read())
    for name in list(names)[2:]:
        with open(names[name], "wb") as f:
            f.write(packed[:10] + b"\xff" * 100)
    wait_for(lambda: len(other.proc.events("compressed_damaged")) >= 2, 20, "a word about each damaged file")
    wait_for(lambda: other.proc.events("compression_unknown"), 20, "a word about the log that is lz4")
    wait_for(lambda: agent.proc.events("compression_unknown"), 20, "a word about the rotated one that is lz4")
    with open(names["packed.b.gz"], "ab") as f:  # it changes, and is as bad as before
        f.write(b"\xff" * 100)
    with open(names["packed.c.gz"] + ".new", "wb") as f:
        f.write(packed)
    os.rename(names["packed.c.gz"] + ".new", names["packed.c.gz"])
    wait_stored(server, log.written + whole.written)
    time.sleep(1.5)
    damaged, foreign = other.proc.events("compressed_damaged"), other.proc.events("compression_unknown")
    check(sorted(e["path"] for e in damaged) == [names["packed.b.gz"], names["packed.c.gz"]], f"{damaged}")
    check(len(foreign) == 1 and foreign[0]["mend"] ==
          f"lz4 -dc '{directory}/packed.it'\\''s.lz4' | logferry backfill --source web -", f"{foreign}")
    rotated = agent.proc.events("compression_unknown")
    check(len(rotated) == 1 and rotated[0]["path"] == names["access.log.1.lz4"] and rotated[0]["level"] == "info",
          f"{rotated}")
    agent.stop()
    other.stop()
