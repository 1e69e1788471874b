/*
 * api_person.h - requests of people: who is logged in, and changes made by them. Shared by
 * api_login.c, api_user.c, api_clients.c, api_teams.c, api_sites.c, api_people.c, api_admin.c and
 * api_exclusions.c.
 *
 * A change is made on the store's writer, in one transaction with its checks: what it was allowed
 * by cannot change meanwhile. The loop only asks who it is, and answers afterwards.
 */
#ifndef LOGFERRY_SERVER_API_PERSON_H
#define LOGFERRY_SERVER_API_PERSON_H

#include "server/api_internal.h"
#include "server/api_json.h"
#include "server/logins.h"
#include "server/store_admin.h"

#define API_MANAGE_BODY_MAX (1u << 20) /* bytes; over it 400 */

/* Who is logged in. `rights` is retained: release it when done. */
struct api_person {
    struct rights *rights;
    const struct user *user;
};

/* Who a cookie says is there, whatever else the request shows. False: nobody. */
bool api_find_person(struct api *a, const struct http_request *req, struct api_person *person);
bool api_anybody_can_log_in(const struct rights *rights);
/* For the access log. */
void api_name_person(struct http_request *req, const struct user *user);
/* For routes of people alone: origin, rate, cookie. False: answered with 404, 429 or 401. */
bool api_admit_person(struct api *a, struct http_request *req, struct api_person *person);
/* False: a page of another site has sent it; answered with 404. */
bool api_same_origin(struct api *a, struct http_request *req);
/* Something on both sides of one '@'; what is right beyond that, only a letter would tell. */
bool api_is_email(struct str s);

/* ---- changes ------------------------------------------------------------------------------ */

struct change {
    /* While `run` works: */
    struct store_session *session;
    const struct rights *rights;    /* as of now; change_rights renews it */
    const struct user *user;        /* who asks; NULL: a token does, `client`'s */
    const struct client *client;    /* NULL: a person does */
    const struct http_request *req; /* its params and body, to be read only */
    struct buf scratch;             /* for api_json_read_strict */
    /* Found: */
    int status; /* under 400 it is committed; 0 counts as 500 */
    const char
        *message;    /* of an error; static, or in `text`. NULL: the error is the JSON in `text` */
    struct buf text; /* the answer's JSON, or an error's text */
    /* The gate's: */
    struct http_request *answered;
    const struct rights *held;
    int64_t user_id;   /* 0: a token asks */
    int64_t client_id; /* its client's; 0: a person asks */
    void (*run)(struct change *c);
    struct store_job job;
};

/* Admits the person and hands the request to the writer, which calls `run`; then it is answered
 * with what `run` has found. */
void change_start(struct api *a, struct http_request *req, void (*run)(struct change *c));
/* The same for routes of people and tokens. */
void change_start_any(struct api *a, struct http_request *req, void (*run)(struct change *c));
/* Ends `run`: the answer is an error, and nothing is changed. */
void change_refuse(struct change *c, int status, const char *message);
/* The same for what HitKeep answers as JSON: {"status":"error","code":…,"message":…}. */
void change_refuse_coded(struct change *c, int status, const char *code, const char *message);
/* Ends `run`: 200 with {"status":"ok"}, as HitKeep tells most of its changes. */
void change_is_ok(struct change *c);
/* May whoever asks do this on the server? False: refused with 403. */
bool change_may_on_server(struct change *c, enum permission permission);
/* `force=true` in the query, to the letter. */
bool change_is_forced(struct change *c);
/* The site in the path, if whoever asks has that permission on it (rule A). NULL: refused. */
const struct site *change_site(struct change *c, enum permission permission);
/* The team in the path, when the person has at least that role in it. NULL: refused. */
const struct team *change_team(struct change *c, enum team_role least);
/* Who asks; of a token, whose it is. 0: a team's. */
int64_t change_user_id(const struct change *c);
/* Rights as they are after what this change has done. NULL: refused with 500. */
const struct rights *change_rights(struct change *c);
/* Reads the body; on false, 400 `Invalid JSON payload`. */
bool change_body(struct change *c, const struct api_field *fields, size_t n, void *out,
                 uint32_t *given);
/* The same for a body that HitKeep reads leniently (api_json.h); on false, 400 with `refusal`. */
bool change_body_lenient(struct change *c, const struct api_field *fields, size_t n, void *out,
                         const char *refusal);
/* What the store says of a change: ADMIN_OK is true, all others are refused; `none` and `taken` are
 * the messages of 404 and 409. */
bool change_done(struct change *c, enum admin_result result, const char *none, const char *taken);

/* ---- shapes ------------------------------------------------------------------------------- */

/* The team that HitKeep would call the person's active one: the first by role, then by age. NULL:
 * none. */
const struct team *api_first_team(const struct rights *r, const struct user *user);
size_t api_members_in(const struct rights *r, int64_t team);
void api_put_team(struct buf *out, const struct team *team, enum team_role role);
void api_put_email(struct buf *out, const struct user *user); /* "" when it is not known */
/* `,"given_name":…,"last_name":…`, each where there is one. False: there is none. */
bool api_put_names(struct buf *out, const struct user *user);
void api_put_user(struct buf *out, const struct user *user);
void api_put_time(struct buf *out, int64_t ms); /* quoted; null for 0 */

#endif
