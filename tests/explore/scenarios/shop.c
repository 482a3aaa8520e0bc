#include "shop.h"

#include <string.h>

shop the_shop;

const nb_store_config shop_standard = {
    .visibility = 30 * SECOND,
    .retention = INT64_MAX,
    .capacity_messages = 100,
    .capacity_bytes = SIZE_MAX,
    .max_in_flight = 1000000,
    .max_visibility = NIMBUS_HOURS(12),
};

static bool move(nb_object *object, const nb_parcel *parcel, uint32_t own_receives, const void *why)
{
    (void)object;
    (void)own_receives;
    (void)why;
    if (the_shop.refuses) {
        return false;
    }
    the_shop.moved++;
    nb_parcel_release(parcel);
    return true;
}

static void end(nb_object *object)
{
    (void)object;
    if (!the_shop.ended) {
        the_shop.ended = true;
        nb_store_end(&the_shop.store, NIMBUS_E_DELETED, false);
    }
}

static void release(nb_object *object)
{
    (void)object;
    nb_store_fini(&the_shop.store);
    the_shop.freed = true;
}

static const nb_object_ops object_ops = { .end = end, .free = release };
static const nb_store_ops store_ops = { .move = move, .gone = NULL };

static void open(const nb_store_config *config, bool manual_clock)
{
    nimbus_options options = { .driven = true, .manual_clock = manual_clock, .seed = 42 };
    nimbus_error err = { 0 };

    memset(&the_shop, 0, sizeof the_shop);
    the_shop.nb = nb_runtime_open(&options, "explore", &err);
    explore_check(the_shop.nb != NULL);
    nb_object_init(&the_shop.object, &object_ops, NB_ANONYMOUS, the_shop.nb, NULL);
    explore_check(nb_store_init(&the_shop.store, &the_shop.object, "shop", 7, config, &store_ops));
    nb_object_publish(&the_shop.object);
}

void shop_open(const nb_store_config *config)
{
    open(config, true);
}

void shop_open_to_sleep(const nb_store_config *config)
{
    open(config, false);
}

static void check_ledger(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.accepted == the_shop.sent);
    explore_check(c.ready + c.delayed + c.in_flight == nb_store_places(&the_shop.store));
    explore_check(c.accepted == c.ready + c.delayed + c.in_flight + c.deleted + c.moved + c.expired + c.purged + c.dropped + c.discarded +
                                    c.cancelled);
    explore_note(c.ready << 48 | c.delayed << 40 | c.in_flight << 32 | c.deleted << 24 | c.moved << 16 | c.purged << 8 | c.dropped << 4 |
                 c.expired);
}

void shop_close(void)
{
    check_ledger();
    explore_check(nb_runtime_close(the_shop.nb, 0, NULL) == NIMBUS_OK);
    explore_check(the_shop.freed);
}

nimbus_status shop_send(uint32_t number, int64_t delay)
{
    nimbus_runtime *nb = the_shop.nb;
    nb_parcel parcel = { .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock), .enqueued = nb_clock_elapsed(&nb->clock) };
    char body[1] = { (char)('0' + number) };
    nb_message_spec spec = { .body = nimbus_copy(body, 1), .group_id = the_shop.store.order == NULL ? NULL : number < 4 ? "a" : "b" };
    bool straight = the_shop.store.order != NULL && number % 2 == 0; /* both ways into an order meet */
    nimbus_status status;
    nb_offered offered;

    explore_check(nb_message_make(nb->heap, &spec, &parcel.message) == NIMBUS_OK);
    status = straight ? nb_store_offer_straight(&the_shop.store, &parcel, delay, &offered)
                      : nb_store_offer(&the_shop.store, &parcel, delay, false, NULL);
    if (status == NIMBUS_OK) {
        the_shop.sent++;
    } else {
        nb_parcel_release(&parcel);
    }
    return status;
}

uint32_t shop_number_of(const nimbus_message *message)
{
    nimbus_bytes body = nb_message_body(message);

    explore_check(body.size == 1);
    return (uint32_t)(((const char *)body.data)[0] - '0');
}

bool shop_take(int64_t visibility, nimbus_receipt *ret_receipt, uint32_t *ret_number)
{
    nb_delivery delivery = { 0 };
    uint32_t count = 0;

    nb_store_take(&the_shop.store, 1, visibility, &delivery, &count, NULL);
    if (count == 0) {
        return false;
    }
    *ret_receipt = delivery.receipt;
    if (ret_number != NULL) {
        *ret_number = shop_number_of(delivery.message);
    }
    nb_delivery_let_go(&delivery);
    return true;
}

bool shop_take_only(nimbus_receipt *ret_receipt)
{
    uint32_t number;

    if (!shop_take(NB_STORE_VISIBILITY, ret_receipt, &number)) {
        return false;
    }
    explore_check(number < SHOP_MESSAGES && !the_shop.out[number]);
    the_shop.out[number] = true;
    return true;
}

void shop_time(int64_t elapsed)
{
    nb_clock_set(&the_shop.nb->clock, elapsed);
    nb_store_catch_up(&the_shop.store);
}
