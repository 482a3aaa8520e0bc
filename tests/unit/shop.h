/**
 * shop.h - a store on its own, below the queue: a driven instance with a manual clock, and an owner that takes dead letters or does not.
 */
#ifndef TEST_UNIT_SHOP_H
#define TEST_UNIT_SHOP_H

#include "support.h"

#include "runtime/runtime.h"
#include "store/inside.h"

#define SECOND NIMBUS_SECONDS(1)
#define NUMBER 7u /* of the store, in its receipts */

typedef struct shop {
    nb_object object;
    nb_store store;
    test_heap own;
    nimbus_runtime *nb;
    bool ended, freed;
    /* the dead letter */
    bool takes;
    size_t moves;
    uint32_t own_receives;
    char why[32]; /* "-": NULL */
    void (*inside)(struct shop *shop);
    /* what is told of what has gone */
    size_t gone[16];
} shop;

static inline shop *shop_of(nb_object *object)
{
    return NB_CONTAINER(object, shop, object);
}

static inline bool shop_move(nb_object *object, const nb_parcel *parcel, uint32_t own_receives, const void *why)
{
    shop *s = shop_of(object);

    s->moves++;
    s->own_receives = own_receives;
    snprintf(s->why, sizeof s->why, "%s", why != NULL ? (const char *)why : "-");
    if (s->inside != NULL) {
        void (*inside)(shop *) = s->inside;

        s->inside = NULL; /* once */
        inside(s);
    }
    if (s->takes) {
        nb_parcel_release(parcel); /* they are ours now */
    }
    return s->takes;
}

static inline void shop_gone(nb_object *object, nimbus_trace_kind kind, const nb_parcel *parcel)
{
    (void)parcel;
    shop_of(object)->gone[kind]++;
}

static inline void shop_end(nb_object *object)
{
    shop *s = shop_of(object);

    if (!s->ended) {
        s->ended = true;
        nb_store_end(&s->store, NIMBUS_E_DELETED, false);
    }
}

static inline void shop_free(nb_object *object)
{
    nb_store_fini(&shop_of(object)->store);
    shop_of(object)->freed = true;
}

static const nb_object_ops shop_object_ops = { .end = shop_end, .free = shop_free };
static const nb_store_ops shop_store_ops = { .move = shop_move, .gone = shop_gone };

static inline void shop_open(shop *s, const nb_store_config *config)
{
    nimbus_options options = { .driven = true, .manual_clock = true, .seed = 42 };
    nimbus_error err = { 0 };

    memset(s, 0, sizeof *s);
    heap_init(&s->own);
    options.allocator = &s->own.allocator;
    s->nb = nb_runtime_open(&options, "test", &err);
    CHECK(s->nb != NULL);
    nb_object_init(&s->object, &shop_object_ops, NB_ANONYMOUS, s->nb, NULL);
    CHECK(nb_store_init(&s->store, &s->object, "shop", NUMBER, config, &shop_store_ops));
    nb_object_publish(&s->object);
}

static inline void shop_close(shop *s)
{
    OK(nb_runtime_close(s->nb, 0, NULL));
    CHECK(s->freed);
    CHECK(heap_is_clean(&s->own));
}

#endif
