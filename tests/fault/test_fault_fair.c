/* Allocations fail: fair queues: tenants that come and go, and messages without one. */
#include "fault.h"

#define TENANTS 20

/* What was refused for want of memory can be sent again, and each arrives once; receives and deletes go well without any. */
static void send_and_receive(fault *f)
{
    nimbus_queue_options options = { .fair = true };
    nimbus_delivery deliveries[10];
    nimbus_queue *queue;
    char tenant[8];
    size_t count = 0, sum = 0;

    fault_open(f);
    MAKE(f, queue, nimbus_queue_create(f->nb, "q", &options, &f->err));
    for (int i = 0; i < 2 * TENANTS; i++) {
        nimbus_entry entry = entry_of("text");

        snprintf(tenant, sizeof tenant, "t%d", i % TENANTS);
        entry.group_id = i % 5 == 0 ? NULL : tenant;
        TRY_OK(f, nimbus_queue_send(queue, &entry, NULL));
        LEDGER(queue);
    }
    EQ(METRICS(queue).ready, 2 * TENANTS);
    EQ(METRICS(queue).groups, TENANTS - TENANTS / 5);
    memset(deliveries, 0, sizeof deliveries);
    while (nimbus_queue_receive(queue, 0, NULL, deliveries, 10, &count) == NIMBUS_OK) {
        for (size_t i = 0; i < count; i++) {
            OK(nimbus_delivery_delete(&deliveries[i]));
        }
        sum += count;
    }
    EQ(sum, 2 * TENANTS);
    EQ(METRICS(queue).groups, 0);
    LEDGER(queue);
    fault_close(f);
}

static void sending_and_receiving(void **state)
{
    (void)state;
    fault_each(send_and_receive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sending_and_receiving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
