"""What `logferry explain` says would change a verdict does: for each rule of docs/pages.md a line that meets it, and
the configuration that is printed is pasted into the one that was in force, and asked again. Where no key would, none
is named."""
import copy
import json
import os
import re
from collections import Counter

from proc import check, run

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
HUMAN = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0"
GPTBOT = "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIELDS = ("time", "host", "client_ip", "method", "target", "status", "user_agent", "referrer", "content_type",
          "purpose", "disposition", "range", "cdn_result")
CONFIG = {"node": "n", "destinations": {"main": {"url": "http://127.0.0.1:1", "token_file": "/none"}},
          "sites": [{"hosts": ["example.com"], "site": "example.com"}],
          "sources": {"web": {"files": "/none/access.log", "format": {"json": {f: f for f in FIELDS}}}}}
COMBINED = '203.0.113.9 - - [27/Nov/2026:07:00:00 +0000] "GET /about HTTP/1.1" 200 123 "-" "' + HUMAN + '"'
CLOUDFRONT = "13.32.0.1"  # an address of the CDN


def row(target="/about", **fields):
    """A request as the JSON format of CONFIG has it."""
    request = {"time": "2026-11-27T07:00:00Z", "host": "example.com", "client_ip": "203.0.113.9", "method": "GET",
               "target": target, "status": 200, "user_agent": HUMAN}
    return json.dumps({k: v for k, v in (request | fields).items() if v is not None})


def of_format(name):
    return {"sources": {"web": {"format": name}}}


def page(**keys):
    return {"pages": keys}


# (reason or kind, rule): lines that meet it, each (line, key, what is added to the configuration, what then becomes of
# it). Key "": none would change it. "then" None: whatever, but another verdict.
NONE = ""
ALWAYS = "pages.always"
CASES = {
    ("too_long", "the line is longer than 256 KiB"): [("x" * 300000, NONE)],
    ("partial", "a part of a line that the container's log cut, without the rest"):
        [("2026-11-27T07:00:00.1Z stdout P half\n2026-11-27T07:00:01.1Z stderr F other", NONE,
          of_format("cri+nginx_combined"))],
    ("directive", "a header line of the format"): [("#Version: 1.0", NONE, of_format("cloudfront"))],
    ("directive", "a message of the server, not a request"):
        [('{"level":"info","ts":1.5,"msg":"certificate renewed"}', NONE, of_format("caddy_json"))],
    ("directive", "written to standard error, not to the access log"):
        [("2026-11-27T07:00:00.1Z stderr F 2026/11/27 07:00:00 [error] 7#7: no", NONE,
          of_format("cri+nginx_combined"))],
    ("unparsable", "the line does not have the source's format"):
        [(COMBINED, "sources.*.format", {"sites": None}, "pageview"),
         ("nonsense", "sources.*.format", {}, "without a line"),
         (COMBINED, "sources.*.format", of_format("apache_vhost_combined"), "no_host")],
    ("internal", "Apache woke one of its own processes"):
        [(row("/", user_agent="Apache/2.4.62 (Debian) (internal dummy connection)"), NONE)],
    ("internal", "OPTIONS * asks for the server, not for a page"): [(row("*", method="OPTIONS"), NONE)],
    ("internal", "asked by the CDN itself, not by a client of it"): [(row(cdn_result="edgeWorkerFetch"), NONE)],
    ("no_request", "no path can be read from the request"):
        [(COMBINED.replace("GET /about HTTP/1.1", "\\x16\\x03"), NONE, of_format("nginx_combined"))],
    ("excluded", "client address is excluded"):
        [(row(), "exclude.ip", {"exclude": {"ip": ["198.51.100.7", "203.0.113.0/24", "203.0.113.9", "2001:db8::/32"]}},
          "pageview")],
    ("excluded", "path is excluded"):
        [(row("/a/b"), "exclude.path", {"exclude": {"path": ["/a", "/x", "/a/b"]}}, "pageview"),
         (row("/"), "exclude.path", {"exclude": {"path": ["/"]}}, "pageview")],
    ("excluded", "user agent is excluded"):
        [(row(), "exclude.user_agent", {"exclude": {"user_agent": ["firefox", "monitor", "rv:143"]}}, "pageview"),
         (row(user_agent=GPTBOT), "exclude.user_agent", {"exclude": {"user_agent": ["gptbot"]}}, "ai_fetch")],
    ("duplicate_cdn", "fetched by CloudFront, whose own log has the visitor's request"):
        [(row(user_agent="Amazon CloudFront"), NONE)],
    ("method", "method of an AI agent is neither GET nor HEAD"): [(row(method="POST", user_agent=GPTBOT), NONE)],
    ("status", "no HTTP status was answered"):
        [(row(status=0, user_agent=GPTBOT), NONE), (row(status=0), NONE)],
    ("not_sent", "asset fetched by an AI agent: counted, not sent"): [(row("/a.css", user_agent=GPTBOT), NONE)],
    ("ai_fetch", "user agent is an AI agent of the catalogue"):
        [(row(user_agent=GPTBOT), "exclude.user_agent", {}, "excluded"),
         (row("/", user_agent="ChatGPT-User/1.0"), "exclude.user_agent", {"exclude": {"user_agent": ["x: 'y'"]}},
          "excluded"),
         (row(user_agent=GOOGLEBOT), "exclude.user_agent", {"ai": {"search_engines": True}}, "excluded")],
    ("no_user_agent", "no user agent was sent"): [(row(user_agent=None), NONE)],
    ("health_check", "user agent is a health check's"): [(row(user_agent="ELB-HealthChecker/2.0"), NONE)],
    ("bot", "user agent is a robot's"):
        [(row(user_agent="curl/8.5.0"), NONE),
         (row(user_agent=GOOGLEBOT), "ai.search_engines", {}, "ai_fetch"),
         (row("/a.css", user_agent="Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
          "ai.search_engines", {}, "not_sent")],
    ("probe", "path that only scanners ask for"):
        [(row("/.env"), ALWAYS, {}, "pageview"), (row("/wp-login.php", status=404), ALWAYS, {}, "status"),
         (row("/%2eenv"), ALWAYS, page(always=["/x"]), "pageview")],
    ("probe", "query that only attacks have"):
        [(row("/a?x=../../../etc/passwd"), ALWAYS, {}, "pageview"),
         (row("/?x=../../../etc/passwd"), ALWAYS, {}, "without a line")],
    ("probe", "user agent or referrer is an attack on log4j"):
        [(row(referrer="${jndi:ldap://x}"), ALWAYS, {}, "pageview")],
    ("prefetch", "fetched in advance: perhaps nobody will see it"):
        [(row(purpose="prefetch"), "pages.prefetch", {}, "pageview")],
    ("method", "method is not one of a page's"):
        [(row(method="POST"), "pages.methods", {}, "pageview"), (row(method="HEAD"), "pages.methods", {}, "pageview"),
         (row(method="PROPFIND"), "pages.methods", page(methods=["GET", "HEAD"]), "pageview"),
         (row(method="head"), NONE), (row(method="M" * 33), NONE)],
    ("redirect", "status is a redirect"):
        [(row(status=301), "pages.statuses", {}, "pageview"),
         (row(status=308), "pages.statuses", page(statuses=[200, 307]), "pageview"),
         (row(status=302, cdn_result="Redirect"), NONE)],
    ("status", "status is not one of a page's"):
        [(row(status=404), "pages.statuses", {}, "pageview"), (row("/api/x", status=500), "pages.statuses", {}, "api"),
         (row(status=999), NONE), (row(status=206, range="bytes=5-"), NONE, page(statuses=[200]))],
    ("status", "a later part of something that was begun before"): [(row(status=206, range="bytes=100-"), NONE)],
    ("redirect", "the CDN redirected, from http to https"): [(row(cdn_result="Redirect"), NONE)],
    ("pageview", "path is one of those that are always pages"):
        [(row("/status"), "exclude.path", page(always=["/status"]), "excluded"),
         (row("/"), "exclude.ip", page(always=["/"]), "excluded")],
    ("not_page", "query has a parameter that no page has"):
        [(row("/a?_rsc=1"), ALWAYS, {}, "pageview"), (row("/a?preview=true"), ALWAYS, {}, "pageview"),
         (row("/?preview=true&_rsc=2"), "pages.drop_query", {}, "pageview"),
         (row("/?x=1"), "pages.drop_query", page(drop_query=["x=1", "y"]), "pageview")],
    ("not_page", "file for machines: robots.txt, sitemap, /.well-known/"):
        [(row("/robots.txt"), ALWAYS, {}, "pageview"), (row("/.well-known/x"), ALWAYS, {}, "pageview")],
    ("not_page", "file that browsers ask for by themselves"): [(row("/favicon.ico"), ALWAYS, {}, "pageview")],
    ("not_page", "data that a framework fetches for a page it shows"):
        [(row("/_next/data/x/a.json"), ALWAYS, {}, "pageview"),
         (row("/?_=1764230400123"), ALWAYS, {}, "without a line")],
    ("not_page", "path is where the site's own people work"):
        [(row("/wp-admin/edit.php"), ALWAYS, {}, "pageview"), (row("/me"), ALWAYS, page(editors=["/me"]), "pageview")],
    ("download", "answer is an attachment"): [(row(disposition="attachment; filename=a"), ALWAYS, {}, "pageview"),
                                              (row("/", disposition="attachment"), ALWAYS, {}, "without a line")],
    ("pageview", "content type is HTML"):
        [(row(content_type="text/html; charset=utf-8"), "exclude.path", {}, "excluded"),
         (row("/", content_type="text/html"), "exclude.ip", {}, "excluded")],
    ("asset", "content type is an asset's"):
        [(row(content_type="image/png"), ALWAYS, {}, "pageview"),
         (row("/", content_type="image/png; x=y"), "pages.types", {}, "pageview")],
    ("download", "content type is a download's"): [(row(content_type="application/pdf"), ALWAYS, {}, "pageview")],
    ("feed", "content type is a feed's"): [(row(content_type="application/rss+xml"), ALWAYS, {}, "pageview")],
    ("api", "content type is data, not a page"): [(row(content_type="application/json"), ALWAYS, {}, "pageview")],
    ("not_page", "content type is not HTML"):
        [(row(content_type="application/x-foo"), ALWAYS, {}, "pageview"),
         (row("/", content_type="text/plain"), "pages.types", page(types=["text/html"]), "pageview")],
    ("asset", "path ends in a known static extension"):
        [(row("/a.css"), ALWAYS, {}, "pageview"), (row("/it's: #1 ü.png"), ALWAYS, page(always=["/it's"]), "pageview"),
         (row("/a/%0a.PNG"), "pages.extensions", {}, "pageview")],
    ("health_check", "path is asked for by health checks"): [(row("/healthz"), ALWAYS, {}, "pageview")],
    ("api", "path is below one that holds no pages"):
        [(row("//API//x"), ALWAYS, {}, "pageview"), (row("/rest/V1/"), ALWAYS, {}, "pageview"),
         (row("/rest/default/V1/x"), ALWAYS, {}, "pageview"), (row("/rest/api/2/"), ALWAYS, {}, "pageview")],
    ("feed", "path is below one that holds no pages"): [(row("/feed/"), ALWAYS, {}, "pageview")],
    ("not_page", "path is below one that holds no pages"):
        [(row("/"), "pages.not_pages", page(not_pages=["/rpc", "/", "/x/api"]), "pageview"),
         (row("/assets/x"), ALWAYS, {}, "pageview"), (row("/matomo/matomo.php"), ALWAYS, {}, "pageview")],
    ("api", "address that known software has for its scripts"): [(row("/blog/wp-json/x"), ALWAYS, {}, "pageview")],
    ("not_page", "address that known software has for its scripts"):
        [(row("/blog/wp-admin/edit.php"), ALWAYS, {}, "pageview")],
    ("feed", "query asks for a feed"):
        [(row("/a?feed=rss2"), ALWAYS, {}, "pageview"), (row("/?feed=rss2"), ALWAYS, {}, "without a line")],
    ("download", "query asks for a download"):
        [(row("/a?download_file=37"), ALWAYS, {}, "pageview"),
         (row("/?download_file=37"), ALWAYS, {}, "without a line")],
    ("feed", "path is a feed's"): [(row("/blog/rss.xml"), ALWAYS, {}, "pageview")],
    ("download", "path ends in the extension of a download"): [(row("/a.pdf"), ALWAYS, {}, "pageview")],
    ("api", "path ends in the extension of data"): [(row("/a.json"), ALWAYS, {}, "pageview")],
    ("not_page", "path ends in an extension that is not a page's"):
        [(row("/a.txt"), ALWAYS, {}, "pageview"), (row("/a.aspx"), ALWAYS, page(extensions=["html"]), "pageview")],
    ("pageview", "path is a page's"):
        [(row("/about"), "exclude.path", {}, "excluded"), (row("/caf%C3%A9/"), "exclude.path", {}, "excluded"),
         (row("/about"), "exclude.path", {"exclude": {"path": ["/b"], "ip": ["198.51.100.1"]}}, "excluded"),
         (row("/"), "exclude.ip", {"exclude": {"ip": ["198.51.100.1"]}}, "excluded"),
         (row("/", client_ip="2001:db8::7"), "exclude.ip", {}, "excluded"),
         (row("/", client_ip=None), "exclude.path", {}, "without a line")],
    ("duplicate_cdn", "came through a CDN whose own log is read too"):
        [(row(client_ip=CLOUDFRONT), "sources.*.cdn_duplicates",
          {"sources": {"cdn": {"files": "/none/*.gz", "format": "cloudfront"}}}, "pageview")],
    ("out_of_window", "the line's time is outside --since and --until"): [],  # which explain does not take
    ("no_host", "the line names no host and the source has no default"):
        [(row(host=None), "sources.*.default_host", {}, "pageview")],
    ("unknown_site", "no site of the configuration or of the token has this host"):
        [(row(host="other.example"), "sites", {}, "pageview"),
         (row(host="other.example"), "sites",
          {"sites": [{"hosts": ["example.com", "a.example"], "site": "example.com", "to": ["main"]},
                     {"hosts": ["b.example"], "site": "b.example"}],
           "destinations": {"two": {"url": "http://[::1]:1"}}},
          "pageview"),
         (row(host="exa_mple..com"), NONE)],
    ("not_sent", "no destination of this site is sent this kind"):
        [(row(), "destinations.*.send", {"destinations": {"main": {"send": ["ai_fetch"]}}}, "pageview"),
         (row(user_agent=GPTBOT), "destinations.*.send", {"destinations": {"main": {"send": ["pageview"]}}},
          "ai_fetch")],
    ("no_host", "the host is no host name"): [(row(host="a<b"), NONE, {"sites": None})],
}


def rules_of_docs():
    """[(outcome, rule, key)] of the tables of docs/pages.md, which a unit test compares with the code's."""
    found, in_table = [], False
    with open(os.path.join(TOP, "docs/pages.md"), encoding="utf-8") as f:
        for line in f:
            in_table = line.startswith("| reason | rule | key |") or (in_table and line.startswith("|"))
            if in_table and line.startswith("| `"):
                outcomes, rule, key = (cell.strip() for cell in line.split("|")[1:4])
                key = (re.findall("`([^`]+)`", key) or [NONE])[0]
                found += [(o, rule, key) for o in re.findall("`([^`]+)`", outcomes)]
    return found


# ---- pasting ---------------------------------------------------------------------------------------------------------
TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|([][{},:])|((?:[^][{},:\s']|:(?=\S))+(?: +[^][{},:\s]+)*))")


def flow(text):
    """A line of YAML in its short form, as a tree."""
    tokens = [(q.replace("''", "'") if q is not None else p, m is not None)
              for q, m, p in ((x.group(1) if x.group(1) is not None else None, x.group(2), x.group(2) or x.group(3))
                              for x in TOKEN.finditer(text))]
    check("".join(t for t, _ in tokens) != "", text)

    def value():
        token, mark = tokens.pop(0)
        if not mark:
            return token
        check(token in "[{", f"{token} in {text}")
        items, mapping = [], {}
        while tokens[0] != ({"[": "]", "{": "}"}[token], True):
            if token == "{":
                name = tokens.pop(0)[0]
                check(tokens.pop(0) == (":", True), text)
                mapping[name] = value()
            else:
                items.append(value())
            if tokens[0] == (",", True):
                tokens.pop(0)
        tokens.pop(0)
        return mapping if token == "{" else items
    tokens[:0] = [("{", True)]
    tokens.append(("}", True))
    return value()


def merged(config, more):
    """`more` pasted: mappings into their places, all else in place of what was there."""
    config = copy.deepcopy(config)
    for name, what in more.items():
        if what is None:
            config.pop(name, None)
        elif isinstance(what, dict) and isinstance(config.get(name), dict) and name != "format":
            config[name] = merged(config[name], what)
        else:
            config[name] = what
    return config


def lost(old, new):
    """What of the old lists is not in the new ones, by key."""
    gone = {}
    for name, what in old.items():
        if isinstance(what, dict) and isinstance(new[name], dict):
            gone |= lost(what, new[name])
        elif isinstance(what, list) and isinstance(new[name], list):
            less = Counter(json.dumps(x) if isinstance(x, dict) else str(x) for x in what)
            less -= Counter(json.dumps(x) if isinstance(x, dict) else str(x) for x in new[name])
            gone |= {name: sorted(less)} if less else {}
    return gone


def ask(world, config, line, *arguments):
    path = world.write("c.yaml", json.dumps(config, ensure_ascii=False))
    command = [world.agent_bin, "--config", path, "explain", "--source", "web", *arguments]
    return run(command, world.dir, 60, {"T": "lf_x"}, (line + "\n").encode())[1]


def outcome(explained):
    return explained["reason"] or explained["verdict"]


def defaults(world):
    """The lists that hold where the configuration is silent."""
    text = run([world.agent_bin, "check", "--print-defaults"], world.dir)[1]
    return {k: flow(f"x: {v}")["x"] for k, v in re.findall(r"^  (\w+): (\[.*\])$", text, re.M)}


def explained(world, cases):
    """Each case with its configuration, and what is said of its line as JSON and to people; lines of one configuration
    are asked for together."""
    groups = {}
    for name, rest in cases:
        line, key, more, then = (*rest, {}, None)[:4] if len(rest) < 4 else rest
        config = merged(CONFIG, more)
        alone = name if name[0] in ("too_long", "partial", "directive") else None
        groups.setdefault(json.dumps([config, alone]), []).append((name, line, key, then, config))
    for group in groups.values():
        config = group[0][4]
        text = "\n".join(case[1] for case in group)
        said = [json.loads(x) for x in ask(world, config, text, "--json").splitlines()]
        told = ask(world, config, text).split("\n\n")
        check(len(group) in (len(said), 1) and len(told) == len(said) + 1, f"{len(group)}, {len(said)}, {len(told)}")
        yield from ((*case, *found) for case, *found in zip(group, said, told))


def check_case(world, default, name, line, key, then, config, first, text):
    """One line: what is named, what is printed for people, and what becomes of it."""
    where = f"{name}: {line[:200]}"
    check((outcome(first), first["rule"]) == name, f"{where}: {outcome(first)}, {first['rule']}")
    check(first["key"] == (key or None), f"{where}: key {first['key']}, not {key}")
    told = re.search(r"^  changed by +(\S+) in the configuration(?:: `(.*)`)?", text, re.M)
    check((told is None) == (not key) and (not told or told[1] == key), f"{where}: {text}")
    if not key or then == "without a line":
        check(first["paste"] is None and (not told or told[2] is None), f"{where}: {first['paste']} {text}")
        return
    check(told[2] and told[2] == first["paste"], f"{where}: {told[2]}, {first['paste']}")
    pasted = merged(config, flow(first["paste"]))
    again = json.loads(ask(world, pasted, line, "--json").splitlines()[0])
    check(outcome(again) == then != outcome(first), f"{where}: {first['paste']}: {outcome(again)}, not {then}")
    # Nothing that was in force goes but what had to.
    in_force = merged({"pages": copy.deepcopy(default)}, config)
    gone = lost(in_force, merged(in_force, flow(first["paste"])))
    if name[0] == "excluded" or key in ("pages.drop_query", "pages.not_pages"):
        check(set(gone) == {key.split(".")[1]} and 0 < len(*gone.values()) < 3, f"{where}: {first['paste']}: {gone} go")
    else:
        check(not gone, f"{where}: {first['paste']}: {gone} would go")


def test_every_rule(world):
    rules, default = rules_of_docs(), defaults(world)
    check(len(rules) > 60, rules)
    check({(o, r) for o, r, _ in rules} == set(CASES), {(o, r) for o, r, _ in rules} ^ set(CASES))
    for name, cases in CASES.items():
        keys = {k for o, r, k in rules if (o, r) == name}
        check(any(c[1] in keys for c in cases) or (not cases and keys == {NONE}), f"{name}: docs/pages.md says {keys}")
    every = [(name, case) for name, cases in CASES.items() for case in cases]
    for case in explained(world, every):
        check_case(world, default, *case)
    print(f"{len(every)} lines, {len(CASES)} rules")


def test_summary_names_no_other(world):
    """A group's key is that of its first line."""
    out = ask(world, CONFIG, row(user_agent="curl/8.5.0"), "--summary")
    check("user agent is a robot's\n" in out and "changed by" not in out, out)
    check("changed by ai.search_engines" in ask(world, CONFIG, row(user_agent=GOOGLEBOT), "--summary"), "Googlebot")


def test_long_lists(world):
    """A list that must be replaced and is long is not printed; that is said."""
    many = [f"10.{i // 250}.{i % 250}.0/24" for i in range(1000)] + ["203.0.113.0/24"]
    config = merged(CONFIG, {"exclude": {"ip": many}})
    one = json.loads(ask(world, config, row(), "--json"))
    check((one["reason"], one["key"], one["paste"]) == ("excluded", "exclude.ip", None), one)
    check("the list is too long to be shown" in ask(world, config, row()), "for people")
