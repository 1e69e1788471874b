/* labels.c - see labels.h. */
#include "parsers/labels.h"

static bool add_label(struct labels *l, struct str name, enum field field, struct buf *why)
{
    if (l->n == LABELS_MAX) {
        buf_lit(why, "there are too many labels");
        return false;
    }
    l->v[l->n] = (struct label){name, field, (unsigned)l->n};
    l->n++;
    return true;
}

bool labels_add(struct labels *l, const struct json_row_key *row, struct buf *why)
{
    for (; row->paths; row++) {
        struct str rest = str_of(row->paths);

        while (rest.n > 0)
            if (!add_label(l, str_cut(&rest, ' '), row->field, why))
                return false;
    }
    return true;
}

unsigned labels_give(const struct labels *l)
{
    unsigned fields = 0;

    for (size_t i = 0; i < l->n; i++)
        fields |= field_gives(l->v[i].field);
    return fields;
}

static const struct label *find_label(const struct labels *l, struct str name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i].name, name))
            return &l->v[i];
    return NULL;
}

static bool is_request(enum field field)
{
    return field == FIELD_REQUEST || field == FIELD_TARGET || field == FIELD_PATH;
}

void labels_take(const struct labels *l, struct labelled *line, struct str name, struct str value)
{
    const struct label *label = find_label(l, name);

    if (!label)
        return;
    struct str *have = &line->v[label->field];
    if (!str_is_set(decode_missing(value))) {
        if (!str_is_set(*have) && is_request(label->field))
            *have = str_slice(value, 0, 0);
        return;
    }
    if (have->n > 0 && line->rank[label->field] <= label->rank)
        return;
    *have = value;
    line->rank[label->field] = label->rank;
}
