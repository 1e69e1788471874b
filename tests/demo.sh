#!/usr/bin/env bash
# demo.sh BIN_DIR - the whole path once, in a directory of its own, on loopback, without a privilege:
# a server with one site, a real nginx that browsers and AI crawlers visit, the agent that follows its
# log through a real logrotate, a backfill of a CloudFront dump, and both programs' figures compared
# with what was sent. Ends with "demo: ok ..." or "demo: FAILED ...".
#
# Leaves no process and no file behind. KEEP=1 keeps the server up and says where it is.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C TZ=UTC
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
umask 077

bin=$(cd "${1:?usage: demo.sh BIN_DIR}" && pwd)
site=example.com
agent_pid='' server_pid='' nginx_pid='' reason=''
dir=$(mktemp -d "${TMPDIR:-/tmp}/logferry-demo.XXXXXX")

say() { printf '\n== %s\n' "$*"; }
fail() {
    reason=$*
    exit 1
}
stop() { # pid
    [ -n "$1" ] && kill -TERM "$1" 2>/dev/null || return 0
    wait "$1" 2>/dev/null || true
}
finish() {
    local code=$?
    trap - EXIT INT TERM HUP
    stop "$agent_pid"
    stop "$nginx_pid"
    if [ $code != 0 ]; then
        for log in "$dir"/*.err; do
            [ -s "$log" ] && { echo "-- the end of ${log##*/}:"; tail -n 15 "$log"; }
        done
        echo "demo: FAILED ${reason:-line ${failed_line:-?}}"
    elif [ "${KEEP:-}" = 1 ]; then
        printf '\nThe server is kept: %s\n  token: %s\n  store: %s\n' "$url" "$token" "$dir/store"
        printf '  stop it with: kill %s; rm -r %s\n' "$server_pid" "$dir"
        printf '%s\n' "$verdict"
        exit 0
    fi
    stop "$server_pid"
    rm -rf "$dir"
    [ $code != 0 ] || printf '%s\n' "$verdict"
    exit $code
}
trap finish EXIT
trap 'failed_line=$LINENO' ERR
trap 'fail interrupted' INT TERM HUP

# wait_until SECONDS WHAT COMMAND...: polls until the command is true.
wait_until() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "waited in vain for $what"
        sleep 0.1
    done
}
# number KEY TEXT: the number behind "KEY": in JSON, or KEY= in a log event; 0 without one.
number() {
    local found
    found=$(grep -oE "(^|[ \"{,])$1(\":|=) *[0-9]+" <<<"$2" | head -n 1 | grep -oE '[0-9]+$' || true)
    echo "${found:-0}"
}
server() { "$bin/logferry-server" --store "$dir/store" "$@"; }
agent() { STATE_DIRECTORY=$dir/state RUNTIME_DIRECTORY=$dir/state "$bin/logferry" --config "$dir/logferry.yaml" "$@"; }

# ---- the server -------------------------------------------------------------------------------
say "server: a store, the site $site, a token that may write it and nothing else"
server init
server site add $site
server client create --name web-1 --grant $site=ingest | tee "$dir/created"
token=$(grep -oE 'lf_[0-9a-f_]+' "$dir/created" | head -n 1)
[ -n "$token" ] || fail "client create printed no token"
printf '%s\n' "$token" >"$dir/token"
"$bin/logferry-server" --store "$dir/store" serve --listen 127.0.0.1:0 2>"$dir/server.err" &
server_pid=$!
listening() { grep -q 'event=listening' "$dir/server.err" || { kill -0 $server_pid || fail "the server ended"; false; }; }
wait_until 20 "the server to listen" listening
url=http://$(sed -n 's/.*event=listening.*address=\([^ ]*\).*/\1/p' "$dir/server.err" | head -n 1 | tr -d '"')
echo "listening on $url"

# ---- nginx, and the agent behind it -----------------------------------------------------------
say "nginx: a few pages; its log is followed by logferry run"
mkdir -p "$dir/www/docs" "$dir/log" "$dir/state" "$dir/cdn"
log=$dir/log/access.log
for page in index.html pricing.html docs/index.html docs/install.html style.css robots.txt; do
    echo "$page of the demo" >"$dir/www/$page"
done
user=
[ "$(id -u)" != 0 ] || user='user root;'
cat >"$dir/nginx.conf" <<CONF
$user
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/nginx.err;
events {}
http {
    types { text/html html; text/css css; text/plain txt; }
    client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp; fastcgi_temp_path $dir/tmp;
    uwsgi_temp_path $dir/tmp; scgi_temp_path $dir/tmp;
    # Every visitor of the demo comes through this socket and names an address.
    set_real_ip_from unix:;
    real_ip_header X-Forwarded-For;
    access_log $log;
    server { listen unix:$dir/web; root $dir/www; index index.html; }
}
CONF
nginx -e "$dir/nginx.err" -p "$dir" -c "$dir/nginx.conf" 2>>"$dir/nginx.out" &
nginx_pid=$!
wait_until 10 "nginx" test -S "$dir/web" -a -s "$dir/nginx.pid"

cat >"$dir/logferry.yaml" <<CONF
node: web-1
destinations:
  main: {url: '$url', token_file: $dir/token}
sources:
  web: {files: $log, format: nginx_combined, default_host: $site}
CONF
# Not by a function: in the background that would be a shell with the program below it.
STATE_DIRECTORY=$dir/state "$bin/logferry" --config "$dir/logferry.yaml" run 2>"$dir/agent.err" &
agent_pid=$!

chrome='Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36'
firefox='Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0'
safari='Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
gptbot='Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2; +https://openai.com/gptbot'
claude='Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)'
perplexity='Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Perplexity-User/1.0; +https://perplexity.ai/perplexity-user)'
google='Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

pageviews=0 ai_fetches=0 skipped=0 lines=0
# visit KIND ADDRESS USER_AGENT PATH...: one request a path, counted as what it has to become.
visit() {
    local kind=$1 address=$2 agent=$3 path urls=()
    shift 3
    for path; do urls+=("http://$site$path"); done
    curl -sS --unix-socket "$dir/web" -A "$agent" -H "X-Forwarded-For: $address" "${urls[@]}" >/dev/null
    case $kind in
    pageview) pageviews=$((pageviews + $#)) ;;
    ai_fetch) ai_fetches=$((ai_fetches + $#)) ;;
    skip) skipped=$((skipped + $#)) ;;
    esac
    lines=$((lines + $#))
}
day_at_the_site() { # first visitor's number
    local i
    for i in 1 2 3 4 5 6; do
        visit pageview 203.0.113.$(($1 + i)) "$chrome" / /pricing.html /docs/ "/docs/install.html?utm_source=demo"
        visit pageview 198.51.100.$(($1 + i)) "$firefox" / /docs/install.html
        visit pageview 192.0.2.$(($1 + i)) "$safari" /pricing.html
        visit skip 203.0.113.$(($1 + i)) "$chrome" /style.css /no-such-page
    done
    visit ai_fetch 20.171.206.7 "$gptbot" /robots.txt / /docs/ /docs/install.html /no-such-page
    visit ai_fetch 160.79.104.9 "$claude" / /pricing.html /docs/install.html
    visit ai_fetch 18.97.9.97 "$perplexity" /pricing.html
    visit skip 66.249.66.1 "$google" / /docs/
    visit skip 192.0.2.250 curl/8.5.0 /
}
day_at_the_site 0
say "logrotate: rename, create, USR1; the visits go on"
cat >"$dir/logrotate.conf" <<CONF
$log {
    rotate 5
    create 0640
    compress
    delaycompress
    postrotate
        kill -USR1 \$(cat $dir/nginx.pid)
    endscript
}
CONF
chmod 644 "$dir/logrotate.conf"
logrotate -f -s "$dir/logrotate.state" "$dir/logrotate.conf"
[ -s "$log.1" ] || fail "logrotate rotated nothing"
day_at_the_site 100
nginx_lines=$(cat "$log" "$log.1" | wc -l)
[ "$nginx_lines" = $lines ] || fail "nginx logged $nginx_lines lines for $lines requests"
echo "$lines requests logged in ${log##*/} and ${log##*/}.1"

# ---- a CloudFront dump of last month ----------------------------------------------------------
say "backfill: a CloudFront dump of last month, twelve .gz files"
month=$(date -u -d "$(date -u +%Y-%m-15) -1 month" +%Y-%m)
awk -v month="$month" -v dir="$dir/cdn" -v site=$site -v out="$dir/cdn.counts" \
    -v chrome="$chrome" -v gptbot="$gptbot" -v claude="$claude" -v google="$google" '
function escaped(s) { gsub(/ /, "%20", s); gsub(/;/, "%3B", s); return s }
BEGIN {
    OFS = "\t"
    for (f = 1; f <= 12; f++) {
        day = sprintf("%s-%02d", month, f * 2)
        file = sprintf("%s/E2DEMO.%s-%02d.%08x", dir, day, f, f * 7919)
        print "#Version: 1.0" > file
        print "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end" > file
        skipped += 2; lines += 2 # header lines are lines, and no requests
        for (i = 0; i < 300 + f; i++) {
            path = "/docs/page-" i % 40; type = "text/html"; agent = chrome; status = 200; kind = i % 6
            if (kind == 1) agent = i % 4 == 1 ? gptbot : claude
            if (kind == 2) { path = "/static/app-" i ".js"; type = "application/javascript" }
            if (kind == 3) agent = google
            if (kind == 4) status = 404
            if (kind == 1) ai++; else if (kind == 0 || kind == 5) views++; else skipped++
            lines++
            print day, sprintf("%02d:%02d:%02d", f, int(i / 60), i % 60), "FRA56-P1", 5000 + i, "203.0.113." i % 200 + 1, "GET", "d111.cloudfront.net", path, status, "-", escaped(agent), "-", "-", "Hit", "id" f "-" i "==", site, "https", 300, "0.012", "-", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "Hit", "HTTP/2.0", "-", "-", 40000 + i, "0.011", "Hit", type, "-", "-", "-" > file
        }
        close(file)
    }
    print views, ai, skipped, lines > out
}'
gzip -n "$dir"/cdn/E2DEMO.*
read -r cdn_pageviews cdn_ai cdn_skipped cdn_lines <"$dir/cdn.counts"

report() { server report --json >"$dir/report" 2>>"$dir/report.err"; }
stored() {
    report && [ "$(number pageviews "$(cat "$dir/report")")" -ge "$1" ] &&
        [ "$(number ai_fetches "$(cat "$dir/report")")" -ge "$2" ]
}
wait_until 20 "the $pageviews pageviews and $ai_fetches AI fetches of the followed log" stored $pageviews $ai_fetches
kill -TERM "$agent_pid"
wait "$agent_pid" || fail "logferry run ended with $? after SIGTERM"
agent_pid=''
run_ledger=$(grep 'event=ledger source=web' "$dir/agent.err" | tail -n 1)
echo "run:      $run_ledger"
agent backfill --format cloudfront "$dir/cdn" >"$dir/backfill.out" 2>"$dir/backfill.err" || fail "the backfill ended with $?"
backfill_ledger=$(cat "$dir/backfill.out" "$dir/backfill.err" | grep 'event=ledger source=' | tail -n 1)
echo "backfill: $backfill_ledger"
agent backfill --format cloudfront "$dir/cdn" >"$dir/again.out" 2>"$dir/again.err" || fail "the second backfill ended with $?"

# ---- the figures ------------------------------------------------------------------------------
say "the server's report and ledger"
server report
server ledger
same() { # WHAT WANTED FOUND
    [ "$2" = "$3" ] || fail "$1: $2 expected, $3 found"
}
same "lines in the ledger of run" $lines "$(number lines "$run_ledger")"
same "skipped in the ledger of run" $skipped "$(number skipped "$run_ledger")"
same "lines in the ledger of backfill" "$cdn_lines" "$(number lines "$backfill_ledger")"
same "skipped in the ledger of backfill" "$cdn_skipped" "$(number skipped "$backfill_ledger")"
report
pageviews=$((pageviews + cdn_pageviews)) ai_fetches=$((ai_fetches + cdn_ai))
skipped=$((skipped + cdn_skipped)) lines=$((lines + cdn_lines))
same "pageviews in the report" $pageviews "$(number pageviews "$(cat "$dir/report")")"
same "AI fetches in the report" $ai_fetches "$(number ai_fetches "$(cat "$dir/report")")"
same "every line became something" $lines $((pageviews + ai_fetches + skipped))
server_ledger=$(server ledger --json)
same "lines in the server's ledger" $lines "$(number lines "$server_ledger")"
verdict="demo: ok pageviews=$pageviews ai_fetches=$ai_fetches skipped=$skipped lines=$lines"
