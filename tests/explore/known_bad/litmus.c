/*
 * litmus.c - is the memory model right? Each pair of small programs has one whose weak outcome must be seen, and one in which an ordering
 * forbids it, which must stay silent. The names are those of the literature: MP message passing, SB store buffering, IRIW independent
 * reads of independent writes, CoRR coherence of two reads.
 */
#include "explore.h"
#include "sync/atomic.h"

static _Atomic uint32_t x, y;
static uint32_t saw[4];
static uint32_t data;

static void setup(void)
{
    nb_atomic_init(&x, 0);
    nb_atomic_init(&y, 0);
    for (uint32_t i = 0; i < 4; i++) {
        saw[i] = 0;
    }
}

static void note_all(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        explore_note(saw[i]);
    }
}

/* -------------------------------------------------------------------------------------- message passing */

static void mp(uint32_t me, bool release_store, bool acquire_load, bool release_fence, bool acquire_fence)
{
    if (me == 0) {
        nb_store_relaxed(&x, 1);
        if (release_fence) {
            NB_HOOK_FENCE(memory_order_release);
        }
        if (release_store) {
            nb_store_release(&y, 1);
        } else {
            nb_store_relaxed(&y, 1);
        }
    } else {
        saw[0] = acquire_load ? nb_load_acquire(&y) : nb_load_relaxed(&y);
        if (acquire_fence) {
            NB_HOOK_FENCE(memory_order_acquire);
        }
        saw[1] = nb_load_relaxed(&x);
    }
}

static void mp_relaxed(uint32_t me) { mp(me, false, false, false, false); }
static void mp_release_only(uint32_t me) { mp(me, true, false, false, false); }
static void mp_acquire_only(uint32_t me) { mp(me, false, true, false, false); }
static void mp_both(uint32_t me) { mp(me, true, true, false, false); }
static void mp_fences(uint32_t me) { mp(me, false, false, true, true); }
static void mp_fence_and_load(uint32_t me) { mp(me, false, true, true, false); }

static void mp_finish(void)
{
    note_all();
    explore_check(!(saw[0] == 1 && saw[1] == 0));
}

/* A third thread's read-modify-write stands between: the release sequence goes on through it, but not through a plain store. */
static void mp_chain(uint32_t me, bool by_rmw)
{
    if (me == 0) {
        nb_store_relaxed(&x, 1);
        nb_store_release(&y, 1);
    } else if (me == 1) {
        if (by_rmw) {
            nb_add_relaxed(&y, 1);
        } else if (nb_load_relaxed(&y) == 1) {
            nb_store_relaxed(&y, 2);
        }
    } else {
        saw[0] = nb_load_acquire(&y) == 2;
        saw[1] = nb_load_relaxed(&x);
    }
}

static void mp_chain_rmw(uint32_t me) { mp_chain(me, true); }
static void mp_chain_store(uint32_t me) { mp_chain(me, false); }

static void mp_plain(uint32_t me, bool release)
{
    if (me == 0) {
        nb_plain_write(&data);
        data = 1;
        if (release) {
            nb_store_release(&y, 1);
        } else {
            nb_store_relaxed(&y, 1);
        }
    } else if (nb_load_acquire(&y) == 1) {
        nb_plain_read(&data);
        saw[0] = data;
    }
}

static void mp_plain_relaxed(uint32_t me) { mp_plain(me, false); }
static void mp_plain_release(uint32_t me) { mp_plain(me, true); }

/* -------------------------------------------------------------------------------------- store buffering */

enum how { NOTHING, FENCES, SC_ACCESSES, SC_STORES, AFTER_RMW, LIGHT_HEAVY, LIGHT_LIGHT };

static void sb(uint32_t me, enum how how)
{
    _Atomic uint32_t *mine = me == 0 ? &x : &y, *other = me == 0 ? &y : &x;

    if (how == AFTER_RMW) {
        nb_add_relaxed(mine, 1);
        nb_fence_after_rmw();
    } else if (how == SC_ACCESSES || how == SC_STORES) {
        nb_store_seq_cst(mine, 1);
    } else {
        nb_store_relaxed(mine, 1);
    }
    if (how == FENCES) {
        nb_fence_seq_cst();
    } else if (how == LIGHT_LIGHT || (how == LIGHT_HEAVY && me == 0)) {
        nb_fence_light();
    } else if (how == LIGHT_HEAVY) {
        nb_fence_heavy();
    }
    saw[me] = how == SC_ACCESSES ? nb_load_seq_cst(other) : nb_load_relaxed(other);
}

static void sb_nothing(uint32_t me) { sb(me, NOTHING); }
static void sb_fences(uint32_t me) { sb(me, FENCES); }
static void sb_sc(uint32_t me) { sb(me, SC_ACCESSES); }
static void sb_sc_stores(uint32_t me) { sb(me, SC_STORES); }
static void sb_after_rmw(uint32_t me) { sb(me, AFTER_RMW); }
static void sb_light_heavy(uint32_t me) { sb(me, LIGHT_HEAVY); }
static void sb_light_light(uint32_t me) { sb(me, LIGHT_LIGHT); }

static void sb_finish(void)
{
    note_all();
    explore_check(saw[0] != 0 || saw[1] != 0);
}

/* A store is no read-modify-write: on x86 the fence would be none. */
static void fence_after_store(uint32_t me)
{
    nb_store_relaxed(me == 0 ? &x : &y, 1);
    nb_fence_after_rmw();
}

/* -------------------------------------------------------------------------------------- four threads, one place */

static void iriw(uint32_t me, bool seq_cst)
{
    _Atomic uint32_t *first = me == 2 ? &x : &y, *second = me == 2 ? &y : &x;

    if (me < 2) {
        if (seq_cst) {
            nb_store_seq_cst(me == 0 ? &x : &y, 1);
        } else {
            nb_store_release(me == 0 ? &x : &y, 1);
        }
        return;
    }
    saw[2 * (me - 2)] = seq_cst ? nb_load_seq_cst(first) : nb_load_acquire(first);
    saw[2 * (me - 2) + 1] = seq_cst ? nb_load_seq_cst(second) : nb_load_acquire(second);
}

static void iriw_acquire(uint32_t me) { iriw(me, false); }
static void iriw_sc(uint32_t me) { iriw(me, true); }

static void iriw_finish(void)
{
    note_all();
    explore_check(!(saw[0] == 1 && saw[1] == 0 && saw[2] == 1 && saw[3] == 0));
}

/* Reads of one place never go back, nor do they miss what the thread itself wrote. */
static void corr(uint32_t me)
{
    if (me == 0) {
        nb_store_relaxed(&x, 1);
        nb_store_relaxed(&x, 2);
    } else if (me == 1) {
        saw[0] = nb_load_relaxed(&x);
        saw[1] = nb_load_relaxed(&x);
    } else {
        nb_store_relaxed(&y, 5);
        saw[2] = nb_load_relaxed(&y);
    }
}

static void corr_finish(void)
{
    note_all();
    explore_check(saw[1] >= saw[0] && saw[2] == 5);
}

/* A weak exchange may fail although it sees what it expects. */
static void weak_once(uint32_t me)
{
    uint32_t zero = 0;

    if (me == 0) {
        saw[0] = nb_cas_weak_relaxed(&x, &zero, 1);
    }
}

static void strong_once(uint32_t me)
{
    uint32_t zero = 0;

    if (me == 0) {
        saw[0] = nb_cas_strong_relaxed(&x, &zero, 1);
    }
}

static void once_finish(void)
{
    note_all();
    explore_check(saw[0] == 1);
}

#define SEEN(name, threads, thread, finish) { name, threads, setup, thread, finish, 1, "not so", { 200, 200, 200 } }
#define SILENT(name, threads, thread, finish) { name, threads, setup, thread, finish, 1, NULL, { 0, 0, 0 } }
#define RACE(name, thread) { name, 2, setup, thread, note_all, 1, "data race", { 200, 200, 200 } }

static const explore_scenario scenarios[] = {
    SEEN("litmus_mp_relaxed", 2, mp_relaxed, mp_finish),
    SEEN("litmus_mp_release_only", 2, mp_release_only, mp_finish),
    SEEN("litmus_mp_acquire_only", 2, mp_acquire_only, mp_finish),
    SILENT("litmus_mp_release_acquire", 2, mp_both, mp_finish),
    SILENT("litmus_mp_fences", 2, mp_fences, mp_finish),
    SILENT("litmus_mp_fence_acquire", 2, mp_fence_and_load, mp_finish),
    SILENT("litmus_mp_through_rmw", 3, mp_chain_rmw, mp_finish),
    { "litmus_mp_through_store", 3, setup, mp_chain_store, mp_finish, 1, "not so", { 2000, 2000, 2000 } },
    RACE("litmus_plain_relaxed", mp_plain_relaxed),
    SILENT("litmus_plain_release", 2, mp_plain_release, note_all),
    SEEN("litmus_sb_nothing", 2, sb_nothing, sb_finish),
    SILENT("litmus_sb_fences", 2, sb_fences, sb_finish),
    SILENT("litmus_sb_sc_accesses", 2, sb_sc, sb_finish),
    SEEN("litmus_sb_sc_stores_only", 2, sb_sc_stores, sb_finish),
    SILENT("litmus_sb_fence_after_rmw", 2, sb_after_rmw, sb_finish),
    SILENT("litmus_sb_light_and_heavy", 2, sb_light_heavy, sb_finish),
    SEEN("litmus_sb_light_and_light", 2, sb_light_light, sb_finish),
    { "litmus_fence_after_store", 2, setup, fence_after_store, NULL, 1, "no read-modify-write", { 1, 1, 1 } },
    { "litmus_iriw_acquire", 4, setup, iriw_acquire, iriw_finish, 1, "not so", { 2000, 20000, 20000 } },
    SILENT("litmus_iriw_sc", 4, iriw_sc, iriw_finish),
    SILENT("litmus_corr", 3, corr, corr_finish),
    { "litmus_weak_exchange", 1, setup, weak_once, once_finish, 1, "not so", { 200, 200, 10 } },
    SILENT("litmus_strong_exchange", 1, strong_once, once_finish),
};

static const explore_subject litmus = { "litmus", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(litmus);
