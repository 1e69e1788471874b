"""rsyslog and syslog-ng on the same file: fields taken apart, JSON, and away. See peers.sh."""
import glob
import os
import subprocess

from measure import run_until
from sink import Sink

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = "ip time request status bytes referrer agent".split()

SYSLOG_NG = """@version: 3.35
options {{ stats-freq(0); }};
source s {{ file("{log}" flags(no-parse) log-fetch-limit(1000) log-iw-size(100000)); }};
parser p {{ csv-parser(columns("ip","dash","user","time","request","status","bytes","referrer","agent")
    delimiters(" ") quote-pairs('""[]')); }};
destination d {{ http(url("{url}/") method("POST") workers(2) batch-lines(1000) batch-timeout(100)
    body("$(format-json {fields})")
    log-fifo-size(200000)); }};
log {{ source(s); parser(p); destination(d); flags(flow-control); }};
"""
RSYSLOG = """global(workDirectory="{work}" maxMessageSize="64k" internalmsg.ratelimit.interval="0")
module(load="imfile" mode="inotify")
module(load="mmnormalize")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1000")
input(type="imfile" file="{log}" tag="n:" freshStartTail="off")
template(name="j" type="list" option.jsonf="on") {{
{fields} }}
action(type="mmnormalize" rule=["{rule}"])
action(type="omfile" file="{out}" template="j" asyncWriting="on" ioBufferSize="1m" flushOnTXEnd="off"
       flushInterval="1")
"""
RULE = (r'rule=:%ip:word% %dash:word% %user:word% [%time:char-to:]%] \"%request:char-to:\"%\" '
        r'%status:number% %bytes:number% \"%referrer:char-to:\"%\" \"%agent:char-to:\"%\"')


def deliver(b):
    """Yields (name, lines, figure, note) for each peer that can be had."""
    root = os.path.join(b.build, "peers", "root")
    got = subprocess.run(["sh", os.path.join(HERE, "peers.sh"), os.path.dirname(root)], check=False,
                         capture_output=True)
    if got.returncode != 0:
        b.add("deliver: rsyslog, syslog-ng", "not measured", "they could not be fetched from Debian's archive")
        return
    below = glob.glob(f"{root}/usr/lib/*-linux-gnu") + [f"{root}/usr/lib/syslog-ng"]
    env = {"LD_LIBRARY_PATH": ":".join(below)}
    yield syslog_ng(b, root, env)
    yield rsyslog(b, root, below[0], env)


def syslog_ng(b, root, env):
    work, sink = b.scratch("syslog-ng"), Sink(b.bin)
    log, lines = b.part("pages.log")
    fields = " ".join(f'{name}=\\"${{{name}}}\\"' for name in FIELDS)
    with open(os.path.join(work, "conf"), "w", encoding="ascii") as f:
        f.write(SYSLOG_NG.format(log=log, url=sink.url, fields=fields))
    argv = [f"{root}/usr/sbin/syslog-ng", "-F", "--no-caps", f"--module-path={root}/usr/lib/syslog-ng/3.38",
            "-f", f"{work}/conf", "-R", f"{work}/persist", "-c", f"{work}/ctl", "-p", f"{work}/pid"]

    def done(_):
        stats = sink.stats()
        return stats["lines"] + stats["requests"] >= lines  # n messages have n - 1 newlines between them

    figure = run_until(argv, done, env, every=0.05)
    sink.close()
    return ("deliver: syslog-ng 3.38, every line kept, first tenth", lines, figure,
            "fields, JSON, HTTP; no acknowledged position")


def rsyslog(b, root, libraries, env):
    work = b.scratch("rsyslog")
    out = os.path.join(work, "out")
    log, lines = b.part("pages.log")
    seen = {"at": 0, "lines": 0}

    def done(_):
        if not os.path.exists(out):
            return False
        with open(out, "rb") as f:
            f.seek(seen["at"])
            while block := f.read(1 << 20):
                seen["at"] += len(block)
                seen["lines"] += block.count(b"\n")
        return seen["lines"] >= lines

    fields = "\n".join(f'  property(outname="{n}" name="$!{n}" format="jsonf")' for n in FIELDS)
    with open(os.path.join(work, "conf"), "w", encoding="ascii") as f:
        f.write(RSYSLOG.format(work=work, log=log, out=out, fields=fields, rule=RULE))
    argv = [f"{root}/usr/sbin/rsyslogd", "-n", "-i", f"{work}/pid", "-f", f"{work}/conf", "-M", f"{libraries}/rsyslog"]
    figure = run_until(argv, done, env, every=0.05)
    return ("deliver: rsyslog 8.2302 into a file, every line kept, first tenth", lines, figure,
            "fields, JSON, a file; no HTTP")
