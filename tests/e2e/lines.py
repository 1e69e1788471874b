"""Numbered log lines: every line carries its number in the path, and its number decides what it is."""
import gzip
import os
import time

HUMANS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/125.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
)
AI = (
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; +https://openai.com/gptbot",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; "
    "+claudebot@anthropic.com)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; "
    "+https://perplexity.ai/perplexitybot)",
)
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

PAGEVIEW, AI_FETCH, SKIP = "pageview", "ai_fetch", "skip"
# What the last digit of a line's number makes of it.
KINDS = (PAGEVIEW, PAGEVIEW, PAGEVIEW, AI_FETCH, PAGEVIEW, AI_FETCH, PAGEVIEW, "asset", "bot", "status")


def kind(n):
    """pageview, ai_fetch, or skip."""
    k = KINDS[n % 10]
    return k if k in (PAGEVIEW, AI_FETCH) else SKIP


def reason(n):
    """Why a line of kind skip is skipped."""
    return KINDS[n % 10]


def when(n, base):
    """The n-th line's moment: ten lines a second from `base`."""
    return time.gmtime(base + n // 10)


def default_base():
    """Yesterday's midnight, UTC: recent, in the past, the same all through a test."""
    return int(time.time()) // 86400 * 86400 - 86400


def path_of(n):
    k = KINDS[n % 10]
    return f"/static/n/{n}.css" if k == "asset" else f"/n/{n}"


def agent_of(n):
    k = KINDS[n % 10]
    if k == AI_FETCH:
        return AI[n // 10 % len(AI)]
    return BOT if k == "bot" else HUMANS[n // 10 % len(HUMANS)]


def combined(n, base, host=None, tag="t"):
    """One line in nginx's combined format (with the host first when one is given), ending in \\n."""
    t = when(n, base)
    stamp = f"{t.tm_mday:02d}/{MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
    status = 404 if KINDS[n % 10] == "status" else 200
    line = (f'203.0.113.{n % 250 + 1} - - [{stamp}] "GET {path_of(n)} HTTP/1.1" {status} '
            f'{1000 + n % 1000} "https://ref.example.net/{tag}" "{agent_of(n)}"\n')
    return ((host + " ") if host else "") + line


CF_FIELDS = ("date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
             "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
             "cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
             "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
             "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
             "sc-range-start sc-range-end")
CF_HEADER = f"#Version: 1.0\n#Fields: {CF_FIELDS}\n"


def cloudfront(n, base, host="example.com"):
    """One row of a CloudFront standard log; the header is CF_HEADER."""
    t = when(n, base)
    agent = agent_of(n).replace(" ", "%20").replace(";", "%3B")
    status = 404 if KINDS[n % 10] == "status" else 200
    content = "text/css" if KINDS[n % 10] == "asset" else "text/html"
    row = (f"{t.tm_year}-{t.tm_mon:02d}-{t.tm_mday:02d}", f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}",
           "FRA56-P1", 5000 + n % 1000, f"203.0.113.{n % 250 + 1}", "GET", "d111.cloudfront.net",
           path_of(n), status, "-", agent, "-", "-", "Hit", f"req{n:020d}==", host, "https", 400,
           "0.012", "-", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "Hit", "HTTP/2.0", "-", "-", 40000 + n % 9999,
           "0.011", "Hit", content, "-", "-", "-")
    return "\t".join(map(str, row)) + "\n"


class Log:
    """A log file that gets numbered lines from `first` on, whole lines, one write a call."""

    def __init__(self, path, first=0, base=None, host=None, tag=None):
        self.path = path
        self.next = first
        self.base = default_base() if base is None else base
        self.host = host
        self.tag = tag or os.path.basename(path)
        self.written = []

    def text(self, count):
        numbers = range(self.next, self.next + count)
        self.next += count
        self.written.extend(numbers)
        return "".join(combined(n, self.base, self.host, self.tag) for n in numbers)

    def write(self, count):
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(self.text(count))

    def raw(self, data):
        with open(self.path, "ab") as f:
            f.write(data)


def gzip_copy(source, target, cut=None):
    """Compresses as gzip(1) does; `cut` keeps only that many bytes of the result."""
    with open(source, "rb") as f:
        data = gzip.compress(f.read(), 6, mtime=0)
    with open(target, "wb") as f:
        f.write(data if cut is None else data[:cut])
    return len(data)
