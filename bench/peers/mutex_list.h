/**
 * mutex_list.h - the peer of one mutex, a list and a heap by its steps, for what leaves messages in flight or lets them lapse.
 *
 * A visibility lasts 30 s by a clock that can be put ahead.
 */
#ifndef BENCH_PEERS_MUTEX_LIST_H
#define BENCH_PEERS_MUTEX_LIST_H

#include "peers.h"

struct node;
struct peer_list;

/** Returns: an empty one that holds capacity messages. */
struct peer_list *peer_list_open(size_t capacity);

/** Frees it; everything must have been deleted. */
void peer_list_close(struct peer_list *list);

/** Appends count copies of data; waits for room. */
void peer_list_send(struct peer_list *list, const void *data, size_t size, size_t count);

/** Brings back what has lapsed, and takes at most max messages; waits a little for the first. Returns: how many. */
size_t peer_list_take(struct peer_list *list, struct node **nodes, uint64_t *receipts, size_t max);

/** Deletes what was taken. */
void peer_list_delete(struct peer_list *list, struct node **nodes, const uint64_t *receipts, size_t count);

/** Puts its clock ahead. */
void peer_list_advance(struct peer_list *list, uint64_t ns);

#endif
