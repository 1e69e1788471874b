"""What the documentation names is what the code has, and the other way round: AI classes, events, keys,
formats, endpoints and messages, fault points, exit codes, commands, layers, links. The reasons and their
rules: tests/unit/parsers/test_rules.c; docs/formats.md: test_formats_md.c.

The lists are taken from the sources by their text; a list that comes out empty fails too.
"""
import glob
import os
import re

from openapi import Document
from proc import check, run

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
TEXT = r'"((?:[^"\\]|\\.)*)"'
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md")
# Blocks that no test can run may hold these only.
UNTESTED = ("sudo", "make", "python3 tests/e2e/run.py", "build/mine/tests/")


def read(*patterns):
    text = ""
    for pattern in patterns:
        names = sorted(glob.glob(os.path.join(TOP, pattern)))
        check(names, f"{pattern}: there is no such file")
        for name in names:
            with open(name, encoding="utf-8") as f:
                text += f.read() + "\n"
    return text


def section(text, heading):
    """From that heading to the next one of its level."""
    level = heading.split(" ")[0]
    part = re.split(r"^" + re.escape(heading) + r"$", text, maxsplit=1, flags=re.M)
    check(len(part) == 2, f"no heading {heading!r}")
    return re.split(r"^#{1," + str(len(level)) + r"} ", part[1], maxsplit=1, flags=re.M)[0]


def table(text, *columns):
    """The rows of every table of that text, by those columns, without headings."""
    rows = []
    for match in re.finditer(r"^\|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.M):
        for line in match.group(1).splitlines():
            cells = [c.strip() for c in line.strip("|").split(" |")]
            rows.append(tuple(cells[c].strip() if c < len(cells) else "" for c in columns))
    return rows


def names(cell):
    """The `words` of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def joined(text):
    """C text with literals that stand side by side made one, and no comments."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r'"\s*\n?\s*"', "", text)


def same(what, documented, found):
    check(documented, f"{what}: the documentation names none")
    check(found, f"{what}: none found in the code: has its text changed?")
    missing, gone = sorted(set(found) - set(documented)), sorted(set(documented) - set(found))
    check(not missing and not gone, f"{what}: not documented: {missing}; documented, not in the code: {gone}")


# ---- AI agents ----------------------------------------------------------------------------------

def test_ai_classes(world):
    page = read("docs/pages.md")
    classes = re.search(r"ai_class_name.*?\{([^}]*)\}", read("parsers/verdict.c"), re.S).group(1)
    same("AI classes", [names(r[0])[0] for r in table(section(page, "## AI agents"), 0, 2) if r[1]
                        in ("sent", "counted, not sent")], re.findall(TEXT, classes))
    categories = re.search(r"category_names\[\] = \{([^}]*)\}", read("parsers/catalogue.c"), re.S).group(1)
    line = re.search(r"one of these categories: ([^.]*)\.", page).group(1)
    same("categories", names(line), re.findall(TEXT, categories))


# ---- events, ledger -----------------------------------------------------------------------------

def events_of(*patterns):
    code = joined(read(*patterns))
    found = re.findall(r'log_event\(\s*[^"]*?"(\w+)"', code)
    return found + re.findall(r'\b(?:destination_complain|tell)\(\s*\w+,\s*(?:\w+,\s*)?"(\w+)"', code)


def test_events(world):
    page = read("docs/operations.md")
    for heading, pattern in (("## Events of the agent", "agent/*.c"), ("## Events of the server", "server/*.c")):
        documented = [name for cell, in table(section(page, heading), 0) for name in names(cell)]
        same(heading[3:], documented, events_of(pattern))


def test_ledger(world):
    documented = [n for cell, in table(section(read("docs/operations.md"), "## The ledger"), 0) for n in names(cell)]
    found = re.findall(r'(?<!%)\b(\w+)=(?:\\")?%', joined(read("agent/engine_ledger.c")))
    same("keys of the ledger", documented, set(found) - {"source", "destination"})


def test_metrics(world):
    page = read("docs/metrics.md")
    for heading, *patterns in (("## The agent", "agent/*.c"), ("## The server", "server/*.c"), ("## The process", "parsers/base/metrics.c")):
        documented = [name for cell, in table(section(page, heading), 0) for name in names(cell)]
        found = set(re.findall(r'"((?:logferry|process)_[a-z_]+)"', joined(read(*patterns))))
        same("metrics of " + heading[3:], documented, found)


# ---- configuration, formats ---------------------------------------------------------------------

def keys_of(*patterns):
    """(supported, refused for now)"""
    found = re.findall(r'\{"(\w+)", (true|false)\}', read(*patterns))
    return {k for k, later in found if later == "false"}, {k for k, later in found if later == "true"}


def test_config_keys(world):
    page = read("docs/configuration.md")
    agent, server = page.split("\n## logferry-server.yaml\n")
    server = server.split("\n## ")[0]
    sections = {"destinations", "sites", "sources", "exclude", "pages", "privacy", "limits", "ai", "metrics"}
    now, later = keys_of("config/agent_*.c")
    tables = [names(cell)[0] for cell, in table(agent, 0) if cell.startswith("`")]
    same("keys of logferry.yaml", set(tables) | sections, now)
    missing = [k for k in later if not re.search(rf"`{k}`[^.]*not supported", agent)]
    check(not missing, f"keys refused for now and not said to be: {missing}")
    headings = re.findall(r"^### (\w+)$", agent, re.M)
    check(set(headings) == sections, f"sections: {headings}")
    now, _ = keys_of("config/server_config.c")
    tables = {part for cell, in table(server, 0) for part in names(cell)[0].split(".")}
    same("keys of logferry-server.yaml", tables, now)


def test_formats(world):
    rows = re.search(r"rows\[\] = \{(.*?)\n\};", read("parsers/format.c"), re.S).group(1)
    found = re.findall(r'^    (?:ROW\(|UNTIMED\(|\{)"(\w+)"', rows, re.M)
    check(len(found) > 20, f"formats: {found}")
    list_ = re.search(r"\| `format` \|[^\n]*", read("docs/configuration.md")).group(0)
    missing = [f for f in found if f"`{f}`" not in list_]
    check(not missing, f"formats that docs/configuration.md does not name: {missing}")


# ---- API ----------------------------------------------------------------------------------------

def test_endpoints(world):
    api, people = read("docs/api.md"), read("docs/people.md")
    # All but the metrics, which have a port of their own and docs/metrics.md.
    found = [f"{method} {path}" for method, path in re.findall(r'\{ROUTE_(\w+),\s+"(/[^"]*)"', read("server/api*.c"))]
    same("operations of openapi.json", Document(read("server/reference/openapi.json")).operations, found)
    listed = [[n for cell, in table(page.split("\n## ")[0], 0) for n in names(cell)] for page in (api, people)]
    same("endpoints", listed[0] + listed[1], found)
    headings = ", ".join(re.findall(r"^## (.*)$", api, re.M))
    missing = [e for e in listed[0] if e not in headings and not e.startswith("GET /api/docs/")]
    check(not missing, f"endpoints without a section: {missing}")


def test_messages(world):
    page = read("docs/api.md")
    check_c, single = read("server/api_check.c"), read("server/api_single.c")
    found = re.findall(r"api_refusal \w+ = \{\d+, " + TEXT + r"\}", joined(read("server/api_*.c")))
    found += re.findall(r"(?:refuse_single|http_error)\(\w+(?:->req)?, \d+, " + TEXT, joined(single))
    check(len(found) > 12, f"only {len(found)} messages found")
    missing = [m for m in set(found) if f"`{m}`" not in page]
    check(not missing, f"messages that docs/api.md does not have: {missing}")
    statuses = {int(s) for s in re.findall(r"api_refusal \w+ = \{(\d+)", check_c)}
    missing = [s for s in statuses if f"| {s} |" not in page]
    check(not missing, f"statuses that docs/api.md does not have: {missing}")


def test_roles(world):
    documented = [names(cell)[0] for cell, in table(section(read("docs/api.md"), "## Tokens"), 0)]
    found = re.findall(r'\[ROLE_\w+\] = "(\w+)"', read("server/roles.c"))
    same("roles", documented, set(found) - {"none"})


# ---- state, codes, commands ---------------------------------------------------------------------

def test_fault_points(world):
    documented = [n for cell, in table(section(read("docs/architecture.md"), "## Crash points"), 0) for n in names(cell)]
    code = joined(read("agent/*.c", "server/*.c", "parsers/*.c"))
    found = re.findall(r'fault_(?:point|fails)\("([\w.]+)"', code)
    found += re.findall(r'state_remove_file\([^)"]*"([\w.]+)"\)', code)
    for points in re.findall(r"write_points points = \{([^}]*)\}", code):
        found += re.findall(TEXT, points)
    # Calls and the allocator are no points: parsers/base/fault.h tells of them.
    same("fault points", documented, [n for n in found if n != "malloc" and not n.startswith("sys.")])


def test_exit_codes(world):
    documented = [int(cell) for cell, in table(section(read("docs/operations.md"), "## Exit codes"), 0)]
    found = [int(n) for n in re.findall(r"EXIT_\w+ = (\d+)", read("config/exit_codes.h"))]
    same("exit codes", documented, found + [130])


def test_commands(world):
    page = section(read("docs/operations.md"), "## Commands")
    documented = [n for cell, in table(page, 0) for n in names(cell)]
    agent = re.search(r"commands\[\] = \{(.*?)\n\};", read("agent/main.c"), re.S).group(1)
    of_agent = re.findall(r'\{"(\w+)", "', agent)
    server = re.search(r"commands\[\] = \{(.*?)\n\};", read("server/admin_execute.c"), re.S).group(1)
    found = [" ".join(w for w in pair if w != "NULL") for pair in
             [(a, b.strip('"')) for a, b in re.findall(r'\{"(\w+)", (NULL|"\w+"), admin', server)]]
    found += re.findall(r'\{"(\w+)", \w+, (?:\w+_values|none), ', read("server/admin_report.c")) + ["serve"]
    found += re.findall(r'\{"(\w+)", care_', read("server/admin_care.c"))
    same("commands", documented, of_agent + found)
    for program, commands in ((world.agent_bin, of_agent), (world.server_bin, found)):
        shown = run([program, "help"], world.dir)[1]
        missing = [c for c in commands if not re.search(rf"\b{c}\b", shown)]
        check(not missing, f"{os.path.basename(program)} help does not name {missing}")


def test_versions(world):
    page = section(read("docs/architecture.md"), "## State on disk")
    for pattern, file, text in ((r"POSITIONS_VERSION (\d+)", "agent/positions.h", "logferry-positions {}"),
                                (r"SPOOL_VERSION (\d+)", "agent/spool.h", "logferry-batch {}")):
        version = re.search(pattern, read(file)).group(1)
        check("`" + text.format(version) + "`" in page, f"docs/architecture.md does not have {text.format(version)}")
    steps = re.search(r"steps\[\] = \{([^}]*)\}", read("server/store_sqlite_schema.c")).group(1)
    check(f"`user_version` {len(steps.split(','))}" in page, "docs/architecture.md has another version of the store")


# ---- layers, blocks, links ----------------------------------------------------------------------

def test_layers(world):
    rows = table(section(read("docs/architecture.md"), "## Borders"), 0, 1)
    check(len(rows) == 5, f"{len(rows)} layers")
    problems = []
    for cell, may in rows:
        layer = names(cell)[0]
        allowed = {layer} | set(names(may))
        for name in glob.glob(os.path.join(TOP, layer, "*.[chS]")):
            with open(name, encoding="utf-8") as f:
                for included in re.findall(r'#include "([^"]+)/[^/"]+"', f.read()):
                    if included + "/" not in allowed:
                        problems.append(f"{os.path.relpath(name, TOP)} includes {included}/")
    check(not problems, "\n".join(problems))


def pages():
    return sorted(name for pattern in PAGES for name in glob.glob(os.path.join(TOP, pattern)))


def test_blocks(world):
    """A command is run by test_docs.py, or cannot be."""
    problems = []
    for page in pages():
        with open(page, encoding="utf-8") as f:
            text = f.read()
        for before, block in re.findall(r"^([^\n]*)\n+```sh\n(.*?)^```", text, re.M | re.S):
            if before.endswith("<!-- tested -->"):
                continue
            problems += [f"{os.path.basename(page)}: not tested: {line}" for line in block.splitlines()
                         if not line.startswith(UNTESTED)]
    check(not problems, "\n".join(problems))


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")


def test_links(world):
    problems = []
    for page in pages():
        with open(page, encoding="utf-8") as f:
            text = f.read()
        for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
            if target.startswith("http"):
                continue
            name, _, wanted = target.partition("#")
            file = os.path.join(os.path.dirname(page), name) if name else page
            if not os.path.exists(file):
                problems.append(f"{os.path.basename(page)}: {target}: no such file")
                continue
            if wanted:
                with open(file, encoding="utf-8") as f:
                    anchors = [anchor(h) for h in re.findall(r"^#+ (.*)$", f.read(), re.M)]
                if wanted not in anchors:
                    problems.append(f"{os.path.basename(page)}: {target}: no such heading")
    check(not problems, "\n".join(problems))


def test_readme(world):
    """The report shown is the one that is printed, shortened; and all fits on few screens."""
    text = read("README.md")
    check(text.count("\n") <= 151, f"README.md has {text.count(chr(10)) - 1} lines")
    shown = re.search(r"<!-- output of: logferry (.*?) -->\n```\n(.*?)^```", text, re.M | re.S)
    check(shown, "README.md shows no output")
    out = run([world.agent_bin, *shown.group(1).split()], TOP, 30)[1]
    real = [re.sub(r"in [\d.]+ s", "in T s", line).rstrip() for line in out.splitlines()]
    at = 0
    for line in shown.group(2).splitlines():
        if line.strip() == "…":
            continue
        wanted = re.sub(r"in [\d.]+ s", "in T s", line).rstrip()
        check(wanted in real[at:], f"README.md shows {line!r}; the report is\n{out}")
        at = real.index(wanted, at) + 1
