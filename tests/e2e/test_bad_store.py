"""A store's files, spoilt one at a time: no command ever crashes; what does not start says which file
and what to do; and nothing that was acknowledged is lost without a word.
"""
import os
import shutil
import sqlite3

import lines
from harness import wait_stored
from proc import Proc, check, run, wait_for

STARTS = None  # the server starts
LOST = "lost"  # it starts without all that was stored, and must say so


def overwrite(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 0x55]))


def replace(path, data):
    with open(path, "wb") as f:
        f.write(data)


def cut(path, part):
    os.truncate(path, int(os.path.getsize(path) * part))


def to_link(path):
    os.rename(path, path + ".elsewhere")
    os.symlink(path + ".elsewhere", path)


def to_directory(path):
    if os.path.exists(path):
        os.unlink(path)
    os.mkdir(path)


class Spoiler:
    """The files of one store."""

    def __init__(self, world, store):
        self.world = world
        self.db, self.wal = os.path.join(store, "logferry.db"), os.path.join(store, "logferry.db-wal")
        self.shm, self.lock = self.db + "-shm", os.path.join(store, "lock")
        self.control = os.path.join(store, "control.sock")

    def other_log(self):
        shutil.copy(os.path.join(self.world.other, "logferry.db-wal"), self.wal)

    def other_base(self, *also):
        shutil.copy(os.path.join(self.world.other, "logferry.db"), self.db)
        for name in also:
            os.unlink(name)

    def newer(self):
        overwrite(self.db, 60, (99).to_bytes(4, "big"))


# name, how, exit code (STARTS, or LOST), a word of what it says. The data base file:
STOPPED = (
    ("untouched", lambda s: None, STARTS, ""),
    ("no data base", lambda s: os.unlink(s.db), 78, "logferry-server init"),
    ("empty", lambda s: replace(s.db, b""), 78, "logferry-server init"),
    ("NULs", lambda s: overwrite(s.db, 0, b"\0" * os.path.getsize(s.db)), 73, "logferry.db"),
    ("text", lambda s: replace(s.db, b"hello\n" * 5000), 73, "logferry.db"),
    ("header flipped", lambda s: flip(s.db, 3), 73, "logferry.db"),
    ("application id flipped", lambda s: flip(s.db, 68), 73, "no store of logferry-server"),
    ("newer", Spoiler.newer, 65, "schema version 99"),
    ("cut at 10 bytes", lambda s: os.truncate(s.db, 10), 73, "logferry.db"),
    ("cut at 100 bytes", lambda s: os.truncate(s.db, 100), 73, "logferry.db"),
    ("cut behind the first page", lambda s: os.truncate(s.db, 8192), 73, "logferry.db"),
    ("cut at half", lambda s: cut(s.db, .5), 73, "logferry.db"),
    ("cut at nine tenths", lambda s: cut(s.db, .9), 73, "logferry.db"),
    ("link", lambda s: to_link(s.db), 73, "symbolic link"),
    ("directory", lambda s: to_directory(s.db), 73, "no plain file"),
    ("log is a link", lambda s: (replace(s.wal, b""), to_link(s.wal)), 73, "symbolic link"),
    ("log is a directory", lambda s: to_directory(s.wal), 73, "no plain file"),
    ("index is a link", lambda s: (replace(s.shm, b""), to_link(s.shm)), 73, "symbolic link"),
    ("index is garbage", lambda s: replace(s.shm, os.urandom(32768)), STARTS, ""),
    ("log is garbage", lambda s: replace(s.wal, os.urandom(100000)), STARTS, ""),
    ("log of another data base", Spoiler.other_log, 73, "logferry.db-wal"),
    ("lock is a link", lambda s: to_link(s.lock), 73, "lock"),
    ("lock is a directory", lambda s: to_directory(s.lock), 73, "lock"),
    ("lock has content", lambda s: replace(s.lock, b"x" * 5000), STARTS, ""),
    ("socket is a file", lambda s: replace(s.control, b"hello"), STARTS, ""),
    ("socket is a directory", lambda s: to_directory(s.control), STARTS, "no_control_socket"),
)
# After a SIGKILL, with a log that holds what was stored last, and its index:
KILLED = (
    ("untouched", lambda s: None, STARTS, ""),
    ("index gone", lambda s: os.unlink(s.shm), STARTS, ""),
    ("index is garbage", lambda s: replace(s.shm, os.urandom(32768)), STARTS, ""),
    ("log gone", lambda s: os.unlink(s.wal), LOST, "logferry.db-wal"),
    ("log empty", lambda s: replace(s.wal, b""), LOST, "logferry.db-wal"),
    ("log is NULs", lambda s: overwrite(s.wal, 0, b"\0" * os.path.getsize(s.wal)), LOST, "logferry.db-wal"),
    ("log is garbage", lambda s: overwrite(s.wal, 0, os.urandom(os.path.getsize(s.wal))), LOST,
     "logferry.db-wal"),
    ("log's header flipped", lambda s: flip(s.wal, 17), LOST, "logferry.db-wal"),
    ("log cut at 20 bytes", lambda s: os.truncate(s.wal, 20), LOST, "logferry.db-wal"),
    ("log cut behind its header", lambda s: os.truncate(s.wal, 32), LOST, "logferry.db-wal"),
    ("log cut at half", lambda s: cut(s.wal, .5), LOST, "logferry.db-wal"),
    ("log cut by a byte", lambda s: cut(s.wal, 1 - 1e-9), LOST, "logferry.db-wal"),
    ("log flipped in the middle", lambda s: flip(s.wal, os.path.getsize(s.wal) // 2), LOST, "logferry.db-wal"),
    ("log flipped at its end", lambda s: flip(s.wal, os.path.getsize(s.wal) - 100), LOST, "logferry.db-wal"),
    ("flipped, and the index gone", lambda s: (flip(s.wal, os.path.getsize(s.wal) // 2), os.unlink(s.shm)),
     LOST, "store_log_torn"),
    ("log of another data base", Spoiler.other_log, 73, "logferry.db-wal"),
    ("another one, and the index gone", lambda s: s.other_base(s.shm), 73, "logferry.db-wal"),
)


def made(world, name, count, kill):
    """A store with that many lines of its own; the part that a SIGKILL left in its log is small."""
    server = world.server(name=name).start()
    log = lines.Log(world.path(name + ".log"))
    log.write(count)
    agent = world.agent(server, name=name + ".agent", files=log.path).start()
    wait_stored(server, log.written)
    agent.stop()
    if kill:
        # A part in the data base, a part in the log.
        server.stop()
        server.start()
        log.write(count)
        world.agent(server, name=name + ".late", files=log.path).backfill(log.path)
        check(server.count() > count // 2, "nothing was added")
        stored = server.count()
        server.kill()
        check(os.path.getsize(server.database() + "-wal") > 0, "no log was left")
    else:
        stored = server.count()
        server.stop()
    return server, stored


def quiet(world, store, *arguments):
    """A command that may fail, and may not crash; then it says one sentence."""
    code, _, err = run([world.server_bin, "--store", store, *arguments], world.dir, 60, expect=None)
    check(code in (0, 65, 73, 77, 78), f"{arguments} ended with {code}: {err[-2000:]}")
    if code not in (0, 65):
        check(err.startswith("logferry-server: ") and err.count("\n") == 1, f"{arguments}: {err!r}")


def serve(world, store, name):
    proc = Proc([world.server_bin, "--store", store, "serve", "--listen", "127.0.0.1:0"], world.dir, name)
    wait_for(lambda: proc.events("listening") or not proc.alive(), 30, f"{name}: to start or to end")
    return proc


def try_case(world, server, stored, case, number):
    name, spoil, outcome, word = case
    store = world.path(f"{number} {name}")
    shutil.copytree(server.store, store, ignore=shutil.ignore_patterns("control.sock"))
    spoil(Spoiler(world, store))
    # Looked at on a copy: a reader that takes a log in writes its index anew.
    copy = store + ".looked at"
    shutil.copytree(store, copy, symlinks=True)
    # Each takes its turn; together they see every kind of damage.
    looks = ("fsck",), ("report",), ("backup", store + ".backup"), ("site", "list")
    quiet(world, copy, *looks[number % 4])
    proc = serve(world, store, f"serve {number} {name}")
    if outcome not in (STARTS, LOST):
        code = proc.wait(20)
        said = [e for e in proc.events("cannot_open_store") if word in e["why"]]
        check(code == outcome and said, f"{name}: {code}, wanted {outcome}, {word!r}: {proc.text()[-1500:]}")
        return
    check(proc.alive(), f"{name}: it did not start: {proc.text()[-1500:]}")
    check(word in proc.text(), f"{name}: wanted {word!r}: {proc.text()[-1500:]}")
    base = sqlite3.connect(f"file:{os.path.join(store, 'logferry.db')}?mode=ro", uri=True, timeout=10)
    found = base.execute("SELECT count(*) FROM records").fetchone()[0]
    base.close()
    told = proc.events("store_log_damaged") + proc.events("store_log_torn")
    check(bool(told) == (outcome is LOST), f"{name}: {found} of {stored} records, told: {told}")
    check(found == stored or told, f"{name}: {found} of {stored} records, and not a word")
    proc.stop()


def try_all(world, kill, cases):
    world.other = made(world, "other", 2000, True)[0].store
    server, stored = made(world, "server", 300, kill)
    for i, case in enumerate(cases):
        try_case(world, server, stored, case, i)


def test_data_base_of_a_stopped_server(world):
    try_all(world, False, STOPPED[:15])


def test_other_files_of_a_stopped_server(world):
    try_all(world, False, STOPPED[15:])


def test_log_gone_or_cut_after_a_kill(world):
    try_all(world, True, KILLED[:9])


def test_log_damaged_or_foreign_after_a_kill(world):
    try_all(world, True, KILLED[9:])


def test_files_of_another_user(world):
    """Not root, and files that are somebody else's: it says whose, and which."""
    if os.geteuid() != 0:
        print("skipped: not root")
        return
    server, _ = made(world, "server", 50, False)
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    os.chmod(world.dir, 0o755)
    for name in os.listdir(server.store):
        os.chown(os.path.join(server.store, name), 65534, 65534)
    os.chown(server.store, 65534, 65534)
    server.cli("report")
    for name in ("logferry.db", "lock"):
        path = os.path.join(server.store, name)
        os.chown(path, 0, 0)
        code, _, err = run([world.server_bin, "--store", server.store, "site", "list"], world.dir, 60, expect=None)
        check(code == 77 and path in err and err.count("\n") == 1, f"{name}: {code} {err!r}")
        os.chown(path, 65534, 65534)
    server.cli("site", "list")
