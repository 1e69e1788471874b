parsers/format_json.o: parsers/format_json.c parsers/format_impl.h \
 parsers/decode.h parsers/hit.h parsers/base/bytes.h parsers/fields.h \
 parsers/hit_fields.h parsers/format.h parsers/cdn.h parsers/prefix.h \
 parsers/json_rows.h parsers/json_scan.h parsers/base/json.h
parsers/format_impl.h:
parsers/decode.h:
parsers/hit.h:
parsers/base/bytes.h:
parsers/fields.h:
parsers/hit_fields.h:
parsers/format.h:
parsers/cdn.h:
parsers/prefix.h:
parsers/json_rows.h:
parsers/json_scan.h:
parsers/base/json.h:
