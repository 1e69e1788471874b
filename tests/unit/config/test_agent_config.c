/* logferry.yaml: what each key gives, what each mistake says, and where. */
#include "config_cases.h"

#include "config/agent_config.h"

#include <unistd.h>

/* Lines 1..2 of a file that is right so far. */
#define DEST "destinations:\n  main: {url: https://i.example}\n"
#define SOURCES DEST "sources:\n  web:\n"
#define FORMAT "    format: nginx_combined\n"

#define URL_EXPECTED                                                                               \
    "expected https://HOST[:PORT], http:// to this machine, or unix:/path; write `url: "           \
    "https://ingest.example.net`\n"
#define TRUST "[10.0.0.0/8, 127.0.0.1, '::1']"
#define TRUST_EXPECTED                                                                             \
    "expected a list of the proxies' addresses and networks, or of cloudfront, cloudflare, "       \
    "fastly; "
#define MASK_EXPECTED                                                                              \
    "expected a list of paths with * for what is masked, or of uuid, hex, email, number; write "   \
    "`path_mask: [/order/*, uuid]`\n"
#define NOT_YET "this key is not supported by this version; remove it\n"

static const struct config_case destinations[] = {
    {"least", DEST, ""},
    {"empty file", "",
     "f:1:1: `destinations` is missing; expected at least one server to send to; add "
     "`destinations: {main: {url: https://ingest.example.net}}`\n"},
    {"no destination", "destinations: {}\n",
     "f:1:1: `destinations` is missing; expected at least one server to send to; add "
     "`destinations: {main: {url: https://ingest.example.net}}`\n"},
    {"root is a list", "- a\n",
     "f:1:1: a list stands here; expected a mapping; write its keys below it, as `node: …`\n"},
    {"unknown key with a near one", DEST "exlude: {}\n",
     "f:3:1: unknown key \"exlude\"; expected one of node, destinations, sites, sources, exclude, "
     "pages, limits, ai, state_dir, workers, privacy, agents_dir, metrics; did you mean "
     "`exclude`?\n"},
    {"unknown key with none", DEST "colour: red\n",
     "f:3:1: unknown key \"colour\"; expected one of node, destinations, sites, sources, exclude, "
     "pages, limits, ai, state_dir, workers, privacy, agents_dir, metrics; remove it\n"},
    {"list of destinations", "destinations: [a]\n",
     "f:1:15: destinations: a list stands here; expected a mapping of names; write `destinations: "
     "{main: {url: https://ingest.example.net}}`\n"},
    {"name", "destinations: {a b: {url: https://i.example}}\n",
     "f:1:16: destinations.a b: this is no name; expected 1 to 64 letters, digits, `-`, `_` or "
     "`.`; write `main: …`\n"},
    {"reserved name", "destinations: {stdout: {url: https://i.example}}\n",
     "f:1:16: destinations.stdout: this name has a meaning for `backfill --output`; expected "
     "another; write `main: …`\n"},
    {"nothing in it", "destinations:\n  main:\n",
     "f:2:3: destinations.main: nothing stands here; expected a mapping; write its keys below it, "
     "or remove it\n"},
    {"text in it", "destinations:\n  main: https://i.example\n",
     "f:2:9: destinations.main: a text stands here; expected a mapping; write its keys below it, "
     "as `url: …`\n"},
    {"no url", "destinations:\n  main: {send: ai_fetch}\n",
     "f:2:3: destinations.main: `url` is missing; expected https://HOST[:PORT], http:// to this "
     "machine, or unix:/path; add `url: https://ingest.example.net`\n"},
    {"empty url", "destinations:\n  main: {url: ''}\n",
     "f:2:15: destinations.main.url: \"\" is empty; " URL_EXPECTED},
    {"plain http", "destinations:\n  main:\n    url: http://i.example\n",
     "f:3:10: destinations.main.url: plain http would show the token and the visitors on the "
     "network; " URL_EXPECTED},
    {"password in the url is not shown",
     "destinations:\n  main:\n    url: https://u:pw@i.example\n",
     "f:3:10: destinations.main.url: it holds a user name or an @; the token goes in "
     "`token_file`; " URL_EXPECTED},
    {"unset variable", "destinations:\n  main: {url: 'https://${CONFIG_TEST_UNSET}'}\n",
     "f:2:15: destinations.main.url: the environment variable CONFIG_TEST_UNSET is not set; "
     "expected its value; set it with `Environment=CONFIG_TEST_UNSET=…` in the unit, or write the "
     "value here\n"},
    {"empty variable", "destinations:\n  main: {url: 'https://${CONFIG_TEST_EMPTY}'}\n",
     "f:2:15: destinations.main.url: the environment variable CONFIG_TEST_EMPTY is empty; "
     "expected its value; set it with `Environment=CONFIG_TEST_EMPTY=…` in the unit, or write the "
     "value here\n"},
    {"variable of two lines", "destinations:\n  main: {url: 'https://${CONFIG_TEST_LINES}'}\n",
     "f:2:15: destinations.main.url: the environment variable CONFIG_TEST_LINES is no single line; "
     "expected its value; set it with `Environment=CONFIG_TEST_LINES=…` in the unit, or write the "
     "value here\n"},
    {"long variables",
     "destinations:\n  main: {url: '${CONFIG_TEST_2K}${CONFIG_TEST_2K}${CONFIG_TEST_2K}'}\n",
     "f:2:15: destinations.main.url: the text is longer than 4096 bytes; shorten it\n"},
    {"long url", "destinations:\n  main: {url: 'https://${CONFIG_TEST_2K}'}\n",
     "f:2:15: destinations.main.url: it is longer than 2048 bytes; " URL_EXPECTED},
    {"open brace", "destinations:\n  main: {url: 'https://${HOME'}\n",
     "f:2:15: destinations.main.url: \"${\" has no \"}\"; expected ${NAME}; write ${TOKEN_DIR}\n"},
    {"no name", "destinations:\n  main: {url: 'https://${a-b}'}\n",
     "f:2:15: destinations.main.url: \"${a-b}\" names no variable; expected ${NAME}; write "
     "${TOKEN_DIR}\n"},
    {"variable in another key", DEST "state_dir: ${HOME}/x\n",
     "f:3:12: state_dir: \"${HOME}/x\" holds ${…}, which is expanded only in `url` and "
     "`token_file`; expected an absolute path without `..`; write `state_dir: "
     "/var/lib/logferry`\n"},
    {"two tokens",
     "destinations:\n  main:\n    url: https://i.example\n    token_file: /t\n    token_env: T\n",
     "f:5:16: destinations.main.token_env: `token_file` is given too; expected one of them; remove "
     "this line\n"},
    {"relative token file",
     "destinations:\n  main:\n    url: https://i.example\n    token_file: token\n",
     "f:4:17: destinations.main.token_file: expected an absolute path; write `token_file: "
     "/etc/logferry/token`\n"},
    {"token variable as an expansion",
     "destinations:\n  main:\n    url: https://i.example\n    token_env: ${CONFIG_TEST_TOKEN}\n",
     "f:4:16: destinations.main.token_env: this is no name of an environment variable; expected "
     "the bare name; write `token_env: LOGFERRY_TOKEN`\n"},
    {"unset token",
     "destinations:\n  main:\n    url: https://i.example\n    token_env: CONFIG_TEST_UNSET\n",
     "f:4:16: destinations.main.token_env: the environment variable CONFIG_TEST_UNSET is not set; "
     "expected a token of 8 to 512 printable bytes; write `token_file: /etc/logferry/token` "
     "instead, which needs no environment\n"},
    {"bad token is not shown",
     "destinations:\n  main:\n    url: https://i.example\n    token_env: CONFIG_TEST_SHORT\n",
     "f:4:16: destinations.main.token_env: the environment variable CONFIG_TEST_SHORT holds no "
     "token; expected a token of 8 to 512 printable bytes; write `token_file: "
     "/etc/logferry/token` instead, which needs no environment\n"},
    {"a rate of a batch",
     "destinations:\n  main: {url: https://i.example, protocol: batch, rate: "
     "{ai_fetch: 5}}\n",
     "f:2:51: destinations.main.rate: a batch has no use for it; remove this line, or write "
     "`protocol: hitkeep`\n"},
    {"rate 0", "destinations:\n  main: {url: https://i.example, rate: {pageview: 0}}\n",
     "f:2:51: destinations.main.rate.pageview: \"0\" is out of range or no number; expected "
     "requests a second, 1 to 10000; write `pageview: 8`\n"},
    {"late", "destinations:\n  main: {url: https://i.example, late_ai_fetch: never}\n",
     "f:2:49: destinations.main.late_ai_fetch: \"never\" is not known here; expected one of hold, "
     "send; write `late_ai_fetch: hold`\n"},
    {"no address",
     "destinations:\n  main: {url: https://i.example, protocol: hitkeep, send: "
     "[pageview]}\nprivacy: {visitor_ip: none}\n",
     "f:3:23: privacy.visitor_ip: HitKeep takes no pageview without an address, and destination "
     "`main` is sent them; write `visitor_ip: truncated`, or `send: [ai_fetch]` there\n"},
    {"protocol", "destinations:\n  main:\n    url: https://i.example\n    protocol: bach\n",
     "f:4:15: destinations.main.protocol: \"bach\" is not known here; expected one of auto, batch, "
     "hitkeep; did you mean `protocol: batch`?\n"},
    {"send", "destinations:\n  main:\n    url: https://i.example\n    send: [pageview, ai]\n",
     "f:4:22: destinations.main.send[2]: \"ai\" is not known here; expected one of pageview, "
     "ai_fetch; write `send: pageview`\n"},
    {"send nothing", "destinations:\n  main:\n    url: https://i.example\n    send: []\n",
     "f:4:11: destinations.main.send: the list is empty; expected a list of pageview and ai_fetch; "
     "write `send: [pageview, ai_fetch]`\n"},
    {"send a mapping", "destinations:\n  main:\n    url: https://i.example\n    send: {a: 1}\n",
     "f:4:5: destinations.main.send: a mapping stands here; expected a list of pageview and "
     "ai_fetch; write `send: [pageview, ai_fetch]`\n"},
    {"proxy", "destinations:\n  main:\n    url: https://i.example\n    proxy: p:3128\n",
     "f:4:12: destinations.main.proxy: it does not begin with http://, https://, socks5:// or "
     "socks5h://; expected a proxy as http://HOST:PORT; write `proxy: "
     "http://proxy.example.net:3128`\n"},
    {"proxy to a socket",
     "destinations:\n  main:\n    url: unix:/run/s\n    proxy: http://p:3128\n",
     "f:4:12: destinations.main.proxy: a unix socket has no proxy; remove this line\n"},
    {"certificates without https",
     "destinations:\n  main:\n    url: http://[::1]\n    ca_file: /etc/ca.pem\n",
     "f:4:14: destinations.main.ca_file: only https has certificates; remove this line\n"},
    {"seventeen",
     "destinations: {a: {url: unix:/s}, b: {url: unix:/s}, c: {url: unix:/s}, d: {url: unix:/s}, "
     "e: {url: unix:/s}, f: {url: unix:/s}, g: {url: unix:/s}, h: {url: unix:/s}, i: {url: "
     "unix:/s}, j: {url: unix:/s}, k: {url: unix:/s}, l: {url: unix:/s}, m: {url: unix:/s}, n: "
     "{url: unix:/s}, o: {url: unix:/s}, p: {url: unix:/s},\n q: {url: unix:/s}}\n",
     "f:2:2: destinations.q: there are more than 16 destinations; remove some\n"},
};

static const struct config_case sites[] = {
    {"empty", DEST "sites:\n", ""},
    {"one", DEST "sites:\n  - {hosts: www.example.com, site: example.com}\n", ""},
    {"mapping", DEST "sites: {a: b}\n",
     "f:3:1: sites: a mapping stands here; expected a list; write `sites: [{hosts: [example.com, "
     "www.example.com], site: example.com}]`\n"},
    {"empty item", DEST "sites:\n  -\n",
     "f:4:4: sites[1]: nothing stands here; expected {hosts: […], site: …}; remove this item\n"},
    {"text item", DEST "sites: [example.com]\n",
     "f:3:9: sites[1]: a text stands here; expected a mapping; write its keys below it, as "
     "`hosts: …`\n"},
    {"no hosts, no site", DEST "sites:\n  - {to: main}\n",
     "f:4:5: sites[1]: `hosts` is missing; expected a list of host names; add `hosts: "
     "[example.com, www.example.com]`\n"
     "f:4:5: sites[1]: `site` is missing; expected the domain of a site on the server; add `site: "
     "example.com`\n"},
    {"port", DEST "sites:\n  - {hosts: [a.example, 'b.example:80'], site: a.example}\n",
     "f:4:25: sites[1].hosts[2]: \"b.example:80\" is no host name: it has a port or a scheme; "
     "expected a name without scheme and port; write it as example.com\n"},
    {"wildcard", DEST "sites:\n  - {hosts: ['*.example'], site: a.example}\n",
     "f:4:14: sites[1].hosts[1]: \"*.example\" is no host name: wildcards are not supported by "
     "this version; expected a name without scheme and port; write it as example.com\n"},
    {"unknown destination", DEST "sites:\n  - {hosts: [a.example], site: a.example, to: [mian]}\n",
     "f:4:48: sites[1].to[1]: \"mian\" is not known here; expected one of main; did you mean `to: "
     "main`?\n"},
    {"no destination", DEST "sites:\n  - {hosts: [a.example], site: a.example, to: []}\n",
     "f:4:47: sites[1].to: the list is empty; expected a list of names of `destinations`; write "
     "`to: [main]`\n"},
    {"host twice",
     DEST "sites:\n  - {hosts: [a.example], site: a.example}\n"
          "  - {hosts: [b.example, A.Example], site: b.example}\n",
     "f:5:13: sites[2].hosts: \"a.example\" is given twice; the first stands in line 4; remove "
     "one\n"},
    {"host twice in one", DEST "sites:\n  - {hosts: [a.example, a.example], site: a.example}\n",
     "f:4:13: sites[1].hosts: \"a.example\" is given twice; the first stands in line 4; remove "
     "one\n"},
};

#define FILES_EXPECTED                                                                             \
    "expected the absolute path of a log, or a glob; write `files: "                               \
    "/var/log/nginx/{host}.access.log`\n"
#define FORMAT_EXPECTED                                                                            \
    "expected the name of a log format, or one of your own; write `format: nginx_combined`\n"

static const struct config_case sources[] = {
    {"least", SOURCES "    files: /a\n" FORMAT, ""},
    {"cloudfront", SOURCES "    files: /a/*.gz\n    format: cloudfront\n", ""},
    {"no files, no format", SOURCES "    optional: true\n",
     "f:4:3: sources.web: `files` is missing; expected the absolute path of a log, or a glob; add "
     "`files: /var/log/nginx/{host}.access.log`\n"
     "f:4:3: sources.web: `format` is missing; expected the name of a log format, or one of your "
     "own; add `format: "
     "nginx_combined`\n"},
    {"unknown key", SOURCES "    files: /a\n    fromat: nginx_combined\n" FORMAT,
     "f:6:5: sources.web: unknown key \"fromat\"; expected one of files, format, default_host, "
     "scheme, start, optional, olddir, symlinks, client_ip, cdn_duplicates, time_zone; did you "
     "mean "
     "`format`?\n"},
    {"olddir", SOURCES "    files: /a\n" FORMAT "    olddir: ../up\n",
     "f:7:13: sources.web.olddir: \"../up\" is no directory; expected a directory, as logrotate's "
     "olddir "
     "names it; write `olddir: old`\n"},
    {"symlinks", SOURCES "    files: /a\n" FORMAT "    symlinks: [/b, c]\n",
     "f:7:20: sources.web.symlinks[2]: \"c\" is no absolute path; expected a list of absolute "
     "paths "
     "of "
     "directories; write `symlinks: [/var/log/pods]`\n"},
    {"time zone", SOURCES "    files: /a\n" FORMAT "    time_zone: Europe/Berln\n",
     "f:7:16: sources.web.time_zone: \"Europe/Berln\" is no time zone of /usr/share/zoneinfo; "
     "`timedatectl list-timezones` lists them; expected the name of a time zone; write "
     "`time_zone: Europe/Berlin`\n"},
    {"client_ip is right",
     SOURCES "    files: /a\n" FORMAT
             "    client_ip: {from: forwarded, trust: [cloudfront, 10.0.0.0/8]}\n"
             "    cdn_duplicates: count\n",
     ""},
    {"client_ip without trust", SOURCES "    files: /a\n" FORMAT "    client_ip: {}\n",
     "f:7:5: sources.web.client_ip: `from` is missing; expected the header that names the client; "
     "add `from: x_forwarded_for`\n"
     "f:7:5: sources.web.client_ip: `trust` is missing; " TRUST_EXPECTED "add `trust: " TRUST
     "`\n"},
    {"client_ip",
     SOURCES "    files: /a\n" FORMAT
             "    client_ip: {from: x_real_ip, trust: [proxy, 10.0.0.0/99, akamai]}\n"
             "    cdn_duplicates: no\n",
     "f:7:23: sources.web.client_ip.from: \"x_real_ip\" is not known here; expected one of "
     "x_forwarded_for, forwarded; write `from: x_forwarded_for`\n"
     "f:7:42: sources.web.client_ip.trust[1]: \"proxy\" is neither; " TRUST_EXPECTED
     "write `trust: " TRUST "`\n"
     "f:7:49: sources.web.client_ip.trust[2]: \"10.0.0.0/99\" is neither; " TRUST_EXPECTED
     "write `trust: " TRUST "`\n"
     "f:7:62: sources.web.client_ip.trust[3]: \"akamai\" is neither; " TRUST_EXPECTED
     "write `trust: " TRUST "`\n"
     "f:8:21: sources.web.cdn_duplicates: \"no\" is not known here; expected one of skip, count; "
     "write `cdn_duplicates: skip`\n"},
    {"list of files", SOURCES "    files: [/a, /b]\n" FORMAT,
     "f:5:12: sources.web.files: a list stands here; " FILES_EXPECTED},
    {"relative", SOURCES "    files: access.log\n" FORMAT,
     "f:5:12: sources.web.files: \"access.log\" is no absolute path; " FILES_EXPECTED},
    {"directory", SOURCES "    files: /var/log/\n" FORMAT,
     "f:5:12: sources.web.files: \"/var/log/\" names a directory; " FILES_EXPECTED},
    {"two hosts", SOURCES "    files: /l/{host}/{host}.log\n" FORMAT,
     "f:5:12: sources.web.files: \"/l/{host}/{host}.log\" holds {host} more than "
     "once; " FILES_EXPECTED},
    {"braces", SOURCES "    files: /l/{a,b}.log\n" FORMAT,
     "f:5:12: sources.web.files: \"/l/{a,b}.log\" holds braces that are not "
     "{host}; " FILES_EXPECTED},
    {"variable", SOURCES "    files: '/l/${HOST}.log'\n" FORMAT,
     "f:5:12: sources.web.files: \"/l/${HOST}.log\" holds ${…}, which is expanded only in `url` "
     "and `token_file`; " FILES_EXPECTED},
    {"two constructors", SOURCES "    files: /a\n    format: {nginx: '$host', apache: '%h'}\n",
     "f:6:5: sources.web.format: a format of your own has one key, its kind; write `format: "
     "{nginx: '$remote_addr …'}`\n"},
    {"list of formats", SOURCES "    files: /a\n    format: [nginx_combined]\n",
     "f:6:13: sources.web.format: a list stands here; " FORMAT_EXPECTED},
    {"age", SOURCES "    files: /a\n" FORMAT "    start: -30d\n",
     "f:7:12: sources.web.start: \"-30d\" (an age) is not supported by this version; expected "
     "beginning, end or all; write `start: all`\n"},
    {"start", SOURCES "    files: /a\n" FORMAT "    start: begining\n",
     "f:7:12: sources.web.start: \"begining\" is not known here; expected one of beginning, end, "
     "all; did you mean `start: beginning`?\n"},
    {"host", SOURCES "    files: /a\n" FORMAT "    default_host: https://a.example\n",
     "f:7:19: sources.web.default_host: \"https://a.example\" is no host name: it has a port or a "
     "scheme; expected a name without scheme and port; write it as example.com\n"},
    {"scheme", SOURCES "    files: /a\n" FORMAT "    scheme: ftp\n",
     "f:7:13: sources.web.scheme: \"ftp\" is not known here; expected one of https, http; write "
     "`scheme: https`\n"},
    {"bool", SOURCES "    files: /a\n" FORMAT "    optional: yes\n",
     "f:7:15: sources.web.optional: \"yes\" is neither; expected true or false; write `optional: "
     "true`\n"},
};

static const struct config_case others[] = {
    {"long value, cut between characters",
     DEST "node: x1234567890123456789012345678901234567890123456789012345678äöüäöüäöüäöü\n",
     "f:3:7: node: \"x1234567890123456789012345678901234567890123456789012345678\" is no label; "
     "expected 1 to 64 letters, digits, `-`, `_` or `.`; write `node: web-1`\n"},
    {"node", DEST "node: web 1\n",
     "f:3:7: node: \"web 1\" is no label; expected 1 to 64 letters, digits, `-`, `_` or `.`; "
     "write `node: web-1`\n"},
    {"workers", DEST "workers: 0\n",
     "f:3:10: workers: \"0\" is out of range or no number; expected a number from 1 to 16; write "
     "`workers: 4`\n"},
    {"workers of a list", DEST "workers: [4]\n",
     "f:3:10: workers: a list stands here; expected a number from 1 to 16; write `workers: 4`\n"},
    {"metrics", DEST "metrics: {listen: 9464, path: /m}\n",
     "f:3:19: metrics.listen: \"9464\" does not end with a port; expected ADDRESS:PORT with a "
     "numeric address; write `listen: 127.0.0.1:9464`\n"
     "f:3:25: metrics: unknown key \"path\"; expected one of listen; remove it\n"},
    {"metrics on a socket", DEST "metrics: {listen: unix:/run/m}\n",
     "f:3:19: metrics.listen: \"unix:/run/m\" is a socket, which Prometheus cannot read; expected "
     "ADDRESS:PORT with a numeric address; write `listen: 127.0.0.1:9464`\n"},
    {"agents_dir", DEST "agents_dir: lib\n",
     "f:3:13: agents_dir: \"lib\" is no such path; expected an absolute path without `..`; write "
     "`agents_dir: /var/lib/logferry/agents`\n"},
    {"state_dir", DEST "state_dir: lib\n",
     "f:3:12: state_dir: \"lib\" is no such path; expected an absolute path without `..`; write "
     "`state_dir: /var/lib/logferry`\n"},
    {"limits", DEST "limits:\n  spool: 1GB\n  dead: 1\n  max_age: 366d\n  when_full: drop\n",
     "f:4:10: limits.spool: \"1GB\" is not understood; expected a size from 1MiB to 16TiB; write "
     "`spool: 1GiB`\n"
     "f:5:9: limits.dead: \"1\" is too small; expected a size from 64KiB to 16TiB; write `dead: "
     "64MiB`\n"
     "f:6:12: limits.max_age: \"366d\" is too large; expected a duration from 1m to 365d; write "
     "`max_age: 7d`\n"
     "f:7:14: limits.when_full: \"drop\" is not known here; expected one of block, drop_oldest; "
     "write `when_full: block`\n"},
    {"exclude",
     DEST "exclude:\n  ip: [192.0.2.0/24, 192.0.2]\n  path: healthz\n  user_agent: ['']\n",
     "f:4:22: exclude.ip[2]: \"192.0.2\" is neither an address nor a network; expected a list of "
     "addresses and networks; write `ip: [198.51.100.0/24, 2001:db8::/32]`\n"
     "f:5:9: exclude.path: \"healthz\" does not begin with /; expected a list of path prefixes "
     "that begin with /; write `path: [/healthz, /internal]`\n"
     "f:6:16: exclude.user_agent[1]: an empty text stands here; expected a list of texts within "
     "user agents; write a text, or remove this item\n"},
    {"pages", DEST "pages:\n  methods: [get]\n  statuses: [200, 2xx, 99]\n  drop_query: [[a]]\n",
     "f:4:13: pages.methods[1]: \"get\" is no method; expected a list of methods in capitals; "
     "write `methods: [GET]`\n"
     "f:5:19: pages.statuses[2]: \"2xx\" is no status; expected a list of HTTP statuses, 100 to "
     "599; write `statuses: [200, 203, 206, 304]`\n"
     "f:5:24: pages.statuses[3]: \"99\" is no status; expected a list of HTTP statuses, 100 to "
     "599; write `statuses: [200, 203, 206, 304]`\n"
     "f:6:16: pages.drop_query[1]: a list stands here; expected a list of query parameters, or of "
     "parameter=value; write a text, or remove this item\n"},
    {"pages, the rest",
     DEST "pages:\n  types: [html]\n  extensions: [.php]\n  editors: [wp-admin]\n"
          "  prefetch: yes\n  alwys: [/x]\n",
     "f:4:11: pages.types[1]: \"html\" is none; expected a list of content types without "
     "parameters; write `types: [text/html, application/xhtml+xml]`\n"
     "f:5:16: pages.extensions[1]: \".php\" is none; expected a list of extensions without the "
     "dot, at most 8 letters and digits; write `extensions: [html, php]`\n"
     "f:6:13: pages.editors[1]: \"wp-admin\" does not begin with /; expected a list of path "
     "prefixes that begin with /; write `editors: [/healthz, /internal]`\n"
     "f:7:13: pages.prefetch: \"yes\" is not known here; expected one of skip, count; write "
     "`prefetch: skip`\n"
     "f:8:3: pages: unknown key \"alwys\"; expected one of methods, statuses, types, extensions, "
     "drop_query, not_pages, editors, health_checks, always, prefetch; did you mean `always`?\n"},
    {"privacy is right",
     DEST "privacy:\n  visitor_ip: truncated\n  query: [page, 'utm_*']\n"
          "  path_mask: [/order/*, '/inv-*.pdf', uuid]\n",
     ""},
    {"privacy",
     DEST "privacy:\n  visitor_ip: half\n  query: no\n"
          "  path_mask: [/order, order/*, /a/**, uid, '/a?b=*']\n  ip: none\n",
     "f:4:15: privacy.visitor_ip: \"half\" is not known here; expected one of full, truncated, "
     "none; write `visitor_ip: full`\n"
     "f:5:10: privacy.query: \"no\" is not known here; expected one of no_secrets, drop; write "
     "`query: no_secrets`\n"
     "f:6:15: privacy.path_mask[1]: \"/order\" masks nothing: it has no *; " MASK_EXPECTED
     "f:6:23: privacy.path_mask[2]: \"order/*\" is neither a path nor one of these "
     "words; " MASK_EXPECTED
     "f:6:32: privacy.path_mask[3]: \"/a/**\" has two * within one segment; " MASK_EXPECTED
     "f:6:39: privacy.path_mask[4]: \"uid\" is neither a path nor one of these "
     "words; " MASK_EXPECTED
     "f:6:44: privacy.path_mask[5]: \"/a?b=*\" holds more than a path; " MASK_EXPECTED
     "f:7:3: privacy: unknown key \"ip\"; expected one of visitor_ip, query, path_mask; remove "
     "it\n"},
    {"ai", DEST "ai: {search_engine: true}\n",
     "f:3:6: ai: unknown key \"search_engine\"; expected one of search_engines; did you mean "
     "`search_engines`?\n"},
    {"key twice and others", DEST "workers: 0\nworkers: 3\ncolor: red\n",
     "f:3:10: workers: \"0\" is out of range or no number; expected a number from 1 to 16; write "
     "`workers: 4`\n"
     "f:4:1: key \"workers\" is given twice; the first stands in line 3; remove one\n"
     "f:5:1: unknown key \"color\"; expected one of node, destinations, sites, sources, exclude, "
     "pages, limits, ai, state_dir, workers, privacy, agents_dir, metrics; remove it\n"},
};

static void check_cases(const struct config_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf error;
        buf_init(&error, 65536);
        struct agent_config *c = agent_config_parse(str_of(cases[i].yaml), "f", &error);
        expect_error(&cases[i], &error);
        assert_int_equal(c != NULL, cases[i].error[0] == '\0');
        agent_config_free(c);
        buf_release(&error);
    }
}

static void mistakes_in_destinations(void **state)
{
    char long_value[2048 + 1];

    assert_int_equal(unsetenv("CONFIG_TEST_UNSET"), 0);
    memset(long_value, 'a', sizeof(long_value) - 1);
    long_value[sizeof(long_value) - 1] = '\0';
    assert_int_equal(setenv("CONFIG_TEST_2K", long_value, 1), 0);
    assert_int_equal(setenv("CONFIG_TEST_LINES", "a\nb", 1), 0);
    assert_int_equal(setenv("CONFIG_TEST_EMPTY", "", 1), 0);
    assert_int_equal(setenv("CONFIG_TEST_SHORT", "secret", 1), 0);
    assert_int_equal(setenv("CONFIG_TEST_TOKEN", "secret-secret", 1), 0);
    check_cases(destinations, COUNT(destinations));
}

static void mistakes_in_sites(void **state)
{
    check_cases(sites, COUNT(sites));
}

static void mistakes_in_sources(void **state)
{
    check_cases(sources, COUNT(sources));
}

static void mistakes_elsewhere(void **state)
{
    check_cases(others, COUNT(others));
}

static struct agent_config *must_parse(const char *yaml)
{
    struct buf error;

    buf_init(&error, 65536);
    struct agent_config *c = agent_config_parse(str_of(yaml), "f", &error);
    if (!c)
        fail_msg("%s", buf_cstr(&error));
    buf_release(&error);
    return c;
}

static void assert_str(struct str s, const char *text)
{
    assert_non_null(s.p);
    assert_string_equal(s.p, text); /* there is a NUL behind it */
    assert_int_equal(s.n, strlen(text));
}

static void defaults(void **state)
{
    assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    struct agent_config *c = must_parse(SOURCES "    files: /a\n" FORMAT);
    struct judge_rules rules;

    judge_rules_defaults(&rules);
    assert_str(c->path, "f");
    assert_true(c->node.n > 0);
    assert_int_equal(c->n_destinations, 1);
    assert_str(c->destinations[0].name, "main");
    assert_str(c->destinations[0].url, "https://i.example");
    assert_str(c->destinations[0].token_file, "/etc/logferry/token");
    assert_null(c->destinations[0].token.p);
    assert_null(c->destinations[0].proxy.p);
    assert_null(c->destinations[0].ca_file.p);
    assert_int_equal(c->destinations[0].protocol, PROTOCOL_AUTO);
    assert_int_equal(c->destinations[0].send, SEND_PAGEVIEW | SEND_AI_FETCH);
    assert_false(c->destinations[0].send_given);
    assert_int_equal(c->destinations[0].rate_ai_fetch, 8);
    assert_int_equal(c->destinations[0].rate_pageview, 16);
    assert_false(c->destinations[0].send_late_ai_fetches);
    assert_false(c->destinations[0].local);
    assert_int_equal(c->n_sites, 0);
    assert_int_equal(c->n_sources, 1);
    assert_str(c->sources[0].name, "web");
    assert_str(c->sources[0].files, "/a");
    assert_str(c->sources[0].format, "nginx_combined");
    assert_str(c->sources[0].scheme, "https");
    assert_null(c->sources[0].default_host.p);
    assert_int_equal(c->sources[0].start, START_BEGINNING);
    assert_false(c->sources[0].optional);
    assert_memory_equal(&c->rules, &rules, sizeof(rules));
    assert_false(c->ai_search_engines);
    assert_int_equal(c->limits.spool_bytes, UINT64_C(1) << 30);
    assert_int_equal(c->limits.dead_bytes, UINT64_C(64) << 20);
    assert_int_equal(c->limits.max_age_ms, UINT64_C(7) * 86400000);
    assert_int_equal(c->limits.when_full, WHEN_FULL_BLOCK);
    assert_str(c->state_dir, "/var/lib/logferry");
    assert_null(c->metrics.address.p);
    assert_null(c->agents_dir.p); /* below the state directory, wherever that is */
    assert_in_range(c->workers, 1, 4);
    agent_config_free(c);
    agent_config_free(NULL);
}

static const char full[] =
    "node: web-7\n"
    "sites:\n" /* before the destinations it names */
    "  - {hosts: [Example.COM, www.example.com], site: Example.com, to: [b, a]}\n"
    "  - {hosts: example.org, site: example.org, to: b}\n"
    "  - {hosts: [example.net], site: example.net}\n"
    "destinations:\n"
    "  a:\n"
    "    url: https://${CONFIG_TEST_HOST}:8443/base//\n"
    "    token_env: CONFIG_TEST_TOKEN\n"
    "    protocol: batch\n"
    "    send: ai_fetch\n"
    "    proxy: socks5h://127.0.0.1:1080\n"
    "    ca_file: /etc/ssl/own.pem\n"
    "  b: {url: 'unix:/run/s', token_file: '${CONFIG_TEST_DIR}/t', protocol: auto}\n"
    "sources:\n"
    "  web:\n"
    "    files: /var/log/{host}/access.log\n"
    "    format: nginx_combined\n"
    "    default_host: Example.com\n"
    "    scheme: http\n"
    "    start: all\n"
    "    optional: true\n"
    "  cdn: {files: /srv/*.gz, format: cloudfront, start: end}\n"
    "exclude: {ip: [198.51.100.0/24, '2001:db8::/32'], path: [/a, /b], user_agent: our bot}\n"
    "pages: {methods: [GET, HEAD], statuses: [200], drop_query: [], not_pages: [/wp-json]}\n"
    "limits: {spool: 2GiB, dead: 512K, max_age: 90m, when_full: drop_oldest}\n"
    "ai: {search_engines: true}\n"
    "state_dir: /srv/state\n"
    "workers: 9\n";

/* A CDN's log is one in any spelling; a hit in it is no double of one in it. */
static void logs_of_cdns(void **state)
{
    struct agent_config *c = must_parse(
        "destinations:\n  main: {url: 'http://127.0.0.1:1'}\nsources:\n"
        "  a: {files: /a, format: nginx_combined}\n"
        "  b: {files: /b, format: 'cri+cloudfront'}\n"
        "  c: {files: /c, format: {w3c: {fields: [date, time, cs-uri-stem, sc-status]}}}\n"
        "  d: {files: /d, format: nginx_combined, cdn_duplicates: count}\n");

    assert_int_equal(agent_config_cdn_logs(c, &c->sources[0]), 1u << CDN_CLOUDFRONT);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(agent_config_cdn_logs(c, &c->sources[i]), 0);
    c->sources[1].format = STR("nginx_combined");
    assert_true(source_settle_format(&c->sources[1], NULL));
    c->sources[2].format = STR("cri+cloudflare_json");
    assert_true(source_settle_format(&c->sources[2], NULL));
    assert_int_equal(agent_config_cdn_logs(c, &c->sources[0]), 1u << CDN_CLOUDFLARE);
    agent_config_free(c);
}

static void everything_given(void **state)
{
    assert_int_equal(setenv("CONFIG_TEST_HOST", "i.example", 1), 0);
    assert_int_equal(setenv("CONFIG_TEST_DIR", "/srv", 1), 0);
    assert_int_equal(setenv("CONFIG_TEST_TOKEN", "secret-secret", 1), 0);
    struct agent_config *c = must_parse(full);
    const struct destination_config *d = c->destinations;

    assert_str(c->node, "web-7");
    assert_int_equal(c->n_destinations, 2);
    assert_str(d[0].url, "https://i.example:8443/base");
    assert_str(d[0].token, "secret-secret");
    assert_null(d[0].token_file.p);
    assert_int_equal(d[0].send, SEND_AI_FETCH);
    assert_str(d[0].proxy, "socks5h://127.0.0.1:1080");
    assert_str(d[0].ca_file, "/etc/ssl/own.pem");
    assert_str(d[1].url, "unix:/run/s");
    assert_true(d[1].local);
    assert_str(d[1].token_file, "/srv/t");
    assert_int_equal(c->n_sites, 3);
    assert_int_equal(c->sites[0].hosts.n, 2);
    assert_str(c->sites[0].hosts.items[0], "example.com");
    assert_str(c->sites[0].hosts.items[1], "www.example.com");
    assert_str(c->sites[0].site, "example.com");
    assert_int_equal(c->sites[0].to, 3);
    assert_int_equal(c->sites[1].to, 2);
    assert_int_equal(c->sites[2].to, 3);
    agent_config_free(c);
}

static void everything_given_of_sources_and_rules(void **state)
{
    struct agent_config *c = must_parse(full);
    const struct source_config *s = c->sources;

    assert_int_equal(c->n_sources, 2);
    assert_str(s[0].files, "/var/log/{host}/access.log");
    assert_str(s[0].default_host, "example.com");
    assert_str(s[0].scheme, "http");
    assert_int_equal(s[0].start, START_ALL);
    assert_true(s[0].optional);
    assert_str(s[1].format, "cloudfront");
    assert_int_equal(s[1].start, START_END);
    assert_int_equal(c->rules.n_exclude_ip, 2);
    assert_int_equal(c->rules.exclude_ip[1].bits, 32);
    assert_int_equal(c->rules.exclude_path.n, 2);
    assert_str(c->rules.exclude_user_agent.items[0], "our bot");
    assert_int_equal(c->rules.methods.n, 2);
    assert_int_equal(c->rules.n_statuses, 1);
    assert_int_equal(c->rules.statuses[0], 200);
    assert_int_equal(c->rules.drop_query.n, 0);
    assert_str(c->rules.not_pages.items[0], "/wp-json");
    assert_int_equal(c->limits.spool_bytes, UINT64_C(2) << 30);
    assert_int_equal(c->limits.dead_bytes, UINT64_C(512) << 10);
    assert_true(c->ai_search_engines);
    assert_str(c->state_dir, "/srv/state");
    assert_int_equal(c->workers, 9);
    agent_config_free(c);
}

static void directories_of_systemd(void **state)
{
    assert_int_equal(setenv("STATE_DIRECTORY", "/srv/one:/srv/two", 1), 0);
    struct agent_config *c = must_parse(DEST);
    assert_str(c->state_dir, "/srv/one");
    agent_config_free(c);
    c = must_parse(DEST "state_dir: /srv/three\n");
    assert_str(c->state_dir, "/srv/three");
    agent_config_free(c);
    assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
}

static void files_that_cannot_be_read(void **state)
{
    struct buf error;

    buf_init(&error, 4096);
    assert_null(agent_config_load("/nonexistent/f.yaml", &error));
    assert_string_equal(buf_cstr(&error),
                        "/nonexistent/f.yaml: cannot be opened: No such file or directory; "
                        "expected a YAML file; see docs/configuration.md for one\n");
    buf_reset(&error);
    assert_null(agent_config_load("/", &error));
    assert_string_equal(buf_cstr(&error), "/: cannot be read: Is a directory; expected a YAML "
                                          "file; see docs/configuration.md for one\n");
    buf_reset(&error);
    assert_null(agent_config_load("/dev/zero", &error));
    assert_string_equal(buf_cstr(&error), "/dev/zero: the file is larger than 1048576 bytes; is it "
                                          "the right one?\n");
    buf_release(&error);
}

static void assert_same_texts(const struct str_set *a, const struct str_set *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_true(str_eq(a->items[i], b->items[i]));
}

static void printed_defaults_load_as_the_defaults(void **state)
{
    struct judge_rules rules;
    struct buf text;

    judge_rules_defaults(&rules);
    buf_init(&text, 65536);
    buf_lit(&text, DEST);
    agent_config_print_defaults(&text);
    struct agent_config *c = must_parse(buf_cstr(&text));

    assert_int_equal(c->rules.methods.n, rules.methods.n);
    assert_int_equal(c->rules.n_statuses, rules.n_statuses);
    assert_memory_equal(c->rules.statuses, rules.statuses, rules.n_statuses * sizeof(int));
    assert_same_texts(&c->rules.types, &rules.types);
    assert_same_texts(&c->rules.extensions, &rules.extensions);
    assert_same_texts(&c->rules.not_pages, &rules.not_pages);
    assert_same_texts(&c->rules.drop_query, &rules.drop_query);
    assert_same_texts(&c->rules.editors, &rules.editors);
    assert_same_texts(&c->rules.health_checks, &rules.health_checks);
    assert_same_texts(&c->rules.always, &rules.always);
    assert_true(c->rules.count_prefetch == rules.count_prefetch);
    assert_int_equal(c->limits.spool_bytes, UINT64_C(1) << 30);
    agent_config_free(c);
    buf_release(&text);
}

static void hitkeep(void **state)
{
    static const char one[] = "destinations:\n  a: {url: https://i.example, protocol: hitkeep}\n";
    static const char two[] =
        "destinations:\n  a: {url: https://i.example, protocol: hitkeep, rate: "
        "{ai_fetch: 50}, late_ai_fetch: send, send: pageview}\n"
        "  b: {url: https://j.example}\n";
    static const char rest[] = "sources:\n  w: {files: /a, format: iis}\n"
                               "  x: {files: /b, format: iis, start: all}\n";
    char text[1024];
    snprintf(text, sizeof(text), "%s%s", one, rest);
    struct agent_config *c = must_parse(text);
    assert_int_equal(c->destinations[0].protocol, PROTOCOL_HITKEEP);
    assert_int_equal(c->destinations[0].send, SEND_AI_FETCH);
    assert_int_equal(c->sources[0].start, START_END);
    assert_int_equal(c->sources[1].start, START_ALL);
    agent_config_free(c);
    snprintf(text, sizeof(text), "%s%s", two, rest);
    c = must_parse(text);
    assert_int_equal(c->destinations[0].send, SEND_PAGEVIEW);
    assert_true(c->destinations[0].send_given);
    assert_int_equal(c->destinations[0].rate_ai_fetch, 50);
    assert_int_equal(c->destinations[0].rate_pageview, 16);
    assert_true(c->destinations[0].send_late_ai_fetches);
    assert_int_equal(c->sources[0].start, START_BEGINNING);
    agent_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_in_destinations),
        cmocka_unit_test(mistakes_in_sites),
        cmocka_unit_test(mistakes_in_sources),
        cmocka_unit_test(mistakes_elsewhere),
        cmocka_unit_test(defaults),
        cmocka_unit_test(logs_of_cdns),
        cmocka_unit_test(hitkeep),
        cmocka_unit_test(everything_given),
        cmocka_unit_test(everything_given_of_sources_and_rules),
        cmocka_unit_test(directories_of_systemd),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(printed_defaults_load_as_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
