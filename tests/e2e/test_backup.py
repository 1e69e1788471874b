"""backup and restore: a copy beside a busy server is one moment of it; what came after the backup is
filled in by a backfill; an end anywhere in a restore leaves a whole store.
"""
import os
import shutil
import sqlite3
import stat
import time

import lines
from harness import check_exactly_once, expected, wait_stored
from proc import check, run

RESTORE_POINTS = ("restore.after_copy", "restore.after_log", "restore.after_keep", "restore.after_aside_log",
                  "restore.after_rename")
BACKUP_POINTS = ("backup.after_copy", "backup.after_fsync", "backup.after_rename")


def write_for(log, seconds, rate):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        log.write(rate // 20)
        time.sleep(0.05)


def records_in(path):
    """{(kind, path)} of every record in that data base, by itself or with its log."""
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return sorted(base.execute("SELECT kind, path FROM records"))
    finally:
        base.close()


def command(world, store, *arguments, expect=0, fault=None):
    argv = [world.server_bin, "--store", store, *arguments]
    return run(argv, world.dir, 60, {"LOGFERRY_FAULT": fault or ""}, expect=expect)[1:]


def refused(world, store, *arguments, code, word):
    _, err = command(world, store, *arguments, expect=code)
    check(word in err and err.count("\n") == 1, f"{arguments}: {err!r}, expected {word!r}")


def test_last_nights_backup(world):
    """A backfill after a restore adds exactly what the backup did not have."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(3000)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    in_backup = server.count()
    backup = world.path("last night.db")
    out = server.cli("backup", backup)
    check(out == f"{backup}: {os.path.getsize(backup)} bytes, checked\n", out)
    log.write(2000)
    wait_stored(server, log.written)
    whole = server.count()
    agent.stop()
    server.stop()
    out = server.cli("restore", backup, "--yes")
    check("logferry.db.replaced" in out and "backfill" in out, out)
    kept = os.path.join(server.store, "logferry.db.replaced")
    check(len(records_in(kept)) == whole, f"{len(records_in(kept))} records kept of {whole}")
    os.unlink(kept)
    server.start()
    check(server.count() == in_backup, f"{server.count()} after the restore, {in_backup} in the backup")
    ledger = world.agent(server, name="again").backfill(log.path)
    check(ledger["duplicate"] == in_backup and ledger["stored"] == whole - in_backup, f"{ledger}")
    check_exactly_once(expected(log.written), server.numbers(), "after the backfill")
    server.cli("fsck")


def test_backups_under_load(world):
    """Five of them while lines come in as fast as they can: each is whole, and of its own time."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(2000)
    agent = world.agent(server).start()
    taken = []
    for i in range(5):
        write_for(log, 0.5, 2000)
        before = server.count()
        server.cli("backup", world.path(f"{i}.db"))
        taken.append((before, server.count()))
    wait_stored(server, log.written)
    agent.stop()
    for i, (before, after) in enumerate(taken):
        store = world.path(f"restored {i}")
        command(world, store, "restore", world.path(f"{i}.db"))
        out, _ = command(world, store, "fsck")
        check("nothing found" in out, out)
        n = len(records_in(os.path.join(store, "logferry.db")))
        check(before <= n <= after, f"backup {i} has {n} records, there were {before} to {after}")


def test_backup_crash_points(world):
    """Ended anywhere, there is a whole backup of that name or none."""
    server = world.server().start()
    for point in BACKUP_POINTS:
        path = world.path(point)
        command(world, server.store, "backup", path, expect=137, fault=f"crash:{point}:1")
        check(os.path.exists(path) == (point == "backup.after_rename"), f"{point}: {os.listdir(world.dir)}")
        server.cli("backup", path, "--force")
        command(world, world.path(point + ".store"), "restore", path)


def two_ages(world):
    """A server that was killed, so that its log holds what came last, and an older backup of it."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(400)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    backup = world.path("older.db")
    server.cli("backup", backup)
    log.write(300)
    wait_stored(server, log.written)
    agent.stop()
    server.kill()
    check(os.path.getsize(server.database() + "-wal") > 0, "no log was left")
    world.made = server.store
    return server, backup


def again(world, server, name):
    """The same store once more, for the next try."""
    server.store = world.path(name)
    shutil.copytree(world.made, server.store, ignore=shutil.ignore_patterns("control.sock"))
    return server


def check_restored(server, backup, old, what):
    new = records_in(backup)
    check(records_in(os.path.join(server.store, "logferry.db")) == new, f"{what}: not what the backup has")
    if old is not None:
        kept = os.path.join(server.store, "logferry.db.replaced")
        check(records_in(kept) == old, f"{what}: the replaced one is not whole")
    server.start()
    check(server.count() == len(new), f"{what}: {server.count()} records, {len(new)} in the backup")
    server.stop()
    server.cli("fsck")


def test_restore_crash_points(world):
    """Ended anywhere, the store is the old one or the backup, whole; given again, it is restored."""
    server, backup = two_ages(world)
    again(world, server, "looked at")
    old, new = records_in(server.database()), records_in(backup)
    check(len(old) > len(new), "the backup is not older")
    for point in RESTORE_POINTS:
        again(world, server, point)
        command(world, server.store, "restore", backup, "--yes", expect=137, fault=f"crash:{point}:1")
        # Beside it, on a copy: what would a server find?
        copy = world.path(point + ".seen")
        shutil.copytree(server.store, copy)
        command(world, copy, "fsck")
        command(world, copy, "site", "list")
        seen = records_in(os.path.join(copy, "logferry.db"))
        renamed = point == "restore.after_rename"
        check(seen == (new if renamed else old), f"{point}: {len(seen)} records of {len(old)} or {len(new)}")
        server.cli("restore", backup, "--yes")
        # After the rename it was the backup itself that was replaced.
        check_restored(server, backup, new if renamed else old, point)


def test_restore_over_a_damaged_store(world):
    """It is moved aside with its log. Ended in between there is no store, and a server says why."""
    server, backup = two_ages(world)
    for end in ("", "-wal"):
        with open(server.database() + end, "r+b") as f:
            f.write(b"\0" * 65536)
    for point in ("",) + RESTORE_POINTS:
        again(world, server, "damaged" + point)
        aside = os.path.join(server.store, "logferry.db.replaced")
        if point:
            command(world, server.store, "restore", backup, "--yes", expect=137, fault=f"crash:{point}:1")
        if point in ("restore.after_keep", "restore.after_aside_log"):
            refused(world, server.store, "report", code=78, word="logferry-server restore FILE")
            refused(world, server.store, "init", code=78, word="logferry-server restore FILE")
        out = server.cli("restore", backup, "--yes")
        if not point:
            check("its log is beside it" in out, out)
        check(os.path.getsize(aside) > 0, "the damaged one is gone")
        if point != "restore.after_rename":
            check(os.path.getsize(aside + "-wal") > 0, f"{point}: the log of the damaged one is gone")
        check_restored(server, backup, None, point or "without a crash")


def test_backup_refuses(world):
    server = world.server().start()
    store, there = server.store, world.write("there.db", "precious")
    os.mkfifo(world.path("pipe"))
    os.symlink(there, world.path("link"))
    for arguments, code, word in (
            (("backup",), 64, "backup FILE"), (("backup", "a", "b"), 64, "backup FILE"),
            (("backup", "-"), 64, "no stream"), (("backup", there), 73, "--force"),
            (("backup", "--force", world.path("pipe")), 73, "no plain file"),
            (("backup", "--force", world.path("link")), 73, "no plain file"),
            (("backup", "--force", world.dir), 73, "no plain file"),
            (("backup", "--force", server.database()), 73, "the store itself"),
            (("backup", os.path.join(store, "logferry.db-journal")), 73, "the store itself"),
            (("backup", world.path("no/such/b.db")), 73, "No such file"),
            (("backup", "--yes", "x"), 64, "unknown option")):
        refused(world, store, *arguments, code=code, word=word)
    with open(there, encoding="ascii") as f:
        check(f.read() == "precious", "a file was overwritten")
    refused(world, world.path("no-store"), "backup", world.path("b.db"), code=78, word="no store in")
    left = [n for n in os.listdir(world.dir) if n.startswith(".logferry-backup")]
    check(not left, f"left behind: {left}")
    server.cli("backup", there, "--force")
    mode = os.stat(there)
    check(stat.S_IMODE(mode.st_mode) == 0o600, f"mode {oct(mode.st_mode)}")


def test_backup_for_the_owner(world):
    """Root's backup lies where only root may write, and belongs to the store's owner."""
    if os.geteuid() != 0:
        print("skipped: not root")
        return
    server = world.server()
    os.chmod(world.dir, 0o711)
    for name in [server.store] + [os.path.join(server.store, n) for n in os.listdir(server.store)]:
        os.chown(name, 65534, 65534)
    vault = world.mkdir("vault")
    os.chmod(vault, 0o700)
    backup = os.path.join(vault, "b.db")
    # A process that has changed its user cannot be looked at by the leak checker.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    server.cli("backup", backup)
    found = os.stat(backup)
    check((found.st_uid, found.st_gid) == (65534, 65534), f"it belongs to {found.st_uid}:{found.st_gid}")
    server.cli("restore", backup, "--yes")
    owners = {n: os.stat(os.path.join(server.store, n)).st_uid for n in os.listdir(server.store)}
    check(set(owners.values()) == {65534}, f"{owners}")


def spoilt(world, good):
    """(name, file, a word of the refusal) of what is no backup."""
    def made(name, data):
        with open(world.path(name), "wb") as f:
            f.write(data)
        return world.path(name)

    with open(good, "rb") as f:
        data = f.read()
    other = sqlite3.connect(world.path("other.db"))
    other.execute("CREATE TABLE t(x)")
    other.close()
    newer = made("newer.db", data)
    base = sqlite3.connect(newer)
    base.execute("PRAGMA journal_mode = DELETE")
    base.execute("PRAGMA user_version = 99")
    base.close()
    made("logged.db", data)
    made("logged.db-wal", b"x")
    flipped = bytearray(data)
    for page in range(8192, len(data), 8192):
        flipped[page] ^= 0xff
    return (("missing", world.path("nowhere"), 78, "cannot read the backup"),
            ("empty", made("empty.db", b""), 65, "no store"),
            ("text", made("text.db", b"hello\n" * 1000), 65, "not a database"),
            ("zeros", made("zeros.db", b"\0" * 8192), 65, "not a database"),
            ("cut", made("cut.db", data[:len(data) // 2]), 65, "cut short"),
            ("cut in the header", made("head.db", data[:50]), 65, "cut short"),
            ("flipped", made("flipped.db", bytes(flipped)), 65, "flipped.db"),
            ("another program's", world.path("other.db"), 65, "no store of logferry-server"),
            ("newer", newer, 65, "schema version 99"),
            ("with a log", world.path("logged.db"), 65, "backup FILE"),
            ("a directory", world.mkdir("dir"), 65, "no plain file"),
            ("a device", "/dev/zero", 65, "no plain file"))


def test_restore_refuses(world):
    """Whatever is given: the store is as it was, and nothing of the copy stays."""
    server = world.server().start()
    good = world.path("good.db")
    server.cli("backup", good)
    refused(world, server.store, "restore", good, "--yes", code=73, word=f"process {server.proc.child.pid}")
    server.stop()
    refused(world, server.store, "restore", good, code=64, word="--yes")
    refused(world, server.store, "restore", code=64, word="restore FILE")
    with open(server.database(), "rb") as f:
        before = f.read()
    for name, file, code, word in spoilt(world, good):
        _, err = command(world, server.store, "restore", file, "--yes", expect=code)
        check(word in err and err.count("\n") == 1, f"{name}: {err!r}")
        left = sorted(n for n in os.listdir(server.store) if n not in ("logferry.db-shm", "logferry.db-wal"))
        check(left == ["lock", "logferry.db"], f"{name}: {left}")
        with open(server.database(), "rb") as f:
            check(f.read() == before, f"{name}: the store was changed")
    reader = sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM sites").fetchall()
    began = time.monotonic()
    refused(world, server.store, "restore", good, "--yes", code=73, word="reads the store")
    check(time.monotonic() - began < 30, "it waited for the reader")
    reader.close()
    server.cli("restore", good, "--yes")
