#!/usr/bin/env python3
"""Writes agents.tsv, the AI-agent catalogue, from vendors.tsv, lists.tsv and the two lists in
sources/, and ranges.txt from the address lists in ranges/.

    generate.py              write agents.tsv and ranges.txt
    generate.py --check      exit 1, with the difference, when one of them is out of date
    generate.py --reduce F   write sources/crawler-user-agents.json: what is used of the full list F

The hand-made vendors.tsv wins over the lists; ai.robots.txt wins over crawler-user-agents.
"""
import difflib
import ipaddress
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATE = "2026-11-27"
CATEGORIES = {"training", "search", "assistant", "agent", "coding", "other"}
COLUMNS = "name operator category token match verification search_engine source licence".split()
LICENCES = {"ai.robots.txt": "MIT", "crawler-user-agents": "MIT", "vendor": "facts"}

# Names in the lists that are no use in a user agent, and why.
DROPPED = {
    "code": "every VS Code web view says Code/1.x: that is a person",
    "facebookexternalhit": "a link preview that people ask for; in bots.tsv",
    "spider": "a generic word; bots.tsv has it as a word ending",
}
# Tokens known only from a list under the LGPL. They may come in by an operator's own pages only.
LGPL_ONLY = set("""bard-ai character-ai chatgpt-browser cohere-command cohere-training
doximity-diffbot gemini-ai githubcopilotchat gochitchat.ai google-pinpoint googleagent-search
groq-bot huggingface-bot ias_crawler ias_wombles imagesift prorata replicate-bot runpod-bot
sentibot together-bot udv-ai-research webzio xai-bot""".split())
# Patterns of that list that are the beginning of a token of ours.
PREFIXES = {"sogou", "coccoc"}
FUNCTIONS = [  # first that occurs in ai.robots.txt's `function`
    ("ai coding", "coding"), ("assistant", "assistant"), ("chat", "assistant"),
    ("user-initiated", "assistant"), ("user prompts", "assistant"), ("search", "search"),
    ("ai agents", "agent"), ("data providers", "other"), ("train", "training"),
    ("llm", "training"), ("data scraper", "training"), ("datasets", "training"),
]


def fail(message):
    sys.exit("generate.py: " + message)


def path(*parts):
    return os.path.join(HERE, *parts)


def load(name):
    with open(path("sources", name), encoding="utf-8") as f:
        return json.load(f)


def rows_of(name, columns):
    with open(path(name), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != columns:
                fail(f"{name}:{number}: {len(fields)} columns, expected {columns}")
            yield fields


def plain_token(name):
    """Lower case, without a '/' or version at the end: 'MistralAI-User/1.0' is 'mistralai-user'."""
    return re.sub(r"(/.*| \d[\d.]*)$", "", name.strip()).lower()


def plain_pattern(pattern):
    """A crawler-user-agents pattern as plain lower-case text; None for a real expression."""
    p = re.sub(r"\[([a-zA-Z])([a-zA-Z])\]", r"\1", pattern)
    p = re.sub(r"\\(.)", r"\1", p.replace("(^| )", "").lstrip("^").rstrip("$"))
    p = p.strip().rstrip("/ )")
    return None if re.search(r"[\[\]|*\\]", p) else p.lower()


def plain_operator(text):
    """'[OpenAI](https://openai.com)' and 'Amazon, used for …' to a bare name."""
    link = re.match(r"\[([^]]+)\]", text)
    name = link.group(1) if link else re.split(r",| that | to | \(", text)[0].strip()
    name = re.sub(r"^the Chinese company | Inc$| Crawler$", "", name)
    nameless = not name or name.lower().startswith(("unclear", "unknown", "http"))
    return "unknown" if nameless else name


def category_of(function):
    low = function.lower()
    return next((category for word, category in FUNCTIONS if word in low), "other")


def from_vendors(rows):
    for row in rows_of("vendors.tsv", 8):
        rows[row[3]] = row + [LICENCES[row[7]]]


def from_ai_robots(rows):
    for name, entry in load("ai-robots-txt.json").items():
        token = plain_token(name)
        if token in rows or token in DROPPED:
            continue
        rows[token] = [name.split("/")[0], plain_operator(entry["operator"]),
                       category_of(entry["function"]), token, "word", "-", "no",
                       "ai.robots.txt", "MIT"]


def from_crawlers(rows):
    for entry in load("crawler-user-agents.json"):
        token = plain_pattern(entry["pattern"])
        if "ai-crawler" not in entry["tags"] or token is None or token in rows:
            continue
        name = re.sub(r"[\\/]|\[[^]]*\]", "", entry["pattern"])
        rows[token] = [name, "unknown", "other", token, "word", "-", "no",
                       "crawler-user-agents", "MIT"]


def check_rows(rows):
    for token, row in rows.items():
        if not re.fullmatch(r"[a-z0-9][ -~]{2,}", token) or token != token.lower():
            fail(f"bad token {token!r}")
        if (len(row) != len(COLUMNS) or row[2] not in CATEGORIES
                or row[4] not in ("word", "product") or row[6] not in ("yes", "no")):
            fail(f"bad row {row!r}")
        if token in LGPL_ONLY and row[7] != "vendor":
            fail(f"{token}: known only from a list under the LGPL")


def check_sources(rows):
    """A row that names crawler-user-agents must be in our copy of it."""
    have = {plain_pattern(e["pattern"]) for e in load("crawler-user-agents.json")}
    text = json.dumps(load("crawler-user-agents.json")).lower()
    wanted = [r[3] for r in rows.values() if r[7] == "crawler-user-agents"]
    wanted += [t for t, _, source in rows_of("bots.tsv", 3) if source == "crawler-user-agents"]
    for token in wanted:
        if token.rstrip("/ ") not in have and token not in text:
            fail(f"{token}: said to be in crawler-user-agents, and is not in sources/")


def reduce(full_name):
    with open(full_name, encoding="utf-8") as f:
        full = json.load(f)
    tokens = {r[3] for r in rows_of("vendors.tsv", 8)}
    tokens |= {r[0].rstrip("/ ") for r in rows_of("bots.tsv", 3)}
    used = []
    for entry in full:
        plain = plain_pattern(entry["pattern"])
        if "ai-crawler" in entry["tags"] or plain in tokens or plain in PREFIXES:
            used.append({"pattern": entry["pattern"], "url": entry.get("url"),
                         "tags": entry["tags"], "instances": entry["instances"][:3]})
    with open(path("sources", "crawler-user-agents.json"), "w", encoding="utf-8") as f:
        json.dump(used, f, indent=1, ensure_ascii=True)
        f.write("\n")
    print(f"{len(used)} of {len(full)} entries")


def list_rows():
    """lists.tsv as rows of agents.tsv."""
    rows = [["@list"] + row for row in rows_of("lists.tsv", 3)]
    for _, name, url, holds in rows:
        if not re.fullmatch(r"[a-z0-9-]{2,40}", name) or holds not in ("operator", "agent"):
            fail(f"lists.tsv: bad row of {name}")
        if not url.startswith("https://"):
            fail(f"lists.tsv: {name}: no https address")
    return rows


def render_ranges():
    """The bundled address lists, each as `logferry agents update` would install it."""
    known = {row[1] for row in list_rows()}
    lines = []
    for file_name in sorted(os.listdir(path("ranges"))):
        name, ending = os.path.splitext(file_name)
        if ending != ".json":
            continue
        if name not in known:
            fail(f"ranges/{file_name}: not in lists.tsv")
        with open(path("ranges", file_name), encoding="utf-8") as f:
            data = json.load(f)
        date = data["creationTime"][:19] + "Z"
        nets = [p.get("ipv4Prefix") or p["ipv6Prefix"] for p in data["prefixes"]]
        lines += ["# logferry address list, version 1", f"# list: {name}", f"# date: {date}"]
        lines += sorted(str(ipaddress.ip_network(net)) for net in nets)
    return "\n".join(lines) + "\n"


def render():
    rows = {}
    from_vendors(rows)
    from_ai_robots(rows)
    from_crawlers(rows)
    check_rows(rows)
    check_sources(rows)
    lines = [
        f"# date: {DATE}",
        "# The AI-agent catalogue, written by generate.py: change vendors.tsv or sources/ instead.",
        "# From the operators' own pages (\"vendor\", see vendors.tsv), ai.robots.txt (MIT) and",
        "# crawler-user-agents (MIT); commits and dates of the lists: sources/README.md.",
        "# " + "\t".join(COLUMNS),
    ]
    lines += ["\t".join(row) for row in list_rows()]
    lines += ["\t".join(rows[token]) for token in sorted(rows)]
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--reduce":
        return reduce(sys.argv[2])
    wanted = {"agents.tsv": render(), "ranges.txt": render_ranges()}
    if sys.argv[1:] not in ([], ["--check"]):
        fail("usage: generate.py [--check | --reduce FULL.json]")
    for name, text in wanted.items():
        if not sys.argv[1:]:
            with open(path(name), "w", encoding="utf-8") as f:
                f.write(text)
            continue
        with open(path(name), encoding="utf-8") as f:
            have = f.read()
        if have != text:
            sys.stdout.writelines(difflib.unified_diff(have.splitlines(True), text.splitlines(True),
                                                       name, "generated", n=0))
            fail(f"{name} is out of date; run parsers/agents/generate.py")
    return None


if __name__ == "__main__":
    main()
