#!/usr/bin/env python3
"""Runs the end-to-end tests: run.py [--bin DIR] [--jobs N] [--list] [NAME…]

The tests of tests/e2e and the scenarios of tests/chaos; NAME selects by substring of file::function
(chaos::function). Each test runs in a process and directory of its own,
under a time limit; the directory of a test that failed is kept and named. A test that says it cannot be
had here (proc.Skip) is skipped, and named at the end with its reason. The last line is
"N passed, N failed, N skipped"; the exit code is 1 when any failed.
"""
import argparse
import importlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
CHAOS = os.path.normpath(os.path.join(HERE, "../chaos"))
sys.path[:0] = [HERE, CHAOS]
import harness  # noqa: E402 (after the path)
import proc  # noqa: E402
SKIPPED = 77  # what a child ends with
SHOWN = 60   # lines of what a failed test printed
MOST = 5     # times --jobs: so many tests run at once while processors are idle
LIMIT = 120  # seconds a test may take, times E2E_SCALE and PATIENCE; a function's `limit` attribute overrides it


def find_tests():
    """[(name, function)] in the order of the files."""
    tests = []
    for file in sorted(os.listdir(HERE)):
        if file.startswith("test_") and file.endswith(".py"):
            for attribute, value in vars(importlib.import_module(file[:-3])).items():
                if attribute.startswith("test_") and callable(value):
                    tests.append((f"{file[5:-3]}::{attribute[5:]}", value))
    return tests + find_scenarios()


def find_scenarios():
    """The same for the functions r01_… of tests/chaos/chaos_*.py."""
    found = []
    for file in sorted(os.listdir(CHAOS)):
        if file.startswith("chaos_") and file.endswith(".py"):
            for attribute, value in vars(importlib.import_module(file[:-3])).items():
                if re.match(r"r\d\d_", attribute) and hasattr(value, "wanted"):
                    found.append((f"chaos::{attribute}", value))
    return sorted(found)


def run_test(function, directory, bin_dir, seed):
    """One test, in a process of its own; 0 when every promise was kept."""
    world = harness.World(directory, bin_dir, seed)
    code = 1
    try:
        said = function(world)
        code = 0
        if said:  # the figure of a scenario, or why there is none
            print(said)
            code = SKIPPED if str(said).startswith("skipped: ") else 0
    except proc.Skip as e:
        code = SKIPPED
        print(f"SKIP: {e}")
    except proc.Fail as e:
        print(f"FAIL: {e}")
    except Exception:  # a bug of the test is a failure as well, and shows where
        traceback.print_exc(file=sys.stdout)
    finally:
        proc.end_everyone()
        world.close()
    for finding in proc.sanitizer_findings():
        print(f"FAIL: sanitizer report in {finding}")
        code = 1
    return code


def in_child(output, call):
    """Forks, which spares each test the start of Python; returns the child's pid. The child gets a session of its
    own: whatever a test leaves behind ends with its process group."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        said = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout.reconfigure(line_buffering=True)
        code = call()
    except BaseException:  # nothing of the child may go on as if it were the parent
        traceback.print_exc(file=sys.stdout)
    finally:
        os._exit(code)  # threads of a sink may still hang in an answer


class Running:
    def __init__(self, test, options):
        self.name, function = test
        self.directory = tempfile.mkdtemp(prefix="lf-e2e-", dir=options.dir)
        self.output = os.path.join(self.directory, "output")
        self.began = time.monotonic()
        self.cpu = 0.0  # seconds, its own and those of all that it waited for
        self.pid = in_child(self.output, lambda: run_test(function, self.directory, options.bin, options.seed))
        self.limit = getattr(function, "limit", LIMIT) * max(1.0, float(os.environ.get("E2E_SCALE", "1")))
        self.limit *= proc.PATIENCE
        if os.environ.get("E2E_FULL") == "1":
            self.limit *= 4

    def finished(self):
        """None while it runs; else ("ok", "skip" or "FAIL", text)."""
        done, status, usage = os.wait4(self.pid, os.WNOHANG)
        late = not done and time.monotonic() - self.began >= self.limit
        if not done and not late:
            return None
        self.kill()
        if late:
            _, status, usage = os.wait4(self.pid, 0)
        self.cpu = usage.ru_utime + usage.ru_stime
        with open(self.output, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if late:
            text += f"FAIL: took longer than {self.limit:.0f} s\n"
        code = os.waitstatus_to_exitcode(status)
        outcome = "FAIL" if late else {0: "ok", SKIPPED: "skip"}.get(code, "FAIL")
        if outcome != "FAIL":
            shutil.rmtree(self.directory, ignore_errors=True)
        return outcome, text

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def report(test, outcome, text):
    seconds = time.monotonic() - test.began
    print(f"{outcome:4} {test.name} ({seconds:.1f} s, {test.cpu:.1f} s of CPU)")
    if outcome == "FAIL":
        print("     | " + "\n     | ".join(text.strip().splitlines()[-SHOWN:]))
        print(f"     | kept: {test.directory}")
    elif text.strip():
        print("     " + text.strip().splitlines()[-1])
    sys.stdout.flush()


class Idle:
    """How much of the processors was idle lately: many tests wait more than they work."""
    SECONDS = 0.4  # measured over at least as long

    def __init__(self):
        self.used()

    @staticmethod
    def ticks():
        with open("/proc/stat", encoding="ascii") as f:
            return int(f.readline().split()[4])

    def now(self):
        seconds = time.monotonic() - self.began
        if seconds >= self.SECONDS:
            ticks = self.ticks()
            self.share = (ticks - self.idle) / (seconds * os.sysconf("SC_CLK_TCK") * os.cpu_count())
            self.began, self.idle = time.monotonic(), ticks
        return self.share

    def used(self):
        """A test was started on the strength of it: measured anew before the next."""
        self.began, self.idle, self.share = time.monotonic(), self.ticks(), 0.0


def run_all(tests, options):
    # Longest first, so that none is left alone at the end; `waits` are seconds in which a test does little.
    waiting, running = sorted(tests, key=lambda test: -getattr(test[1], "waits", 0)), []
    outcomes = {"ok": [], "FAIL": [], "skip": []}
    idle = Idle()
    while waiting or running:
        while waiting and (len(running) < options.jobs
                           or len(running) < MOST * options.jobs and idle.now() > 0.2):
            idle.used()
            running.append(Running(waiting.pop(0), options))
        for test in list(running):
            result = test.finished()
            if result:
                running.remove(test)
                report(test, *result)
                outcome, text = result
                outcomes[outcome].append((test.name, (text.strip().splitlines() or [""])[-1]))
        time.sleep(0.02)
    for name, why in outcomes["skip"]:
        print(f"SKIPPED: {name}: {why.removeprefix('SKIP: ')}")
    for name, _ in outcomes["FAIL"]:
        print(f"failed: {name}")
    passed, failed, skipped = (len(outcomes[o]) for o in ("ok", "FAIL", "skip"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="end-to-end tests")
    parser.add_argument("names", nargs="*", help="substrings of file::function")
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/san"), help="where the programs are")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("E2E_SEED", "0")))
    parser.add_argument("--dir", help="where the tests' directories go; default: a new one in TMPDIR")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    tests = [t for t in find_tests() if not options.names or any(n in t[0] for n in options.names)]
    if options.list:
        print("\n".join(t[0] for t in tests))
        return 0
    for program in ("logferry", "logferry-server"):
        if not os.access(os.path.join(options.bin, program), os.X_OK):
            print(f"run.py: {options.bin}/{program} is not there; build it first (make SAN=1 BUILD=…)",
                  file=sys.stderr)
            return 69
    if not tests:
        print("run.py: no test of that name; --list shows them", file=sys.stderr)
        return 64
    options.seed = options.seed or random.SystemRandom().randrange(1, 10**6)
    print(f"e2e: {len(tests)} tests, {options.jobs} at a time, E2E_SEED={options.seed}")
    with tempfile.TemporaryDirectory(prefix="lf-e2e-common-", dir=options.dir) as os.environ["E2E_COMMON"]:
        return run_all(tests, options)


def set_environment():
    os.environ["PATH"] += ":/usr/local/bin:/usr/sbin:/sbin"
    # A finding must end the program with a code that no clean exit has.
    os.environ.setdefault("ASAN_OPTIONS", "exitcode=99:abort_on_error=0")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    os.environ["TZ"] = "UTC"
    os.environ["LC_ALL"] = "C"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)


if __name__ == "__main__":
    set_environment()
    sys.exit(main())
