"""Who user agents are, and where agents come from: `classify`, `agents`, lists that are brought while the daemon runs, and
what of it records, `explain` and `report` say."""
import json
import os
import time

from harness import SITE
from proc import check, run, wait_for

GPTBOT = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; +https://openai.com/gptbot"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def classify(world, text, *arguments, **options):
    """What `classify` prints, and it must be UTF-8."""
    if isinstance(text, str):
        text = text.encode()
    code, out, _ = run([world.agent_bin, "classify", *arguments], world.dir, 60, stdin=text, **options)
    check("\ufffd" not in out or b"\xef\xbf\xbd" in text or any(b > 127 for b in text), "no UTF-8 came out")
    return out


def test_classify_json(world):
    out = classify(world, f"{GPTBOT}\ncurl/8.5.0\n{FIREFOX}\n\nPerplexityBot/1.0\r\nlast", "--json")
    have = [json.loads(line) for line in out.splitlines()]
    check([r["kind"] for r in have] == ["ai", "bot", "human", "bot", "ai", "bot"], f"{have}")
    check(have[0] == {"user_agent": GPTBOT, "kind": "ai", "agent": "GPTBot", "operator": "OpenAI",
                      "category": "training"}, f"{have[0]}")
    check(have[2] == {"user_agent": FIREFOX, "kind": "human", "agent": None, "operator": None, "category": None},
          f"{have[2]}")
    check(have[3]["user_agent"] == "" and have[4]["user_agent"] == "PerplexityBot/1.0", f"{have[3:5]}")
    check(have[4]["operator"] == "Perplexity" and have[4]["category"] == "search", f"{have[4]}")
    check(classify(world, "", "--json") == "", "something out of nothing")
    marked = classify(world, f"\ufeff{FIREFOX}\n\ufeffcurl/8.5.0\n", "--json").splitlines()
    check([json.loads(line)["user_agent"] for line in marked] == [FIREFOX, "\ufeffcurl/8.5.0"], f"{marked}")
    check(json.loads(marked[0])["kind"] == "human", f"{marked}")


def test_classify_hostile(world):
    hostile = [b"\xff\xfe GPTBot/1.0", b"a\x00b", b"\x1b[31mred", b"\xc2\x9b31m", "x\u202ey".encode(), b"\"\\\t", b"\x7f",
               "\U0001f916 bot".encode(), b"GPTBot/" + b"9" * 200000, b"\xed\xa0\x80"]
    out = run([world.agent_bin, "classify", "--json"], world.dir, 60, stdin=b"\n".join(hostile))[1]
    rows = out.split("\n")[:-1]
    check(len(rows) == len(hostile), f"{len(rows)} lines for {len(hostile)}")
    have = [json.loads(row) for row in rows]
    check(have[0]["agent"] == "GPTBot" and have[0]["user_agent"].startswith("\ufffd\ufffd GPT"), f"{have[0]}")
    check(have[1]["user_agent"] == "a\ufffdb" and have[4]["user_agent"] == "x\u202ey", f"{have[1]} {have[4]}")
    check(all(ord(c) >= 32 and not 0x7f <= ord(c) <= 0x9f and c != "\u202e" for row in rows for c in row),
          "a control byte came through")
    check(have[8]["agent"] == "GPTBot" and have[8]["cut"] and len(have[8]["user_agent"]) == 65536, "no cap")
    text = run([world.agent_bin, "classify"], world.dir, 60, stdin=b"\n".join(hostile))[1]
    check(text.count("\n") == len(hostile) and "\x1b" not in text and "\u202e" not in text, "the form for people")


def test_classify_files(world):
    path = world.write("agents.txt", GPTBOT + "\n" + FIREFOX + "\n")
    out = classify(world, "curl/8\n", path, "-")
    check([row.split()[0] for row in out.splitlines()] == ["ai", "human", "bot"], out)
    check("GPTBot" in out.splitlines()[0] and "OpenAI" in out.splitlines()[0], out)
    check(len({row.index(ua) for row, ua in zip(out.splitlines(), (GPTBOT, FIREFOX, "curl/8"))}) == 1, "columns: " + out)
    code, _, err = run([world.agent_bin, "classify", world.path("none"), path], world.dir, expect=65)
    check("none: No such file" in err, err)
    _, _, err = run([world.agent_bin, "classify", GPTBOT], world.dir, expect=65)
    check("one a line" in err, f"a user agent in the place of a file: {err}")


def test_classify_is_fast(world):
    text = ("\n".join([GPTBOT, FIREFOX, "curl/8.5.0"] * 40000) + "\n").encode()
    begin = time.monotonic()
    out = classify(world, text, "--json")
    seconds = time.monotonic() - begin
    check(out.count("\n") == 120000, "lines")
    check(seconds < 20, f"{seconds:.1f} s with sanitizers")


# ---- lists ---------------------------------------------------------------------------------------

def agents(world, *arguments, expect=0):
    _, out, err = run([world.agent_bin, "agents", "--state-dir", world.mkdir("state"), *arguments], world.dir, 60,
                      expect=expect)
    return out if expect == 0 else err


def one_list(world, name, date, *prefixes):
    kind = {p: "ipv6Prefix" if ":" in p else "ipv4Prefix" for p in prefixes}
    return world.write(name, json.dumps({"creationTime": date, "prefixes": [{kind[p]: p} for p in prefixes]}), 0o644)


def in_use(world, name):
    return next(x for x in json.loads(agents(world, "--json"))["lists"] if x["name"] == name)


def test_agents_are_listed(world):
    data = json.loads(agents(world, "--json"))
    check(len([a for a in data["agents"] if not a["search_engine"]]) >= 160, "fewer than 160 agents")
    gptbot = next(a for a in data["agents"] if a["name"] == "GPTBot")
    check(gptbot["operator"] == "OpenAI" and gptbot["lists"] == ["gptbot"] and gptbot["category"] == "training", f"{gptbot}")
    check(not data["installed"] and len(data["date"]) == 10 and data["sources"], "catalogue")
    built_in = next(x for x in data["lists"] if x["name"] == "gptbot")
    check(built_in["prefixes"] == 21 and built_in["date"].startswith("2026-05-05") and not built_in["installed"],
          f"{built_in}")
    text = agents(world)
    check("GPTBot" in text and "https://openai.com/gptbot.json" in text and "built in" in text, text[:400])


def test_lists_are_installed(world):
    folder = world.mkdir("fresh")
    one_list(world, "fresh/searchbot.json", "2026-11-20T00:00:00.000000", "192.0.2.0/24", "2001:db8::/32")
    one_list(world, "fresh/bots.json", "2026-11-20T00:00:00Z", "198.51.100.0/24")
    world.write("fresh/geofeed.csv", "# Meta\n203.0.113.0/24,US,US-CA,Menlo Park,\n2001:db8:face::/48,IE,,,\n", 0o644)
    world.write("fresh/ccbot.txt", "198.51.100.128/25\n", 0o644)
    world.write("fresh/README.md", "not a list", 0o644)
    out = agents(world, "update", folder)
    check("oai-searchbot: 2 prefixes of 2026-11-20; serves OAI-SearchBot" in out, out)
    check("claudebot: 1 prefixes" in out and "Claude-User" in out and "meta: 2 prefixes" in out and "4 installed" in out,
          out)
    have = in_use(world, "oai-searchbot")
    check(have["installed"] and have["prefixes"] == 2 and have["date"] == "2026-11-20T00:00:00.000Z", f"{have}")
    files = os.listdir(world.path("state", "agents"))
    check(sorted(files) == ["ccbot.ranges", "claudebot.ranges", "meta.ranges", "oai-searchbot.ranges"], f"{files}")
    for name in files:
        mode = os.stat(world.path("state", "agents", name)).st_mode & 0o777
        check(mode == 0o644, f"{name} has mode {mode:o}")
    check("4 installed" in agents(world, "update", folder), "the same again")


def test_lists_that_are_refused(world):
    one_list(world, "gptbot.json", "2026-11-20T00:00:00Z", "192.0.2.0/24")
    agents(world, "update", world.path("gptbot.json"))
    world.mkdir("o")
    world.mkdir("f")
    cases = (("older", one_list(world, "o/gptbot.json", "2026-11-01T00:00:00Z", "192.0.2.0/25"),
              "older than the list in use"),
             ("future", one_list(world, "f/gptbot.json", "2036-11-01T00:00:00Z", "192.0.2.0/25"),
              "in the future"),
             ("wide", one_list(world, "perplexitybot.json", "2026-11-20T00:00:00Z", "0.0.0.0/0"), "1: wider than any"),
             ("name", one_list(world, "unheard.json", "2026-11-20T00:00:00Z", "192.0.2.0/24"), "no list has this name"),
             ("page", world.write("applebot.json", "<!doctype html>\n<title>Not found</title>\n"), "1: not an address"),
             ("line", world.write("ccbot.txt", "192.0.2.0/24\n\n192.0.2/24\n"), "ccbot.txt: 3: not an address"),
             ("none", world.path("nowhere.json"), "No such file"),
             ("empty", world.mkdir("empty"), "holds no"),
             ("large", world.write("bingbot.txt", "#" * (8 << 20) + "\n1.2.3.4\n"), "larger than any list"))
    for what, path, words in cases:
        err = agents(world, "update", path, expect=65)
        check(words in err, f"{what}: {err}")
    check(in_use(world, "gptbot")["prefixes"] == 1 and in_use(world, "gptbot")["date"].startswith("2026-11-20"), "changed")
    out = agents(world, "update", "--force", world.path("o", "gptbot.json"))
    check("gptbot: 1 prefixes of 2026-11-01" in out, out)
    check("give nothing" in agents(world, "update", expect=64), "no file")
    check("give nothing" in agents(world, "remove", expect=64), "no command")


def test_one_bad_list_of_many(world):
    folder = world.mkdir("some")
    one_list(world, "some/gptbot.json", "2026-11-20T00:00:00Z", "192.0.2.0/24")
    world.write("some/ccbot.json", "{")
    _, out, err = run([world.agent_bin, "agents", "--state-dir", world.mkdir("state"), "update", folder], world.dir, 60,
                      expect=65)
    check("gptbot: 1 prefixes" in out and "ccbot.json: 1:" in err, out + err)


def test_catalogue_is_installed(world):
    with open("parsers/agents/agents.tsv", encoding="utf-8") as f:
        text = f.read()
    first = text.split("\n", 1)[0]
    newer = text.replace(first, "# date: 2027-01-01", 1) + "NewBot\tNewCo\tagent\tnewbot\tword\t-\tno\tvendor\tfacts\n"
    world.write("agents.tsv", newer, 0o644)
    check("of 2027-01-01" in agents(world, "update", world.path("agents.tsv")), "not installed")
    check("NewBot" in agents(world) and "installed" in agents(world).split("\n", 1)[0], "not in use")
    out = classify(world, "NewBot/1.0\n", "--json", "--state-dir", world.path("state"))
    check(json.loads(out)["operator"] == "NewCo", out)
    world.mkdir("old")
    world.write("old/agents.tsv", text.replace(first, "# date: 2020-01-01", 1), 0o644)
    check("older than the catalogue" in agents(world, "update", world.path("old", "agents.tsv"), expect=65), "older")
    world.write("old/agents.tsv", newer + "broken\tline\n", 0o644)
    check(f"agents.tsv: {newer.count(chr(10)) + 1}: an agent has nine" in
          agents(world, "update", world.path("old", "agents.tsv"), expect=65), "broken")


def test_damaged_installed_files_are_ignored(world):
    world.mkdir("state", "agents")
    world.write("state/agents/gptbot.ranges", "nonsense\n")
    world.write("state/agents/agents.tsv", "# date: 2030-01-01\n\0")
    _, out, err = run([world.agent_bin, "agents", "--json", "--state-dir", world.path("state")], world.dir, 60)
    check("gptbot.ranges: 1: not an address" in err and "agents.tsv: " in err, err)
    check(len(json.loads(out)["agents"]) > 160, "the built-in catalogue is not used")


def test_update_under_faults(world):
    """Whatever fails, and wherever it is killed: the list in use is the old one or the new one."""
    old = one_list(world, "gptbot.json", "2026-11-10T00:00:00Z", "192.0.2.0/24")
    new = one_list(world, "GPTBot.json", "2026-11-20T00:00:00Z", *[f"198.51.{n}.0/24" for n in range(200)])
    agents(world, "update", old)
    argv = [world.agent_bin, "agents", "--state-dir", world.path("state"), "update", new]
    faults = [f"fail:{call}:1-9:{error}" for call, error in (("sys.write", "ENOSPC"), ("sys.fsync", "EIO"),
                                                            ("sys.rename", "EROFS"))]
    for fault in faults + ["tear:sys.write:1:100:ENOSPC", "crash:sys.write:1", "tear:sys.write:1:100:crash",
                           "crash:sys.fsync:1", "crash:sys.rename:1"]:
        code, _, err = run(argv, world.dir, 60, {"LOGFERRY_FAULT": fault}, expect=None)
        check(code == (137 if "crash" in fault else 73), f"{fault}: {code} {err}")
        check(in_use(world, "gptbot")["prefixes"] == 1, f"{fault}: the old list is gone")
        left = set(os.listdir(world.path("state", "agents"))) - {".new"}
        check(left == {"gptbot.ranges"}, f"{fault}: {left}")
    run(argv, world.dir, 60, {"LOGFERRY_FAULT": "crash:sys.rename.done:1"}, expect=137)
    check(in_use(world, "gptbot")["prefixes"] == 200, "renamed, and not there")
    agents(world, "update", new)
    check(os.listdir(world.path("state", "agents")) == ["gptbot.ranges"], "something was left")


def test_no_link_is_followed(world):
    world.mkdir("elsewhere")
    world.mkdir("state")
    os.symlink(world.path("elsewhere"), world.path("state", "agents"))
    err = agents(world, "update", one_list(world, "gptbot.json", "2026-11-20T00:00:00Z", "192.0.2.0/24"), expect=73)
    check("no link" in err and not os.listdir(world.path("elsewhere")), err)


def test_configured_directory(world):
    agent = world.agent("http://127.0.0.1:9", extra=f"agents_dir: {world.path('lists')}\n")
    agent.command("agents", "update", one_list(world, "gptbot.json", "2026-11-20T00:00:00Z", "192.0.2.0/24"))
    check(os.listdir(world.path("lists")) == ["gptbot.ranges"], "not there")
    have = json.loads(agent.command("agents", "--json")[1])
    check(have["directory"] == world.path("lists"), have["directory"])
    when = 1795046400  # 2026-11-19
    text = line_of("192.0.2.1", when, GPTBOT) + line_of("198.51.100.1", when, GPTBOT)
    out = agent.command("explain", "--source", "web", "--json", stdin=text.encode())[1]
    check([json.loads(row)["agent"]["verified"] for row in out.splitlines()] == ["yes", "no"], out)


# ---- what records say -----------------------------------------------------------------------------

def line_of(address, when, agent, target="/", referrer="-"):
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(when))
    return f'{address} - - [{stamp}] "GET {target} HTTP/1.1" 200 512 "{referrer}" "{agent}"\n'


def explained(world, text, *arguments):
    out = run([world.agent_bin, "explain", "--json", "--format", "nginx_combined", "--host", SITE, *arguments], world.dir,
              60, stdin=text.encode())[1]
    return [json.loads(row) for row in out.splitlines()]


def test_verified_in_explain_and_report(world):
    may = 1777975200  # 2026-05-05, the date of the built-in lists
    text = (line_of("132.196.86.7", may, GPTBOT) + line_of("203.0.113.7", may, GPTBOT) +
            line_of("203.0.113.7", may + 30 * 86400, GPTBOT) + line_of("10.0.0.1", may, GPTBOT) +
            line_of("203.0.113.7", may, "Bytespider") + line_of("203.0.113.7", may, FIREFOX) +
            line_of("203.0.113.7", may, FIREFOX, "/", "https://chatgpt.com/") +
            line_of("203.0.113.7", may, FIREFOX, "/?utm_source=perplexity.ai"))
    have = explained(world, text)
    check([r["agent"] and r["agent"]["verified"] for r in have] ==
          ["yes", "no", "unknown", "unknown", "unknown", None, None, None], f"{[r['agent'] for r in have]}")
    check(have[1]["record"]["verified"] == "no", f"{have[1]['record']}")
    check([r["ai_referrer"] for r in have][5:] == [None, "ChatGPT", "Perplexity"], "ai_referrer")
    path = world.write("access.log", text)
    report = json.loads(run([world.agent_bin, "report", "--json", path], world.dir, 60)[1])
    gptbot = next(a for a in report["agents"] if a["name"] == "GPTBot")
    check(gptbot["spoofed"] == 1 and gptbot["documents"] == 4, f"{gptbot}")
    check(report["ai_referrers"] == [{"assistant": "ChatGPT", "pageviews": 1}, {"assistant": "Perplexity", "pageviews": 1}],
          f"{report['ai_referrers']}")
    shown = run([world.agent_bin, "report", path], world.dir, 60)[1]
    check("From AI assistants" in shown and "ChatGPT" in shown, shown)


def test_report_counts_one_in_the_singular(world):
    path = world.write("one.log", line_of("203.0.113.7", 1777975200, FIREFOX))
    shown = run([world.agent_bin, "report", path], world.dir, 60)[1]
    check(" 1 pageview by 1 visitor (by day" in shown and " 0 lines; " in shown, shown)
    check("\n1 line in " in shown and ": 1 pageview + 0 AI fetches + 0 skipped; " in shown, shown)
    world.write("one.log", line_of("203.0.113.7", 1777975200, GPTBOT) + line_of("203.0.113.7", 1777975200, FIREFOX, "/a.css"))
    shown = run([world.agent_bin, "report", path], world.dir, 60)[1]
    check("\n2 lines in " in shown and ": 0 pageviews + 1 AI fetch + 1 skipped; " in shown, shown)
    check(" 1 line; " in shown, shown)


def test_daemon_takes_lists_on_reload(world):
    sink = world.sink()
    log = world.path("access.log")
    now = time.time()
    with open(log, "w", encoding="utf-8") as f:
        f.write(line_of("192.0.2.77", now, GPTBOT, "/one"))
    agent = world.agent(sink, files=log).start()
    wait_for(lambda: len(sink.records) == 1, 30, "the first record")
    day = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(now))
    agent.command("agents", "update", one_list(world, "gptbot.json", day, "192.0.2.0/24"))
    before = len(agent.proc.events("started"))
    agent.proc.signal(1)
    time.sleep(0.2)
    wait_for(lambda: agent.proc.alive() and len(agent.proc.events("started")) > before, 30, "the reload")
    with open(log, "a", encoding="utf-8") as f:
        f.write(line_of("192.0.2.77", now, GPTBOT, "/two") + line_of("198.51.100.7", now, GPTBOT, "/three"))
    wait_for(lambda: len(sink.records) == 3, 30, "the other records")
    have = {r["path"]: r["verified"] for _, _, r in sink.records}
    check(have == {"/one": "unknown", "/two": "yes", "/three": "no"}, f"{have}")
    agent.stop()
