/*
 * schema_1.h - the tables of schema version 1, as the first release made them. Never edit it: it
 * stands for stores that lie on other people's disks.
 */
#ifndef LOGFERRY_TESTS_SCHEMA_1_H
#define LOGFERRY_TESTS_SCHEMA_1_H

static const char schema_1[] =
    "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;"
    "PRAGMA application_id = 1818655025; PRAGMA user_version = 1;"
    "CREATE TABLE teams(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE users(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE members(team INTEGER NOT NULL, user INTEGER NOT NULL, role TEXT NOT NULL,"
    "  PRIMARY KEY(team, user)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sites(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE, team INTEGER NOT NULL,"
    "  domain TEXT NOT NULL UNIQUE, retention_days INTEGER NOT NULL, created INTEGER NOT NULL)"
    "  STRICT;"
    "CREATE TABLE site_hosts(host TEXT PRIMARY KEY, site INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE clients(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  team INTEGER NOT NULL, name TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE,"
    "  expires INTEGER, revoked INTEGER, created INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX clients_name ON clients(team, name) WHERE revoked IS NULL;"
    "CREATE TABLE grants(client INTEGER NOT NULL, site INTEGER NOT NULL, role TEXT NOT NULL,"
    "  created INTEGER NOT NULL, PRIMARY KEY(client, site)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE streams(id INTEGER PRIMARY KEY, sid BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE lanes(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, stream INTEGER NOT NULL,"
    "  chunk INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,"
    "  UNIQUE(site, stream, chunk)) STRICT;"
    "CREATE TABLE texts(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE agents(id INTEGER PRIMARY KEY, name TEXT NOT NULL, operator TEXT NOT NULL,"
    "  category TEXT NOT NULL, UNIQUE(name, operator, category)) STRICT;"
    "CREATE TABLE records(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, kind INTEGER NOT NULL,"
    "  at INTEGER NOT NULL, host INTEGER, path TEXT NOT NULL, ua INTEGER, visitor INTEGER,"
    "  agent INTEGER, status INTEGER, content_type INTEGER, response_ms INTEGER, bytes INTEGER,"
    "  verified INTEGER, referrer TEXT, utm_source TEXT, utm_medium TEXT, utm_campaign TEXT,"
    "  utm_term TEXT, utm_content TEXT) STRICT;"
    "CREATE TABLE odd(site INTEGER NOT NULL, stream INTEGER NOT NULL, pos INTEGER NOT NULL,"
    "  hash INTEGER NOT NULL, record INTEGER NOT NULL, PRIMARY KEY(site, stream, pos, hash))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  name TEXT NOT NULL, properties TEXT NOT NULL, visitor INTEGER) STRICT;"
    "CREATE INDEX events_at ON events(site, at);"

    "CREATE TABLE nodes(id INTEGER PRIMARY KEY, team INTEGER NOT NULL, name TEXT NOT NULL,"
    "  UNIQUE(team, name)) STRICT;"
    "CREATE TABLE batches(team INTEGER NOT NULL, id BLOB NOT NULL, body_hash BLOB NOT NULL,"
    "  node INTEGER NOT NULL, job TEXT, received INTEGER NOT NULL, answer TEXT NOT NULL,"
    "  PRIMARY KEY(team, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX batches_received ON batches(received);"
    "CREATE TABLE intervals(team INTEGER NOT NULL, node INTEGER NOT NULL,"
    "  stream INTEGER NOT NULL, \"from\" INTEGER NOT NULL, \"to\" INTEGER NOT NULL,"
    "  lines INTEGER NOT NULL, records INTEGER NOT NULL, skipped TEXT NOT NULL, name TEXT,"
    "  job TEXT, received INTEGER NOT NULL, PRIMARY KEY(team, node, stream, \"from\", \"to\"))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE tallies(node INTEGER NOT NULL, day INTEGER NOT NULL, batches INTEGER NOT NULL,"
    "  stored INTEGER NOT NULL, duplicate INTEGER NOT NULL, excluded INTEGER NOT NULL,"
    "  rejected INTEGER NOT NULL, PRIMARY KEY(node, day)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE day_keys(day INTEGER PRIMARY KEY, key BLOB NOT NULL, used INTEGER NOT NULL)"
    "  STRICT;";

#endif
