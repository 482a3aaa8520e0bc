#include "store/delivery.h"

#include <string.h>

void nb_delivery_let_go(nb_delivery *delivery)
{
    nb_delivery gone = *delivery;

    if (gone.message == NULL) {
        return;
    }
    memset(delivery, 0, sizeof *delivery); /* first: a free function may look */
    nb_message_release(gone.message);
    nb_letter_release(gone.letter);
    if (gone.source != NULL) {
        nb_object_unpin(gone.source);
    }
}
