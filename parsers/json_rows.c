/*
 * json_rows.c - see json_rows.h. Sources: nginx's variables and the log_formats people publish;
 * caddyserver.com/docs/logging; doc.traefik.io (access logs); the CloudFront Developer Guide
 * (standard logging v2); developers.cloudflare.com/logs (HTTP requests); techdocs.akamai.com
 * (DataStream 2); Fastly's documentation (example log streaming formats); envoyproxy.io and Istio
 * (default JSON access logs); learn.microsoft.com (Front Door's and Application Gateway's resource
 * logs, App Service's HTTP logs); cloud.google.com/logging (LogEntry, HttpRequest); docs.zeek.org
 * (http.log); elastic.co (Elastic Common Schema); tomcat.apache.org (JSON Access Log Valve).
 */
#include "parsers/json_rows.h"

static const struct json_row_key nginx[] = {
    {FIELD_TIME, "time_iso8601 msec time_local @timestamp timestamp time datetime ts date"},
    {FIELD_CLIENT_IP, "remote_addr client_ip clientip remote_ip remoteIP ip client remote"},
    {FIELD_METHOD, "request_method method http_method request_type verb"},
    {FIELD_SCHEME, "scheme request_scheme https"},
    /* "host" is the server's own name or address where one of the first three is beside it. */
    {FIELD_HOST, "http_host vhost domain host server_name"},
    {FIELD_REQUEST, "request request_line"},
    {FIELD_TARGET, "request_uri uri url path request_path"},
    {FIELD_QUERY, "args query_string query"},
    {FIELD_PROTOCOL, "server_protocol protocol"},
    {FIELD_STATUS, "status status_code http_status response_status response code"},
    {FIELD_BYTES, "body_bytes_sent bytes_sent bytes size response_size bytes_out length"},
    {FIELD_DURATION_S, "request_time duration response_time responsetime latency_human"},
    {FIELD_REFERRER, "http_referer http_referrer referrer referer"},
    {FIELD_USER_AGENT, "http_user_agent user_agent agent useragent userAgent ua"},
    {FIELD_CONTENT_TYPE, "sent_http_content_type response_content_type upstream_http_content_type "
                         "content_type"},
    {FIELD_REQUEST_ID, "request_id req_id"},
    {FIELD_REMOTE_USER, "remote_user user"},
    {FIELD_FORWARDED_FOR, "http_x_forwarded_for x_forwarded_for proxy_add_x_forwarded_for xff"},
    {FIELD_FORWARDED, "http_forwarded forwarded"},
    {FIELD_RANGE, "sent_http_content_range content_range http_range range"},
    {FIELD_DISPOSITION, "sent_http_content_disposition content_disposition"},
    {FIELD_PURPOSE, "http_sec_purpose sec_purpose http_purpose http_x_moz http_x_purpose"},
    {FIELDS, NULL},
};

static const struct json_row_key caddy[] = {
    {FIELD_TIME, "ts time timestamp"},
    {FIELD_CLIENT_IP, "request.client_ip request.remote_ip request.remote_addr"},
    {FIELD_METHOD, "request.method"},
    {FIELD_TLS, "request.tls"},
    {FIELD_HOST, "request.host"},
    {FIELD_TARGET, "request.uri"},
    {FIELD_PROTOCOL, "request.proto"},
    {FIELD_STATUS, "status"},
    {FIELD_BYTES, "size"},
    {FIELD_DURATION_S, "duration"},
    {FIELD_REFERRER, "request.headers.Referer"},
    {FIELD_USER_AGENT, "request.headers.User-Agent"},
    {FIELD_CONTENT_TYPE, "resp_headers.Content-Type"},
    {FIELD_REQUEST_ID, "request.headers.X-Request-Id uuid"},
    {FIELD_REMOTE_USER, "user_id"},
    {FIELD_FORWARDED_FOR, "request.headers.X-Forwarded-For"},
    {FIELD_FORWARDED, "request.headers.Forwarded"},
    {FIELD_RANGE, "resp_headers.Content-Range request.headers.Range"},
    {FIELD_DISPOSITION, "resp_headers.Content-Disposition"},
    {FIELD_PURPOSE, "request.headers.Sec-Purpose request.headers.Purpose request.headers.X-Moz "
                    "request.headers.X-Purpose"},
    {FIELD_MESSAGE, "msg message"},
    {FIELD_LOGGER, "logger"},
    {FIELDS, NULL},
};

static const struct json_row_key traefik[] = {
    {FIELD_TIME, "StartUTC StartLocal time"},
    {FIELD_CLIENT_IP, "ClientHost ClientAddr"},
    {FIELD_METHOD, "RequestMethod"},
    {FIELD_SCHEME, "RequestScheme"},
    {FIELD_HOST, "RequestHost RequestAddr"},
    {FIELD_TARGET, "RequestPath"},
    {FIELD_PROTOCOL, "RequestProtocol"},
    {FIELD_STATUS, "DownstreamStatus OriginStatus"},
    {FIELD_BYTES, "DownstreamContentSize OriginContentSize"},
    {FIELD_DURATION_NS, "Duration"},
    {FIELD_REFERRER, "request_Referer"},
    {FIELD_USER_AGENT, "request_User-Agent"},
    {FIELD_CONTENT_TYPE, "downstream_Content-Type origin_Content-Type"},
    {FIELD_REQUEST_ID, "request_X-Request-Id"},
    {FIELD_REMOTE_USER, "ClientUsername"},
    {FIELD_FORWARDED_FOR, "request_X-Forwarded-For"},
    {FIELD_FORWARDED, "request_Forwarded"},
    {FIELD_RANGE, "downstream_Content-Range origin_Content-Range request_Range"},
    {FIELD_DISPOSITION, "downstream_Content-Disposition origin_Content-Disposition"},
    {FIELD_PURPOSE, "request_Sec-Purpose request_Purpose request_X-Moz request_X-Purpose"},
    {FIELD_MESSAGE, "msg message"},
    {FIELDS, NULL},
};

static const struct json_row_key cloudfront[] = {
    {FIELD_TIME, "timestamp(ms) time timestamp"},
    {FIELD_DATE, "date"},
    {FIELD_CLIENT_IP, "c-ip"},
    {FIELD_METHOD, "cs-method"},
    {FIELD_SCHEME, "cs-protocol"},
    {FIELD_HOST, "x-host-header cs(Host)"},
    {FIELD_PATH, "cs-uri-stem"},
    {FIELD_QUERY, "cs-uri-query"},
    {FIELD_PROTOCOL, "cs-protocol-version"},
    {FIELD_STATUS, "sc-status"},
    {FIELD_BYTES, "sc-bytes"},
    {FIELD_DURATION_S, "time-taken"},
    {FIELD_REFERRER, "cs(Referer)"},
    {FIELD_USER_AGENT, "cs(User-Agent)"},
    {FIELD_CONTENT_TYPE, "sc-content-type"},
    {FIELD_REQUEST_ID, "x-edge-request-id"},
    {FIELD_FORWARDED_FOR, "x-forwarded-for"},
    {FIELD_RANGE, "sc-range-start"},
    {FIELD_CDN_RESULT, "x-edge-result-type"},
    {FIELDS, NULL},
};

static const struct json_row_key cloudflare[] = {
    {FIELD_TIME, "EdgeStartTimestamp EdgeEndTimestamp"},
    {FIELD_CLIENT_IP, "ClientIP"},
    {FIELD_METHOD, "ClientRequestMethod"},
    {FIELD_SCHEME, "ClientRequestScheme"},
    {FIELD_HOST, "ClientRequestHost"},
    {FIELD_TARGET, "ClientRequestURI ClientRequestPath"},
    {FIELD_PROTOCOL, "ClientRequestProtocol"},
    {FIELD_STATUS, "EdgeResponseStatus"},
    {FIELD_BYTES, "EdgeResponseBytes EdgeResponseBodyBytes"},
    {FIELD_REFERRER, "ClientRequestReferer RequestHeaders.referer"},
    {FIELD_USER_AGENT, "ClientRequestUserAgent"},
    {FIELD_CONTENT_TYPE, "EdgeResponseContentType"},
    {FIELD_REQUEST_ID, "RayID"},
    {FIELD_FORWARDED_FOR, "RequestHeaders.x-forwarded-for"},
    {FIELD_FORWARDED, "RequestHeaders.forwarded"},
    {FIELD_RANGE, "ResponseHeaders.content-range RequestHeaders.range"},
    {FIELD_DISPOSITION, "ResponseHeaders.content-disposition"},
    {FIELD_PURPOSE, "RequestHeaders.sec-purpose RequestHeaders.purpose"},
    {FIELD_CDN_RESULT, "ClientRequestSource WorkerSubrequest"},
    {FIELD_MESSAGE, "content"}, /* the object that tests a new job */
    {FIELDS, NULL},
};

static const struct json_row_key akamai[] = {
    {FIELD_TIME, "reqTimeSec"},
    {FIELD_CLIENT_IP, "cliIP"},
    {FIELD_METHOD, "reqMethod"},
    {FIELD_SCHEME, "proto"},
    {FIELD_HOST, "reqHost"},
    {FIELD_PATH, "reqPath"},
    {FIELD_QUERY, "queryStr"},
    {FIELD_STATUS, "statusCode"},
    {FIELD_BYTES, "bytes totalBytes"},
    {FIELD_REFERRER, "referer"},
    {FIELD_USER_AGENT, "UA"},
    {FIELD_CONTENT_TYPE, "rspContentType"},
    {FIELD_REQUEST_ID, "reqId"},
    {FIELD_FORWARDED_FOR, "xForwardedFor"},
    {FIELD_RANGE, "range"},
    {FIELDS, NULL},
};

static const struct json_row_key fastly[] = {
    {FIELD_TIME, "timestamp time_start start_time time request_time @timestamp"},
    {FIELD_CLIENT_IP, "client_ip fastly_client_ip ip remote_addr"},
    {FIELD_METHOD, "request_method req_method method request"},
    {FIELD_SCHEME, "request_scheme scheme"},
    {FIELD_HOST, "host req_host request_host orig_host"},
    {FIELD_TARGET, "url request_uri req_url req_uri uri path"},
    {FIELD_PROTOCOL, "request_protocol protocol"},
    {FIELD_STATUS, "response_status resp_status status status_code"},
    {FIELD_BYTES, "response_body_size resp_body_size resp_body_bytes response_bytes bytes "
                  "resp_bytes"},
    {FIELD_DURATION_S, "time_elapsed_sec request_duration"},
    {FIELD_DURATION_MS, "time_elapsed_msec elapsed_msec"},
    {FIELD_DURATION_US, "time_elapsed elapsed_usec"},
    {FIELD_REFERRER, "request_referer req_referer referer referrer"},
    {FIELD_USER_AGENT, "request_user_agent req_user_agent user_agent ua"},
    {FIELD_CONTENT_TYPE, "response_content_type resp_content_type content_type"},
    {FIELD_REQUEST_ID, "request_id req_id"},
    {FIELD_FORWARDED_FOR, "x_forwarded_for request_x_forwarded_for"},
    {FIELD_FORWARDED, "request_forwarded forwarded"},
    {FIELD_RANGE, "response_content_range resp_content_range content_range request_range range"},
    {FIELD_DISPOSITION, "response_content_disposition resp_content_disposition "
                        "content_disposition"},
    {FIELD_PURPOSE, "request_sec_purpose req_sec_purpose sec_purpose"},
    {FIELDS, NULL},
};

static const struct json_row_key envoy[] = {
    {FIELD_TIME, "start_time timestamp time"},
    {FIELD_CLIENT_IP, "downstream_remote_address downstream_direct_remote_address"},
    {FIELD_METHOD, "method :method"},
    {FIELD_SCHEME, "scheme :scheme"},
    {FIELD_HOST, "authority :authority host"},
    {FIELD_TARGET, "x-envoy-origin-path x_envoy_origin_path path :path"},
    {FIELD_PROTOCOL, "protocol"},
    {FIELD_STATUS, "response_code status"},
    {FIELD_BYTES, "bytes_sent"},
    {FIELD_DURATION_MS, "duration"},
    {FIELD_REFERRER, "referer referrer"},
    {FIELD_USER_AGENT, "user_agent user-agent"},
    {FIELD_CONTENT_TYPE, "response_content_type content_type"},
    {FIELD_REQUEST_ID, "request_id x-request-id x_request_id"},
    {FIELD_FORWARDED_FOR, "x_forwarded_for x-forwarded-for"},
    {FIELD_FORWARDED, "forwarded"},
    {FIELD_RANGE, "content_range content-range range"},
    {FIELD_DISPOSITION, "content_disposition content-disposition"},
    {FIELD_PURPOSE, "sec_purpose sec-purpose purpose"},
    {FIELDS, NULL},
};

/*
 * Front Door's clientIp is what the client wrote into X-Forwarded-For, where it wrote one: the peer
 * is socketIp. Application Gateway's requestQuery held the gateway's own notes for years.
 */
static const struct json_row_key azure[] = {
    {FIELD_TIME, "time timeStamp timestamp"},
    {FIELD_CLIENT_IP, "properties.socketIp properties.clientIP properties.clientIp "
                      "properties.CIp properties.ClientIp"},
    {FIELD_METHOD, "properties.httpMethod properties.CsMethod properties.HttpMethod"},
    {FIELD_SCHEME, "properties.requestProtocol properties.sslEnabled"},
    {FIELD_HOST, "properties.originalHost properties.hostName properties.host properties.CsHost"},
    {FIELD_TARGET, "properties.originalRequestUriWithArgs properties.requestUri "
                   "properties.RequestUri"},
    {FIELD_PATH, "properties.CsUriStem"},
    {FIELD_QUERY, "properties.CsUriQuery"},
    {FIELD_PROTOCOL, "properties.httpVersion properties.Protocol properties.HttpVersion"},
    {FIELD_STATUS, "properties.httpStatusCode properties.httpStatus properties.ScStatus "
                   "properties.HttpStatusCode"},
    {FIELD_BYTES, "properties.responseBytes properties.sentBytes properties.ScBytes "
                  "properties.ResponseBytes"},
    {FIELD_DURATION_S, "properties.timeTaken"},
    {FIELD_DURATION_MS, "properties.TimeTaken"},
    {FIELD_REFERRER, "properties.referer properties.referrer properties.Referer"},
    {FIELD_USER_AGENT, "properties.userAgent properties.UserAgent"},
    {FIELD_REQUEST_ID, "properties.trackingReference properties.transactionId "
                       "properties.TrackingReference"},
    {FIELD_REMOTE_USER, "properties.CsUsername"},
    {FIELD_FORWARDED_FOR, "properties.clientIp"},
    {FIELD_MESSAGE, "category operationName"}, /* of every resource log */
    {FIELDS, NULL},
};

static const struct json_row_key gcp[] = {
    {FIELD_TIME, "timestamp receiveTimestamp"},
    {FIELD_CLIENT_IP, "httpRequest.remoteIp"},
    {FIELD_METHOD, "httpRequest.requestMethod"},
    {FIELD_TARGET, "httpRequest.requestUrl"},
    {FIELD_PROTOCOL, "httpRequest.protocol"},
    {FIELD_STATUS, "httpRequest.status"},
    {FIELD_BYTES, "httpRequest.responseSize"},
    {FIELD_DURATION_S, "httpRequest.latency"},
    {FIELD_REFERRER, "httpRequest.referer"},
    {FIELD_USER_AGENT, "httpRequest.userAgent"},
    {FIELD_REQUEST_ID, "insertId"},
    {FIELD_MESSAGE, "logName"}, /* of every log entry */
    {FIELDS, NULL},
};

static const struct json_row_key zeek[] = {
    {FIELD_TIME, "ts"},
    {FIELD_CLIENT_IP, "id.orig_h"},
    {FIELD_METHOD, "method"},
    {FIELD_HOST, "host"},
    {FIELD_TARGET, "uri"},
    {FIELD_PROTOCOL, "version"},
    {FIELD_STATUS, "status_code"},
    {FIELD_BYTES, "response_body_len"},
    {FIELD_REFERRER, "referrer"},
    {FIELD_USER_AGENT, "user_agent"},
    {FIELD_CONTENT_TYPE, "resp_mime_types"},
    {FIELD_REMOTE_USER, "username"},
    {FIELD_MESSAGE, "uid"}, /* of every connection */
    {FIELDS, NULL},
};

static const struct json_row_key ecs[] = {
    {FIELD_TIME, "@timestamp"},
    {FIELD_CLIENT_IP, "source.ip source.address client.ip client.address"},
    {FIELD_METHOD, "http.request.method"},
    {FIELD_SCHEME, "url.scheme"},
    {FIELD_HOST, "url.domain destination.domain"},
    {FIELD_TARGET, "url.original url.full"},
    {FIELD_PATH, "url.path"},
    {FIELD_QUERY, "url.query"},
    {FIELD_PROTOCOL, "http.version"},
    {FIELD_STATUS, "http.response.status_code"},
    {FIELD_BYTES, "http.response.body.bytes http.response.bytes"},
    {FIELD_DURATION_NS, "event.duration"},
    {FIELD_REFERRER, "http.request.referrer"},
    {FIELD_USER_AGENT, "user_agent.original"},
    {FIELD_CONTENT_TYPE, "http.response.mime_type"},
    {FIELD_REQUEST_ID, "http.request.id"},
    {FIELD_REMOTE_USER, "user.name"},
    {FIELD_MESSAGE, "ecs.version"}, /* of every document */
    {FIELDS, NULL},
};

/* "elapsedTime" is in milliseconds until Tomcat 9 and in microseconds since 10. */
static const struct json_row_key tomcat[] = {
    {FIELD_TIME, "time"},
    {FIELD_CLIENT_IP, "remoteAddr host"},
    {FIELD_METHOD, "method"},
    {FIELD_HOST, "requestHeaders.Host requestHeaders.host localServerName"},
    {FIELD_REQUEST, "request"},
    {FIELD_PATH, "path"},
    {FIELD_QUERY, "query"},
    {FIELD_PROTOCOL, "protocol"},
    {FIELD_STATUS, "statusCode"},
    {FIELD_BYTES, "size byteSentNC"},
    {FIELD_DURATION_S, "elapsedTimeS"},
    {FIELD_REFERRER, "requestHeaders.Referer requestHeaders.referer"},
    {FIELD_USER_AGENT, "requestHeaders.User-Agent requestHeaders.user-agent"},
    {FIELD_CONTENT_TYPE, "responseHeaders.Content-Type responseHeaders.content-type"},
    {FIELD_REMOTE_USER, "user"},
    {FIELD_FORWARDED_FOR, "requestHeaders.X-Forwarded-For requestHeaders.x-forwarded-for"},
    {FIELDS, NULL},
};

const struct json_row_key *const json_rows[JSON_VARIANTS] = {
    [JSON_NGINX] = nginx,
    [JSON_CADDY] = caddy,
    [JSON_TRAEFIK] = traefik,
    [JSON_CLOUDFRONT] = cloudfront,
    [JSON_CLOUDFLARE] = cloudflare,
    [JSON_AKAMAI] = akamai,
    [JSON_FASTLY] = fastly,
    [JSON_ENVOY] = envoy,
    [JSON_AZURE] = azure,
    [JSON_GCP] = gcp,
    [JSON_ZEEK] = zeek,
    [JSON_ECS] = ecs,
    [JSON_TOMCAT] = tomcat,
};

#define REQUEST_FIELDS                                                                             \
    (HIT_BIT(CLIENT_IP) | HIT_BIT(METHOD) | HIT_BIT(HOST) | HIT_BIT(PATH) | HIT_BIT(QUERY) |       \
     HIT_BIT(PROTOCOL) | HIT_BIT(STATUS) | HIT_BIT(BYTES) | HIT_BIT(DURATION))

const unsigned json_rows_always[JSON_VARIANTS] = {
    [JSON_CADDY] = REQUEST_FIELDS | HIT_BIT(REFERRER) | HIT_BIT(USER_AGENT) | HIT_BIT(CONTENT_TYPE),
    [JSON_TRAEFIK] = REQUEST_FIELDS | HIT_BIT(SCHEME),
    [JSON_AZURE] = REQUEST_FIELDS | HIT_BIT(SCHEME) | HIT_BIT(USER_AGENT),
    [JSON_ZEEK] = (REQUEST_FIELDS & ~HIT_BIT(DURATION)) | HIT_BIT(REFERRER) | HIT_BIT(USER_AGENT) |
                  HIT_BIT(CONTENT_TYPE),
    [JSON_GCP] = REQUEST_FIELDS | HIT_BIT(SCHEME) | HIT_BIT(REFERRER) | HIT_BIT(USER_AGENT),
};
