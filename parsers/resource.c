/*
 * resource.c - paths and content types, see resource.h. Scanners' paths are in resource_probe.c.
 * What most paths are not is told by an index, or by the odd bytes that are not in them; then lists
 * of names are gone through with their first letters compared.
 */
#include "parsers/resource_impl.h"

#include "parsers/base/hash.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdlib.h>

#define EXTENSION_MAX 8 /* what fits into an integer; few are longer */
#define TYPE_MAX 79
#define PAGES_BIT 0x80u /* of resource_index.resources */

struct entry {
    const char *name;
    enum resource resource;
};

struct extension {
    char name[EXTENSION_MAX];
    enum resource resource;
};

/* Sorted by name. An extension that is not here is no extension: "/v1.2", "/example.com". Of those
 * that are countries' domains too, ".ps" is more often a paper than a host; ".ai" and ".sh" are not
 * told. ".log" is not here: of a path like "/wiki/foo.log" nobody can tell. */
static const struct extension extensions[] = {
    {"3gp", RESOURCE_ASSET},       {"7z", RESOURCE_DOWNLOAD},     {"aab", RESOURCE_DOWNLOAD},
    {"aac", RESOURCE_ASSET},       {"action", RESOURCE_PAGE},     {"aiff", RESOURCE_ASSET},
    {"apk", RESOURCE_DOWNLOAD},    {"apng", RESOURCE_ASSET},      {"appimage", RESOURCE_DOWNLOAD},
    {"appx", RESOURCE_DOWNLOAD},   {"asc", RESOURCE_DOWNLOAD},    {"asmx", RESOURCE_API},
    {"asp", RESOURCE_PAGE},        {"aspx", RESOURCE_PAGE},       {"atom", RESOURCE_FEED},
    {"avi", RESOURCE_ASSET},       {"avif", RESOURCE_ASSET},      {"axd", RESOURCE_ASSET},
    {"azw3", RESOURCE_DOWNLOAD},   {"basis", RESOURCE_ASSET},     {"bin", RESOURCE_DOWNLOAD},
    {"bmp", RESOURCE_ASSET},       {"bz2", RESOURCE_DOWNLOAD},    {"cab", RESOURCE_DOWNLOAD},
    {"cbr", RESOURCE_DOWNLOAD},    {"cbz", RESOURCE_DOWNLOAD},    {"cer", RESOURCE_DOWNLOAD},
    {"cfm", RESOURCE_PAGE},        {"cgi", RESOURCE_PAGE},        {"cjs", RESOURCE_ASSET},
    {"class", RESOURCE_ASSET},     {"crate", RESOURCE_DOWNLOAD},  {"crl", RESOURCE_DOWNLOAD},
    {"crt", RESOURCE_DOWNLOAD},    {"crx", RESOURCE_DOWNLOAD},    {"css", RESOURCE_ASSET},
    {"csv", RESOURCE_DOWNLOAD},    {"cur", RESOURCE_ASSET},       {"deb", RESOURCE_DOWNLOAD},
    {"djvu", RESOURCE_DOWNLOAD},   {"dmg", RESOURCE_DOWNLOAD},    {"do", RESOURCE_PAGE},
    {"doc", RESOURCE_DOWNLOAD},    {"docx", RESOURCE_DOWNLOAD},   {"drc", RESOURCE_ASSET},
    {"dwg", RESOURCE_DOWNLOAD},    {"dxf", RESOURCE_DOWNLOAD},    {"eot", RESOURCE_ASSET},
    {"eps", RESOURCE_DOWNLOAD},    {"epub", RESOURCE_DOWNLOAD},   {"exe", RESOURCE_DOWNLOAD},
    {"fbx", RESOURCE_ASSET},       {"flac", RESOURCE_ASSET},      {"flatpak", RESOURCE_DOWNLOAD},
    {"flv", RESOURCE_ASSET},       {"gem", RESOURCE_DOWNLOAD},    {"geojson", RESOURCE_API},
    {"gif", RESOURCE_ASSET},       {"glb", RESOURCE_ASSET},       {"gltf", RESOURCE_ASSET},
    {"gpx", RESOURCE_DOWNLOAD},    {"gz", RESOURCE_DOWNLOAD},     {"hdr", RESOURCE_ASSET},
    {"heic", RESOURCE_ASSET},      {"heif", RESOURCE_ASSET},      {"htc", RESOURCE_ASSET},
    {"htm", RESOURCE_PAGE},        {"html", RESOURCE_PAGE},       {"ico", RESOURCE_ASSET},
    {"ics", RESOURCE_DOWNLOAD},    {"inv", RESOURCE_OTHER},       {"ipa", RESOURCE_DOWNLOAD},
    {"iso", RESOURCE_DOWNLOAD},    {"jar", RESOURCE_DOWNLOAD},    {"jnlp", RESOURCE_DOWNLOAD},
    {"jpeg", RESOURCE_ASSET},      {"jpg", RESOURCE_ASSET},       {"js", RESOURCE_ASSET},
    {"json", RESOURCE_API},        {"jsonld", RESOURCE_API},      {"jsp", RESOURCE_PAGE},
    {"jspx", RESOURCE_PAGE},       {"jsx", RESOURCE_ASSET},       {"jxl", RESOURCE_ASSET},
    {"kml", RESOURCE_DOWNLOAD},    {"kmz", RESOURCE_DOWNLOAD},    {"ktx2", RESOURCE_ASSET},
    {"less", RESOURCE_ASSET},      {"lottie", RESOURCE_ASSET},    {"lzma", RESOURCE_DOWNLOAD},
    {"m3u", RESOURCE_ASSET},       {"m3u8", RESOURCE_ASSET},      {"m4a", RESOURCE_ASSET},
    {"m4s", RESOURCE_ASSET},       {"m4v", RESOURCE_ASSET},       {"manifest", RESOURCE_ASSET},
    {"map", RESOURCE_ASSET},       {"md", RESOURCE_PAGE},         {"md5", RESOURCE_DOWNLOAD},
    {"mid", RESOURCE_ASSET},       {"midi", RESOURCE_ASSET},      {"mjs", RESOURCE_ASSET},
    {"mkv", RESOURCE_ASSET},       {"mobi", RESOURCE_DOWNLOAD},   {"mov", RESOURCE_ASSET},
    {"mp3", RESOURCE_ASSET},       {"mp4", RESOURCE_ASSET},       {"mpd", RESOURCE_ASSET},
    {"mpeg", RESOURCE_ASSET},      {"mpg", RESOURCE_ASSET},       {"msi", RESOURCE_DOWNLOAD},
    {"msix", RESOURCE_DOWNLOAD},   {"mvt", RESOURCE_ASSET},       {"ndjson", RESOURCE_API},
    {"nupkg", RESOURCE_DOWNLOAD},  {"obj", RESOURCE_ASSET},       {"odg", RESOURCE_DOWNLOAD},
    {"odp", RESOURCE_DOWNLOAD},    {"ods", RESOURCE_DOWNLOAD},    {"odt", RESOURCE_DOWNLOAD},
    {"oga", RESOURCE_ASSET},       {"ogg", RESOURCE_ASSET},       {"ogv", RESOURCE_ASSET},
    {"opus", RESOURCE_ASSET},      {"otf", RESOURCE_ASSET},       {"ova", RESOURCE_DOWNLOAD},
    {"pagefind", RESOURCE_ASSET},  {"pak", RESOURCE_ASSET},       {"parquet", RESOURCE_DOWNLOAD},
    {"pbf", RESOURCE_ASSET},       {"pdf", RESOURCE_DOWNLOAD},    {"pf_index", RESOURCE_ASSET},
    {"pf_meta", RESOURCE_ASSET},   {"php", RESOURCE_PAGE},        {"php3", RESOURCE_PAGE},
    {"php4", RESOURCE_PAGE},       {"php5", RESOURCE_PAGE},       {"phtml", RESOURCE_PAGE},
    {"pkg", RESOURCE_DOWNLOAD},    {"pkpass", RESOURCE_DOWNLOAD}, {"pl", RESOURCE_PAGE},
    {"png", RESOURCE_ASSET},       {"ppt", RESOURCE_DOWNLOAD},    {"pptx", RESOURCE_DOWNLOAD},
    {"ps", RESOURCE_DOWNLOAD},     {"psd", RESOURCE_DOWNLOAD},    {"qcow2", RESOURCE_DOWNLOAD},
    {"rar", RESOURCE_DOWNLOAD},    {"rdf", RESOURCE_FEED},        {"riv", RESOURCE_ASSET},
    {"rpm", RESOURCE_DOWNLOAD},    {"rss", RESOURCE_FEED},        {"rtf", RESOURCE_DOWNLOAD},
    {"scss", RESOURCE_ASSET},      {"sha1", RESOURCE_DOWNLOAD},   {"sha256", RESOURCE_DOWNLOAD},
    {"sha512", RESOURCE_DOWNLOAD}, {"shtml", RESOURCE_PAGE},      {"sig", RESOURCE_DOWNLOAD},
    {"snap", RESOURCE_DOWNLOAD},   {"srt", RESOURCE_ASSET},       {"stl", RESOURCE_DOWNLOAD},
    {"svc", RESOURCE_API},         {"svg", RESOURCE_ASSET},       {"svgz", RESOURCE_ASSET},
    {"swf", RESOURCE_ASSET},       {"tar", RESOURCE_DOWNLOAD},    {"tgz", RESOURCE_DOWNLOAD},
    {"tif", RESOURCE_ASSET},       {"tiff", RESOURCE_ASSET},      {"torrent", RESOURCE_DOWNLOAD},
    {"ts", RESOURCE_ASSET},        {"tsx", RESOURCE_ASSET},       {"ttc", RESOURCE_ASSET},
    {"ttf", RESOURCE_ASSET},       {"txt", RESOURCE_OTHER},       {"txz", RESOURCE_DOWNLOAD},
    {"unityweb", RESOURCE_ASSET},  {"usdz", RESOURCE_ASSET},      {"vcf", RESOURCE_DOWNLOAD},
    {"vsix", RESOURCE_DOWNLOAD},   {"vtt", RESOURCE_ASSET},       {"vue", RESOURCE_ASSET},
    {"wasm", RESOURCE_ASSET},      {"wav", RESOURCE_ASSET},       {"weba", RESOURCE_ASSET},
    {"webm", RESOURCE_ASSET},      {"webp", RESOURCE_ASSET},      {"whl", RESOURCE_DOWNLOAD},
    {"wma", RESOURCE_ASSET},       {"wmv", RESOURCE_ASSET},       {"woff", RESOURCE_ASSET},
    {"woff2", RESOURCE_ASSET},     {"xhtml", RESOURCE_PAGE},      {"xls", RESOURCE_DOWNLOAD},
    {"xlsx", RESOURCE_DOWNLOAD},   {"xml", RESOURCE_OTHER},       {"xpi", RESOURCE_DOWNLOAD},
    {"xsl", RESOURCE_ASSET},       {"xz", RESOURCE_DOWNLOAD},     {"yaml", RESOURCE_OTHER},
    {"yml", RESOURCE_OTHER},       {"zip", RESOURCE_DOWNLOAD},    {"zst", RESOURCE_DOWNLOAD},
};

/* Longer than EXTENSION_MAX. */
static const struct entry long_extensions[] = {
    {"flatpakref", RESOURCE_DOWNLOAD},
    {"mobileconfig", RESOURCE_DOWNLOAD},
    {"pf_fragment", RESOURCE_ASSET},
    {"webmanifest", RESOURCE_ASSET},
};

/* Sorted by name. What is not here goes by its prefix or suffix, below. */
static const struct entry types[] = {
    {"application/atom+xml", RESOURCE_FEED},
    {"application/download", RESOURCE_DOWNLOAD},
    {"application/ecmascript", RESOURCE_ASSET},
    {"application/epub+zip", RESOURCE_DOWNLOAD},
    {"application/feed+json", RESOURCE_FEED},
    {"application/force-download", RESOURCE_DOWNLOAD},
    {"application/graphql", RESOURCE_API},
    {"application/gzip", RESOURCE_DOWNLOAD},
    {"application/java-archive", RESOURCE_DOWNLOAD},
    {"application/javascript", RESOURCE_ASSET},
    {"application/json", RESOURCE_API},
    {"application/manifest+json", RESOURCE_ASSET},
    {"application/msword", RESOURCE_DOWNLOAD},
    {"application/octet-stream", RESOURCE_DOWNLOAD},
    {"application/pdf", RESOURCE_DOWNLOAD},
    {"application/protobuf", RESOURCE_API},
    {"application/rdf+xml", RESOURCE_FEED},
    {"application/rss+xml", RESOURCE_FEED},
    {"application/rtf", RESOURCE_DOWNLOAD},
    {"application/vnd.android.package-archive", RESOURCE_DOWNLOAD},
    {"application/vnd.apple.mpegurl", RESOURCE_ASSET},
    {"application/vnd.ms-fontobject", RESOURCE_ASSET},
    {"application/vnd.rar", RESOURCE_DOWNLOAD},
    {"application/wasm", RESOURCE_ASSET},
    {"application/x-7z-compressed", RESOURCE_DOWNLOAD},
    {"application/x-apple-diskimage", RESOURCE_DOWNLOAD},
    {"application/x-bittorrent", RESOURCE_DOWNLOAD},
    {"application/x-bzip2", RESOURCE_DOWNLOAD},
    {"application/x-debian-package", RESOURCE_DOWNLOAD},
    {"application/x-download", RESOURCE_DOWNLOAD},
    {"application/x-gzip", RESOURCE_DOWNLOAD},
    {"application/x-javascript", RESOURCE_ASSET},
    {"application/x-mpegurl", RESOURCE_ASSET},
    {"application/x-msdownload", RESOURCE_DOWNLOAD},
    {"application/x-ndjson", RESOURCE_API},
    {"application/x-protobuf", RESOURCE_API},
    {"application/x-rar-compressed", RESOURCE_DOWNLOAD},
    {"application/x-redhat-package-manager", RESOURCE_DOWNLOAD},
    {"application/x-rpm", RESOURCE_DOWNLOAD},
    {"application/x-shockwave-flash", RESOURCE_ASSET},
    {"application/x-tar", RESOURCE_DOWNLOAD},
    {"application/x-xz", RESOURCE_DOWNLOAD},
    {"application/x-zip-compressed", RESOURCE_DOWNLOAD},
    {"application/xhtml+xml", RESOURCE_PAGE},
    {"application/zip", RESOURCE_DOWNLOAD},
    {"application/zstd", RESOURCE_DOWNLOAD},
    {"binary/octet-stream", RESOURCE_DOWNLOAD},
    {"text/calendar", RESOURCE_DOWNLOAD},
    {"text/css", RESOURCE_ASSET},
    {"text/csv", RESOURCE_DOWNLOAD},
    {"text/ecmascript", RESOURCE_ASSET},
    {"text/event-stream", RESOURCE_API},
    {"text/html", RESOURCE_PAGE},
    {"text/javascript", RESOURCE_ASSET},
    {"text/vcard", RESOURCE_DOWNLOAD},
    {"text/vtt", RESOURCE_ASSET},
    {"text/x-component", RESOURCE_API},
};

static const struct entry type_prefixes[] = {
    {"application/font", RESOURCE_ASSET},
    {"application/grpc", RESOURCE_API},
    {"application/vnd.ms-", RESOURCE_DOWNLOAD},
    {"application/vnd.oasis.opendocument.", RESOURCE_DOWNLOAD},
    {"application/vnd.openxmlformats-officedocument.", RESOURCE_DOWNLOAD},
    {"application/x-font", RESOURCE_ASSET},
    {"audio/", RESOURCE_ASSET},
    {"font/", RESOURCE_ASSET},
    {"image/", RESOURCE_ASSET},
    {"video/", RESOURCE_ASSET},
};

static int compare(const void *key, const void *element)
{
    return strcmp(key, ((const struct entry *)element)->name);
}

/* Case-folded and NUL-terminated; false when it does not fit. */
static bool fold(struct str s, char *out, size_t max)
{
    if (s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        out[i] = ascii_lower(s.p[i]);
    out[s.n] = '\0';
    return true;
}

#define S(literal) STR_INIT(literal)

/* "/blog/feed/", as WordPress has one at every page, "/feed/atom/"; "/feed.xml" and its like. */
static const struct str feeds[] = {
    S("feed"),     S("rss"),      S("rss2"),        S("feed.xml"),
    S("rss.xml"),  S("atom.xml"), S("index.xml"),   S("feeds.xml"),
    S("feed.php"), S("rss.php"),  S("feed.json"),   S("index.rdf"),
    S("rss2.xml"), S("atom.php"), S("podcast.xml"), S("syndication.axd")};
/* Behind a "/feed/". */
static const struct str feed_kinds[] = {S("atom"), S("rdf"), S("rss2")};

/* ---- paths --------------------------------------------------------------------------------- */

#ifdef __SSE2__
/* None of the sixteen bytes at p has a mark, nor do two slashes meet there, or at the end of what
 * stands before (`*slash`). True of most: letters, digits, '-' and '/'. */
static bool are_unmarked(const char *p, unsigned *slash)
{
    __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* Signed: with what stands before '-' goes what is no ASCII. */
    __m128i other = _mm_cmplt_epi8(w, _mm_set1_epi8('-'));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(w, _mm_set1_epi8('.')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(w, _mm_set1_epi8(';')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(w, _mm_set1_epi8('<')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(w, _mm_set1_epi8('_')));
    unsigned slashes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(w, _mm_set1_epi8('/')));
    unsigned met = slashes & (slashes << 1 | *slash);
    *slash = slashes >> 15;
    return ((unsigned)_mm_movemask_epi8(other) | met) == 0;
}
#endif

static unsigned marks_of(struct str path)
{
    static const unsigned char marks[256] = {
        ['.'] = MARK_DOT, [';'] = MARK_PARAMS, ['_'] = MARK_UNDERSCORE,         ['<'] = MARK_ODD,
        ['$'] = MARK_ODD, ['\0'] = MARK_ODD,   ['%'] = MARK_PERCENT | MARK_ODD,
    };
    unsigned found = 0;
    size_t i = 0;

#ifdef __SSE2__
    unsigned slash = 0;
    while (path.n - i >= 16 && are_unmarked(path.p + i, &slash))
        i += 16;
    slash = 0; /* the last sixteen overlap those before */
    if (i > 0 && path.n - i < 16 && are_unmarked(path.p + path.n - 16, &slash))
        return 0;
#endif
    bool after_slash = i > 0 && path.p[i - 1] == '/';
    for (; i < path.n; i++) {
        bool is_slash = path.p[i] == '/';
        found |= marks[(unsigned char)path.p[i]] | (is_slash && after_slash ? MARK_SLASHES : 0u);
        after_slash = is_slash;
    }
    return found;
}

/* %XX decoded once, and of slashes in a row one, as servers take them. */
static struct str plain(struct str path, char scratch[RESOURCE_PATH_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < path.n; i++) {
        int byte = percent_byte(path, i);
        scratch[n] = byte < 0 ? path.p[i] : (char)byte;
        n += scratch[n] != '/' || n == 0 || scratch[n - 1] != '/';
        i += byte < 0 ? 0 : 2;
    }
    return (struct str){scratch, n};
}

static struct str last_segment(struct str path)
{
    ptrdiff_t slash = str_rchr(path, '/');

    return str_slice(path, slash < 0 ? 0 : (size_t)slash + 1, path.n);
}

static struct str without_params(struct str segment)
{
    ptrdiff_t params = str_chr(segment, ';', 0);

    return params < 0 ? segment : str_slice(segment, 0, (size_t)params);
}

static struct str extension_of(struct str segment)
{
    ptrdiff_t dot = str_rchr(segment, '.');

    return dot < 0 ? STR_NONE : str_slice(segment, (size_t)dot + 1, segment.n);
}

static size_t first_slot(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (RESOURCE_EXTENSIONS - 1);
}

/* An extension in lower case, as a number; 0 for none, and for one that does not fit. */
static uint64_t key_of(struct str extension)
{
    uint64_t key = 0;

    for (size_t i = 0; i < extension.n && extension.n <= EXTENSION_MAX; i++)
        key |= (uint64_t)(unsigned char)ascii_lower(extension.p[i]) << 8 * i;
    return key;
}

/* Where it is in the table, or a free slot. */
static size_t slot_of(const struct resource_index *ix, uint64_t key)
{
    size_t slot = first_slot(key);

    while (ix->extensions[slot] != 0 && ix->extensions[slot] != key)
        slot = (slot + 1) % RESOURCE_EXTENSIONS;
    return slot;
}

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

/* "File:Photo.jpg", "Datei:Foto.pdf": what MediaWiki calls the page about a file. Not
 * "2026-11-03T10:22.jpg", "avatar:large.jpg", "report:Final.pdf". */
static bool is_wiki_page(struct str name)
{
    size_t n = str_until(name, ':', ':');

    for (size_t i = 0; i < n; i++)
        if (ascii_digit(name.p[i]) ||
            (!ascii_alnum(name.p[i]) && name.p[i] != '_' && (unsigned char)name.p[i] < 0x80))
            return false;
    return n >= 4 && n + 1 < name.n && !is_small(name.p[0]) && !is_small(name.p[n + 1]);
}

static enum resource by_long_extension(struct str extension)
{
    for (size_t i = 0; extension.n > EXTENSION_MAX && i < COUNT_OF(long_extensions); i++)
        if (str_eq_nocase(extension, str_of(long_extensions[i].name)))
            return long_extensions[i].resource;
    return RESOURCE_UNKNOWN;
}

/* Known extensions only; everything else is RESOURCE_UNKNOWN. */
static void look_at_extension(const struct resource_index *ix, struct asked *a)
{
    struct str extension = extension_of(a->name);
    uint64_t key = key_of(extension);

    if (key == 0) {
        a->extension = by_long_extension(extension);
        return;
    }
    unsigned resource = ix->resources[slot_of(ix, key)]; /* 0 in a free one: unknown */
    if ((resource == RESOURCE_ASSET || resource == RESOURCE_DOWNLOAD) && is_wiki_page(a->name))
        return;
    a->extension = (enum resource)(resource & ~PAGES_BIT);
    /* A key does not tell a NUL at the end from none. */
    a->pages = (resource & PAGES_BIT) != 0 && !str_ends(extension, STR("\0"));
}

/* ---- the index ----------------------------------------------------------------------------- */

/* By three letters of a segment, or by all that it has: of "w/api.php" by one. */
static size_t beginning_of(struct str name)
{
    uint32_t first = name.n > 0 ? (unsigned char)name.p[0] : '/';
    uint32_t second = name.n > 1 ? (unsigned char)name.p[1] : '/';
    uint32_t third = name.n > 2 && second != '/' ? (unsigned char)name.p[2] : '/';
    uint32_t letters = (first & 31) << 10 | (second & 31) << 5 | (third & 31);

    return letters * UINT32_C(0x9e3779b1) >> 19 & (RESOURCE_BEGINNINGS - 1);
}

static void identify(struct resource_index *ix, struct str name, enum path_list list)
{
    ix->identity = hash_64(name, ix->identity + list) | 1;
}

void resource_index_add(struct resource_index *ix, struct str name, enum path_list list)
{
    bool none = name.n == 0 || name.p[0] == '/'; /* of no letter: any path may be below it */

    if (!none)
        ix->lists[beginning_of(name)] |= (unsigned char)list;
    for (size_t i = 0; none && i < RESOURCE_BEGINNINGS; i++)
        ix->lists[i] |= (unsigned char)list;
    identify(ix, name, list);
}

void resource_index_pages(struct resource_index *ix, struct str extension)
{
    uint64_t key = key_of(extension);
    size_t slot = slot_of(ix, key);

    if (key != 0 && ix->extensions[slot] == key)
        ix->resources[slot] |= PAGES_BIT;
    identify(ix, extension, 0);
}

void resource_index_init(struct resource_index *ix)
{
    memset(ix, 0, sizeof(*ix));
    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        const char *name = extensions[i].name;
        uint64_t key = key_of((struct str){name, strnlen(name, EXTENSION_MAX)});
        size_t slot = slot_of(ix, key);
        ix->extensions[slot] = key;
        ix->resources[slot] = (unsigned char)extensions[i].resource;
    }
    for (size_t i = 0; i < COUNT_OF(feeds); i++)
        resource_index_add(ix, feeds[i], LIST_FEEDS);
    for (size_t i = 0; i < COUNT_OF(feed_kinds); i++)
        resource_index_add(ix, feed_kinds[i], LIST_FEEDS);
    resource_index_probes(ix);
    resource_index_programs(ix);
}

/* ---- what a forge shows -------------------------------------------------------------------- */

/* GitLab's "/group/project/-/blob/main/app.js" and Gitea's "/owner/repo/src/branch/main/app.js": a
 * page, whatever the file is called. `folder` and the first of `rest` are segments. */
static bool is_view(struct str folder, struct str rest)
{
    static const struct str kinds[] = {S("blob"), S("blame"), S("tree"), S("commits")};
    static const struct str folders[] = {S("src"), S("blame"), S("commits")};
    static const struct str refs[] = {S("branch"), S("commit"), S("tag")};
    struct str next = str_cut(&rest, '/');

    if (folder.n == 1)
        return folder.p[0] == '-' && str_is_one_of(next, kinds, COUNT_OF(kinds));
    return str_is_one_of(folder, folders, COUNT_OF(folders)) &&
           str_is_one_of(next, refs, COUNT_OF(refs));
}

/* Where in the path the file's own path begins; path.n: it is no such page. With GitHub's
 * "/owner/repo/blob/main/app.js" `*surely` is false: without HTML that may be the file itself. */
static size_t find_shown(struct str path, bool *surely)
{
    static const struct str kinds[] = {S("blob"), S("blame"), S("tree")};
    struct str rest = str_slice(path, path.n > 0, path.n);

    for (unsigned i = 0; rest.n > 0; i++) {
        struct str segment = str_cut(&rest, '/');
        if (i < 2 || rest.n == 0)
            continue;
        *surely = is_view(segment, rest);
        if (*surely || (i == 2 && str_is_one_of(segment, kinds, COUNT_OF(kinds))))
            return path.n - rest.n;
    }
    return path.n;
}

/* Of a path with a dot. The name of a file that is shown says nothing of the page. */
static void look_at_name(const struct resource_index *ix, struct asked *a)
{
    bool surely = false;

    a->shown = find_shown(a->path, &surely);
    if (!surely)
        look_at_extension(ix, a);
    if (a->shown < a->path.n)
        a->segment = a->name = str_slice(a->path, a->path.n, a->path.n);
}

void resource_look(const struct resource_index *ix, struct str path,
                   char scratch[RESOURCE_PATH_MAX], struct asked *out)
{
    if (path.n == 0)
        path = STR("");
    unsigned marks = marks_of(path);
    if ((marks & (MARK_PERCENT | MARK_SLASHES)) && path.n <= RESOURCE_PATH_MAX) {
        path = plain(path, scratch);
        marks = marks_of(path);
    }
    out->path = path;
    out->marks = marks;
    out->segment = out->name = last_segment(path);
    if (marks & MARK_PARAMS)
        out->name = without_params(out->segment);
    out->first_dot = marks & MARK_DOT ? (size_t)str_chr(path, '.', 0) : path.n;
    out->shown = path.n;
    out->extension = RESOURCE_UNKNOWN;
    out->pages = false;
    if (marks & MARK_DOT)
        look_at_name(ix, out);
    out->begins = ix->lists[beginning_of(str_slice(path, path.n > 0, path.n))];
    out->ends = ix->lists[beginning_of(out->segment)];
}

bool resource_is_feed(const struct asked *a)
{
    struct str path = a->path, name = a->name;

    if (a->segment.n == 0 && path.n > 1 && a->shown == path.n) {
        path.n--;
        name = without_params(last_segment(path));
    } else if (!(a->ends & LIST_FEEDS)) {
        return false;
    }
    if (str_is_one_of(name, feeds, COUNT_OF(feeds)))
        return true;
    if (!str_is_one_of(name, feed_kinds, COUNT_OF(feed_kinds)))
        return false;
    path.n -= last_segment(path).n;
    return path.n >= 6 && str_eq_nocase(str_slice(path, path.n - 6, path.n), STR("/feed/"));
}

size_t resource_first_below(struct str path, const struct str *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (resource_below(path, prefixes[i]))
            return i + 1;
    return 0;
}

/* "/sitemap.xml", "/wp-sitemap-posts-1.xml", "/sitemap_index.xml.gz", "/sitemap.txt" */
static bool is_sitemap(struct str name)
{
    static const struct str word = S("sitemap");

    if (!str_ends(name, STR(".xml")) && !str_ends(name, STR(".xml.gz")) &&
        !str_ends(name, STR(".txt")))
        return false;
    for (size_t i = 0; i + word.n <= name.n; i++)
        if (str_starts_nocase(str_slice(name, i, name.n), word))
            return true;
    return false;
}

/* All files of policy end in .txt, .xml, .json or .gz. */
static bool ends_like_policy(struct str name)
{
    char last = name.n < 4 ? '\0' : ascii_lower(name.p[name.n - 1]);

    return last == 't' || last == 'l' || last == 'n' || last == 'z';
}

static bool is_at_top(const struct asked *a)
{
    return a->segment.n + 1 == a->path.n;
}

bool resource_is_policy(const struct asked *a)
{
    static const struct str names[] = {
        S("robots.txt"),  S("llms.txt"),     S("llms-full.txt"), S("ads.txt"),    S("ai.txt"),
        S("app-ads.txt"), S("sellers.json"), S("security.txt"),  S("humans.txt"), S("tdmrep.json")};

    if (a->first_dot == a->path.n) /* each of them has one */
        return false;
    return (is_at_top(a) && ends_like_policy(a->name) &&
            (str_is_one_of(a->name, names, COUNT_OF(names)) || is_sitemap(a->name))) ||
           resource_below(a->path, STR("/.well-known"));
}

bool resource_is_sitemap(const struct asked *a)
{
    return a->first_dot < a->path.n && ends_like_policy(a->name) && is_sitemap(a->name);
}

/* "favicon-32x32.png". Below the top in lower case only, as files are called: a wiki has a page
 * "Favicon.ico". */
static bool is_icon(const struct asked *a)
{
    static const struct str names[] = {S("favicon"), S("apple-touch-icon")};
    bool top = is_at_top(a);

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (top ? str_starts_nocase(a->name, names[i]) : str_starts(a->name, names[i]))
            return true;
    return false;
}

bool resource_is_furniture(const struct asked *a)
{
    static const struct str names[] = {S("apple-app-site-association"), S("browserconfig.xml"),
                                       S("crossdomain.xml"), S("favicon")};

    if (a->extension == RESOURCE_ASSET && is_icon(a))
        return true;
    return (is_at_top(a) && str_is_one_of(a->name, names, COUNT_OF(names))) ||
           resource_below(a->path, STR("/cdn-cgi"));
}

/* ---- content types ------------------------------------------------------------------------- */

static bool ends_type(char c)
{
    return c == ';' || c == ',' || c == ' ' || c == '\t';
}

struct str resource_bare_type(struct str type)
{
    size_t n = 0;

    type = str_trim(type);
    while (n < type.n && !ends_type(type.p[n]))
        n++;
    return str_slice(type, 0, n);
}

/* The type of most hits that are no assets, without a search. */
static bool is_plain_html(struct str type)
{
    static const char html[9] = {'t', 'e', 'x', 't', '/', 'h', 't', 'm', 'l'};

    return type.n >= sizeof(html) && memcmp(type.p, html, sizeof(html)) == 0 &&
           (type.n == sizeof(html) || ends_type(type.p[sizeof(html)]));
}

enum resource resource_by_type(struct str content_type)
{
    char type[TYPE_MAX + 1];

    if (content_type.n == 0)
        return RESOURCE_UNKNOWN;
    if (is_plain_html(content_type))
        return RESOURCE_PAGE;
    struct str bare = resource_bare_type(content_type);
    if (bare.n == 0 || str_eq(bare, STR("-")))
        return RESOURCE_UNKNOWN;
    if (!fold(bare, type, TYPE_MAX))
        return RESOURCE_OTHER;
    const struct entry *found = bsearch(type, types, COUNT_OF(types), sizeof(types[0]), compare);
    if (found != NULL)
        return found->resource;
    for (size_t i = 0; i < COUNT_OF(type_prefixes); i++)
        if (strncmp(type, type_prefixes[i].name, strlen(type_prefixes[i].name)) == 0)
            return type_prefixes[i].resource;
    return bare.n > 5 && strcmp(type + bare.n - 5, "+json") == 0 ? RESOURCE_API : RESOURCE_OTHER;
}

bool resource_type_is_vague(struct str content_type)
{
    static const struct str vague[] = {S("text/plain"), S("text/xml"), S("application/xml"),
                                       S("application/octet-stream"), S("binary/octet-stream")};

    return str_is_one_of(resource_bare_type(content_type), vague, COUNT_OF(vague));
}

bool resource_is_attachment(struct str disposition)
{
    return str_eq_nocase(resource_bare_type(disposition), STR("attachment"));
}
