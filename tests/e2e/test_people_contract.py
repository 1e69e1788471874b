"""HitKeep's calls about people, teams and sites: what is asked, and what is answered, as its own tests and handlers
have it. Where our server differs with intent, docs/api.md says so."""
import datetime
import json

from harness import SITE
from proc import check
from test_people import NOBODY, OTHER, OWNER, SECRET, Browser, first, start

OK = {"status": "ok"}
THIRD = "eve@example.com"


def moment(text):
    return datetime.datetime.fromisoformat(text)


def walk(browser, rows):
    """Rows of (status, method, path, body, answer): an error's text, or what the JSON is."""
    for status, method, path, body, answer in rows:
        if isinstance(answer, str):
            browser.want(status, method, path, body, answer)
        else:
            got = browser.want(status, method, path, body)
            check(answer is None or got == answer, f"{method} {path} {body}: {got!r} instead of {answer!r}")


class People:
    """The first person with her team, a second one who has a login, and a third."""

    def __init__(self, world):
        self.server = start(world)
        self.ann = first(self.server)
        self.ids = {OWNER: self.ann.want(200, "GET", "/api/user")["id"]}
        for email in (OTHER, THIRD):
            user = self.ann.want(201, "POST", "/api/admin/users", {"email": email})
            self.ids[email] = user["id"]
            self.ann.want(204, "POST", f"/api/admin/users/{user['id']}/password", {"new_password": SECRET})
        self.bob, self.eve = Browser(self.server), Browser(self.server)
        self.bob.log_in(OTHER, SECRET)
        self.eve.log_in(THIRD, SECRET)
        self.team = self.ann.want(200, "GET", "/api/user/teams")["active_team_id"]

    def token(self, browser, role, sites=()):
        body = {"name": "t", "instance_role": role, "site_roles": [{"site_id": s, "role": r} for s, r in sites]}
        return browser.want(201, "POST", "/api/user/api-clients", body)["token"]

    def ask(self, token, status, method, path, body=None, text=None):
        """With a token alone."""
        body = json.dumps(body).encode() if body is not None else b""
        got, headers, answer = self.server.request(method, path, body, token)
        check(got == status, f"{method} {path}: {got} {answer[:300]!r} instead of {status}")
        if text is not None:
            check(answer == (text + "\n").encode(), f"{method} {path}: {answer!r} instead of {text!r}")
        is_json = (headers["Content-Type"] or "").startswith("application/json")
        return json.loads(answer) if is_json else answer


DOMAINS = [
    ("", "Domain is required"), ("  ", "Domain is required"),
    ("https://example.org", "Domain must not contain protocol (http:// or https://)"),
    ("www.example.org", "Domain must not start with 'www.' (we track subdomains automatically)"),
    ("WWW.example.org", "Domain must not start with 'www.' (we track subdomains automatically)"),
] + [(d, "Invalid domain format (e.g. example.com)") for d in (
    "example", "example..org", "-x.example.org", "x-.example.org", "exa_mple.org", "example.org/x", "example.org:80",
    "192.0.2.1", "a b.org", ".example.org", "example.org.", "\u00fc.example", "x" * 64 + ".org", "a." * 127 + "org")]


def test_sites(world):
    p = People(world)
    made = p.ann.want(200, "POST", "/api/sites", {"Domain": " Shop.Example ", "more": 1})
    check((made["domain"], made["user_id"], made["data_retention_days"]) == ("shop.example", p.ids[OWNER], 365), str(made))
    listed = p.ann.want(200, "GET", "/api/sites")
    check([s["domain"] for s in listed] == ["shop.example", SITE], f"newest first: {listed}")
    site, other = made["id"], listed[1]["id"]
    top = f"/api/sites/{site}"
    for domain, text in DOMAINS:
        p.ann.want(400, "POST", "/api/sites", {"domain": domain}, text)
        p.ann.want(400, "PUT", f"{top}/domain", {"domain": domain}, text)
    walk(p.ann, [
        (400, "POST", "/api/sites", b"{", "Invalid request body"),
        (400, "POST", "/api/sites", {"domain": 1}, "Invalid request body"),
        (409, "POST", "/api/sites", {"domain": "SHOP.example"}, "Failed to create site (domain might already exist)"),
        (400, "PUT", f"{top}/domain", b"", "Invalid request body"),
        (409, "PUT", f"{top}/domain", {"domain": SITE}, "Domain already in use by another site"),
        (200, "PUT", f"{top}/domain", {"domain": "shop.example"}, made),
        (200, "PUT", f"{top}/domain", {"domain": "Store.Example"}, dict(made, domain="store.example")),
        (200, "POST", f"{top}/aliases", {"host": "shop.example"}, dict(made, domain="store.example", aliases=["shop.example"])),
        (200, "PUT", f"{top}/domain", {"domain": "shop.example"}, made),
        (200, "PUT", f"{top}/retention", {"days": 30}, b""),
        (200, "PUT", f"{top}/retention", {}, b""),
        (400, "PUT", f"{top}/retention", {"days": -1}, "Retention days must be non-negative"),
        (400, "PUT", f"{top}/retention", {"days": "1"}, "Invalid request body"),
        (400, "PUT", f"{top}/retention", {"days": 36501}, "Retention days must be at most 36500"),
        (403, "PUT", f"/api/sites/{NOBODY}/retention", {"days": 1}, "Access denied"),
        (400, "PUT", "/api/sites/x/retention", {"days": 1}, "invalid site ID"),
    ])
    check(p.ann.want(200, "GET", "/api/sites")[0]["data_retention_days"] == 0, "no days are for ever")
    # A domain that was given up is free for another.
    p.ann.want(200, "POST", "/api/sites", {"domain": "store.example"})
    # Members.
    members = f"{top}/members"
    whom = {"email": OTHER.upper(), "role": "viewer"}
    p.bob.want(403, "GET", members, text="Access denied")
    walk(p.ann, [
        (400, "POST", members, b"{", "Invalid request"), (400, "POST", members, {"email": "x"}, "Invalid email"),
        (400, "POST", members, {"email": OTHER, "role": "king"}, "Invalid role"),
        (400, "POST", members, {"email": OTHER, "role": "ingest"}, "Invalid role"),
        (404, "POST", members, {"email": "nobody@example.com", "role": "viewer"}, "User not found"),
        (404, "POST", members, whom, "User not found"),  # in no team of the site's
        (200, "POST", f"/api/user/teams/{p.team}/members", {"email": OTHER}, {"is_invite": False, "status": "ok"}),
        (200, "POST", members, whom, OK),
        (200, "GET", members, None, [{"id": p.ids[e], "user_id": p.ids[e], "email": e, "role": r}
                                     for e, r in ((OWNER, "owner"), (OTHER, "viewer"))]),
    ])
    check(p.bob.want(200, "GET", members)[1]["email"] == OTHER, "a viewer sees who is there")
    p.bob.want(403, "POST", members, whom, "Forbidden")
    p.bob.want(403, "PUT", f"{top}/retention", {"days": 1}, "Forbidden")
    walk(p.ann, [
        (200, "POST", members, dict(whom, role="admin"), OK),
        (400, "DELETE", f"{members}/x", None, "Invalid user ID"),
        (404, "DELETE", f"{members}/{NOBODY}", None, "User not found"),
    ])
    p.bob.want(403, "POST", members, dict(whom, role="owner"), "Forbidden")
    p.ann.want(200, "DELETE", f"{members}/{p.ids[OTHER]}")
    p.bob.want(403, "GET", members, text="Access denied")
    # To another team, of which one has to be owner or admin as well.
    second = p.ann.want(201, "POST", "/api/user/teams", {"name": "second"})["team"]["id"]
    bobs = p.bob.want(201, "POST", "/api/user/teams", {"name": "bob's"})["team"]["id"]
    move = f"{top}/transfer-team"
    walk(p.ann, [
        (400, "POST", move, {"team_id": second, "more": 1}, "Invalid request body"),
        (400, "POST", move, {"team_id": "x"}, "Invalid team_id"), (400, "POST", move, {}, "Invalid team_id"),
        (403, "POST", move, {"team_id": bobs}, "Access denied"), (403, "POST", move, {"team_id": NOBODY}, "Access denied"),
    ])
    token = p.token(p.ann, "user", [(site, "viewer")])
    teams = p.ann.want(201, "POST", f"/api/user/teams/{p.team}/api-clients",
                       {"name": "t", "site_roles": [{"site_id": site, "role": "owner"}]})["token"]
    p.ask(teams, 401, "POST", move, {"team_id": second}, "Unauthorized")
    check(p.ann.want(200, "POST", move, {"team_id": second}) == dict(
        OK, site_id=site, source_team_id=p.team, destination_team_id=second), "a move")
    p.ask(token, 200, "GET", f"{top}/stats")  # hers, and she owns that team, too
    p.ask(teams, 403, "GET", f"{top}/stats", text="Access denied")
    p.ask(teams, 403, "DELETE", top, text="Access denied")
    # A token with the role for it deletes; a web server's may change nothing.
    owner, admin = p.token(p.ann, "user", [(other, "owner")]), p.token(p.ann, "user", [(other, "admin")])
    ingest = p.token(p.ann, "user", [(other, "ingest")])
    for method, tail, body in (("PUT", "/retention", {"days": 1}), ("PUT", "/domain", {"domain": "x.example"}),
                               ("GET", "/members", None), ("POST", "/members", whom), ("DELETE", "", None)):
        p.ask(ingest, 403, method, f"/api/sites/{other}{tail}", body, "Forbidden")
    p.ask(admin, 403, "DELETE", f"/api/sites/{other}", text="Forbidden")
    p.ask(admin, 200, "PUT", f"/api/sites/{other}/retention", {"days": 7})
    check(p.ask(admin, 200, "PUT", f"/api/sites/{other}/domain", {"domain": "new.example"})["role"] == "admin", "a role")
    check(p.ask(owner, 200, "DELETE", f"/api/sites/{other}") == OK, "a deletion")
    p.ask(owner, 401, "POST", "/api/sites", {"domain": "x.example"}, "Unauthorized")


def test_teams(world):
    p = People(world)
    top, mine = "/api/user/teams", f"/api/user/teams/{p.team}"
    listed = p.ann.want(200, "GET", top)
    team = listed["teams"][0]
    usage = {"current_sites": 1, "current_members": 1, "current_pending_invites": 0}
    check(listed == {"active_team_id": p.team, "recent_team_ids": [p.team], "teams": [team]} and team == {
        "id": p.team, "name": "default", "logo_url": "", "role": "owner", "created_at": team["created_at"],
        "usage": usage}, str(listed))
    empty = {"active_team_id": "00000000-0000-0000-0000-000000000000", "recent_team_ids": [], "teams": []}
    check(p.bob.want(200, "GET", top) == empty, "of nobody's teams")
    long = "n" * 121
    for method, path in (("POST", top), ("PUT", mine), ("PATCH", mine)):
        walk(p.ann, [
            (400, method, path, b"{}x", "Invalid JSON payload"), (400, method, path, {"title": "x"}, "Invalid JSON payload"),
            (400, method, path, {"name": " "}, "Team name is required"),
            (400, method, path, {"name": long}, "Team name must be 120 characters or fewer"),
            (400, method, path, {"name": "x", "logo_url": "x" * 2049}, "Logo URL must be 2048 characters or fewer"),
            *((400, method, path, {"name": "x", "logo_url": u}, "Invalid logo URL") for u in (
                "logo.png", "://x", "1a:b", "https://example.com/a\nb", "/a%zz")),
        ])
    made = p.ann.want(201, "POST", top, {"name": " shop ", "logo_url": "https://example.com/x.png"})["team"]
    check((made["name"], made["role"], made["logo_url"]) == ("shop", "owner", ""), str(made))
    shop = f"{top}/{made['id']}"
    members = f"{shop}/members"
    p.bob.want(403, "PUT", shop, {"name": "mine"}, "Access denied")
    invited = {"is_invite": False, "status": "ok"}
    walk(p.ann, [
        (200, "PATCH", shop, {"name": "shops"}, OK),
        (400, "POST", members, {"email": "x"}, "Invalid email"),
        (400, "POST", members, {"email": OTHER, "role": "boss"}, "Invalid role"),
        (409, "POST", members, {"email": OTHER, "role": "Owner"},
         {"status": "error", "code": "ownership_transfer_required",
          "message": "Use the ownership transfer action to assign the owner role"}),
        (404, "POST", members, {"email": "nobody@example.com"}, "User not found"),
        (409, "POST", members, {"email": OWNER, "role": "member"}, "Cannot change your own role"),
        (200, "POST", members, {"email": f" {OTHER} ", "role": " ADMIN "}, invited),
        (200, "POST", members, {"email": THIRD}, invited),
        (200, "GET", members, None, [{"id": p.ids[e], "user_id": p.ids[e], "email": e, "role": r} for e, r in
                                     ((OWNER, "owner"), (OTHER, "admin"), (THIRD, "member"))]),
        (400, "DELETE", f"{members}/x", None, "Invalid user ID"),
        (404, "DELETE", f"{members}/{NOBODY}", None, "Team member not found"),
        (400, "DELETE", f"{members}/{p.ids[OWNER]}", None, "Cannot remove last owner"),
    ])
    walk(p.bob, [
        (200, "PUT", shop, {"name": "shop"}, OK),
        (403, "POST", members, {"email": THIRD, "role": "owner"}, "Forbidden role assignment"),
        (403, "DELETE", f"{members}/{p.ids[OWNER]}", None, "Access denied"),
        (403, "POST", f"{shop}/archive", None, "Access denied"),
        (403, "POST", f"{shop}/transfer-ownership", {"target_user_id": p.ids[OTHER]}, "Access denied"),
    ])
    walk(p.eve, [
        (403, "POST", members, {"email": OTHER, "role": "member"}, "Access denied"),
        (403, "DELETE", f"{members}/{p.ids[THIRD]}", None, "Access denied"),
        (400, "DELETE", f"{shop}/leave", None, {"status": "error", "code": "user_only_team",
                                                "message": "Cannot leave your only team"}),
        (403, "DELETE", f"{mine}/leave", None, {"status": "error", "code": "team_membership_required",
                                                "message": "Access denied"}),
        (400, "DELETE", f"{top}/x/leave", None, "Invalid team ID"),
    ])

    def coded(code, message):
        return {"status": "error", "code": "ownership_transfer_" + code, "message": message}

    hand = f"{shop}/transfer-ownership"
    walk(p.ann, [
        (400, "POST", hand, {"target_user_id": "x"}, "Invalid target user ID"),
        (400, "POST", hand, {"user": "x"}, "Invalid JSON payload"),
        (409, "POST", hand, {"target_user_id": p.ids[OWNER]},
         coded("self", "Ownership transfer requires a different team member")),
        (400, "POST", hand, {"target_user_id": NOBODY},
         coded("target_invalid", "The selected user must already be a team member")),
        (400, "DELETE", f"{shop}/leave", None, {"status": "error", "code": "team_last_owner",
                                                "message": "Cannot leave as the last owner"}),
        (200, "POST", hand, {"target_user_id": p.ids[OTHER]}, OK),
        (403, "POST", hand, {"target_user_id": p.ids[THIRD]}, "Access denied"),
        (200, "DELETE", f"{shop}/leave", None, {"active_team_id": p.team, "recent_team_ids": [p.team], "status": "ok"}),
    ])
    p.bob.want(200, "PUT", f"{members}/{p.ids[THIRD]}", {"role": "owner"})
    walk(p.bob, [
        (409, "POST", hand, {"target_user_id": p.ids[THIRD]},
         coded("already_owner", "The selected member is already an owner")),
        (200, "POST", f"{shop}/archive", None,
         {"active_team_id": empty["active_team_id"], "recent_team_ids": [], "status": "ok"}),
        (403, "GET", members, None, "Access denied"),
    ])
    p.ann.want(400, "POST", f"{mine}/archive", None)
    check(p.ann.want(400, "POST", f"{mine}/archive")["code"] == "team_archive_has_sites", "archived with a site")


def test_permissions(world):
    p = People(world)
    site = p.ann.want(200, "GET", "/api/sites")[0]["id"]
    got = p.ann.want(200, "GET", "/api/user/permissions")
    check(got["instance_role"] == "owner" and got["permissions"] == {site: "owner"} and got["can_create_teams"]
          and got["instance_permissions"] == got["instance_capabilities"]
          and got["instance_permissions"][:3] == ["instance.manage_users", "instance.view_all_sites",
                                                  "instance.manage_settings"]
          and got["site_capabilities"][site][:5] == ["site.view", "site.manage_data", "site.manage_goals",
                                                     "site.manage_team", "site.delete"]
          and (got["active_team_id"], got["active_team_role"]) == (p.team, "owner")
          and got["active_team_capabilities"] == ["team." + c for c in (
              "view_members", "manage_members", "view_audit", "manage_settings", "manage_api_clients",
              "manage_integrations", "transfer_ownership", "archive")], str(got))
    check(p.bob.want(200, "GET", "/api/user/permissions") == {
        "instance_role": "user", "permissions": {}, "instance_permissions": [], "instance_capabilities": [],
        "site_capabilities": {}, "active_team_capabilities": [], "can_create_teams": True}, "of nobody")
    p.ann.want(200, "POST", f"/api/user/teams/{p.team}/members", {"email": OTHER})
    p.ann.want(200, "POST", f"/api/sites/{site}/members", {"email": OTHER, "role": "viewer"})
    got = p.bob.want(200, "GET", "/api/user/permissions")
    check(got["permissions"] == {site: "viewer"} and got["site_capabilities"] == {site: ["site.view"]}
          and got["active_team_capabilities"] == ["team.view_members"], str(got))
    check(p.bob.want(200, "GET", "/api/user/profile") == {
        "id": p.ids[OTHER], "email": OTHER, "display_name": "Bob", "avatar_url": ""}, "a profile")
    p.ask(p.token(p.ann, "owner"), 401, "GET", "/api/user/permissions", text="Unauthorized")


def test_profile(world):
    """PUT replaces all of it, and what was put is what is shown."""
    p = People(world)
    path = "/api/user/profile"
    at = {"id": p.ids[OTHER], "email": OTHER}
    long = "x" * 120

    def shown(**names):
        return {**at, **names, "avatar_url": ""}

    walk(p.bob, [
        (400, "PUT", path, b"{", "Invalid JSON payload"),
        (400, "PUT", path, {"email": OTHER, "name": "Bob"}, "Invalid JSON payload"),
        (400, "PUT", path, b'{"email":"a@example.com"} {}', "Invalid JSON payload"),
        (400, "PUT", path, {}, "Email is required"), (400, "PUT", path, {"email": " "}, "Email is required"),
        (400, "PUT", path, {"email": "x" * 320 + "@"}, "Email must be 320 characters or fewer"),
        (400, "PUT", path, {"email": "bob"}, "Invalid email address"),
        (400, "PUT", path, {"email": "a@b@c"}, "Invalid email address"),
        (400, "PUT", path, {"email": OTHER, "given_name": long + "x"}, "Given and last name must be 120 characters or fewer"),
        (400, "PUT", path, {"email": OTHER, "last_name": long + "x"}, "Given and last name must be 120 characters or fewer"),
        (400, "PUT", path, {"email": OTHER, "last_name": "a\u001b[2J"}, "Given and last name must have no control characters"),
        (409, "PUT", path, {"email": OWNER.upper()}, "Email already exists"),
        (409, "PUT", path, {"email": OTHER, "given_name": OWNER}, "User already exists"),
        (200, "PUT", path, {"email": f" {OTHER.upper()} ", "given_name": " Bob ", "last_name": " van Dyke "},
         shown(given_name="Bob", last_name="van Dyke", display_name="Bob van Dyke")),
        (200, "GET", path, None, shown(given_name="Bob", last_name="van Dyke", display_name="Bob van Dyke")),
        (200, "PUT", path, {"email": OTHER, "given_name": "Bob Ray"}, shown(given_name="Bob Ray", display_name="Bob Ray")),
        (200, "PUT", path, {"email": OTHER, "last_name": "van Dyke"}, shown(last_name="van Dyke", display_name="van Dyke")),
        (200, "PUT", path, {"email": OTHER, "given_name": long, "last_name": long},
         shown(given_name=long, last_name=long, display_name=f"{long} {long}")),
        (200, "PUT", path, {"email": OTHER}, shown(display_name="Bob")),
    ])
    p.bob.want(200, "PUT", path, {"email": OTHER, "given_name": "Bob", "last_name": "van Dyke"})
    listed = [u for u in p.ann.want(200, "GET", "/api/admin/users") if u["id"] == at["id"]][0]
    check(list(listed)[:5] == ["id", "email", "given_name", "last_name", "name"]
          and (listed["given_name"], listed["last_name"]) == ("Bob", "van Dyke"), str(listed))
    p.bob.want(200, "PUT", path, {"email": OTHER})
    # Another address is the one that counts from then on; the login goes on.
    at["email"] = "rob.roy_b-c@example.org"
    p.bob.want(200, "PUT", path, {"email": at["email"]})
    check(p.bob.want(200, "GET", path) == shown(display_name="Rob Roy B C"), "a name made of the address")
    Browser(p.server).want(401, "POST", "/api/login", {"email": OTHER, "password": SECRET}, "Invalid email or password")
    Browser(p.server).log_in(at["email"], SECRET)
    # Whom the command line has changed is who the profile shows.
    p.server.cli("user", "set", at["email"], "--name", "Robin Hood", "--email", "robin@example.org")
    at["email"] = "robin@example.org"
    check(p.bob.want(200, "GET", path) == shown(given_name="Robin", last_name="Hood", display_name="Robin Hood"), "by command")
    p.server.cli("user", "set", "Robin Hood", "--name", THIRD, expect=65)
    log = [(e["action"], e["detail"]) for e in p.ann.want(200, "GET", "/api/admin/audit") if e["subject_id"] == at["id"]]
    check([d for a, d in log if a == "user.profile_set"] == ["name"] * 7 + ["email name"] * 2, str(log))
    p.ask(p.token(p.ann, "owner"), 401, "PUT", path, {"email": OWNER}, "Unauthorized")


def test_current_ip(world):
    p = People(world)
    check(p.ann.want(200, "GET", "/api/user/current-ip") == {"ip": "127.0.0.1", "cidr": "127.0.0.1/32"}, "an address")
    p.ask(p.token(p.ann, "owner"), 401, "GET", "/api/user/current-ip", text="Unauthorized")


def test_team_exclusions(world):
    p = People(world)
    top = f"/api/user/teams/{p.team}/exclusions"
    site = p.ann.want(200, "GET", "/api/sites")[0]["id"]
    whole = p.ann.want(201, "POST", "/api/admin/exclusions", {"cidr": "203.0.113.9"})
    new = p.ann.want(201, "POST", top, {"type": "path", "path": " /admin//users/../ ", "description": "Admin traffic"})
    check(list(new) == ["id", "scope", "team_id", "type", "path", "description", "created_at", "inherited"]
          and (new["scope"], new["team_id"], new["path"], new["inherited"]) == ("team", p.team, "/admin", False), str(new))
    check((whole["scope"], whole["inherited"]) == ("instance", False), str(whole))
    p.ann.want(200, "POST", f"/api/user/teams/{p.team}/members", {"email": OTHER, "role": "admin"})
    p.ann.want(200, "POST", f"/api/user/teams/{p.team}/members", {"email": THIRD, "role": "member"})
    walk(p.bob, [
        (200, "GET", top, None, [new]),
        (200, "GET", top + "?effective=true", None, [dict(whole, inherited=True), new]),
        (200, "GET", top + "?effective=0", None, [new]),
        (400, "GET", top + "?effective=maybe", None, "invalid effective value"),
        (400, "GET", "/api/user/teams/x/exclusions", None, "Invalid team ID"),
        (403, "GET", f"/api/user/teams/{NOBODY}/exclusions", None, "Access denied"),
        (409, "POST", top, {"type": "path", "path": "/admin/"}, "Exclusion exists already"),
        (400, "POST", top, {"type": "nose"}, "Invalid exclusion type"),
        (400, "DELETE", f"{top}/x", None, "Invalid rule_id"),
        (404, "DELETE", f"{top}/{whole['id']}", None, "Not found"),  # the server's
    ])
    effective = f"/api/sites/{site}/exclusions?effective=true"
    check(p.ann.want(200, "GET", effective) == [dict(whole, inherited=True), dict(new, inherited=True)], "of the site")
    for method, path, body in (("GET", top, None), ("POST", top, {"cidr": "192.0.2.1"}), ("DELETE", f"{top}/{new['id']}", None)):
        p.eve.want(403, method, path, body, "Access denied")
        p.ask(p.token(p.ann, "owner", [(site, "owner")]), 401, method, path, body, "Unauthorized")
    # A person without any role is told what HitKeep tells people.
    p.ann.want(200, "DELETE", f"/api/user/teams/{p.team}/members/{p.ids[THIRD]}")
    p.eve.want(403, "GET", f"/api/sites/{site}/exclusions", text="Forbidden")
    view = {"url": f"https://{SITE}/admin/x", "timestamp": "2026-11-01T12:00:00Z", "visitor_ip": "192.0.2.1", "user_agent": "Firefox"}

    def stored():
        p.ask(p.server.token, 202, "POST", "/api/ingest/server/pageview", view)
        return len(p.server.rows("SELECT 1 FROM records"))

    check(stored() == 0, "what the team leaves out")
    check(p.bob.want(204, "DELETE", f"{top}/{new['id']}") == b"" and stored() == 1, "it is not left out any more")
    log = p.bob.want(200, "GET", f"/api/user/teams/{p.team}/audit")["entries"]
    check([e["action"] for e in log if "exclusion" in e["action"]] == ["exclusion.deleted", "exclusion.created"], str(log))


def test_deleting_teams(world):
    p = People(world)
    token = p.token(p.ann, "owner")
    shop = p.bob.want(201, "POST", "/api/user/teams", {"name": "shop"})["team"]["id"]
    site = p.bob.want(200, "POST", "/api/sites", {"domain": "shop.example"})["id"]
    theirs = p.bob.want(201, "POST", f"/api/user/teams/{shop}/api-clients",
                        {"name": "t", "site_roles": [{"site_id": site, "role": "admin"}]})["token"]
    p.bob.want(201, "POST", f"/api/user/teams/{shop}/exclusions", {"cidr": "192.0.2.1"})
    # Somebody has taken what a team without a name would be called.
    number = p.server.rows("SELECT id FROM teams WHERE name = 'shop'")[0][0]
    p.eve.want(201, "POST", "/api/user/teams", {"name": f"#{number}"})
    where = f"/api/admin/teams/{shop}"
    for ask in (p.bob.want, lambda s, m, path, b, t: p.ask(p.token(p.ann, "admin"), s, m, path, b, t)):
        ask(403, "DELETE", where, None, "Forbidden")
    p.ask(None, 401, "DELETE", where, text="Unauthorized")
    p.ask(token, 400, "DELETE", "/api/admin/teams/x", text="Invalid team ID")
    for query in ("", "?force=true"):
        p.ask(token, 404, "DELETE", f"/api/admin/teams/{NOBODY}{query}", text="Not found")
    for query in ("", "?force=1", "?force=TRUE", "?force="):
        p.ask(token, 400, "DELETE", where + query, text="Archive the team before deleting it")
    p.ask(token, 200, "POST", f"{where}/archive")
    p.ask(token, 400, "DELETE", where, text="Transfer or delete all sites before deleting the team")
    p.ask(token, 200, "DELETE", f"/api/admin/sites/{site}")
    check(p.ask(token, 200, "DELETE", where) == {"status": "ok", "team_id": shop, "name": "shop"}, "the answer")
    p.ask(token, 404, "DELETE", where, text="Not found")
    check([t["name"] for t in p.ask(token, 200, "GET", "/api/admin/teams")] == ["default", f"#{number}"], "all teams")
    check(p.bob.want(200, "GET", "/api/user/teams")["teams"] == [], "his teams")
    p.ask(theirs, 401, "GET", "/api/sites", text="Unauthorized")
    log = [(e["action"], e["subject"], e["actor"]) for e in p.ask(token, 200, "GET", "/api/admin/audit")][-2:]
    check(log == [("site.deleted", "shop.example", "client t"), ("team.deleted", "shop", "client t")], str(log))
    # With force, as it stands: name, host and all are free at once.
    shop = p.bob.want(201, "POST", "/api/user/teams", {"name": "shop"})["team"]["id"]
    p.bob.want(200, "POST", "/api/sites", {"domain": "shop.example"})
    p.bob.want(200, "POST", "/api/sites", {"domain": "two.example"})
    check(p.ann.want(200, "DELETE", f"/api/admin/teams/{shop}?force=true")["name"] == "shop", "by force")
    check([s["domain"] for s in p.ann.want(200, "GET", "/api/admin/sites")] == [SITE], "sites that are left")
    p.bob.want(201, "POST", "/api/user/teams", {"name": "shop"})
    p.bob.want(200, "POST", "/api/sites", {"domain": "shop.example"})
    # The same by command.
    p.server.cli("team", "remove", "shop", expect=64)
    p.server.cli("team", "remove", "shop", "--yes", expect=65)
    p.server.cli("team", "archive", "shop")
    p.server.cli("team", "remove", "shop", "--yes", expect=65)
    p.server.cli("team", "remove", "shop", "--yes", "--force")
    p.server.cli("team", "remove", "shop", "--yes", expect=65)
    p.server.cli("fsck")
    check("shop" not in p.server.cli("team", "list"), "removed by command")
    # Who is deleted by force takes the teams with him that are his alone.
    shop = p.bob.want(201, "POST", "/api/user/teams", {"name": "shop"})["team"]["id"]
    ours = p.bob.want(201, "POST", "/api/user/teams", {"name": "ours"})["team"]["id"]
    p.server.cli("team", "member", "ours", OWNER, "owner")
    for team, domain in ((shop, "shop.example"), (ours, "ours.example")):
        p.bob.want(200, "POST", "/api/sites", {"domain": domain, "team_id": team})
    bob = f"/api/admin/users/{p.ids[OTHER]}"
    check([t["name"] for t in p.ann.want(409, "DELETE", bob)["teams"]] == ["shop"], "what is in the way")
    check(p.ann.want(200, "DELETE", bob + "?force=true") == OK, "by force")
    check([s["domain"] for s in p.ann.want(200, "GET", "/api/admin/sites")] == ["ours.example", SITE], "sites that are left")
    check([(t["name"], t["is_archived"]) for t in p.ann.want(200, "GET", "/api/admin/teams")][-2:] ==
          [("shop", True), ("ours", False)], "teams that are left")


def test_administration(world):
    """By people and by their tokens: as much as the instance role of both allows."""
    p = People(world)
    owner, user = p.token(p.ann, "owner"), p.token(p.ann, "user")
    admin = p.token(p.ann, "admin")
    site = p.ann.want(200, "GET", "/api/sites")[0]["id"]
    teams = p.ann.want(201, "POST", f"/api/user/teams/{p.team}/api-clients", {"name": "t"})["token"]
    users = "/api/admin/users"
    listed = p.ask(owner, 200, "GET", users)
    check([u["email"] for u in listed] == [THIRD, OTHER, OWNER] and listed == p.ann.want(200, "GET", users),
          f"newest first: {listed}")
    bob = f"{users}/{p.ids[OTHER]}"
    routes = [("GET", users, None), ("POST", f"{bob}/role", {"role": "user"}), ("DELETE", bob, None),
              ("GET", "/api/admin/sites", None), ("DELETE", f"/api/admin/sites/{site}", None),
              ("GET", "/api/admin/teams", None), ("POST", f"/api/admin/teams/{p.team}/archive", None)]
    audits = [("GET", "/api/admin/audit", None), ("GET", "/api/admin/system/audit", None)]
    for token in (user, teams):
        for method, path, body in routes + audits:
            p.ask(token, 403, method, path, body, "Forbidden")
    for method, path, body in routes:
        p.ask(admin, 403, method, path, body, "Forbidden")
        p.bob.want(403, method, path, body, "Forbidden")
        p.ask(None, 401, method, path, body, "Unauthorized")
    p.ask(admin, 200, "GET", "/api/admin/audit")
    for who in (lambda *row: p.ask(owner, *row), lambda s, m, path, b, t: p.ann.want(s, m, path, b, t)):
        for row in ((400, "POST", f"{users}/x/role", {"role": "user"}, "Invalid user ID"),
                    (404, "POST", f"{users}/{NOBODY}/role", {"role": "user"}, "User not found"),
                    (400, "POST", f"{bob}/role", {"role": "king"}, "Invalid instance role"),
                    (400, "POST", f"{bob}/role", "x", "Invalid request"),
                    (400, "DELETE", f"{users}/{p.ids[OWNER]}", None, "Cannot delete yourself"),
                    (404, "DELETE", f"{users}/{NOBODY}", None, "User not found"),
                    (400, "DELETE", "/api/admin/sites/x", None, "Invalid site ID"),
                    (404, "DELETE", f"/api/admin/sites/{NOBODY}", None, "Site not found"),
                    (400, "POST", "/api/admin/teams/x/archive", None, "Invalid team ID"),
                    (400, "POST", f"/api/admin/teams/{NOBODY}/archive", None, "Team not found or already archived")):
            who(*row)
    check(p.ask(owner, 200, "POST", f"{bob}/role", {"Role": "admin", "more": 1}) == OK, "a role")
    check(p.bob.want(200, "GET", "/api/admin/audit"), "an admin reads the log")
    # Who may view all sites sees them listed; his token has what it was granted.
    check([s["role"] for s in p.bob.want(200, "GET", "/api/sites")] == ["viewer"], "an admin's list of sites")
    check(p.ask(p.token(p.bob, "admin"), 200, "GET", "/api/sites") == [], "an admin's token's")
    check("cloud" not in p.bob.want(200, "GET", "/api/status"), "a cloud")
    # Who owns a team alone stays.
    team = p.bob.want(201, "POST", "/api/user/teams", {"name": "bob's"})["team"]
    blocked = p.ask(owner, 409, "DELETE", bob)
    check(blocked["code"] == "user_owns_teams" and [t["id"] for t in blocked["teams"]] == [team["id"]], str(blocked))
    check(p.ask(owner, 409, "DELETE", bob + "?force=1") == blocked, "not what is asked for")
    check(p.ask(owner, 200, "DELETE", f"{users}/{p.ids[THIRD]}") == OK, "a person goes")
    sites, all_teams = p.ask(owner, 200, "GET", "/api/admin/sites"), p.ask(owner, 200, "GET", "/api/admin/teams")
    check([(s["id"], s["domain"]) for s in sites] == [(site, SITE)], str(sites))
    check([(t["name"], t["member_count"], t["site_count"], t["is_archived"]) for t in all_teams] ==
          [("default", 1, 1, False), ("bob's", 1, 0, False)], str(all_teams))
    check(p.ask(owner, 200, "POST", f"/api/admin/teams/{team['id']}/archive") == OK, "archived")
    p.ask(owner, 400, "POST", f"/api/admin/teams/{team['id']}/archive", text="Team not found or already archived")
    check(p.ask(owner, 200, "DELETE", f"/api/admin/sites/{site}") == OK, "a site goes")


def test_audit(world):
    p = People(world)
    token, top = p.token(p.ann, "admin"), "/api/admin/system/audit"
    for query, text in (("limit=x", "invalid limit"), ("limit=-1", "invalid limit"), ("offset=x", "invalid offset"),
                        ("from=yesterday", "invalid from date, expected RFC3339"),
                        ("to=x", "invalid to date, expected RFC3339"), ("actor_id=x", "invalid actor_id")):
        p.ask(token, 400, "GET", f"{top}?{query}", text=text)
    whole = p.ask(token, 200, "GET", top)
    entries = whole["entries"]
    check(whole["total"] == len(entries) > 5 and (whole["limit"], whole["offset"], whole["has_more"]) == (100, 0, False)
          and entries == sorted(entries, key=lambda e: (moment(e["created_at"]), e["id"]), reverse=True), str(whole))
    newest = entries[0]
    check((newest["action"], newest["target_type"], newest["target_label"], newest["actor_email_snapshot"],
           newest["actor_id"], newest["outcome"]) ==
          ("api_client.created", "api_client", "t", OWNER, p.ids[OWNER], "success"), str(newest))
    page = p.ask(token, 200, "GET", f"{top}?limit=2&offset=1")
    check(page["entries"] == entries[1:3] and page["has_more"], str(page))
    check(p.ask(token, 200, "GET", f"{top}?limit=0&offset=1000")["entries"] == [], "behind the end")
    check(p.ask(token, 200, "GET", f"{top}?limit=201")["limit"] == 100, "more than the most")
    for query, fits in (("action=user.login", lambda e: e["action"] == "user.login"),
                        ("target_type=user", lambda e: e["target_type"] == "user"),
                        ("query=BOB", lambda e: "bob" in json.dumps(e).lower()),
                        (f"actor_id={p.ids[OTHER]}", lambda e: e.get("actor_id") == p.ids[OTHER]),
                        ("outcome=failure", lambda e: False), ("to=2020-01-01T00:00:00Z", lambda e: False),
                        (f"actor_id={NOBODY}", lambda e: False)):
        got = p.ask(token, 200, "GET", f"{top}?{query}")["entries"]
        check(got == [e for e in entries if fits(e)], f"{query}: {got}")


def test_clients(world):
    """Which roles may be handed on, as HitKeep decides it."""
    p = People(world)
    site = p.ann.want(200, "GET", "/api/sites")[0]["id"]
    own, teams = "/api/user/api-clients", f"/api/user/teams/{p.team}/api-clients"

    def body(role, where=site, **more):
        return {"name": "x", "site_roles": [{"site_id": where, "role": role}], **more}

    walk(p.ann, [
        # A team's sites are looked at before the role's name.
        (403, "POST", teams, body("king", NOBODY), "cannot delegate site role outside the selected team"),
        (403, "POST", teams, body("king"), "invalid delegated site role"),
        (403, "POST", own, body("king", NOBODY), "invalid delegated site role"),
        (400, "POST", own, b"null", "Name is required and must be <= 120 characters"),
        (201, "POST", own, body(" admin ", f" {site} ", instance_role=" user ", name="\u00a0x\u3000"), None),
        (400, "POST", own, body("admin", expires_at=""), "Invalid JSON payload"),
        (201, "POST", own, body("admin", expires_at="2020-01-01T00:00:00+02:00"), None),
        *((201, "POST", own, body("admin", expires_at=f"2036-01-01T00:00:00{f}Z"), None) for f in (".120", ".100", "", ".123")),
        (400, "POST", own, body("admin", expires_at="2036-01-01"), "Invalid JSON payload"),
    ])
    # Fractions as Go writes them: no zeros at their end.
    ends = [c["expires_at"] for c in p.ann.want(200, "GET", own)[:4]]
    check(ends == [f"2036-01-01T00:00:00{f}Z" for f in (".123", "", ".1", ".12")], str(ends))
    # Of a site that is named twice the last role counts.
    twice = {"name": "x", "site_roles": [{"site_id": site, "role": "admin"}, {"site_id": site, "role": "viewer"}]}
    made = p.ann.want(201, "POST", own, twice)["client"]
    check(made["site_roles"] == [{"site_id": site, "role": "viewer"}] and made["name"] == "x", str(made))
    p.bob.want(403, "POST", own, body("viewer"), "cannot delegate site role for site without access")
    p.bob.want(403, "POST", own, body("viewer", instance_role="admin"), "Cannot delegate requested instance role")
    # Who owns the server may hand on any role on any site that is there.
    bobs = p.bob.want(201, "POST", "/api/user/teams", {"name": "bob's"})["team"]["id"]
    his = p.bob.want(200, "POST", "/api/sites", {"domain": "bob.example"})["id"]
    check(bobs and p.ann.want(201, "POST", own, body("owner", his))["client"], "a role of the server's owner")
    p.ann.want(403, "POST", own, body("owner", NOBODY), "cannot delegate site role for site without access")


def test_unknown_routes(world):
    p = People(world)
    for method, path, status, text, allow in (
            ("GET", "/api/nowhere", 404, "404 page not found", None), ("POST", "/api/user/teams/active", 405, None, None),
            ("GET", "/api/login", 405, "Method Not Allowed", "POST"),
            ("PUT", "/api/sites", 405, "Method Not Allowed", "GET, HEAD, POST"),
            ("POST", f"/api/user/teams/{p.team}", 405, "Method Not Allowed", "PATCH, PUT"),
            ("DELETE", "/api/user/profile", 405, "Method Not Allowed", "GET, HEAD, PUT")):
        got, headers, answer = p.server.request(method, path, b"", None)
        check(got == status and (text is None or answer == (text + "\n").encode()) and
              (allow is None or headers["Allow"] == allow), f"{method} {path}: {got} {answer!r} {headers['Allow']}")
        check(headers["Content-Type"] == "text/plain; charset=utf-8" and headers["X-Content-Type-Options"] == "nosniff",
              f"{dict(headers)}")
