#!/usr/bin/env python3
"""Makes the logs that the benchmarks read; the same arguments give the same bytes.

  gen_logs.py DIR [--nginx LINES] [--cloudfront LINES] [--files N] [--seed N]

Writes DIR/nginx.log ("combined"), DIR/pages.log (the same, but every line a page that is kept),
DIR/cf/*.gz (CloudFront standard logs), DIR/cf-pages/*.gz and DIR/stats.json. The mix is that of a busy
site: five lines of six are browsers', half of those assets; a tenth are crawlers', a
twentieth AI agents'; some lines are what scanners leave.
"""
import argparse
import gzip
import json
import os
import random
import time

AI = """GPTBot/1.2; +https://openai.com/gptbot|ClaudeBot/1.0; +claudebot@anthropic.com
ChatGPT-User/1.0; +https://openai.com/bot|PerplexityBot/1.0; +https://perplexity.ai/perplexitybot
Amazonbot/0.1; +https://developer.amazon.com/support/amazonbot|OAI-SearchBot/1.0; +https://openai.com/searchbot
Bytespider; spider-feedback@bytedance.com|Claude-User/1.0; +Claude-User@anthropic.com
MistralAI-User/1.0; +https://docs.mistral.ai/robots|DuckAssistBot/1.0; +http://duckduckgo.com/duckassistbot.html
""".replace("\n", "|").strip("|").split("|")
BOTS = """Googlebot/2.1; +http://www.google.com/bot.html|bingbot/2.0; +http://www.bing.com/bingbot.htm
AhrefsBot/7.0; +http://ahrefs.com/robot/|SemrushBot/7~bl; +http://www.semrush.com/bot.html
YandexBot/3.0; +http://yandex.com/bots|UptimeRobot/2.0; http://www.uptimerobot.com/
""".replace("\n", "|").strip("|").split("|")
WORDS = ("alpha beta guide product review price camera phone laptop garden kitchen travel paris berlin "
         "tokyo summer winter sale cheap premium recipe bread python linux server cloud data energy").split()
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
CF_HEADER = """#Version: 1.0
#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol \
cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type \
cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte \
x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end
"""
START = 1790812800  # 2026-10-01T00:00:00Z
HOST = "www.example-shop.com"
BLOCK = 20000


class Mix:
    """Pools of everything, and blocks of random picks from them; `pages`: only what is kept."""

    def __init__(self, seed, pages=False):
        r = self.random = random.Random(seed)
        self.only_pages = pages
        browsers = [
            f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.{build}.0{mobile} Safari/537.36"
            for v in range(108, 130) for build in (0, 6000 + v)
            for system, mobile in (("Windows NT 10.0; Win64; x64", ""), ("Macintosh; Intel Mac OS X 10_15_7", ""),
                                   ("Linux; Android 10; K", " Mobile"), ("X11; Linux x86_64", ""))]
        # The long tail: in-app browsers, each with a user agent of its own.
        browsers += [
            f"Mozilla/5.0 (Linux; Android {r.randrange(9, 15)}; SM-{r.randrange(1000, 9999)} Build/QP1A.{r.randrange(10**6)}; wv) "
            f"AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/{r.randrange(100, 130)}.0.{r.randrange(9999)}.{r.randrange(99)} "
            f"Mobile Safari/537.36 Instagram {r.randrange(280, 340)}.0.0.{r.randrange(50)} Android" for _ in range(4000)]
        shape = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; {})"
        self.agents = browsers + [shape.format(b) for b in BOTS] + [shape.format(a) for a in AI]
        self.first_bot, self.first_ai = len(browsers), len(browsers) + len(BOTS)
        weights = [.75 / 176] * 176 + [.1 / 4000] * 4000 + [.1 / len(BOTS)] * len(BOTS) + [.05 / len(AI)] * len(AI)
        self.agent_weights = summed(weights)
        self.pages = ["/" + "/".join((r.choice(("blog", "products", "docs", "de/hilfe", "news/2026")),
                                      "-".join(r.choices(WORDS, k=r.randrange(2, 7))))) for _ in range(6000)]
        self.assets = [f"/static/{r.choice(WORDS)}-{r.getrandbits(32):08x}.{r.choice(('js', 'css', 'webp', 'woff2'))}"
                       for _ in range(1500)]
        self.queries = [f"utm_source=newsletter&utm_medium=email&utm_campaign={r.choice(WORDS)}-{r.randrange(999)}"
                        for _ in range(300)] + [f"page={n}" for n in range(2, 60)]
        self.addresses = [f"{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}"
                          if n % 8 else f"2a02:{r.getrandbits(16):x}::{r.getrandbits(16):x}:{r.getrandbits(16):x}" for n in range(40000)]
        self.referrers = ["-"] * 1200 + ["https://www.google.com/"] * 400 + [f"https://{HOST}{p}" for p in self.pages[:2500]]
        self.page_weights = summed([1 / (i + 3) ** .8 for i in range(len(self.pages))])
        self.asset_weights = summed([1 / (i + 3) ** .7 for i in range(len(self.assets))])

    def block(self, n):
        """Yields (agent number, address, referrer, path, query, three random numbers)."""
        r = self.random
        agents = r.choices(range(len(self.agents)), cum_weights=self.agent_weights, k=n)
        pages = r.choices(self.pages, cum_weights=self.page_weights, k=n)
        assets = r.choices(self.assets, cum_weights=self.asset_weights, k=n)
        others = zip(r.choices(self.addresses, k=n), r.choices(self.referrers, k=n), r.choices(self.queries, k=n))
        for agent, page, asset, (address, referrer, query) in zip(agents, pages, assets, others):
            x, y, z = r.random(), r.random(), r.random()
            if self.only_pages:
                agent, x, z = agent if agent < self.first_bot or agent >= self.first_ai else 0, 1.0, z * .9
            browser = agent < self.first_bot
            path = asset if browser and x < .55 else page
            if not browser and x < .06:
                path = "/robots.txt"
            yield agent, address, referrer if browser else "-", path, query if y < .25 and path is page else "", x, y, z


def summed(weights):
    total, out = 0.0, []
    for w in weights:
        total += w
        out.append(total)
    return out


def status_of(z):
    for bound, status in ((.86, 200), (.92, 304), (.95, 301), (.985, 404), (.99, 403), (.998, 499)):
        if z < bound:
            return status
    return 502


def nginx_lines(mix, count):
    step = 86400 / count
    done = 0
    while done < count:
        n = min(BLOCK, count - done)
        for agent, address, referrer, path, query, x, y, z in mix.block(n):
            t = time.gmtime(START + int(done * step))
            done += 1
            stamp = f"{t.tm_mday:02d}/{MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
            if z > .9995:  # TLS to a plain port
                yield f'{address} - - [{stamp}] "\\x16\\x03\\x01\\x02\\x00\\x01\\x00" 400 157 "-" "-"\n'
                continue
            method = "GET" if x > .03 else "POST" if x > .015 else "HEAD"
            target = f"{path}?{query}" if query else path
            yield (f'{address} - - [{stamp}] "{method} {target} HTTP/{"2.0" if y < .7 else "1.1"}" '
                   f'{status_of(z)} {int(200 + y ** 3 * 180000)} "{referrer}" "{mix.agents[agent]}"\n')


TYPES = {"js": "application/javascript", "css": "text/css", "webp": "image/webp", "woff2": "font/woff2",
         "txt": "text/plain"}


def cloudfront_rows(mix, count, first, step):
    escaped = [a.replace(" ", "%20") for a in mix.agents]
    for i, (agent, address, referrer, path, query, x, y, z) in enumerate(mix.block(count)):
        t = time.gmtime(START + int((first + i) * step))
        status, size = status_of(z), int(200 + y ** 3 * 180000)
        result = "Error" if status >= 400 else "Hit" if y < .8 else "Miss"
        taken = f"{.001 + y * y * .4:.3f}"
        content = TYPES.get(path.rpartition(".")[2], "text/html;%20charset=utf-8")
        yield "\t".join((
            f"{t.tm_year}-{t.tm_mon:02d}-{t.tm_mday:02d}", f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}", "FRA56-P4",
            str(size + 400), address, "GET" if x > .03 else "POST", "d111111abcdef8.cloudfront.net", path, str(status),
            referrer, escaped[agent], query or "-", "-", result, f"{mix.random.getrandbits(240):060x}==", HOST, "https",
            str(60 + int(z * 900)), taken, "-", "TLSv1.3", "TLS_AES_128_GCM_SHA256", result, "HTTP/2.0", "-", "-",
            str(1024 + int(x * 64000)), taken, result, content, str(size), "-", "-")) + "\n"


def write_cloudfront(directory, mix, lines, files):
    os.makedirs(directory, exist_ok=True)
    plain = packed = done = 0
    for number in range(files):
        count = (lines - done) // (files - number)
        text = (CF_HEADER + "".join(cloudfront_rows(mix, count, done, 86400 / lines))).encode()
        hour = time.gmtime(START + int(done * 86400 / lines))
        name = f"E2EXAMPLE.{hour.tm_year}-{hour.tm_mon:02d}-{hour.tm_mday:02d}-{hour.tm_hour:02d}.{number:08x}.gz"
        data = gzip.compress(text, 6, mtime=0)
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)
        done, plain, packed = done + count, plain + len(text), packed + len(data)
    return {"lines": lines, "files": files, "bytes": plain, "gz_bytes": packed}


def main():
    parser = argparse.ArgumentParser(description="logs for benchmarks")
    parser.add_argument("directory")
    parser.add_argument("--nginx", type=int, default=2000000)
    parser.add_argument("--cloudfront", type=int, default=1000000)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    os.makedirs(a.directory, exist_ok=True)
    stats = {}
    for name, log, cdn, pages in (("usual", "nginx.log", "cf", False), ("pages", "pages.log", "cf-pages", True)):
        mix, written = Mix(a.seed, pages), 0
        with open(os.path.join(a.directory, log), "w", encoding="ascii", buffering=1 << 20) as f:
            for line in nginx_lines(mix, a.nginx):
                written += f.write(line)
        stats[name] = {"nginx": {"lines": a.nginx, "bytes": written},
                       "cloudfront": write_cloudfront(os.path.join(a.directory, cdn), mix, a.cloudfront, a.files)}
    with open(os.path.join(a.directory, "stats.json"), "w", encoding="ascii") as f:
        json.dump(stats, f)
    print(json.dumps(stats))


if __name__ == "__main__":
    main()
