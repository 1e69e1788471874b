#!/usr/bin/env python3
"""Measures the programs, with wc, zcat, GoAccess, rsyslog and syslog-ng beside them in the same run.

  bench.py --bin BUILD_DIR [--runs N] [ROW…]        make bench; BENCH_SCALE=0.1 make bench

Writes BUILD_DIR/../bench.md. Machines are noisy: read the ratios of one run, not the figures of two. The
dear rows are run once, the others --runs times (3), and the one of middle CPU time is shown. Nothing
here passes or fails. BENCH_SCALE takes that part of the lines; ROW names rows, as listed by --help.
"""
import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import rows_agent  # noqa: E402
import rows_server  # noqa: E402
from measure import median, run_until  # noqa: E402

NOTES = """
The mix is a busy site's: of six lines five are browsers', half of those assets; "every line kept" is a log
of pages only. "CPU-s" are seconds of user and system time of the process that is named, all its threads.
Peers: GoAccess makes a report and delivers nothing; syslog-ng and rsyslog keep no position that survives a
crash of the receiver. Fluent Bit is not in Debian: 142 k lines/s, 12.3 CPU-s for 2 M lines of such a log,
was measured on another day and another load, and is no part of this run.
"""


class Bench:
    """The data, scratch directories, and the table."""

    def __init__(self, options):
        self.bin = os.path.abspath(options.bin)
        self.build = os.path.dirname(self.bin)
        self.runs = options.runs
        scale = float(os.environ.get("BENCH_SCALE", "1"))
        self.nginx = max(2000, int(2000000 * scale))
        self.cloudfront = max(1000, int(1000000 * scale))
        self.files = max(2, int(200 * scale))
        self.watched = max(100, int(10000 * scale))
        self.dir = tempfile.mkdtemp(prefix="lf-bench-", dir=self.build)
        self.data = os.path.join(self.build, "bench-data", str(self.nginx))
        self.rows, self.generated = [], False

    def generate(self):
        stats = os.path.join(self.data, "stats.json")
        want = {"nginx": self.nginx, "cloudfront": self.cloudfront}
        if os.path.exists(stats):
            with open(stats, encoding="ascii") as f:
                have = json.load(f)["usual"]
            if {k: have[k]["lines"] for k in want} == want:
                return
        print("making logs ...", flush=True)
        subprocess.run([sys.executable, os.path.join(HERE, "gen_logs.py"), self.data, "--nginx", str(self.nginx),
                        "--cloudfront", str(self.cloudfront), "--files", str(self.files)],
                       check=True, stdout=subprocess.DEVNULL)

    def path(self, *parts):
        """A file of the data, which is made when the first row asks for it."""
        if not self.generated:
            self.generate()
            self.generated = True
        return os.path.join(self.data, *parts)

    def scratch(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    def drop(self, name):
        shutil.rmtree(os.path.join(self.dir, name), ignore_errors=True)

    def part(self, name):
        """The first tenth of a log, for programs that would take minutes: (path, lines)."""
        path, lines = os.path.join(self.dir, "part-" + name), self.nginx // 10
        if not os.path.exists(path):
            with open(self.path(name), "rb") as source, open(path, "wb") as target:
                target.writelines(itertools.islice(source, lines))
        return path, lines

    def add(self, name, what, note=""):
        self.rows.append((name, what, note))
        print(f"{name}: {what}  {note}", flush=True)

    def speed(self, name, lines, figure, note=""):
        """Adds a row of a figure; returns the figure."""
        if figure.code != 0:
            self.add(name, f"failed with {figure.code}", note)
        else:
            self.add(name, f"{lines / figure.seconds / 1e6:.2f} M lines/s, {lines / figure.cpu / 1e6:.2f} M lines/CPU-s, "
                           f"{figure.seconds:.2f} s, {figure.resident:.0f} MiB", note)
        return figure

    def command(self, argv, env=None):
        return median(self.runs, lambda: run_until(argv, env=env))

    def agent(self, *arguments):
        return [os.path.join(self.bin, "logferry"), *arguments]

    def server(self, store, *arguments):
        return [os.path.join(self.bin, "logferry-server"), "--store", store, *arguments]

    def config(self, name, url, files, source_format="nginx_combined", token=None, extra=""):
        """A configuration of one source and one site, and the environment of an agent with a state of its
        own, empty."""
        self.drop(name)
        directory = self.scratch(name)
        token_file = os.path.join(directory, "token")
        with open(token_file, "w", encoding="ascii") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write((token or "lf_" + "0" * 64 + "_00000000") + "\n")
        path = os.path.join(directory, "logferry.yaml")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"node: bench\ndestinations:\n  main: {{url: '{url}', token_file: {token_file}}}\n"
                    "sites:\n  - {hosts: [www.example-shop.com], site: example-shop.com}\n"
                    f"sources:\n  s: {{files: '{files}', format: {source_format}, default_host: www.example-shop.com}}\n{extra}")
        state = self.scratch(name + "/state")
        return path, {"STATE_DIRECTORY": state, "RUNTIME_DIRECTORY": state, "CREDENTIALS_DIRECTORY": directory}

    def write(self):
        path = os.path.join(self.build, "bench.md")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"# Benchmarks\n\n{os.cpu_count()} CPUs; {self.nginx} nginx lines, {self.cloudfront} CloudFront lines.\n"
                    f"{NOTES}\n| what | figure | mark, note |\n|---|---|---|\n")
            f.writelines(f"| {name} | {what} | {note} |\n" for name, what, note in self.rows)
        print(f"written: {path}")


def main():
    rows = {name[4:]: call for module in (rows_agent, rows_server) for name, call in vars(module).items()
            if name.startswith("row_")}
    listed = "\n".join(f"  {name:12} {call.__doc__}" for name, call in rows.items())
    parser = argparse.ArgumentParser(description="benchmarks", epilog="rows:\n" + listed,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[[], *rows], help="default: all")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=3, help="of each row that is not dear")
    options = parser.parse_args()
    b = Bench(options)
    try:
        for name, call in rows.items():
            if not options.rows or name in options.rows:
                call(b)
        b.write()
    finally:
        shutil.rmtree(b.dir, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        os.environ.pop(variable, None)
    main()
