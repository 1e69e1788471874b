"""Lines that Kubernetes and Docker cut in parts, behind `format: auto`: one record each, whatever dies between the parts."""
import json

from harness import SITE
from proc import check, run, wait_for

BOT = "Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)"


def text_of(path):
    return f'203.0.113.9 - - [03/Nov/2026:00:10:24 +0000] "GET {path} HTTP/1.1" 200 5 "-" "{BOT}"'


def cri(text, last=True, stream="stdout"):
    return f"2026-11-03T00:10:24.186641234Z {stream} {'F' if last else 'P'} {text}\n"


def docker(text, last=True, stream="stdout"):
    return json.dumps({"log": text + ("\n" if last else ""), "stream": stream, "time": "2026-11-03T00:10:24.1Z"},
                      separators=(",", ":")) + "\n"


def syslog(text):
    return f"<190>Nov  3 00:10:24 web1 nginx[12]: {text}\n"


def append(path, text):
    with open(path, "a", encoding="utf-8") as f:
        f.write(text)


def test_killed_between_the_parts(world):
    server = world.server().start()
    agent = world.agent(server, sources={name: {"files": world.path(name + ".log"), "format": "auto"}
                                         for name in ("cri", "docker", "syslog")})
    want = [f"/{name}/{n}" for name in ("cri", "docker", "syslog") for n in range(20)]
    for name, put in (("cri", cri), ("docker", docker)):
        # The first line, which names the stream and of which the format is told, is in parts too.
        whole = text_of(f"/{name}/0")
        append(world.path(name + ".log"), put(whole[:30], False) + put("noise", stream="stderr") + put(whole[30:]))
        append(world.path(name + ".log"), "".join(put(text_of(f"/{name}/{n}")) for n in range(1, 20)))
        append(world.path(name + ".log"), put(text_of(f"/{name}/long" + "x" * 9000)[:8000], False))
        append(world.path(name + ".log"), put(text_of(f"/{name}/err"), stream="stderr"))
    append(world.path("syslog.log"), "".join(syslog(text_of(f"/syslog/{n}")) for n in range(20)))
    agent.start()
    wait_for(lambda: server.count() == len(want), 30, "what is whole")
    formats = [f"{e['source']} {e['format']}" for e in agent.proc.events("format_detected")]
    check(sorted(formats) == [f"{n} {n}+nginx_combined" for n in ("cri", "docker", "syslog")], f"{formats}")
    agent.kill()
    for name, put in (("cri", cri), ("docker", docker)):
        append(world.path(name + ".log"), put("noise", stream="stderr"))
        append(world.path(name + ".log"), put(text_of(f"/{name}/long" + "x" * 9000)[8000:]) + put(text_of(f"/{name}/after")))
        want += [f"/{name}/long" + "x" * 9000, f"/{name}/err", f"/{name}/after"]
    agent.start()
    wait_for(lambda: server.count() >= len(want), 30, "the joined lines")
    stored = [path for _, path in server.records()]
    check(sorted(stored) == sorted(want), f"{sorted(set(stored) ^ set(want))[:5]}")
    agent.stop()
    seen_alike(world, agent)
    # History of the same files adds nothing; what is cut off at the end of one is counted.
    append(world.path("cri.log"), cri("203.0.113.9 - - [", False))
    _, out, err = agent.command("backfill", "--output", "none", "--format", "cri+nginx_combined", "--host", SITE, world.path("cri.log"))
    check("skipped=3 directive=2 partial=1" in out + err, out + err)
    out = agent.backfill("--source", "docker", world.path("docker.log"))
    check(server.count() == len(want), f"{server.count()}: {out}")


def seen_alike(world, agent):
    """explain, detect and report tell of the same lines, each by the number of its first part."""
    path = world.path("cri.log")
    _, out, _ = agent.command("explain", "--json", "--source", "cri", path)
    found = [json.loads(line) for line in out.splitlines()]
    check([x["line"] for x in found] == [1, 2, *range(4, 26), 27], f"{[x['line'] for x in found]}")
    check(sum(x["verdict"] == "ai_fetch" for x in found) == 23, out[:3000])
    _, out, _ = run([world.agent_bin, "detect", "--json", path], world.dir)
    check(json.loads(out)["format"] == "cri+nginx_combined", out)
    _, out, _ = run([world.agent_bin, "report", "--json", path], world.dir)
    check(json.loads(out)["lines"] == len(found), out[:500])


def fluent_bit(text):
    """Docker's keys, around lines that nobody cut: no text ends in a newline."""
    return json.dumps({"log": text, "stream": "stdout", "time": "2026-11-03T00:10:24.1Z", "kubernetes": {"pod_name": "web-1"}},
                      separators=(",", ":")) + "\n"


def test_keys_of_docker_around_whole_lines(world):
    """They are lines, not parts of one that never ends; and a file of Docker's that is young is not taken for that."""
    want = [f"/fluent/{n}" for n in range(2000)]
    path = world.write("fluent.log", "".join(fluent_bit(text_of(p)) for p in want))
    _, out, _ = run([world.agent_bin, "detect", "--json", path], world.dir)
    check(json.loads(out)["format"] == "message+nginx_combined", out)
    _, out, _ = run([world.agent_bin, "report", "--json", path], world.dir)
    check(json.loads(out)["lines"] == json.loads(out)["ai_fetches"] == 2000, out[:500])
    server = world.server().start()
    whole = text_of("/docker/" + "x" * 20000)
    young = world.write("young.log", docker(whole[:16384], False))
    agent = world.agent(server, sources={name: {"files": world.path(name + ".log"), "format": "auto"} for name in ("fluent", "young")})
    agent.start()
    wait_for(lambda: server.count() == len(want), 30, "the collector's lines")
    append(young, docker(whole[16384:]))
    wait_for(lambda: server.count() == len(want) + 1, 30, "the joined line")
    check(sorted(f"{e['source']} {e['format']}" for e in agent.proc.events("format_detected")) ==
          ["fluent message+nginx_combined", "young docker+nginx_combined"], "the formats")
    check(sorted(path for _, path in server.records()) == sorted([*want, "/docker/" + "x" * 20000]), "the paths")
    agent.stop()


def test_parts_without_an_end(world):
    """Where the configuration says that Docker or Kubernetes wrote them, they are counted, whatever reads them."""
    for name, text in (("docker", fluent_bit("x" * 100) * 20), ("cri", cri("x" * 100, False) * 20)):
        path = world.write(name, text)
        form = ["--format", name + "+nginx_combined", path]
        _, out, _ = run([world.agent_bin, "report", "--json", *form], world.dir)
        check((json.loads(out)["lines"], json.loads(out)["reasons"]) == (1, {"partial": 1}), out)
        _, out, _ = run([world.agent_bin, "explain", "--json", *form], world.dir)
        check([json.loads(x)["reason"] for x in out.splitlines()] == ["partial"], out)
        _, out, err = run([world.agent_bin, "backfill", "--output", "none", "--host", SITE, *form], world.dir)
        check("partial=1" in out + err, out + err)
    _, out, _ = run([world.agent_bin, "report", "--json", path], world.dir)  # by what it finds itself
    check((json.loads(out)["lines"], json.loads(out)["reasons"]) == (1, {"partial": 1}), out)
    _, out, _ = run([world.agent_bin, "detect", path], world.dir, expect=65)
    check("parts" in out, out)
