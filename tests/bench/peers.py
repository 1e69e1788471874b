"""rsyslog and syslog-ng on the same file: fields taken apart, JSON, and away. See peers.sh."""
import os
import subprocess
import time

from sink import Discard

HERE = os.path.dirname(os.path.abspath(__file__))

SYSLOG_NG = """@version: 3.35
options {{ stats-freq(0); }};
source s {{ file("{log}" flags(no-parse) log-fetch-limit(1000) log-iw-size(100000)); }};
parser p {{ csv-parser(columns("ip","dash","user","time","request","status","bytes","referrer","agent")
    delimiters(" ") quote-pairs('""[]')); }};
destination d {{ http(url("{url}/") method("POST") workers(2) batch-lines(1000) batch-timeout(100)
    body("$(format-json ip=\\"${{ip}}\\" time=\\"${{time}}\\" request=\\"${{request}}\\" status=\\"${{status}}\\" bytes=\\"${{bytes}}\\" referrer=\\"${{referrer}}\\" agent=\\"${{agent}}\\")")
    log-fifo-size(200000)); }};
log {{ source(s); parser(p); destination(d); flags(flow-control); }};
"""
RSYSLOG = """global(workDirectory="{work}" maxMessageSize="64k" internalmsg.ratelimit.interval="0")
module(load="imfile" mode="inotify")
module(load="mmnormalize")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1000")
input(type="imfile" file="{log}" tag="n:" freshStartTail="off")
template(name="j" type="list" option.jsonf="on") {{
  property(outname="ip" name="$!ip" format="jsonf") property(outname="time" name="$!time" format="jsonf")
  property(outname="request" name="$!request" format="jsonf") property(outname="status" name="$!status" format="jsonf")
  property(outname="bytes" name="$!bytes" format="jsonf") property(outname="referrer" name="$!referrer" format="jsonf")
  property(outname="agent" name="$!agent" format="jsonf") }}
action(type="mmnormalize" rule=["rule=:%ip:word% %dash:word% %user:word% [%time:char-to:]%] \\"%request:char-to:\\"%\\" %status:number% %bytes:number% \\"%referrer:char-to:\\"%\\" \\"%agent:char-to:\\"%\\""])
action(type="omfile" file="{out}" template="j" asyncWriting="on" ioBufferSize="1m" flushOnTXEnd="off" flushInterval="1")
"""


def run_until(argv, done, env, seconds=120):
    """Starts a daemon and stops it when `done` says so; (seconds, CPU seconds, KiB) of its life."""
    began = time.monotonic()
    with open(os.devnull, "wb") as null:
        child = subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, env=dict(os.environ, **env))
    while not done() and child.poll() is None and time.monotonic() - began < seconds:
        time.sleep(0.05)
    took, complete = time.monotonic() - began, done()
    child.kill()
    _, _, usage = os.wait4(child.pid, 0)
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, 0 if complete else 1


def deliver(b):
    """Yields (name, lines, figure, note) for each peer that can be had."""
    root = os.path.join(b.build, "peers", "root")
    if subprocess.run(["sh", os.path.join(HERE, "peers.sh"), os.path.dirname(root)], check=False,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        return
    libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib/aarch64-linux-gnu:{root}/usr/lib/syslog-ng"
    yield syslog_ng(b, root, {"LD_LIBRARY_PATH": libraries})
    yield rsyslog(b, root, {"LD_LIBRARY_PATH": libraries})


def figure_of(parts):
    from bench import Figure
    return Figure(*parts)


def syslog_ng(b, root, env):
    work = b.scratch("syslog-ng")
    sink = Discard()
    log, lines = b.part("pages.log")
    with open(os.path.join(work, "conf"), "w", encoding="ascii") as f:
        f.write(SYSLOG_NG.format(log=log, url=sink.url))
    argv = [f"{root}/usr/sbin/syslog-ng", "-F", "--no-caps", f"--module-path={root}/usr/lib/syslog-ng/3.38",
            "-f", f"{work}/conf", "-R", f"{work}/persist", "-c", f"{work}/ctl", "-p", f"{work}/pid"]
    # A body of n messages has n - 1 newlines between them.
    figure = figure_of(run_until(argv, lambda: sink.lines + sink.requests >= lines, env))
    sink.close()
    return "deliver: syslog-ng 3.38, every line kept, first tenth", lines, figure, "fields, JSON, HTTP; no acknowledged position"


def rsyslog(b, root, env):
    work = b.scratch("rsyslog")
    out = os.path.join(work, "out")
    log, lines = b.part("pages.log")
    seen = {"at": 0, "lines": 0}

    def done():
        if not os.path.exists(out):
            return False
        with open(out, "rb") as f:
            f.seek(seen["at"])
            while block := f.read(1 << 20):
                seen["at"] += len(block)
                seen["lines"] += block.count(b"\n")
        return seen["lines"] >= lines

    with open(os.path.join(work, "conf"), "w", encoding="ascii") as f:
        f.write(RSYSLOG.format(work=work, log=log, out=out))
    argv = [f"{root}/usr/sbin/rsyslogd", "-n", "-i", f"{work}/pid", "-f", f"{work}/conf",
            "-M", f"{root}/usr/lib/x86_64-linux-gnu/rsyslog"]
    figure = figure_of(run_until(argv, done, env))
    return "deliver: rsyslog 8.2302 into a file, every line kept, first tenth", lines, figure, "fields, JSON, a file; no HTTP"
