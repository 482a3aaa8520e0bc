/* sqlite.c - a queue as a table of SQLite in memory: put, receive and acknowledge, each a transaction. One thread. */
#include "peers.h"

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#include <stdlib.h>

typedef struct table {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *put, *receive, *acknowledge;
} table;

static sqlite3_stmt *prepare(const table *t, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    bench_check(sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK, sql);
    return statement;
}

static void step(sqlite3_stmt *statement)
{
    bench_check(sqlite3_step(statement) == SQLITE_DONE, sqlite3_sql(statement));
    sqlite3_reset(statement);
}

static void *table_open(const bench_case *c)
{
    (void)c;
    table *t = bench_alloc(sizeof(*t));
    bench_check(sqlite3_open(":memory:", &t->db) == SQLITE_OK, "sqlite3_open");
    const char *schema = "CREATE TABLE message(id INTEGER PRIMARY KEY, visible_at INTEGER NOT NULL, body BLOB NOT NULL);"
                         "CREATE INDEX by_visible ON message(visible_at, id)";
    bench_check(sqlite3_exec(t->db, schema, NULL, NULL, NULL) == SQLITE_OK, schema);
    t->begin = prepare(t, "BEGIN IMMEDIATE");
    t->commit = prepare(t, "COMMIT");
    t->put = prepare(t, "INSERT INTO message(visible_at, body) VALUES(0, ?1)");
    t->receive = prepare(t, "UPDATE message SET visible_at = ?1 + 30000000000 WHERE id = (SELECT id FROM message WHERE visible_at <= ?1 "
                            "ORDER BY visible_at, id LIMIT 1) RETURNING id, body");
    t->acknowledge = prepare(t, "DELETE FROM message WHERE id = ?1");
    return t;
}

static void table_close(void *transport)
{
    table *t = transport;
    sqlite3_finalize(t->begin);
    sqlite3_finalize(t->commit);
    sqlite3_finalize(t->put);
    sqlite3_finalize(t->receive);
    sqlite3_finalize(t->acknowledge);
    bench_check(sqlite3_close(t->db) == SQLITE_OK, "sqlite3_close");
    free(t);
}

static void table_send(void *end, const void *data, size_t size, size_t count)
{
    table *t = end;
    step(t->begin);
    for (size_t i = 0; i < count; i++) {
        sqlite3_bind_blob(t->put, 1, data, (int)size, SQLITE_STATIC);
        step(t->put);
    }
    step(t->commit);
}

static size_t table_receive(void *end, size_t max)
{
    table *t = end;
    sqlite3_int64 ids[BENCH_MAX_BATCH];
    size_t got = 0;
    step(t->begin);
    for (bool more = true; more && got < max;) {
        sqlite3_bind_int64(t->receive, 1, (sqlite3_int64)bench_now());
        more = sqlite3_step(t->receive) == SQLITE_ROW;
        if (more) {
            ids[got++] = sqlite3_column_int64(t->receive, 0);
            bench_read(sqlite3_column_blob(t->receive, 1), (size_t)sqlite3_column_bytes(t->receive, 1));
        }
        sqlite3_reset(t->receive);
    }
    step(t->commit);
    step(t->begin);
    for (size_t i = 0; i < got; i++) {
        sqlite3_bind_int64(t->acknowledge, 1, ids[i]);
        step(t->acknowledge);
    }
    step(t->commit);
    return got;
}

const bench_transport peer_sqlite = { .open = table_open, .close = table_close, .send = table_send, .receive = table_receive };
#else
const bench_transport peer_sqlite = { .open = NULL };
#endif
