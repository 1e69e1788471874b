/* secrets.c - see secrets.h. docs/privacy.md has the lists in words. */
#include "parsers/secrets.h"

#define S(literal) STR_INIT(literal)

/* The long lists are by the length of their words, which nearly every name of a page fails at. */

/* A word of a name: "csrf_token", "user[email]", "X-Api-Token", "tokenValue", "pass1". */
static const char *const words[] = {
    [2] = "pw",
    [3] = "pwd pin sig jwt otp sid ssn",
    [4] = "pass mail totp auth csrf xsrf hmac iban",
    [5] = "token email oauth nonce",
    [6] = "tokens passwd secret emails sessid bearer",
    [7] = "secrets session tokenid wpnonce",
    [8] = "password passwort passcode userpass",
    [9] = "signature sessionid assertion",
    [10] = "passphrase credential",
    [11] = "credentials samlrequest",
    [12] = "samlresponse emailaddress",
    [13] = "authorization",
    [14] = "authentication",
};

/* The end of a word: "accesstoken", "PHPSESSID". Hardly a word of a language ends so;
 * "annonce" and "compass" are why "nonce" and "pass" are not among them. */
static const struct str endings[] = {
    S("token"),      S("password"),    S("passwd"),    S("secret"),    S("signature"),
    S("sessid"),     S("sessionid"),   S("email"),     S("pwd"),       S("csrf"),
    S("xsrf"),       S("jwt"),         S("hmac"),      S("passwort"),  S("passphrase"),
    S("credential"), S("credentials"), S("secretkey"), S("accesskey"), S("apikey"),
};

/* The last word of what tells of a secret and is none: "token_type", "emailCount". */
static const struct str telling[] = {S("type"), S("count")};

/* Secrets when they stand alone, as "key" and "a[code]" do, or behind one of `owners`: "apiKey",
 * "reset_code". "sort_key" and "country_code" are none. */
static const struct str ambiguous[] = {S("key"), S("keys"), S("code"), S("codes")};
static const struct str owners[] = {
    S("api"),      S("access"),       S("secret"),     S("private"),  S("auth"),
    S("app"),      S("license"),      S("licence"),    S("client"),   S("account"),
    S("security"), S("login"),        S("reset"),      S("verify"),   S("verification"),
    S("confirm"),  S("confirmation"), S("activation"), S("invite"),   S("device"),
    S("pairing"),  S("user"),         S("unlock"),     S("recovery"), S("session"),
    S("consumer"), S("subscription"), S("mfa"),        S("2fa"),      S("sms"),
};

/* Names of storage services' signed URLs. */
static const struct str starts[] = {S("x-amz-"), S("x-goog-"), S("x-oss-"), S("x-ms-")};

static const struct str campaign[] = {S("utm_source"), S("utm_medium"), S("utm_campaign"),
                                      S("utm_term"), S("utm_content")};

/* Whole names: click ids of advertisers, ids of mailings, signatures of storage services, sessions
 * and form keys of shops. */
static const char *const names[] = {
    [3] = "_kx _gl _ga",
    [4] = "igsh epik",
    [5] = "gclid dclid yclid _hsmi sccid zenid",
    [6] = ("gclsrc gbraid wbraid fbclid ttclid twclid igshid ysclid mc_eid _hsenc scclid ndclid "
           "oscsid xtcsid modsid"),
    [7] = "msclkid mkt_tok vero_id srsltid rdt_cid clickid",
    [8] = "wickedid click_id form_key",
    [9] = "li_fat_id _openstat irclickid",
    [10] = "gad_source oly_enc_id rb_clickid",
    [11] = "oly_anon_id key-pair-id",
    [13] = "hsctatracking ml_subscriber code_verifier",
    [14] = "awsaccesskeyid googleaccessid code_challenge",
    [16] = "ck_subscriber_id",
};

/* Nothing in the lists is empty. */
static bool is_in(struct str s, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s.n == list[i].n && s.p[0] == list[i].p[0] && str_eq(s, list[i]))
            return true;
    return false;
}

/* `list` has at [n] its words of n bytes, with a blank between. */
static bool is_in_lengths(struct str s, const char *const *list, size_t longest)
{
    const char *at = s.n <= longest ? list[s.n] : NULL;

    for (; at; at = at[s.n] ? at + s.n + 1 : NULL)
        if (memcmp(at, s.p, s.n) == 0)
            return true;
    return false;
}
#define IS_IN_LENGTHS(s, list) is_in_lengths(s, list, COUNT_OF(list) - 1)

static bool ends_in_secret(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (word.n >= endings[i].n && word.p[word.n - 1] == endings[i].p[endings[i].n - 1] &&
            str_ends(word, endings[i]))
            return true;
    return false;
}

/* "apikey", "resetcode": an owner and an ambiguous word in one. */
static bool is_owned(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(ambiguous); i++) {
        if (word.n <= ambiguous[i].n || !str_ends(word, ambiguous[i]))
            continue;
        if (is_in(str_slice(word, 0, word.n - ambiguous[i].n), owners, COUNT_OF(owners)))
            return true;
    }
    return false;
}

static bool is_secret_word(struct str before, struct str word)
{
    struct str stem = word;

    while (stem.n > 1 && ascii_digit(stem.p[stem.n - 1]))
        stem.n--;
    return IS_IN_LENGTHS(stem, words) || str_starts(stem, STR("password")) ||
           ends_in_secret(stem) || is_owned(stem) ||
           (is_in(stem, ambiguous, COUNT_OF(ambiguous)) && is_in(before, owners, COUNT_OF(owners)));
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* Both are decoded, and equally long. */
struct name {
    struct str text;
    struct str lower;
};

/* The word that begins at `from` ends before an upper-case letter that opens the next one:
 * "token|Value", "API|Key". */
static size_t word_end(struct str text, size_t from, size_t end)
{
    size_t i = from + 1;

    while (i < end && (!ascii_upper(text.p[i]) ||
                       (ascii_upper(text.p[i - 1]) && (i + 1 >= end || ascii_upper(text.p[i + 1]) ||
                                                       ascii_digit(text.p[i + 1])))))
        i++;
    return i;
}

static bool has_secret_word(struct name name)
{
    struct str before = STR("");
    bool found = false;

    for (size_t from = 0, end; from < name.lower.n; from = end + 1) {
        for (end = from; end < name.lower.n && ascii_alnum(name.lower.p[end]);)
            end++;
        struct str whole = str_slice(name.lower, from, end), word;
        if (whole.n == 0)
            continue;
        found |= is_secret_word(before, whole);
        for (size_t at = from; at < end; at += word.n, before = word) {
            word = str_slice(name.lower, at, word_end(name.text, at, end));
            found |= word.n < whole.n && is_secret_word(before, word);
        }
    }
    return found && !is_in(before, telling, COUNT_OF(telling));
}

static bool ends_part(char c)
{
    switch (c) {
    case '[':
    case ']':
    case '.':
    case ':':
    case '/':
    case '?':
    case '&':
    case ';':
    case '#':
        return true;
    }
    return false;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_digit(s.p[i]))
            return false;
    return true;
}

/* Without what no name begins and ends with. */
static struct str bare_part(struct str part)
{
    while (part.n > 0 && !ascii_alnum(part.p[0]) && part.p[0] != '_')
        part = str_slice(part, 1, part.n);
    while (part.n > 0 && !ascii_alnum(part.p[part.n - 1]))
        part.n--;
    return part;
}

/* A part that is one of `names`: "gclid[]"; or a last one that is an ambiguous word: "code",
 * "a[code][0]", "x-code". */
static bool has_secret_part(struct str name)
{
    struct str last = STR("");

    for (size_t from = 0, end; from < name.n; from = end + 1) {
        for (end = from; end < name.n && !ends_part(name.p[end]);)
            end++;
        struct str part = bare_part(str_slice(name, from, end));
        if (is_number(part))
            continue;
        if (IS_IN_LENGTHS(part, names))
            return true;
        for (size_t i = 0; i < COUNT_OF(starts); i++)
            if (str_starts(part, starts[i]))
                return true;
        last = part;
    }
    if (str_starts(last, STR("x-")))
        last = str_slice(last, 2, last.n);
    last = str_trim_signs(last);
    return last.n > 0 && is_in(last, ambiguous, COUNT_OF(ambiguous));
}

static bool is_secret_name(struct str raw)
{
    char text[QUERY_TEXT_MAX], lower[QUERY_TEXT_MAX];

    if (raw.n > QUERY_TEXT_MAX)
        return true;
    if (str_starts(raw, STR("utm_")) && is_in(raw, campaign, COUNT_OF(campaign)))
        return false; /* most of the parameters that pages have */
    struct str decoded = query_unfold(raw, text);
    if (secrets_is_email(decoded))
        return true;
    struct str rest = decoded;
    decoded = str_cut(&rest, '='); /* an encoded one */
    for (size_t i = 0; i < decoded.n; i++)
        lower[i] = ascii_lower(decoded.p[i]);
    struct name name = {decoded, {lower, decoded.n}};
    return has_secret_part(name.lower) || has_secret_word(name);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static bool is_beyond_ascii(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool is_local(char c)
{
    return ascii_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || is_beyond_ascii(c);
}

static bool is_host(char c)
{
    return ascii_alnum(c) || c == '-' || is_beyond_ascii(c);
}

/* Around the '@' at `at`: something local, and a host with a dot. */
static bool is_email_at(struct str s, size_t at)
{
    bool dot = false;

    if (at == 0 || !is_local(s.p[at - 1]))
        return false;
    for (size_t i = at + 1; i < s.n && (is_host(s.p[i]) || s.p[i] == '.'); i++)
        dot |= s.p[i] == '.' && i > at + 1 && i + 1 < s.n && is_host(s.p[i + 1]);
    return dot;
}

bool secrets_is_email(struct str text)
{
    for (ptrdiff_t at = str_chr(text, '@', 0); at >= 0; at = str_chr(text, '@', (size_t)at + 1))
        if (is_email_at(text, (size_t)at))
            return true;
    return false;
}

static size_t base64_end(struct str s, size_t from)
{
    while (from < s.n && (ascii_alnum(s.p[from]) || s.p[from] == '-' || s.p[from] == '_'))
        from++;
    return from;
}

#define JWT_MIN 20

/* A JSON web token: three parts or more with dots between, the first of them JSON in base64. */
static bool holds_jwt(struct str text)
{
    const struct str start = STR("eyJ");

    if (text.n <= JWT_MIN)
        return false;
    for (ptrdiff_t at = str_find(text, start, 0); at >= 0;) {
        size_t from = (size_t)at, end = base64_end(text, from);
        if ((from == 0 || base64_end(text, from - 1) == from - 1) && end < text.n &&
            text.p[end] == '.') {
            size_t second = base64_end(text, end + 1);
            if (second < text.n && text.p[second] == '.')
                return true;
        }
        at = str_find(text, start, end);
    }
    return false;
}

/* A ticket of CAS, "ST-1-aB3…"; "ST-123" is one of a tracker of issues. */
static bool is_cas_ticket(struct str name, struct str value)
{
    char scratch[QUERY_TEXT_MAX];

    return (str_starts(value, STR("ST-")) || str_starts(value, STR("PT-"))) &&
           !is_number(str_slice(value, 3, value.n)) && name.n <= QUERY_TEXT_MAX &&
           str_eq_nocase(query_unfold(name, scratch), STR("ticket"));
}

static bool splits(char c)
{
    return c == '?' || c == '&' || c == ';' || c == '#';
}

/* A URL within the value, with a parameter that is a secret: "next=/a?token=…". */
static bool holds_secret_parameter(struct str text)
{
    size_t from = 0;
    bool within = false;

    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && !splits(text.p[i]))
            continue;
        struct str value = str_slice(text, from, i);
        bool named = str_chr(value, '=', 0) >= 0;
        struct str name = str_cut(&value, '=');
        if (within && named && (is_secret_name(name) || is_cas_ticket(name, value)))
            return true;
        within = true;
        from = i + 1;
    }
    return false;
}

/* JSON with a member that is a secret: a quoted name before a colon. */
static bool holds_secret_member(struct str text)
{
    for (ptrdiff_t colon = str_chr(text, ':', 0); colon >= 0;
         colon = str_chr(text, ':', (size_t)colon + 1)) {
        size_t end = (size_t)colon, from;
        while (end > 0 && text.p[end - 1] == ' ')
            end--;
        if (end < 2 || (text.p[end - 1] != '"' && text.p[end - 1] != '\''))
            continue;
        for (from = end - 1; from > 0 && text.p[from - 1] != text.p[end - 1];)
            from--;
        if (from > 0 && is_secret_name(str_slice(text, from, end - 1)))
            return true;
    }
    return false;
}

static bool is_secret_text(struct str text)
{
    return holds_jwt(text) || secrets_is_email(text) || holds_secret_parameter(text) ||
           holds_secret_member(text);
}

/* After each decoding: what shows in a text that is still encoded shows in it decoded, too. */
static bool is_secret_value(struct str value)
{
    char scratch[SECRETS_VALUE_MAX];

    if (value.n == 0)
        return false;
    if (value.n > SECRETS_VALUE_MAX)
        return true;
    if (!str_has_any(value, "@%?#") && str_chr(value, ':', 0) < 0) /* most have none of them */
        return holds_jwt(value);
    struct str text = value;
    for (int depth = 0; depth < QUERY_DEPTH; depth++) {
        size_t before = text.n;
        text = query_unescape(text, scratch);
        if (depth > 0 && text.n == before)
            return false;
        if (is_secret_text(text))
            return true;
    }
    return false;
}

bool secrets_hold(const struct query_param *p)
{
    return is_secret_name(p->name) || is_cas_ticket(p->name, p->value) ||
           is_secret_value(str_is_set(p->value) ? p->value : p->name);
}
