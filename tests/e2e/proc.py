"""Processes of a test: started, watched through their logs, ended by their pid only."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
import time

PAIR = re.compile(r'([A-Za-z_][\w.\-]*)=("(?:[^"\\]|\\.)*"|\S*)')
SANITIZER = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
             "AddressSanitizer:DEADLYSIGNAL")
# How much slower than the machine where the seconds of these tests were found a machine may be (or how busy
# with other work). What waits for something that comes multiplies its limit by it, which costs a test
# that passes nothing.
PATIENCE = 3
CRASHED = 137  # what a fault point exits with, and what a shell would say of SIGKILL


class Fail(AssertionError):
    """A promise that was not kept; the text says which and shows the figures."""


class Skip(Exception):
    """This machine cannot show it; the text says why. Counted by itself in the sum."""


def check(condition, text):
    if not condition:
        raise Fail(text)


def scale(seconds):
    """Seconds of a long wait: 30 with E2E_FULL=1, else a few, times E2E_SCALE."""
    if os.environ.get("E2E_FULL") == "1":
        return 30.0
    return seconds * float(os.environ.get("E2E_SCALE", "1"))


def within(seconds):
    """A promised time as a check may have it: as it is with E2E_FULL=1, which wants a machine at rest,
    else with patience. What it is to find must take much longer still."""
    return seconds if os.environ.get("E2E_FULL") == "1" else PATIENCE * seconds


def wait_for(question, seconds, what, every=0.05):
    """Asks until the answer is true; returns the answer. `what` completes "waited for". With PATIENCE."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)


def parse_event(line):
    """One log line to a dict of its pairs; numbers become int."""
    event = {}
    for key, value in PAIR.findall(line):
        if value.startswith('"'):
            value = value[1:-1].replace('\\"', '"')
        event[key] = int(value) if re.fullmatch(r"-?\d{1,18}", value) else value
    return event


class Proc:
    """A child with its output in two files; `log` is its standard error, where events go."""

    everyone = []

    def __init__(self, argv, directory, name, env=None, stdin=None):
        self.argv = [str(a) for a in argv]
        self.name = name
        self.log = os.path.join(directory, name + ".err")
        self.out = os.path.join(directory, name + ".out")
        self.mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.ended_here = False
        environment = dict(os.environ, **(env or {}))
        with open(self.log, "ab") as err, open(self.out, "ab") as out:
            self.child = subprocess.Popen(self.argv, stdin=stdin or subprocess.DEVNULL, stdout=out,
                                          stderr=err, env=environment, cwd=directory)
        Proc.everyone.append(self)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def text(self):
        """What this process (not an earlier one of the same name) logged."""
        with open(self.log, "rb") as f:
            f.seek(self.mark)
            return f.read().decode("utf-8", "replace")

    def events(self, name=None):
        found = [parse_event(line) for line in self.text().splitlines() if "event=" in line]
        return [e for e in found if name is None or e.get("event") == name]

    def wait_event(self, name, seconds=10, count=1):
        def seen():
            events = self.events(name)
            if len(events) >= count:
                return events[count - 1]
            check(self.alive() or len(self.events(name)) >= count,
                  f"{self.name} ended with {self.child.returncode} before event={name}:\n"
                  + self.text()[-2000:])
            return None
        return wait_for(seen, seconds, f"event={name} of {self.name}")

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def kill(self):
        """SIGKILL, as a power cut or the OOM killer would."""
        self.ended_here = True
        self.signal(signal.SIGKILL)
        self.child.wait(10)

    def wait(self, seconds):
        seconds *= PATIENCE
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Fail(f"{self.name} (pid {self.pid}) did not end in {seconds:.0f} s; its log ends:\n"
                       + self.text()[-1500:]) from None

    def stop(self, seconds=15, expect=0):
        """SIGTERM and the exit code that a clean stop has."""
        self.ended_here = True
        self.signal(signal.SIGTERM)
        code = self.wait(seconds)
        check(expect is None or code == expect,
              f"{self.name} ended with {code} after SIGTERM, expected {expect}:\n" + self.text()[-2000:])
        return code

    def usage(self):
        """Resident bytes and CPU seconds, from /proc."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        cpu = (int(fields[11]) + int(fields[12])) / ticks
        return int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), cpu


def end_everyone():
    for p in Proc.everyone:
        if p.alive():
            p.kill()


def sanitizer_findings():
    """Reports of ASan, UBSan and LSan in any log of this test."""
    found = []
    for path in sorted({p.log for p in Proc.everyone}):
        with open(path, "rb") as f:
            text = f.read().decode("utf-8", "replace")
        at = min((text.find(s) for s in SANITIZER if s in text), default=-1)
        if at >= 0:
            report = text[max(0, at - 200):at + 3000].partition("Shadow bytes")[0]
            found.append(f"{path}:\n{report}")
    return found


def run(argv, directory, seconds=60, env=None, stdin=None, expect=0):
    """A command to its end: (exit code, stdout, stderr). `expect` None accepts any exit code."""
    environment = dict(os.environ, **(env or {}))
    done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, timeout=seconds * PATIENCE,
                          env=environment, cwd=directory, check=False)
    out = done.stdout.decode("utf-8", "replace")
    err = done.stderr.decode("utf-8", "replace")
    for mark in SANITIZER:
        check(mark not in err, f"{' '.join(map(str, argv))}:\n{err[-4000:]}")
    check(expect is None or done.returncode == expect,
          f"{' '.join(map(str, argv))}\nended with {done.returncode}, expected {expect}\n"
          f"{out[-1500:]}\n{err[-2500:]}")
    return done.returncode, out, err


def on_terminal(argv, env, columns=0, stdin=b""):
    """What a program that ends with 0 writes to a terminal of so many columns; 0: one that does not tell."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if columns else 0, columns, 0, 0))
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        child = subprocess.Popen(argv, stdin=given, stdout=theirs, stderr=subprocess.DEVNULL, env=env)
    os.close(theirs)
    out = b""
    try:
        while piece := os.read(ours, 65536):
            out += piece
    except OSError:  # its end
        pass
    os.close(ours)
    check(child.wait(60) == 0, out)
    return out.decode().replace("\r\n", "\n")  # whole characters only
