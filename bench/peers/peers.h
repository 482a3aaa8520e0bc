/**
 * peers.h - what Nimbus is compared with. A peer that is not installed has a NULL open, or answers BENCH_ABSENT.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "../workload.h"

extern const bench_transport peer_mutex_list; /**< one mutex: list, heap of visibilities, receipts: what a queue does, done plainly */
extern const bench_transport peer_mutex_groups; /**< one mutex: groups, their lists, the open ones, heap of visibilities: a FIFO queue */
extern const bench_transport peer_mutex_ring; /**< mutex, two conditions, ring of pointers: no acknowledgement */
extern const bench_transport peer_drain_list; /**< mutex, condition, list without a bound; the receiver takes all of it at once */
extern const bench_transport peer_eventpp;    /**< EventQueue: never there, Debian does not package it */
extern const bench_transport peer_uv_async;   /**< a list under a mutex, uv_async_send to the receiver's loop */
extern const bench_transport peer_gasyncqueue;
extern const bench_transport peer_zmq;    /**< inproc PUSH/PULL */
extern const bench_transport peer_nng;    /**< inproc push/pull */
extern const bench_transport peer_nanomsg;
extern const bench_transport peer_tbb; /**< concurrent_bounded_queue */
extern const bench_transport peer_sqlite; /**< in memory: put, receive, acknowledge, each a transaction */

extern const bench_pool peer_mutex_pool; /**< mutex, two conditions, ring, one thread */
extern const bench_pool peer_gthreadpool;
extern const bench_pool peer_uv; /**< uv_queue_work with one thread; its loop is turned while the submitter waits */

/* c->fanout handlers get each message. */
bench_run_fn peer_call_array;       /**< an array of function pointers */
bench_run_fn peer_call_array_mutex;  /**< the same under a mutex */
bench_run_fn peer_call_array_rwlock; /**< the same under a rwlock, read-locked */
bench_run_fn peer_gsignal;

#endif
