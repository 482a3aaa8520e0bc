/*
 * edition.c - lib/target/edition.{h,c}: editions that are replaced, routes that are ended and an instance that is closed, while publishers
 * sit in seats.
 *
 * An edition is a block of the explorer's allocator, and so is what a route's handler works on. Whoever uses one announces it; a free that
 * does not come after the use fails the schedule.
 */
#include "base/list.h"
#include "explore.h"
#include "platform/memory.h"
#include "target/edition.h"

typedef struct issue {
    nb_edition edition;
    uint32_t number; /* plain; written before it is published */
} issue;

typedef struct thing {
    uint32_t used; /* plain */
} thing;

static nb_heap *heap;
static nb_editions editions;
static uint32_t made, freed;
static uint64_t folded, passed;

static void fold(nb_edition *edition)
{
    folded += edition->passes;
}

static void let_go(nb_edition *edition)
{
    freed++;
    nb_platform_free(NB_CONTAINER(edition, issue, edition));
}

static const nb_edition_ops ops = { fold, let_go };

static nb_edition *make(uint32_t number)
{
    issue *it = nb_platform_malloc(sizeof *it);

    it->edition.older = NULL;
    it->edition.passes = 0;
    nb_plain_write(&it->number);
    it->number = number;
    made++;
    return &it->edition;
}

static void setup(void)
{
    made = freed = 0;
    folded = passed = 0;
    heap = nb_heap_open(NULL, 0);
    nb_editions_init(&editions, &ops, heap, make(1));
}

static void finish(void)
{
    explore_check(freed + 1 == made); /* the last to leave an old edition has freed it */
    explore_check(nb_editions_count(&editions, 0) == passed);
    nb_editions_fini(&editions);
    explore_check(made == freed);
    explore_check(folded == passed);
    nb_heap_close(heap);
}

static void look(nb_edition *edition, uint32_t *last)
{
    issue *it = NB_CONTAINER(edition, issue, edition);

    nb_plain_read(&it->number);
    explore_check(it->number >= *last);
    *last = it->number;
}

/* One publish: a pass of the current edition. */
static void publish(uint32_t *last)
{
    nb_seat *seat = nb_seat_take(&editions);
    nb_edition *edition = nb_seat_pass(&editions, seat);

    passed++;
    look(edition, last);
    look(edition, last);
    nb_seat_add(seat, 0, 1);
    nb_seat_leave(&editions, seat);
}

static void replace(uint32_t number)
{
    nb_lock_acquire(&editions.lock);
    nb_editions_swap(&editions, make(number));
    nb_lock_release(&editions.lock);
    nb_editions_sweep(&editions);
}

/*
 * Publishers, and one who replaces. Wrong: held, light fence, current against current, heavy fence, held (nb_seat_open(),
 * nb_editions_sweep()); the release of the leave; passes that are folded twice, or too early, or not at all.
 */
static void swap_walk(uint32_t me)
{
    uint32_t last = 0;

    if (me == 0) {
        replace(2);
        replace(3);
    } else {
        publish(&last);
        publish(&last);
    }
}

/* Publishers inside publishes: more seats than a thread may own, so the last ones are for everybody. Two threads want them. */
static void shared_seats(uint32_t me)
{
    nb_seat *seats[3];
    uint32_t last = 0;

    if (me == 0) {
        replace(2);
        return;
    }
    for (int i = 0; i < 3; i++) {
        seats[i] = nb_seat_take(&editions);
        look(nb_seat_pass(&editions, seats[i]), &last);
        nb_seat_add(seats[i], 0, 1);
        passed++;
    }
    for (int i = 3; i-- > 0;) {
        nb_seat_leave(&editions, seats[i]);
    }
}

/* One seat for several passes, as a batch does. */
static void batch(uint32_t me)
{
    uint32_t last = 0;
    nb_seat *seat;

    if (me == 0) {
        replace(2);
        replace(3);
        return;
    }
    seat = nb_seat_take(&editions);
    for (int i = 0; i < 2; i++) {
        look(nb_seat_pass(&editions, seat), &last);
        nb_seat_add(seat, 0, 1);
        passed++;
    }
    nb_seat_leave(&editions, seat);
}

/* Somebody sums up meanwhile: never more than there will be, and what has returned is in it. */
static _Atomic uint64_t returned;

static void setup_sums(void)
{
    setup();
    nb_atomic_init(&returned, 0);
}

static void sums(uint32_t me)
{
    uint32_t last = 0;
    uint64_t before, sum;

    if (me == 0) {
        before = nb_load_acquire(&returned);
        nb_lock_acquire(&editions.lock);
        sum = folded + nb_editions_passes(&editions, nb_load_relaxed(&editions.current));
        for (nb_edition *at = editions.retired; at != NULL; at = at->older) {
            sum += nb_editions_passes(&editions, at);
        }
        nb_lock_release(&editions.lock);
        explore_check(sum >= before && sum <= 2);
        explore_check(nb_editions_count(&editions, 0) >= before);
    } else if (me == 1) {
        replace(2);
    } else {
        publish(&last);
        nb_add_release(&returned, 1);
        publish(&last);
        nb_add_release(&returned, 1);
    }
}

/* ------------------------------------------------------------------------------------- ending a route */

static atomic_bool closed[2];
static thing *things[2];
static atomic_bool destroyed[2];
static nb_lock route_lock;
static bool fenced[2]; /* under the lock */

static void setup_route(void)
{
    setup();
    nb_lock_init(&route_lock);
    for (int i = 0; i < 2; i++) {
        nb_atomic_init(&closed[i], false);
        nb_atomic_init(&destroyed[i], false);
        fenced[i] = false;
        things[i] = nb_platform_malloc(sizeof *things[i]);
        nb_plain_write(&things[i]->used);
        things[i]->used = 0;
    }
}

static void finish_route(void)
{
    for (int i = 0; i < 2; i++) {
        explore_check(nb_load_acquire(&destroyed[i]) == nb_load_acquire(&closed[i])); /* the last to leave has not forgotten it */
        if (!nb_load_acquire(&destroyed[i])) {
            nb_platform_free(things[i]);
        }
    }
    nb_lock_fini(&route_lock);
    finish();
}

/* What nb_route_left() does: whoever finds the closed route idle destroys, once. */
static void left(int route)
{
    nb_lock_acquire(&route_lock);
    if (fenced[route] && !nb_load_relaxed(&destroyed[route]) && !nb_editions_running(&editions, &closed[route])) {
        nb_store_release(&destroyed[route], true);
        nb_platform_free(things[route]);
    }
    nb_lock_release(&route_lock);
}

/* What nb_walk_inline() does. */
static void walk(void)
{
    nb_seat *seat = nb_seat_take(&editions);
    int before = 0;

    nb_seat_open(&editions, seat);
    for (int i = 0; i < 2; i++) {
        nb_seat_point(seat, &closed[i]);
        if (i > 0 && nb_load_acquire(&closed[before])) {
            nb_seat_point(seat, NULL);
            left(before);
            nb_seat_point(seat, &closed[i]);
        }
        before = i;
        if (!nb_load_acquire(&closed[i])) {
            nb_plain_read(&things[i]->used);
            explore_yield();
            nb_plain_read(&things[i]->used);
        }
    }
    nb_seat_point(seat, NULL);
    if (nb_load_acquire(&closed[before])) {
        left(before);
    }
    nb_seat_leave(&editions, seat);
}

static void end(int route)
{
    nb_exchange_acq_rel(&closed[route], true);
    nb_fence_heavy();
    nb_lock_acquire(&route_lock);
    fenced[route] = true;
    nb_lock_release(&route_lock);
    left(route);
}

/* Wrong: running, light fence, closed against closed, heavy fence, running; in the other direction the last call that forgets to look. */
static void end_call(uint32_t me)
{
    if (me == 0) {
        end(0);
        end(1);
    } else {
        walk();
    }
}

/* The same without the fence: the handler is destroyed while it runs. */
static void end_call_unfenced(uint32_t me)
{
    if (me == 0) {
        fenced[0] = true;
        nb_exchange_acq_rel(&closed[0], true);
        left(0);
    } else {
        walk();
    }
}

/* ------------------------------------------------------------------------------------ closing, unbinding */

static atomic_bool shut;
static thing *ground;
static bool ground_gone;

static void setup_close(void)
{
    setup();
    nb_atomic_init(&shut, false);
    ground = nb_platform_malloc(sizeof *ground);
    nb_plain_write(&ground->used);
    ground->used = 0;
    ground_gone = false;
}

static void finish_close(void)
{
    if (!ground_gone) {
        nb_platform_free(ground);
    }
    finish();
}

/* A publish is either refused or waited for. Wrong: held, light fence, phase against phase, heavy fence, held; the release of the leave. */
static void close_publish(uint32_t me)
{
    if (me == 0) {
        nb_inside_counts sum = { 0, 0 };

        nb_store_release(&shut, true);
        nb_fence_heavy();
        nb_editions_inside(&editions, &sum);
        if (sum.walking == 0) {
            ground_gone = true;
            nb_platform_free(ground);
        }
        return;
    }
    for (int i = 0; i < 2; i++) { /* in a new seat, and in his own */
        nb_seat *seat = nb_seat_take(&editions);

        if (!nb_load_acquire(&shut)) {
            nb_plain_read(&ground->used);
            explore_yield();
            nb_plain_read(&ground->used);
        }
        nb_seat_leave(&editions, seat);
    }
}

/* Who was bound before goes when nobody is seated. Wrong: the fence in nb_editions_walked(), and that of the taking of a seat. */
static _Atomic(thing *) bound;
static thing *replacement;

static void setup_bound(void)
{
    setup_close();
    replacement = nb_platform_malloc(sizeof *replacement);
    nb_plain_write(&replacement->used);
    replacement->used = 0;
    nb_atomic_init(&bound, ground);
}

static void finish_bound(void)
{
    nb_platform_free(replacement);
    finish_close();
}

static void unbind(uint32_t me)
{
    nb_seat *seat = me == 2 ? NULL : nb_seat_take(&editions);
    thing *it;

    if (me == 0) { /* a publisher, too: his own seat does not count */
        nb_store_release(&bound, replacement);
        if (!nb_editions_walked(&editions, seat)) {
            ground_gone = true;
            nb_platform_free(ground);
        }
    } else {
        seat = seat != NULL ? seat : nb_seat_take(&editions);
        it = nb_load_acquire(&bound);
        nb_plain_read(&it->used);
        explore_yield();
        nb_plain_read(&it->used);
    }
    nb_seat_leave(&editions, seat);
}

static const explore_scenario scenarios[] = {
    { .name = "edition_swap_walk", .threads = 3, .setup = setup, .thread = swap_walk, .finish = finish },
    { .name = "edition_shared_seats", .threads = 3, .setup = setup, .thread = shared_seats, .finish = finish },
    { .name = "edition_batch", .threads = 2, .setup = setup, .thread = batch, .finish = finish },
    { .name = "edition_sums", .threads = 3, .setup = setup_sums, .thread = sums, .finish = finish },
    { .name = "edition_end_call", .threads = 3, .setup = setup_route, .thread = end_call, .finish = finish_route },
    { .name = "edition_end_unfenced", .threads = 2, .setup = setup_route, .thread = end_call_unfenced, .finish = finish_route,
      .must_fail = "free", .within = { 2000, 2000, 0 } },
    { .name = "edition_close", .threads = 3, .setup = setup_close, .thread = close_publish, .finish = finish_close },
    { .name = "edition_unbind", .threads = 3, .setup = setup_bound, .thread = unbind, .finish = finish_bound },
};

static const char *const covers[] = { "lib/target/edition.h", "lib/target/edition.c", NULL };
static const explore_subject subject = { "edition", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
