"""What a process costs: seconds, CPU seconds, peak of memory."""
import os
import signal
import subprocess
import time


class Figure:
    """What one run cost. `resident` is in MiB."""

    def __init__(self, seconds, cpu, resident, code=0):
        self.seconds, self.cpu, self.resident, self.code = seconds, max(cpu, 0.001), resident, code


def peak_of(pid):
    """MiB, of a running process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return next((int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def usage_of(pid):
    """CPU seconds and resident MiB of a running process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def run_until(argv, done=None, env=None, log=None, seconds=180, every=0.005):
    """Runs a command to its end, or until `done(pid)` says so: then it is told to end, and what that
    takes does not count. The peak of memory is read while it runs: what wait4 says would be Python's
    own, which the child was before it became the command."""
    null = subprocess.DEVNULL
    began = time.monotonic()
    child = subprocess.Popen(argv, stdin=null, stdout=null, stderr=log or null,
                             env=dict(os.environ, **(env or {})))
    peak, took, complete = 0, None, True
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, peak_of(child.pid))
        now = time.monotonic() - began
        if took is None and done and (done(child.pid) or now > seconds):
            took, complete = time.monotonic() - began, now <= seconds
            cpu, _ = usage_of(child.pid)
            child.send_signal(signal.SIGTERM)
        elif now > seconds + 10:
            child.kill()
        time.sleep(every)
    child.returncode = os.waitstatus_to_exitcode(status)
    if took is None:
        return Figure(time.monotonic() - began, usage.ru_utime + usage.ru_stime, peak,
                      1 if done else child.returncode)
    return Figure(took, cpu, peak, 0 if complete else 1)


def median(runs, call):
    """The run that cost the middle CPU time of `runs` runs."""
    figures = [call() for _ in range(runs)]
    failed = [f for f in figures if f.code]
    return failed[0] if failed else sorted(figures, key=lambda f: f.cpu)[len(figures) // 2]
