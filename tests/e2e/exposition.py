"""Prometheus' text format (0.0.4), read strictly, and the customs of its names."""
import re
import shutil
import subprocess

from proc import check

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (?P<value>-?[0-9]+(?:\.[0-9]+)?)$")
UNITS = ("_seconds", "_bytes", "_records", "_files", "_total", "_info", "_state", "_jobs", "_fds")
UNITLESS = ("logferry_balanced", "logferry_server_store_full", "logferry_server_store_failing",
            "logferry_server_connections", "logferry_server_queued_writes", "logferry_server_teams",
            "logferry_server_sites", "logferry_server_clients", "logferry_server_nodes")


def parse(text, what="metrics"):
    """{(name, ((label, value), …)): number}; fails at what Prometheus would refuse, and at bad names."""
    check(text.endswith("\n"), f"{what}: no newline at the end")
    samples, types, family = {}, {}, None
    helps = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            check(family not in helps and line.endswith("."), f"{what}: {line}")
            helps.add(family)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name == family and name not in types and kind in ("counter", "gauge", "histogram"), f"{what}: {line}")
            check((kind == "counter") == name.endswith("_total"), f"{what}: {name} is a {kind}")
            check(name.startswith(("logferry_", "process_")) and (name.endswith(UNITS) or name in UNITLESS),
                  f"{what}: the name {name} has no unit")
            types[name] = kind
            continue
        found = SAMPLE.match(line)
        check(found, f"{what}: no sample: {line!r}")
        name = found.group(1)
        base = re.sub(r"_(bucket|sum|count)$", "", name) if types.get(family) == "histogram" else name
        check(base == family and family in types, f"{what}: {line!r} stands in family {family}")
        labels = tuple((k, v.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\"))
                       for k, v in re.findall(LABEL, found.group(2) or ""))
        check(len(dict(labels)) == len(labels), f"{what}: a label twice: {line!r}")
        check((name, labels) not in samples, f"{what}: a series twice: {line!r}")
        check(types[family] != "counter" or float(found["value"]) >= 0, f"{what}: {line!r}")
        samples[name, labels] = float(found["value"])
    check(helps == set(types), f"{what}: heads without a type: {helps ^ set(types)}")
    return samples


def promtool(*arguments, text=None, cwd=None):
    """(there is one, what it says; "" when it has nothing to say)"""
    if not shutil.which("promtool"):
        return False, ""
    done = subprocess.run(["promtool", *arguments], input=text, cwd=cwd, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return True, done.stdout if done.returncode else ""


def judge(text, what):
    """Parses, and lets promtool judge as well where there is one."""
    samples = parse(text, what)
    there, said = promtool("check", "metrics", text=text)
    check(not said, f"{what}: promtool says: {said}")
    return samples, "" if there else "no promtool: skipped its part"
