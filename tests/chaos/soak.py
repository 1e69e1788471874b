#!/usr/bin/env python3
"""soak.py --san DIR --release DIR [--jobs N] [--out FILE] [--doc FILE] [NAME…] - the scenarios with their
full figures, and the end-to-end tests that have such (R3, R4, R13).

Runs each with the build that its figures are for, and writes build/soak.md: scenario, figure wanted,
figure measured, seconds, verdict. --doc puts the rows into the table of a page as well, in place of
those of the same scenarios. NAME selects by substring. The exit code is 1 when any failed.
Environment: CHAOS_SECONDS for r33_soak, E2E_SEED to repeat.
"""
import argparse
import os
import platform
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
os.environ["CHAOS_FULL"] = os.environ["E2E_FULL"] = "1"

import run  # noqa: E402 (after the path)


# Files of tests/e2e with figures for E2E_FULL=1, and what those are.
OTHERS = {"crash_points": "every crash point at its first, second and last pass: 0 lost, 0 twice",
          "power_loss": "10,000 disks that a power failure could leave: 0 lost, 0 twice",
          "power_loss_hitkeep": "10,000 such disks: 0 lost, 4 twice at most for each crash",
          "faults": "every system call and allocation failed: 0 lost, 0 twice"}


def all_tests():
    """[(name, function)], each with `wanted` and `build`."""
    found = []
    for test in run.find_tests():
        name, call = test
        if name.split("::")[0] in OTHERS:
            call.wanted, call.build = OTHERS[name.split("::")[0]], "san"
        if hasattr(call, "wanted"):
            found.append(test)
    return found


def title(test):
    return test[0].removeprefix("chaos::")


class Options:
    """What run.Running takes from a command line."""

    def __init__(self, bin_dir, seed):
        self.bin, self.seed, self.dir = os.path.abspath(bin_dir), seed, None


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        models = [line.split(":")[1].strip() for line in f if line.startswith("model name")]
    return f"{platform.system()} {platform.release()}, {len(models)} x {models[0] if models else platform.machine()}"


def row(name, wanted, measured, seconds, verdict):
    return f"| `{name}` | {wanted} | {measured} | {seconds:.0f} | {verdict} |"


def judge(passed, text):
    """(measured, verdict) of what a scenario printed."""
    said = [line for line in text.strip().splitlines() if line.strip()]
    if not passed:
        failed = [line for line in said if line.startswith("FAIL: ")] or said[-1:]
        return (failed[0] if failed else "nothing said")[:300].replace("|", "/"), "failed"
    last = said[-1] if said else ""
    return last.replace("|", "/"), "skipped" if last.startswith("skipped") else "kept"


def write(path, rows, options):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{time.strftime('%Y-%m-%d')}, {machine()}, seed {options.seed}\n\n"
                "| scenario | wanted | measured | seconds | verdict |\n|---|---|---|---|---|\n"
                + "\n".join(rows) + "\n")


def put_into(path, rows):
    """Replaces the rows of these scenarios in a page; the others stay."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for name, line in rows.items():
        text = re.sub(rf"^\| `{name}` \|.*$", lambda _, new=line: new, text, flags=re.M)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    parser = argparse.ArgumentParser(description="scenarios with their full figures")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--san", default="build/san")
    parser.add_argument("--release", default="build/release")
    parser.add_argument("--jobs", type=int, default=1, help="at the same time; figures want 1")
    parser.add_argument("--out", default="build/soak.md")
    parser.add_argument("--doc", help="a page with such a table, e.g. docs/reliability.md")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("E2E_SEED", "0")))
    options = parser.parse_args()
    options.seed = options.seed or random.SystemRandom().randrange(1, 10**6)
    waiting = [t for t in all_tests() if not options.names or any(n in t[0] for n in options.names)]
    if not waiting:
        print("soak.py: no scenario of that name", file=sys.stderr)
        return 64
    print(f"soak: {len(waiting)} scenarios, E2E_SEED={options.seed}")
    running, rows, failed = [], {}, 0
    while waiting or running:
        while waiting and len(running) < options.jobs:
            test = waiting.pop(0)
            build = options.san if test[1].build == "san" else options.release
            running.append((run.Running(test, Options(build, options.seed)), test))
        for entry in list(running):
            process, test = entry
            result = process.finished()
            if result:
                running.remove(entry)
                measured, verdict = judge(result[0] != "FAIL", result[1])
                failed += verdict == "failed"
                seconds = time.monotonic() - process.began
                rows[title(test)] = row(title(test), test[1].wanted, measured, seconds, verdict)
                print(f"{verdict:7} {title(test)} ({seconds:.0f} s): {measured}", flush=True)
                if verdict == "failed":
                    print(f"        kept: {process.directory}", flush=True)
                write(options.out, [rows[name] for name in sorted(rows)], options)
        time.sleep(0.05)
    if options.doc:
        put_into(options.doc, rows)
    print(f"{len(rows)} scenarios, {failed} failed; {options.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    run.set_environment()
    sys.exit(main())
