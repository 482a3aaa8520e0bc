/*
 * ledger.h - what went into a queue and what came out of it: nothing lost, nothing doubled, nothing invented, and in the order in which
 * each thread put it in. For values that ledger_value() made.
 */
#ifndef EXPLORE_LEDGER_H
#define EXPLORE_LEDGER_H

#include <string.h>

#include "explore.h"

#define LEDGER_THREADS 8u
#define LEDGER_EACH 16u

static struct {
    bool in[LEDGER_THREADS][LEDGER_EACH], out[LEDGER_THREADS][LEDGER_EACH];
    uint32_t last[LEDGER_THREADS + 1][LEDGER_THREADS]; /* what each taker saw last of each giver, + 1; the last taker: finish */
    uint32_t in_count, out_count;
} ledger;

static inline void ledger_clear(void)
{
    memset(&ledger, 0, sizeof ledger);
}

static inline uint64_t ledger_value(uint32_t giver, uint32_t number)
{
    return (uint64_t)giver << 8 | number;
}

/* Before the put: a value may come out before the put has returned. */
static inline void ledger_put(uint64_t value)
{
    ledger.in[value >> 8][value & 0xff] = true;
    ledger.in_count++;
}

/* The put was refused. */
static inline void ledger_not_put(uint64_t value)
{
    explore_check(!ledger.out[value >> 8][value & 0xff]);
    ledger.in[value >> 8][value & 0xff] = false;
    ledger.in_count--;
}

static inline void ledger_took(uint64_t value)
{
    uint64_t giver = value >> 8, number = value & 0xff;
    uint32_t taker = explore_self() < LEDGER_THREADS ? explore_self() : LEDGER_THREADS;

    explore_check(giver < LEDGER_THREADS && number < LEDGER_EACH);
    explore_check(ledger.in[giver][number]);
    explore_check(!ledger.out[giver][number]);
    explore_check(ledger.last[taker][giver] <= number); /* first in, first out */
    ledger.last[taker][giver] = (uint32_t)number + 1;
    ledger.out[giver][number] = true;
    ledger.out_count++;
    explore_note(value);
}

#endif
