/* detect_layouts.c - see detect_layouts.h. */
#include "parsers/detect_layouts.h"

#include "parsers/base/bytes.h"

#define COMMON "%u %t \"%r\" %>s %b"
#define AGENT " \"%{Referer}i\" \"%{User-Agent}i\""
#define NGINX                                                                                      \
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "             \
    "\"$http_referer\" \"$http_user_agent\""

static const char *const layouts[] = {
    /* the server's name before it, without the port of vhost_combined */
    "apache:%v %h %l " COMMON AGENT,
    "apache:%v %h %l " COMMON,
    "nginx:$host " NGINX " \"$http_x_forwarded_for\"",
    /* mod_ssl's ssl_request_log */
    "apache:%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \"%r\" %b",
    /* the server's name in the place of the log name: OVH */
    "apache:%h %v " COMMON AGENT,
    /* OpenLiteSpeed: quotes around the whole */
    "apache:\"%h %l " COMMON AGENT "\"",
    "apache:\"%h %l " COMMON AGENT " \"%{Host}i\"\"",
    "apache:\"%h %l " COMMON "\"",
    "apache:\"%v %h %l " COMMON AGENT "\"",
    "apache:\"%v %h %l " COMMON "\"",
    /* how long it took, behind combined: Icecast writes whole seconds */
    "apache:%h %l " COMMON AGENT " %T",
    "apache:%h %l " COMMON AGENT " %D",
    "apache:%h %l " COMMON AGENT " **%T/%D**",
    "nginx:" NGINX " $request_time",
    "nginx:" NGINX " \"$http_x_forwarded_for\" $request_time",
    /* as GitLab has it, with two digits behind the point */
    "nginx:" NGINX " $gzip_ratio",
    /* nginx's main_ext, which its documentation of NGINX Amplify asks for */
    "nginx:" NGINX " \"$http_x_forwarded_for\" \"$host\" sn=\"$server_name\" rt=$request_time "
    "ua=\"$upstream_addr\" us=\"$upstream_status\" ut=\"$upstream_response_time\" "
    "ul=\"$upstream_response_length\" cs=$upstream_cache_status",
    /* as Elastic's documentation of its Apache integration has it */
    "apache:%h %l " COMMON AGENT " X-Forwarded-For=\"%{X-Forwarded-For}i\"",
    /* BunkerWeb: in "combined" the host would be the address, and all between it the user */
    "nginx:$host $remote_addr - $request_id $remote_user [$time_local] \"$request\" $status "
    "$body_bytes_sent \"$http_referer\" \"$http_user_agent\"",
    /* nginx-proxy-manager's "standard": redirections, dead hosts, the default site */
    "nginx:[$time_local] $status - $request_method $scheme $host \"$request_uri\" "
    "[Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "
    "\"$http_user_agent\" \"$http_referer\"",
    /* NPMplus, a fork of it */
    "nginx:[$time_local] $host $remote_addr $request_time \"$request\" $status "
    "$body_bytes_sent $bytes_sent $http_referer $http_user_agent",
    /* Django's development server */
    "apache:[%{%d/%b/%Y %T}t] \"%r\" %>s %b",
    /* WEBrick, with a line of each referrer between them */
    "apache:%h %l %u [%{%d/%b/%Y:%T %Z}t] \"%r\" %>s %b",
    /* Gandi */
    "apache:%v %h %l %u %t (%T s) \"%r\" %>s %b" AGENT,
    /* Zoraxy */
    "apache:[%{%Y-%m-%d %T}t.%{usec_frac}t] [router:%{router}n] [origin:%v] [client: %h] "
    "[useragent: %{User-Agent}i] %m %U%q %>s",
    /* Alibaba Cloud's CDN: proxy, milliseconds, and the request's size before the answer's */
    "apache:%t %h %{proxy}n %{ms}T \"%{Referer}i\" \"%r\" %>s %I %O %{cache}n \"%{User-Agent}i\" "
    "\"%{Content-Type}o\"",
    /* Kubernetes' ingress-nginx, its log-format-upstream */
    "nginx:" NGINX " $request_length $request_time [$proxy_upstream_name] "
    "[$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length "
    "$upstream_response_time $upstream_status $req_id",
};

const char *detect_layout(size_t i)
{
    return i < COUNT_OF(layouts) ? layouts[i] : NULL;
}
