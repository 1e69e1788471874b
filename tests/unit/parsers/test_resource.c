#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/resource_impl.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Until the next call. */
static const struct asked *look(struct str path)
{
    static char scratch[RESOURCE_PATH_MAX];
    static struct asked asked;
    static struct resource_index index;

    if (index.extensions[0] == 0)
        resource_index_init(&index);
    resource_look(&index, path, scratch, &asked);
    return &asked;
}

static enum resource by_extension(const struct asked *a)
{
    return a->extension == RESOURCE_UNKNOWN ? RESOURCE_PAGE : a->extension;
}

/* Every known extension is found, in both cases: the table is a hash's. */
static void test_every_extension(void **state)
{
    static const struct {
        enum resource resource;
        const char *extensions; /* each with a blank behind it */
    } cases[] = {
        {RESOURCE_PAGE,
         "html htm shtml xhtml php php3 php4 php5 phtml asp aspx jsp jspx cgi pl cfm do "
         "action md "},
        {RESOURCE_ASSET,
         "aiff basis drc fbx hdr heif htc ktx2 lottie m3u mid midi mvt obj pagefind pak pbf "
         "pf_index pf_meta riv ttc unityweb usdz weba wma pf_fragment "
         "css js mjs cjs jsx ts tsx vue map less scss png apng jpg jpeg gif webp avif heic jxl svg "
         "svgz "
         "ico cur bmp tif tiff woff woff2 ttf otf eot mp3 m4a aac oga ogg opus wav flac mp4 m4v "
         "m4s mov "
         "avi mkv webm ogv wmv flv mpg mpeg 3gp m3u8 mpd vtt srt swf class wasm glb gltf manifest "
         "webmanifest "},
        {RESOURCE_DOWNLOAD,
         "aab appimage appx asc azw3 cab cer crate crl crt crx cbr cbz djvu dwg dxf eps flatpak "
         "gem gpx ipa jnlp kml kmz lzma md5 msix nupkg odg ova parquet pkpass ps psd qcow2 sha1 "
         "sha256 sha512 sig snap stl txz vsix whl xpi flatpakref mobileconfig "
         "pdf zip gz tgz bz2 xz zst 7z rar tar dmg exe msi apk deb rpm pkg iso bin jar "
         "doc docx xls xlsx ppt pptx odt ods odp rtf epub mobi csv ics vcf torrent "},
        {RESOURCE_FEED, "rss atom rdf "},
        {RESOURCE_API, "json jsonld geojson ndjson "},
        {RESOURCE_OTHER, "txt xml yml yaml inv "},
        {RESOURCE_PAGE,
         "com 2 0 de unknown longerthanany x-y log ai sh mobileconfi mobileconfigs "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *at = cases[i].extensions;
        for (const char *blank; (blank = strchr(at, ' ')) != NULL; at = blank + 1) {
            char path[64];
            snprintf(path, sizeof(path), "/dir.png/name.%.*s", (int)(blank - at), at);
            assert_int_equal(by_extension(look(str_of(path))), cases[i].resource);
            for (char *p = strrchr(path, '.'); *p != '\0'; p++)
                *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
            assert_int_equal(by_extension(look(str_of(path))), cases[i].resource);
        }
    }
}

static const struct {
    enum resource resource;
    const char *type;
} every_type[] = {
    {RESOURCE_PAGE, "text/html"},
    {RESOURCE_PAGE, "application/xhtml+xml"},
    {RESOURCE_ASSET, "text/css"},
    {RESOURCE_ASSET, "text/javascript"},
    {RESOURCE_ASSET, "text/ecmascript"},
    {RESOURCE_ASSET, "text/vtt"},
    {RESOURCE_ASSET, "application/javascript"},
    {RESOURCE_ASSET, "application/x-javascript"},
    {RESOURCE_ASSET, "application/ecmascript"},
    {RESOURCE_ASSET, "application/manifest+json"},
    {RESOURCE_ASSET, "application/vnd.apple.mpegurl"},
    {RESOURCE_ASSET, "application/vnd.ms-fontobject"},
    {RESOURCE_ASSET, "application/wasm"},
    {RESOURCE_ASSET, "application/x-mpegurl"},
    {RESOURCE_ASSET, "application/x-shockwave-flash"},
    {RESOURCE_ASSET, "application/font-woff"},
    {RESOURCE_ASSET, "application/x-font-ttf"},
    {RESOURCE_ASSET, "image/svg+xml"},
    {RESOURCE_ASSET, "IMAGE/PNG"},
    {RESOURCE_ASSET, "font/woff2"},
    {RESOURCE_ASSET, "audio/mpeg"},
    {RESOURCE_ASSET, "video/mp2t"},
    {RESOURCE_DOWNLOAD, "application/pdf"},
    {RESOURCE_DOWNLOAD, "application/zip"},
    {RESOURCE_DOWNLOAD, "application/zstd"},
    {RESOURCE_DOWNLOAD, "application/gzip"},
    {RESOURCE_DOWNLOAD, "application/x-gzip"},
    {RESOURCE_DOWNLOAD, "application/x-bzip2"},
    {RESOURCE_DOWNLOAD, "application/x-xz"},
    {RESOURCE_DOWNLOAD, "application/x-tar"},
    {RESOURCE_DOWNLOAD, "application/x-7z-compressed"},
    {RESOURCE_DOWNLOAD, "application/x-rar-compressed"},
    {RESOURCE_DOWNLOAD, "application/vnd.rar"},
    {RESOURCE_DOWNLOAD, "application/x-zip-compressed"},
    {RESOURCE_DOWNLOAD, "application/octet-stream"},
    {RESOURCE_DOWNLOAD, "application/java-archive"},
    {RESOURCE_DOWNLOAD, "application/msword"},
    {RESOURCE_DOWNLOAD, "application/rtf"},
    {RESOURCE_DOWNLOAD, "application/epub+zip"},
    {RESOURCE_DOWNLOAD, "application/vnd.ms-excel"},
    {RESOURCE_DOWNLOAD, "application/vnd.oasis.opendocument.text"},
    {RESOURCE_DOWNLOAD, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {RESOURCE_DOWNLOAD, "application/vnd.android.package-archive"},
    {RESOURCE_DOWNLOAD, "application/x-apple-diskimage"},
    {RESOURCE_DOWNLOAD, "application/x-bittorrent"},
    {RESOURCE_DOWNLOAD, "application/x-debian-package"},
    {RESOURCE_DOWNLOAD, "application/x-msdownload"},
    {RESOURCE_DOWNLOAD, "application/x-redhat-package-manager"},
    {RESOURCE_DOWNLOAD, "application/x-rpm"},
    {RESOURCE_DOWNLOAD, "text/csv"},
    {RESOURCE_DOWNLOAD, "text/calendar"},
    {RESOURCE_DOWNLOAD, "text/vcard"},
    {RESOURCE_FEED, "application/rss+xml"},
    {RESOURCE_FEED, "application/atom+xml"},
    {RESOURCE_FEED, "application/rdf+xml"},
    {RESOURCE_FEED, "application/feed+json"},
    {RESOURCE_API, "application/json"},
    {RESOURCE_API, "application/problem+json"},
    {RESOURCE_API, "application/graphql"},
    {RESOURCE_API, "application/grpc-web+proto"},
    {RESOURCE_API, "application/protobuf"},
    {RESOURCE_API, "application/x-protobuf"},
    {RESOURCE_API, "application/x-ndjson"},
    {RESOURCE_API, "text/event-stream"},
    {RESOURCE_API, "text/x-component"},
    {RESOURCE_OTHER, "text/plain"},
    {RESOURCE_OTHER, "+json"},
    {RESOURCE_OTHER, "application/xml"},
    {RESOURCE_OTHER, "multipart/form-data"},
    {RESOURCE_UNKNOWN, ""},
    {RESOURCE_UNKNOWN, "-"},
    {RESOURCE_UNKNOWN, "  "},
    {RESOURCE_UNKNOWN, "; charset=utf-8"},
};

static void test_every_type(void **state)
{
    char text[200];

    for (size_t i = 0; i < COUNT(every_type); i++) {
        assert_int_equal(resource_by_type(str_of(every_type[i].type)), every_type[i].resource);
        snprintf(text, sizeof(text), "\t%s ; charset=utf-8", every_type[i].type);
        assert_int_equal(resource_by_type(str_of(text)), every_type[i].resource);
    }
    memset(text, 'x', sizeof(text));
    for (size_t n = 60; n < sizeof(text); n++)
        assert_int_equal(resource_by_type((struct str){text, n}), RESOURCE_OTHER);
    assert_int_equal(resource_by_type(STR_NONE), RESOURCE_UNKNOWN);
}

static void test_decoding(void **state)
{
    static const char *const cases[][2] = {
        {"/plain", "/plain"},  {"/%41", "/A"},           {"/%", "/%"},
        {"/%4", "/%4"},        {"/%zz", "/%zz"},         {"/%2541", "/%41"},
        {"/a%2fb", "/a/b"},    {"/%C3%A9", "/\xc3\xa9"}, {"/%%41", "/%A"},
        {"/a+b", "/a+b"},      {"%2e%2E", ".."},         {"//", "/"},
        {"///a//b/", "/a/b/"}, {"/a%2f/b", "/a/b"},      {"/%2f%2Fa%2f", "/a/"},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(str_eq(look(str_of(cases[i][0]))->path, str_of(cases[i][1])));
}

static void test_below(void **state)
{
    static const struct {
        const char *path, *prefix;
        bool below;
    } cases[] = {
        {"/feed", "/feed", true},
        {"/feed/", "/feed", true},
        {"/feed/x", "/feed/", true},
        {"/feed", "/feed/", true},
        {"/feedback", "/feed", false},
        {"/fee", "/feed", false},
        {"/Feed", "/feed", true},
        {"/feed/x", "/Feed/", true},
        {"/Feedback", "/feed", false},
        {"/&eed", "/feed", false},
        {"/x", "/", true},
        {"/", "/", true},
        {"", "/", true},
        {"/a/feed", "/feed", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(resource_below(str_of(cases[i].path), str_of(cases[i].prefix)),
                         cases[i].below);
}

/* Every entry of the scanners' sorted lists is found. */
static void test_probe_lists(void **state)
{
    static const char folders[] =
        "+cscoe+ _ignition _profiler alfa_data boaform dana-na global-protect gponform hnap1 owa "
        "server-info jmx-console myadmin mysqladmin "
        "php-my-admin phpmyadmin phpmyadmin2 phppgadmin pma server-status sqladmin web-console ";
    static const char files[] =
        "adminer.php alfa.php autodiscover.json autodiscover.xml install.php "
        "telerik.web.ui.webresource.axd c99.php cmd.php dbadmin.php docker-compose.yml "
        "eval-stdin.php id_dsa id_ed25519 id_rsa login.cgi phpinfo.php phpmyadmin.php r57.php "
        "setup-config.php setup.cgi sftp-config.json shell.php web.config wlwmanifest.xml "
        "wp-config.php wp-login.php wso.php xmlrpc.php ";
    char path[64];

    for (const char *at = folders, *blank; (blank = strchr(at, ' ')) != NULL; at = blank + 1) {
        snprintf(path, sizeof(path), "/%.*s", (int)(blank - at), at);
        assert_true(resource_is_probe(look(str_of(path))));
        snprintf(path, sizeof(path), "/%.*s/x", (int)(blank - at), at);
        assert_true(resource_is_probe(look(str_of(path))));
        snprintf(path, sizeof(path), "/a/%.*s/x", (int)(blank - at), at);
        assert_false(resource_is_probe(look(str_of(path))));
        snprintf(path, sizeof(path), "/old/%.*s/x", (int)(blank - at), at);
        assert_int_equal(resource_is_probe(look(str_of(path))), strncmp(at, "phpmyadmin", 10) == 0);
    }
    for (const char *at = files, *blank; (blank = strchr(at, ' ')) != NULL; at = blank + 1) {
        snprintf(path, sizeof(path), "%.*s", (int)(blank - at), at);
        assert_true(resource_is_probe(look(str_of(path)))); /* no path, but nothing to fall over */
        snprintf(path, sizeof(path), "/a/b/%.*s", (int)(blank - at), at);
        assert_true(resource_is_probe(look(str_of(path))));
        snprintf(path, sizeof(path), "/%.*s/x", (int)(blank - at), at);
        assert_false(resource_is_probe(look(str_of(path))));
    }
}

/* Any bytes, any length: no answer is wrong, none may read beyond the text. */
static void test_any_bytes(void **state)
{
    static const char bytes[] = {'/', '.', '%', '2', 'e', ';', '~', '\0', '\\', 'p', (char)0xff};
    char text[5];
    size_t total = 1;

    for (size_t n = 0; n <= sizeof(text) - 1; n++, total *= sizeof(bytes))
        for (size_t k = 0; k < total; k++) {
            size_t rest = k;
            for (size_t i = 0; i < n; i++, rest /= sizeof(bytes))
                text[i] = bytes[rest % sizeof(bytes)];
            const struct asked *a = look((struct str){text, n});
            resource_by_type(a->path);
            resource_is_policy(a);
            resource_is_sitemap(a);
            resource_is_furniture(a);
            resource_is_probe(a);
            resource_is_bare_probe(a);
            resource_is_cgi(a);
            resource_is_data(a);
            resource_is_attack(a->path);
            resource_is_feed_query(a->path);
            resource_is_script_query(a->path);
            resource_is_section_query(a->path);
            resource_is_download_query(a->path);
        }
}

static unsigned mark_of(char c)
{
    switch (c) {
    case '.':
        return MARK_DOT;
    case ';':
        return MARK_PARAMS;
    case '_':
        return MARK_UNDERSCORE;
    case '%':
        return MARK_PERCENT | MARK_ODD;
    case '<':
    case '$':
    case '\0':
        return MARK_ODD;
    default:
        return 0;
    }
}

/* A mark is seen wherever it stands in a path of any length, and no other byte is one. (Each byte
 * at each place in the lengths about those that are looked at at once; in the others the marks and
 * their neighbours.) */
static void test_marks(void **state)
{
    for (size_t n = 1; n <= 50; n++) {
        char *path = malloc(n); /* so that the sanitizers see a byte read behind its end */
        assert_non_null(path);
        memset(path, 'x', n);
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                if (n % 8 > 1 && !mark_of((char)(c - 1)) && !mark_of((char)c) &&
                    !mark_of((char)(c + 1)))
                    continue;
                path[at] = (char)c;
                assert_int_equal(look((struct str){path, n})->marks, mark_of((char)c));
            }
            path[at] = 'x';
        }
        free(path);
    }
}

/* Two slashes are one wherever they meet, and slashes that do not meet stay. */
static void test_slashes(void **state)
{
    for (size_t n = 3; n <= 70; n++) {
        char *path = malloc(n);
        assert_non_null(path);
        for (size_t at = 0; at + 2 < n; at++) {
            memset(path, 'x', n);
            path[at] = path[at + 2] = '/';
            assert_int_equal(look((struct str){path, n})->path.n, n);
            path[at + 1] = '/';
            assert_int_equal(look((struct str){path, n})->path.n, n - 2);
            path[at] = 'x';
            assert_int_equal(look((struct str){path, n})->path.n, n - 1);
        }
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_extension), cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_decoding),        cmocka_unit_test(test_below),
        cmocka_unit_test(test_probe_lists),     cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_marks),           cmocka_unit_test(test_slashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
