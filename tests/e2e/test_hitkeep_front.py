"""A HitKeep as it stands in the world: behind a proxy with TLS and HTTP/2, below a path, with a redirect
where plain HTTP is spoken, and with the proxy's own pages while it is away."""
import socket

import lines
from harness import expected, start_nginx
from hitkeep import FETCH, PAGEVIEW
from proc import check
from test_hitkeep import BOTH, FAST, agent_for, hitkeep, recent, wait_delivered
from test_tls import certificate


def free_ports(n):
    """Nobody listens there now."""
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Front:
    """nginx before the fake HitKeep: its public URL is `url`; at `plain` it redirects there."""

    def __init__(self, world, fake):
        prefix, (tls, plain) = world.mkdir("nginx"), free_ports(2)
        key, self.pem = certificate(world, "front")
        self.url, self.plain = f"https://ingest.localhost:{tls}/stats/", f"http://127.0.0.1:{plain}"
        self.token = fake.token
        start_nginx(world, f"""    access_log off;
    server {{
        listen 127.0.0.1:{tls} ssl http2;
        ssl_certificate {self.pem};
        ssl_certificate_key {key};
        location /stats/ {{ proxy_pass {fake.url}/; }}
    }}
    server {{
        listen 127.0.0.1:{plain};
        return 301 {self.url.rstrip("/")}$request_uri;
    }}
""")


def test_behind_nginx(world):
    """The public URL, with its path and a slash behind it, is all that is told; each record comes once."""
    fake = hitkeep(world, version="up")
    front = Front(world, fake)
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(50)
    plain = agent_for(world, fake, "plain", keys=f"protocol: hitkeep, {FAST}, {BOTH}")
    plain.configure(url=front.plain)
    plain.start()
    event = plain.proc.wait_event("destination_paused", 20)
    check("redirects" in event["why"] and event["status"] == 301, f"{event}")
    plain.stop()
    check(not fake.requests, "the redirect was followed")
    agent = agent_for(world, front, keys=f"protocol: auto, ca_file: {front.pem}, {FAST}, {BOTH}").start()
    check(agent.proc.wait_event("protocol_decided", 20)["protocol"] == "hitkeep", "no HitKeep was found")
    want = expected(log.written)
    check(wait_delivered(fake, want) == 0, "records came twice")
    check(all(p == PAGEVIEW or FETCH.fullmatch(p) for p in fake.posts()), f"{set(fake.posts())}")
    fake.mood = "reset"  # as when it is restarted: the proxy answers with a page of its own
    log.write(20)
    event = agent.proc.wait_event("destination_unwell", 20)
    check(event["status"] == 502, f"{event}")
    fake.mood = None
    check(wait_delivered(fake, expected(log.written)) == 0, "records came twice")
    agent.stop()
