/* secrets.c - see secrets.h. docs/privacy.md has the lists in words. */
#include "parsers/secrets.h"

#define S(literal) STR_INIT(literal)

/* A word of a name: "csrf_token", "user[email]", "X-Api-Token". */
static const struct str words[] = {
    S("token"),      S("tokens"),       S("password"),      S("passwd"),
    S("passwort"),   S("pwd"),          S("pass"),          S("passphrase"),
    S("passcode"),   S("pin"),          S("secret"),        S("secrets"),
    S("sig"),        S("signature"),    S("email"),         S("emails"),
    S("mail"),       S("jwt"),          S("otp"),           S("totp"),
    S("session"),    S("sessionid"),    S("sessid"),        S("sid"),
    S("auth"),       S("oauth"),        S("authorization"), S("authentication"),
    S("credential"), S("credentials"),  S("csrf"),          S("xsrf"),
    S("nonce"),      S("samlresponse"), S("samlrequest"),   S("assertion"),
    S("bearer"),     S("hmac"),         S("ssn"),           S("iban"),
};

/* The end of a word: "accesstoken", "PHPSESSID", "newPassword". */
static const struct str endings[] = {
    S("token"),     S("password"), S("passwd"),    S("secret"),
    S("signature"), S("sessid"),   S("sessionid"), S("email"),
};

/* Secrets when they stand alone, as "key" and "a[code]" do, or behind one of `owners`: "apiKey",
 * "reset_code". "sort_key" and "country_code" are none. */
static const struct str ambiguous[] = {S("key"), S("keys"), S("code"), S("codes")};
static const struct str owners[] = {
    S("api"),      S("access"),       S("secret"),     S("private"),  S("auth"),
    S("app"),      S("license"),      S("licence"),    S("client"),   S("account"),
    S("security"), S("login"),        S("reset"),      S("verify"),   S("verification"),
    S("confirm"),  S("confirmation"), S("activation"), S("invite"),   S("device"),
    S("pairing"),  S("user"),         S("unlock"),     S("recovery"), S("session"),
};

/* Names of storage services' signed URLs. */
static const struct str starts[] = {S("x-amz-"), S("x-goog-"), S("x-oss-"), S("x-ms-")};

static const struct str campaign[] = {S("utm_source"), S("utm_medium"), S("utm_campaign"),
                                      S("utm_term"), S("utm_content")};

/* Whole names: click ids of advertisers, ids of mailings, signatures of storage services. */
static const struct str names[] = {
    S("gclid"),
    S("gclsrc"),
    S("dclid"),
    S("gbraid"),
    S("wbraid"),
    S("gad_source"),
    S("fbclid"),
    S("msclkid"),
    S("ttclid"),
    S("twclid"),
    S("li_fat_id"),
    S("igshid"),
    S("igsh"),
    S("yclid"),
    S("ysclid"),
    S("_openstat"),
    S("mc_eid"),
    S("mkt_tok"),
    S("_hsenc"),
    S("_hsmi"),
    S("hsctatracking"),
    S("vero_id"),
    S("oly_anon_id"),
    S("oly_enc_id"),
    S("rb_clickid"),
    S("epik"),
    S("irclickid"),
    S("srsltid"),
    S("wickedid"),
    S("scclid"),
    S("sccid"),
    S("rdt_cid"),
    S("ndclid"),
    S("_kx"),
    S("_gl"),
    S("_ga"),
    S("ck_subscriber_id"),
    S("ml_subscriber"),
    S("awsaccesskeyid"),
    S("googleaccessid"),
    S("key-pair-id"),
    S("code_verifier"),
    S("code_challenge"),
    S("clickid"),
    S("click_id"),
};

/* Nothing in the lists is empty. */
static bool is_in(struct str s, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s.n == list[i].n && s.p[0] == list[i].p[0] && str_eq(s, list[i]))
            return true;
    return false;
}

static bool ends_in_secret(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (word.n >= endings[i].n && word.p[word.n - 1] == endings[i].p[endings[i].n - 1] &&
            str_ends(word, endings[i]))
            return true;
    return false;
}

/* Cuts the next word off; false at the end. *opens: it stands at the beginning, or behind a '[' or
 * '.', as the key of something nested does. */
static bool next_word(struct str *rest, struct str *word, bool *opens)
{
    size_t from = 0, to;

    while (from < rest->n && !ascii_alnum(rest->p[from])) {
        *opens = rest->p[from] == '[' || rest->p[from] == '.';
        from++;
    }
    for (to = from; to < rest->n && ascii_alnum(rest->p[to]);)
        to++;
    *word = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->n);
    return word->n > 0;
}

/* "apikey", "resetcode": an owner and an ambiguous word in one. */
static bool is_owned(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(ambiguous); i++) {
        if (!str_ends(word, ambiguous[i]) || word.n == ambiguous[i].n)
            continue;
        if (is_in(str_slice(word, 0, word.n - ambiguous[i].n), owners, COUNT_OF(owners)))
            return true;
    }
    return false;
}

/* `alone`: at the beginning of the name or of a bracket, and nothing but brackets behind it. */
static bool is_ambiguous_secret(struct str before, struct str word, bool alone)
{
    return is_in(word, ambiguous, COUNT_OF(ambiguous)) &&
           (alone || is_in(before, owners, COUNT_OF(owners)));
}

static bool closes_name(struct str rest)
{
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] != ']' && rest.p[i] != '[')
            return false;
    return true;
}

static bool is_secret_name(struct str raw)
{
    char scratch[QUERY_TEXT_MAX];
    struct str before = STR(""), word;
    bool opens = true;

    if (raw.n > QUERY_TEXT_MAX)
        return true;
    if (str_starts(raw, STR("utm_")) && is_in(raw, campaign, COUNT_OF(campaign)))
        return false; /* most of the parameters that pages have */
    struct str name = query_decode(raw, scratch), rest = name;
    if (is_in(name, names, COUNT_OF(names)))
        return true;
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        if (str_starts(name, starts[i]))
            return true;
    for (; next_word(&rest, &word, &opens); before = word, opens = false)
        if (is_in(word, words, COUNT_OF(words)) || ends_in_secret(word) || is_owned(word) ||
            is_ambiguous_secret(before, word, opens && closes_name(rest)))
            return true;
    return false;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static bool is_local(char c)
{
    return ascii_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+';
}

/* The text around the '@' at `at`, `width` bytes wide: something local, and a host with a dot. */
static bool is_email_at(struct str s, size_t at, size_t width)
{
    size_t i = at + width;
    bool dot = false;

    if (at == 0 || !is_local(s.p[at - 1]))
        return false;
    for (; i < s.n && (ascii_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '.'); i++)
        dot |= s.p[i] == '.' && i > at + width && i + 1 < s.n && ascii_alnum(s.p[i + 1]);
    return dot;
}

bool secrets_is_email(struct str text)
{
    for (ptrdiff_t at = str_chr(text, '@', 0); at >= 0; at = str_chr(text, '@', (size_t)at + 1))
        if (is_email_at(text, (size_t)at, 1))
            return true;
    for (ptrdiff_t at = str_chr(text, '%', 0); at >= 0; at = str_chr(text, '%', (size_t)at + 1))
        if (percent_byte(text, (size_t)at) == '@' && is_email_at(text, (size_t)at, 3))
            return true;
    return false;
}

/* A JSON web token: three parts with dots between, the first of them JSON in base64. */
static bool is_jwt(struct str value)
{
    if (value.n <= 20 || !str_starts(value, STR("eyJ")))
        return false;
    ptrdiff_t dot = str_chr(value, '.', 0);
    return dot > 0 && str_chr(value, '.', (size_t)dot + 1) > 0;
}

static bool splits(char c)
{
    return c == '?' || c == '&' || c == ';' || c == '#';
}

/* A URL within the value, with a parameter that is a secret: "next=%2Fa%3Ftoken%3D…". */
static bool holds_secret_parameter(struct str value)
{
    char scratch[SECRETS_VALUE_MAX];
    size_t n = 0, from = 0;
    bool within = false;

    for (size_t i = 0; i < value.n; i++) {
        int byte = percent_byte(value, i);
        scratch[n++] = byte < 0 ? value.p[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
    }
    for (size_t i = 0; i <= n; i++) {
        if (i < n && !splits(scratch[i]))
            continue;
        const char *equals = memchr(scratch + from, '=', i - from);
        if (within && equals &&
            is_secret_name((struct str){scratch + from, (size_t)(equals - scratch) - from}))
            return true;
        within = true;
        from = i + 1 < n ? i + 1 : n;
    }
    return false;
}

static bool may_hold_parameter(struct str value)
{
    return str_has_any(value, "%?#%");
}

static bool is_secret_value(struct str value)
{
    if (value.n == 0)
        return false;
    if (value.n > SECRETS_VALUE_MAX)
        return true;
    if (is_jwt(value))
        return true;
    return str_has_any(value, "@%?#") && /* most values have none of them */
           (secrets_is_email(value) ||
            (may_hold_parameter(value) && holds_secret_parameter(value)));
}

bool secrets_hold(const struct query_param *p)
{
    return is_secret_name(p->name) || is_secret_value(p->value) ||
           (!str_is_set(p->value) && secrets_is_email(p->name));
}
