/*
 * matrix_rows.h - what test_matrix.c asks: the routes with what each wants, and the callers with
 * what each may.
 */
#ifndef LOGFERRY_TESTS_MATRIX_ROWS_H
#define LOGFERRY_TESTS_MATRIX_ROWS_H

#include "server/roles.h"

/* ---- what each route wants ------------------------------------------------------------------ */

enum kind {
    OPEN,   /* nobody's token is looked at */
    OUT,    /* the same; whoever is logged in is out then */
    LIST,   /* any good token, or cookie */
    SITE,   /* names a site in its path: rule A */
    HOST,   /* names it by the host of what it brings: rule B; no cookie will do */
    BATCH,  /* the same, record by record */
    SERVER, /* by a role on the server */
    /* By a cookie; no token will do: */
    SELF,         /* whoever is logged in */
    TEAM,         /* names a team in its path: by the role there */
    ANY_TEAM,     /* the same role, in some team */
    PERSONS_SITE, /* names a site in its path */
    PERSONS_SERVER,
};

struct wanted {
    const char *method, *pattern;
    enum kind kind;
    unsigned by; /* enum permission, or of a team the least enum team_role */
    int status;  /* when it is allowed */
    const char *body;
};

#define WEB                                                                                        \
    "\"timestamp\":\"2026-11-03T12:00:00Z\",\"visitor_ip\":\"192.0.2.1\",\"user_agent\":"          \
    "\"Firefox\""
#define FETCH                                                                                      \
    "{\"path\":\"/\",\"hostname\":\"%s\",\"status_code\":200,\"user_agent\":\"GPTBot/1.2\"}"
#define VIEW(more) "{\"url\":\"https://%s/\"," WEB more "}"
#define BATCH_OF_ONE                                                                               \
    "{\"v\":1,\"batch\":\"0192f0c1-7d3e-7abc-8def-%012u\",\"agent\":\"t\",\"node\":\"n\",\"job\":" \
    "null,\"streams\":[{\"id\":\"000102030405060708090a0b0c0d0e0f\",\"from\":0,\"to\":10,"         \
    "\"lines\":1,\"records\":1,\"skipped\":{}}],\"user_agents\":[]}\n{\"k\":\"pageview\",\"at\":"  \
    "0,\"h\":\"0000000a\",\"url\":\"https://%s/\"," WEB "}\n"

#define VIEWS PERM_SITE_VIEW
#define WRITES PERM_SITE_MANAGE_DATA
#define EXCLUDES PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS /* or a role on the site */
#define READ(path)                                                                                 \
    {                                                                                              \
        "GET", "/api/sites/{id}/" path, SITE, VIEWS, 200, NULL                                     \
    }
static const struct wanted wanted[] = {
    {"GET", "/healthz", OPEN, 0, 200, NULL},
    {"GET", "/readyz", OPEN, 0, 200, NULL},
    {"GET", "/api/ingest/server/capabilities", OPEN, 0, 200, NULL},
    {"GET", "/api/ai-agents", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/versions", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/v1/openapi.json", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/reference.js", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/reference.css", OPEN, 0, 200, NULL},
    {"GET", "/api/sites", LIST, 0, 200, NULL},
    {"GET", "/api/sites/overview", LIST, 0, 200, NULL},
    {"GET", "/api/nodes", LIST, 0, 200, NULL},
    {"GET", "/api/status", OPEN, 0, 200, NULL},
    {"POST", "/api/initial-user", OPEN, 0, 403, "{}"}, /* is not asked for in the configuration */
    {"POST", "/api/login", OPEN, 0, 400, "[]"},
    {"POST", "/api/logout", OUT, 0, 200, "{}"},
    READ("ai-fetch/overview"),
    READ("ai-fetch/timeseries"),
    READ("ai-fetch/correlation"),
    READ("ai-fetch/export"),
    READ("ai-activity"),
    READ("stats"),
    READ("hits"),
    READ("tracking/status"),
    READ("realtime"), /* they end at once here: setup_matrix */
    READ("hits/export"),
    {"GET", "/api/sites/{id}/exclusions", SITE, EXCLUDES, 200, NULL},
    {"POST", "/api/sites/{id}/exclusions", SITE, EXCLUDES, 400, "[]"},
    {"DELETE", "/api/sites/{id}/exclusions/{exclusionId}", SITE, EXCLUDES, 404, NULL},
    {"POST", "/api/sites/{id}/ingest/ai-fetch", SITE, WRITES, 202, FETCH},
    {"POST", "/api/ingest/server/pageview", HOST, WRITES, 202, VIEW("")},
    {"POST", "/api/ingest/server/event", HOST, WRITES, 202, VIEW(",\"name\":\"e\"")},
    {"POST", "/api/ingest/server/batch", BATCH, WRITES, 200, BATCH_OF_ONE},
    {"POST", "/api/ingest/server/verify", BATCH, WRITES, 200, BATCH_OF_ONE},
    {"GET", "/api/admin/exclusions", SERVER, EXCLUDES, 200, NULL},
    {"POST", "/api/admin/exclusions", SERVER, EXCLUDES, 400, "[]"},
    {"DELETE", "/api/admin/exclusions/{exclusionId}", SERVER, EXCLUDES, 404, NULL},
    {"GET", "/api/user", SELF, 0, 200, NULL},
    {"GET", "/api/user/profile", SELF, 0, 200, NULL},
    {"PUT", "/api/user/profile", SELF, 0, 400, "{}"},
    {"GET", "/api/user/current-ip", SELF, 0, 200, NULL},
    {"GET", "/api/user/permissions", SELF, 0, 200, NULL},
    {"POST", "/api/user/password", SELF, 0, 400, "{}"},
    {"GET", "/api/user/api-clients", SELF, 0, 200, NULL},
    {"POST", "/api/user/api-clients", SELF, 0, 400, "{}"},
    {"PUT", "/api/user/api-clients/{id}", SELF, 0, 404, "{}"},
    {"DELETE", "/api/user/api-clients/{id}", SELF, 0, 404, NULL},
    {"POST", "/api/user/api-clients/{id}/rotate", SELF, 0, 404, "{}"},
    {"GET", "/api/user/teams", SELF, 0, 200, NULL},
    {"POST", "/api/user/teams", SELF, 0, 400, "{}"},
    {"PUT", "/api/user/teams/{id}", TEAM, TEAM_ADMIN, 400, "{}"},
    {"PATCH", "/api/user/teams/{id}", TEAM, TEAM_ADMIN, 400, "{}"},
    {"DELETE", "/api/user/teams/{id}/leave", SELF, 0, 403, NULL}, /* one that is not there */
    {"POST", "/api/user/teams/{id}/archive", TEAM, TEAM_OWNER, 400, NULL},
    {"POST", "/api/user/teams/{id}/transfer-ownership", TEAM, TEAM_OWNER, 400, "{}"},
    {"GET", "/api/user/teams/{id}/exclusions", TEAM, TEAM_ADMIN, 200, NULL},
    {"POST", "/api/user/teams/{id}/exclusions", TEAM, TEAM_ADMIN, 400, "[]"},
    {"DELETE", "/api/user/teams/{id}/exclusions/{exclusionId}", TEAM, TEAM_ADMIN, 404, NULL},
    {"GET", "/api/user/teams/{id}/audit", TEAM, TEAM_ADMIN, 200, NULL},
    {"GET", "/api/user/teams/{id}/members", TEAM, TEAM_MEMBER, 200, NULL},
    {"POST", "/api/user/teams/{id}/members", TEAM, TEAM_ADMIN, 400, "{}"},
    {"PUT", "/api/user/teams/{id}/members/{userId}", TEAM, TEAM_ADMIN, 404, "{}"},
    {"DELETE", "/api/user/teams/{id}/members/{userId}", TEAM, TEAM_ADMIN, 404, NULL},
    {"GET", "/api/user/teams/{id}/api-clients", TEAM, TEAM_ADMIN, 200, NULL},
    {"POST", "/api/user/teams/{id}/api-clients", TEAM, TEAM_ADMIN, 400, "{}"},
    {"PUT", "/api/user/teams/{id}/api-clients/{clientId}", TEAM, TEAM_ADMIN, 404, "{}"},
    {"DELETE", "/api/user/teams/{id}/api-clients/{clientId}", TEAM, TEAM_ADMIN, 404, NULL},
    {"POST", "/api/user/teams/{id}/api-clients/{clientId}/rotate", TEAM, TEAM_ADMIN, 404, "{}"},
    {"POST", "/api/sites", ANY_TEAM, TEAM_ADMIN, 400,
     "{\"domain\":\"new.example\",\"data_retention_days\":-1}"},
    {"DELETE", "/api/sites/{id}", SITE, PERM_SITE_DELETE, 200, NULL},
    {"PUT", "/api/sites/{id}/retention", SITE, PERM_SITE_MANAGE_TEAM, 400, "[]"},
    {"PUT", "/api/sites/{id}/domain", SITE, PERM_SITE_MANAGE_TEAM, 400, "[]"},
    {"POST", "/api/sites/{id}/transfer-team", SITE, PERM_SITE_MANAGE_TEAM, 400, "{}"},
    {"GET", "/api/sites/{id}/members", SITE, VIEWS, 200, NULL},
    {"POST", "/api/sites/{id}/members", SITE, PERM_SITE_MANAGE_TEAM, 400, "[]"},
    {"DELETE", "/api/sites/{id}/members/{userId}", SITE, PERM_SITE_MANAGE_TEAM, 404, NULL},
    {"POST", "/api/sites/{id}/aliases", PERSONS_SITE, PERM_SITE_MANAGE_TEAM, 400, "{}"},
    {"DELETE", "/api/sites/{id}/aliases", PERSONS_SITE, PERM_SITE_MANAGE_TEAM, 400, "{}"},
    {"GET", "/api/admin/users", SERVER, PERM_INSTANCE_MANAGE_USERS, 200, NULL},
    {"POST", "/api/admin/users", SERVER, PERM_INSTANCE_MANAGE_USERS, 400, "{}"},
    {"PUT", "/api/admin/users/{id}", SERVER, PERM_INSTANCE_MANAGE_USERS, 404, "{}"},
    {"DELETE", "/api/admin/users/{id}", SERVER, PERM_INSTANCE_MANAGE_USERS, 404, NULL},
    {"POST", "/api/admin/users/{id}/role", SERVER, PERM_INSTANCE_MANAGE_USERS, 404, "{}"},
    {"GET", "/api/admin/sites", SERVER, PERM_INSTANCE_MANAGE_USERS, 200, NULL},
    {"DELETE", "/api/admin/sites/{id}", SERVER, PERM_INSTANCE_MANAGE_USERS, 404, NULL},
    {"GET", "/api/admin/teams", SERVER, PERM_INSTANCE_MANAGE_USERS, 200, NULL},
    {"POST", "/api/admin/teams/{id}/archive", SERVER, PERM_INSTANCE_MANAGE_USERS, 400, NULL},
    {"DELETE", "/api/admin/teams/{id}", SERVER, PERM_INSTANCE_MANAGE_USERS, 404, NULL},
    {"GET", "/api/admin/system/audit", SERVER, PERM_INSTANCE_VIEW_AUDIT, 200, NULL},
    {"POST", "/api/admin/users/{id}/password", PERSONS_SERVER, PERM_INSTANCE_MANAGE_USERS, 404,
     "{\"new_password\":\"a long sentence\"}"},
    {"GET", "/api/admin/audit", SERVER, PERM_INSTANCE_VIEW_AUDIT, 200, NULL},
};

/* ---- who asks ------------------------------------------------------------------------------- */

/* What is left of it on example.com. */
enum may { SHUT, NOTHING, TOO_SMALL, MAY_VIEW, MAY_WRITE, MAY_BOTH };
#define MAIN 1
#define OTHERS 2
#define ARCHIVED 3
enum { NO_ONE, ADMIN_USER, DEMOTED, GONE, DISABLED, OWNER, LORD, WATCHER };

static const struct person {
    const char *name;
    enum instance_role instance;
    enum team_role in_team; /* in the main one */
    enum role on_site;
} people[] = {
    [ADMIN_USER - 1] = {"admin", INSTANCE_USER, TEAM_ADMIN, ROLE_NONE},
    [DEMOTED - 1] = {"demoted", INSTANCE_USER, TEAM_MEMBER, ROLE_VIEWER},
    [GONE - 1] = {"gone", INSTANCE_USER, TEAM_MEMBER, ROLE_NONE},
    [DISABLED - 1] = {"disabled", INSTANCE_USER, TEAM_OWNER, ROLE_NONE},
    [OWNER - 1] = {"owner", INSTANCE_OWNER, TEAM_OWNER, ROLE_NONE},
    [LORD - 1] = {"lord", INSTANCE_OWNER, TEAM_MEMBER, ROLE_VIEWER},
    [WATCHER - 1] = {"watcher", INSTANCE_ADMIN, TEAM_NONE, ROLE_NONE},
};

#define COOKIE "Cookie: hk_token=%s\r\n"
static const struct caller {
    const char *name, *header, *token; /* the header: %s is the token, a client's or a person's */
    int64_t team, user;
    enum role granted;
    enum instance_role instance; /* the client's, or the person's */
    enum may a, b;               /* by rule A, by rule B */
} callers[] = {
    {"no token", "X-Nothing: %s\r\n", "x", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"malformed", "Authorization: Bearer %s\r\n", "lf_ 1", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"another scheme", "Authorization: Basic %s\r\n", "right", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"unknown", "Authorization: Bearer %s\r\n", "unknown", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"revoked", "Authorization: Bearer %s\r\n", "revoked", MAIN, 0, ROLE_OWNER, 0, SHUT, SHUT},
    {"expired", "Authorization: Bearer %s\r\n", "expired", MAIN, 0, ROLE_OWNER, 0, SHUT, SHUT},
    {"of an archived team", "Authorization: Bearer %s\r\n", "archived", ARCHIVED, 0, ROLE_NONE, 0,
     SHUT, SHUT},
    {"of a disabled person", "Authorization: Bearer %s\r\n", "disabled", 0, DISABLED, ROLE_OWNER, 0,
     SHUT, SHUT},
    {"another tenant's", "Authorization: Bearer %s\r\n", "tenant", OTHERS, 0, ROLE_NONE, 0, NOTHING,
     NOTHING},
    {"another tenant's with a grant that does not count", "Authorization: Bearer %s\r\n", "reach",
     OTHERS, 0, ROLE_OWNER, 0, NOTHING, NOTHING},
    {"right", "authorization: bEARER  %s\r\n", "right", MAIN, 0, ROLE_ADMIN, 0, MAY_BOTH,
     MAY_WRITE},
    {"by X-Api-Key", "X-Api-Key: %s\r\n", "right", 0, 0, ROLE_NONE, 0, MAY_BOTH, MAY_WRITE},
    {"view only", "Authorization: Bearer %s\r\n", "viewer", MAIN, 0, ROLE_VIEWER, 0, MAY_VIEW,
     TOO_SMALL},
    {"ingest only", "Authorization: Bearer %s\r\n", "ingest", MAIN, 0, ROLE_INGEST, 0, MAY_WRITE,
     MAY_WRITE},
    {"a person's", "Authorization: Bearer %s\r\n", "own", 0, ADMIN_USER, ROLE_ADMIN, 0, MAY_BOTH,
     MAY_WRITE},
    {"of a person who is viewer now", "Authorization: Bearer %s\r\n", "demoted", 0, DEMOTED,
     ROLE_ADMIN, 0, MAY_VIEW, MAY_WRITE},
    {"of a person without access", "Authorization: Bearer %s\r\n", "gone", 0, GONE, ROLE_ADMIN, 0,
     NOTHING, MAY_WRITE},
    {"an instance owner's, granted view", "Authorization: Bearer %s\r\n", "high", 0, OWNER,
     ROLE_VIEWER, INSTANCE_OWNER, MAY_BOTH, TOO_SMALL},
    {"an instance owner's who is viewer there", "Authorization: Bearer %s\r\n", "lord's", 0, LORD,
     ROLE_ADMIN, INSTANCE_OWNER, MAY_BOTH, MAY_WRITE},
    {"an unknown cookie", COOKIE, "c-unknown", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"the team's admin", COOKIE, "c-admin", 0, ADMIN_USER, ROLE_NONE, 0, MAY_BOTH, SHUT},
    {"a viewer", COOKIE, "c-demoted", 0, DEMOTED, ROLE_NONE, 0, MAY_VIEW, SHUT},
    {"a member without a role", COOKIE, "c-gone", 0, GONE, ROLE_NONE, 0, NOTHING, SHUT},
    {"somebody disabled", COOKIE, "c-disabled", 0, DISABLED, ROLE_NONE, 0, SHUT, SHUT},
    {"the owner", COOKIE, "c-owner", 0, OWNER, ROLE_NONE, INSTANCE_OWNER, MAY_BOTH, SHUT},
    {"the owner, from here", COOKIE "Origin: http://a\r\n", "c-owner", 0, OWNER, ROLE_NONE,
     INSTANCE_OWNER, MAY_BOTH, SHUT},
    {"the owner, from elsewhere", COOKIE "Origin: http://b\r\n", "c-owner", 0, OWNER, ROLE_NONE,
     INSTANCE_OWNER, MAY_BOTH, SHUT},
    {"the owner, across sites", COOKIE "Sec-Fetch-Site: cross-site\r\n", "c-owner", 0, OWNER,
     ROLE_NONE, INSTANCE_OWNER, MAY_BOTH, SHUT},
    {"the server's admin", COOKIE, "c-watcher", 0, WATCHER, ROLE_NONE, INSTANCE_ADMIN, NOTHING,
     SHUT},
};

#endif
