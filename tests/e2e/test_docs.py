"""What the documentation says can be typed, can be typed: every ```sh block behind a line
`<!-- tested -->` is run, in order, by `sh -e`, one directory for each page.

A page finds the programs in its PATH; access.log (nginx combined, 500 lines) and cdn/*.gz
(CloudFront) in its directory; and a running server with the site example.com, told by $URL, whose
token is in ./token and whose store is $STORE; it says `initial_user: true`. ./logferry.yaml forwards access.log there.
"""
import os
import re

import lines
from harness import SITE
from proc import check, run

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BLOCK = re.compile(r"^<!-- tested -->\n+```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pages():
    found = [os.path.join(TOP, "README.md")]
    docs = os.path.join(TOP, "docs")
    found += [os.path.join(docs, f) for f in sorted(os.listdir(docs)) if f.endswith(".md")]
    return [p for p in found if os.path.exists(p)]


def furnish(world, directory, server):
    """What a page may take for granted."""
    log = lines.Log(os.path.join(directory, "access.log"))
    log.write(500)
    cdn = os.path.join(directory, "cdn")
    os.mkdir(cdn)
    for i in range(3):
        name = os.path.join(cdn, f"E2DOCS.2026-10-0{i + 1}-00.{i:08x}")
        with open(name, "w", encoding="ascii") as f:
            f.write(lines.CF_HEADER)
            f.writelines(lines.cloudfront(n, lines.default_base()) for n in range(i * 100, i * 100 + 100))
        lines.gzip_copy(name, name + ".gz")
        os.unlink(name)
    name = os.path.basename(directory)
    world.write(f"{name}/token", server.token + "\n")
    world.write(f"{name}/logferry.yaml", f"""destinations:
  main: {{url: '{server.url}', token_file: {directory}/token}}
sources:
  web: {{files: {directory}/access.log, format: nginx_combined, default_host: {SITE}}}
  cdn: {{files: '{cdn}/*.gz', format: cloudfront}}
""")


def test_commands(world):
    count, problems = 0, []
    for page in pages():
        with open(page, encoding="utf-8") as f:
            blocks = BLOCK.findall(f.read())
        if not blocks:
            continue
        name = os.path.basename(page)
        config = world.write(name + ".server.yaml", "initial_user: true\n")
        server = world.server(name=name + ".server", config=config).start()
        directory = world.mkdir(name)
        furnish(world, directory, server)
        env = {"PATH": os.path.dirname(world.agent_bin) + ":" + os.environ["PATH"], "URL": server.url,
               "STORE": server.store, "STATE_DIRECTORY": world.mkdir(name + ".state"),
               "RUNTIME_DIRECTORY": world.path(name + ".state")}
        for block in blocks:
            count += 1
            code, out, err = run(["sh", "-e"], directory, 60, env, block.encode(), expect=None)
            if code:
                problems.append(f"{name}: ended with {code}:\n{block}{(out + err)[-800:]}")
        server.kill()
    check(not problems, "\n".join(problems))
    check(count > 0, "no block of the documentation is marked <!-- tested -->")
    print(f"{count} blocks")
