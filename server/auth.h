/*
 * auth.h - who asks: the token that a request presents, and the client that it belongs to.
 */
#ifndef LOGFERRY_SERVER_AUTH_H
#define LOGFERRY_SERVER_AUTH_H

#include "server/http.h"
#include "server/rights.h"

/*
 * `Authorization: Bearer …` (any case of the scheme), else `X-Api-Key`; STR_NONE when there is
 * neither. An Authorization of another scheme, or without a token behind it, counts as none.
 */
struct str auth_token(const struct http_request *req);

/* The client of that token; NULL: no token, unknown, revoked or expired. Lives as long as the
 * snapshot. */
const struct client *auth_client(const struct rights *rights, const struct http_request *req,
                                 int64_t now_ms);

/* 401, the same for every reason: who presents a bad token learns nothing about it. */
void auth_refuse(struct http_request *req);

#endif
