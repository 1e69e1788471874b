"""What is accepted and not stored: by the configuration, by the store, by lists in files."""
import json
import os
import signal

import lines
import mmdb
from harness import SITE
from proc import check, run

OTHER = "other.example"
HUMAN = lines.HUMANS[0]


class Filtered:
    """A server with exclusions, lists and countries in files, and one client of both sites."""

    def __init__(self, world):
        self.geo = world.path("country.mmdb")
        self.spammers = world.path("spammers.txt")
        self.drop = world.path("drop.txt")
        self.put(self.geo, mmdb.countries(DE=["192.0.2.0/24", "2001:db8:1::/48"], AT=["198.51.100.0/24"]))
        self.put(self.spammers, b"spam.example\nother.example\n")
        self.put(self.drop, b"; DROP\n203.0.113.128/25 ; SBL1\n")
        config = world.write("server.yaml", f"""
geo: {{country: {self.geo}}}
spam: {{referrer_files: {self.spammers}, network_files: [{self.drop}]}}
exclude: {{path: [/configured]}}
""")
        self.server = world.server(sites=(SITE, OTHER), config=config)
        self.server.start()
        self.n = 0

    @staticmethod
    def put(path, content):
        with open(path + ".new", "wb") as f:
            f.write(content)
        os.rename(path + ".new", path)

    def is_stored(self, host=SITE, ip="203.0.113.9", path="/p", agent=HUMAN, referrer=""):
        """Sends one pageview; was it stored, and with which country?"""
        self.n += 1
        url = f"https://{host}{path}?n={self.n}"
        status, _, body = self.server.request("POST", "/api/ingest/server/pageview", json.dumps({
            "url": url, "timestamp": "2026-11-01T12:00:00Z", "visitor_ip": ip, "user_agent": agent,
            "referrer": referrer}).encode(), self.server.token)
        check((status, body) == (202, b""), f"{url}: {status} {body!r}")
        rows = self.server.rows("SELECT country FROM records WHERE path = ?", f"{path}?n={self.n}")
        return rows[0] if rows else None

    def expect(self, stored, **record):
        found = self.is_stored(**record)
        check((found is not None) == stored, f"{record}: stored is {found}, expected {stored}")

    def exclude(self, *arguments):
        return self.server.cli("exclude", "add", *arguments).split()[0]


def test_exclusions(world):
    f = Filtered(world)
    check(f.is_stored(ip="192.0.2.7") == ("DE",), "the country is not stored")
    check(f.is_stored(ip="2001:db8:1::7") == ("DE",), "the country of IPv6 is not stored")
    check(f.is_stored(ip="203.0.113.9") == (None,), "a country where none is known")
    f.expect(False, path="/configured/x")
    f.expect(False, ip="203.0.113.129")
    f.expect(False, referrer="https://www.spam.example/")
    f.expect(True, referrer="https://sub.other.example/", host=OTHER)
    f.expect(False, referrer="https://other.example/")
    f.expect(True, referrer="https://other.example/", host=OTHER)  # its own name is no spam
    # Each kind, for one site, at once; the other site is not touched.
    for option, record in ((("--country", "de"), {"ip": "192.0.2.7"}), (("--ip", "203.0.113.0/28"), {}),
                           (("--user-agent", "our-Synthetic"), {"agent": "x our-synthetic/1"}),
                           (("--path", "/internal"), {"path": "/internal/a"})):
        f.expect(True, **record)
        which = f.exclude("--site", SITE, *option)
        f.expect(False, **record)
        f.expect(True, host=OTHER, **record)
        f.server.cli("exclude", "remove", which)
        f.expect(True, **record)
    whole = f.exclude("--instance", "--path", "/everywhere")
    f.expect(False, path="/everywhere")
    f.expect(False, path="/everywhere/x", host=OTHER)
    f.exclude("--team", "default", "--country", "AT")
    f.expect(False, ip="198.51.100.1", host=OTHER)
    found = json.loads(f.server.cli("exclude", "list", "--json"))
    check([(e["scope"], e["kind"], e["value"]) for e in found] ==
          [("instance", "path", "/everywhere"), ("team default", "country", "AT")], f"exclude list: {found}")
    check(found[0]["id"] == whole, f"{whole} is listed as {found[0]}")
    f.server.cli("exclude", "add", "--instance", "--path", "/everywhere", expect=65)
    f.server.cli("exclude", "add", "--instance", "--country", "DEU", expect=65)
    f.server.cli("exclude", "add", "--path", "/x", expect=64)
    f.server.cli("exclude", "add", "--site", "nowhere.example", "--path", "/x", expect=65)
    f.server.cli("exclude", "remove", "00000000-0000-4000-8000-000000000000", expect=65)
    # They hold after a restart, too.
    f.server.stop()
    f.server.start()
    f.expect(False, path="/everywhere")


def test_over_http(world):
    """A site's own, with a token: who may, what is answered, and in force with the answer."""
    f = Filtered(world)
    admin, viewer = f.server.client("adm", f"{SITE}=admin"), f.server.client("view", f"{SITE}=viewer")
    ids = {s["domain"]: s["id"] for s in json.loads(f.server.request("GET", "/api/sites", token=f.server.token)[2])}
    path = f"/api/sites/{ids[SITE]}/exclusions"
    problems = []

    def ask(method, where, body, token, status, text=None):
        got, _, answer = f.server.request(method, where, body.encode(), token)
        if got != status or (text is not None and answer != text.encode()):
            problems.append(f"{method} {where} {body}: {got} {answer!r}, expected {status} {text!r}")
        return answer

    new = '{"type":"path","path":" /over-http ","description":" of a test "}'
    f.expect(True, path="/over-http")
    one = json.loads(ask("POST", path, new, admin, 201))
    f.expect(False, path="/over-http/x")
    f.expect(True, path="/over-http", host=OTHER)
    check(list(one) == ["id", "scope", "site_id", "type", "path", "description", "created_at", "inherited"]
          and (one["scope"], one["type"], one["path"], one["description"], one["site_id"], one["inherited"]) ==
          ("site", "path", "/over-http", "of a test", ids[SITE], False), f"{one}")
    f.exclude("--instance", "--path", "/not-shown")
    check(json.loads(ask("GET", path, "", admin, 200)) == [one], "the list")
    f.exclude("--team", "default", "--path", "/not-shown-either")
    f.exclude("--instance", "--path", "/newer")
    effective = json.loads(ask("GET", path + "?effective=true", "", admin, 200))
    check([(e["path"], e["scope"], e["inherited"]) for e in effective] ==
          [("/newer", "instance", True), ("/not-shown", "instance", True), ("/not-shown-either", "team", True),
           ("/over-http", "site", False)], f"what holds: {effective}")
    ask("GET", path + "?effective=yes", "", admin, 400, "invalid effective value\n")
    network = json.loads(ask("POST", path, '{"cidr":" 192.0.2.7/28 "}', admin, 201))
    check((network["type"], network["cidr"], "description" in network) == ("cidr", "192.0.2.0/28", False), f"{network}")
    listed = [e["id"] for e in json.loads(ask("GET", path, "", admin, 200))]
    check(listed == [network["id"], one["id"]], "the newest first")
    ask("DELETE", f"{path}/{network['id'].upper()}", "", admin, 204, "")
    ask("POST", path, new, admin, 409, "Exclusion exists already\n")
    for body, text in (("{", "Invalid request body\n"), ('{"type":7}', "Invalid request body\n"),
                       ("{}", "Invalid exclusion type\n"), ('{"type":"cidr","cidr":"x"}', "Invalid IP or CIDR\n"),
                       ('{"type":"country","country_code":"DEU"}', "Invalid country code\n"),
                       ('{"type":"user_agent","path":"/x"}', "User agent must not be empty\n"),
                       ('{"type":"path","path":" "}', "Path must not be empty\n"),
                       ('{"type":"path","path":"?q=1"}', "Path must not be empty\n"),
                       ('{"type":"path","path":"/%zz"}', "Path must not be empty\n"),
                       ('{"type":"path","path":"/%s"}' % ("x" * 1000), "path must be a text of at most 1000 bytes\n"),
                       ('{"type":"path","path":"/%s"}' % ("\u00e4" * 400), "path must be a text of at most 1000 bytes\n"),
                       ('{"type":"user_agent","user_agent":"%s"}' % ("x" * 1001),
                        "user_agent must be a text of at most 1000 bytes\n"),
                       ('{"cidr":"192.0.2.1","description":"%s"}' % ("x" * 256),
                        "Description must be 255 characters or fewer\n")):
        ask("POST", path, body, admin, 400, text)
    for method, where, body in (("GET", path, ""), ("POST", path, new), ("DELETE", f"{path}/{one['id']}", "")):
        ask(method, where, body, None, 401, "Unauthorized\n")
        ask(method, where, body, viewer, 403, "Forbidden\n")
        ask(method, where, body, f.server.token, 403, "Forbidden\n")
        ask(method, where.replace(ids[SITE], ids[OTHER]), body, admin, 403, "Access denied\n")
        ask(method, where.replace(ids[SITE], "x"), body, admin, 400, "invalid site ID\n")
    ask("DELETE", f"{path}/x", "", admin, 400, "Invalid rule_id\n")
    ask("DELETE", f"{path}/{ids[SITE]}", "", admin, 404, "Not found\n")
    ask("DELETE", f"{path}/{one['id']}", "", admin, 204, "")
    ask("DELETE", f"{path}/{one['id']}", "", admin, 404, "Not found\n")
    f.expect(True, path="/over-http")
    # In one spelling, whichever it was written in.
    for body, value in (('{"type":" PATH ","path":"https://example.test/written//./here/?q=1#top"}', "/written/here"),
                        ('{"type":"path","path":"else where/"}', "/else%20where"),
                        ('{"type":"cidr","cidr":"2001:DB8:0::1"}', "2001:db8::1/128"),
                        ('{"type":"country","country_code":" at "}', "AT"),
                        ('{"type":"user_agent","user_agent":" Written/1 "}', "Written/1")):
        rule = json.loads(ask("POST", path, body, admin, 201))
        check(value in rule.values(), f"{body}: {rule}")
    for record in ({"path": "/written/here"}, {"path": "/x/..//written/here/and/there"}, {"path": "/else where/"},
                   {"path": "/else%20where"}, {"ip": "2001:db8::1"}, {"ip": "198.51.100.1"},
                   {"agent": "x wRITTEN/1.0"}):
        f.expect(False, **record)
    f.expect(True, path="/written/hereafter")
    check(not problems, "\n".join(problems))


def test_lists_are_read_again(world):
    f = Filtered(world)
    f.expect(True, referrer="https://new.example/")
    f.put(f.spammers, b"new.example\n")
    f.put(f.geo, mmdb.countries(FR=["192.0.2.0/24"]))
    f.server.proc.signal(signal.SIGHUP)
    f.server.proc.wait_event("lists_read")
    f.expect(False, referrer="https://new.example/")
    f.expect(True, referrer="https://spam.example/")
    check(f.is_stored(ip="192.0.2.7") == ("FR",), "the new file is not used")
    # What cannot be read changes nothing.
    f.put(f.drop, b"<html>not found</html>\n")
    f.server.proc.signal(signal.SIGHUP)
    told = f.server.proc.wait_event("cannot_read_list")
    check("drop.txt: line 1: a network was expected" in told["why"], f"{told}")
    f.expect(False, ip="203.0.113.129")
    # A file that is cut while it is in use harms nobody.
    with open(f.geo, "r+b") as cut:
        cut.truncate(100)
    check(f.is_stored(ip="192.0.2.7") == ("FR",), "the file in use was touched")
    f.server.stop()
    # At start, it ends the server with a word.
    argv = [world.server_bin, "--store", f.server.store, "--config", f.server.config, "serve", "--listen",
            "127.0.0.1:0"]
    _, _, err = run(argv, world.dir, 20, expect=78)
    check("cannot_read_list" in err and "drop.txt" in err, err)


def test_lists_are_watched(world):
    """Without a signal, by the time of the file."""
    f = Filtered(world)
    f.put(f.spammers, b"new.example\n")
    f.server.proc.wait_event("lists_read", 20)
    f.expect(False, referrer="https://new.example/")
