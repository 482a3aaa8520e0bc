#include "platform/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>

bool nb_bell_open(nb_bell *bell)
{
    bell->read_fd = bell->write_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell->read_fd >= 0;
}
#else
bool nb_bell_open(nb_bell *bell)
{
    int fds[2];

    if (pipe(fds) != 0) {
        bell->read_fd = bell->write_fd = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    bell->read_fd = fds[0];
    bell->write_fd = fds[1];
    return true;
}
#endif

void nb_bell_close(nb_bell *bell)
{
    if (bell->write_fd >= 0 && bell->write_fd != bell->read_fd) {
        close(bell->write_fd);
    }
    if (bell->read_fd >= 0) {
        close(bell->read_fd);
    }
    bell->read_fd = bell->write_fd = -1;
}

void nb_bell_ring(const nb_bell *bell)
{
    const uint64_t one = 1;
    int saved = errno; /* a signal handler must not change it */

    if (bell->write_fd >= 0) {
        ssize_t written = write(bell->write_fd, &one, sizeof one); /* full: it is readable already */

        (void)written;
    }
    errno = saved;
}

void nb_bell_clear(const nb_bell *bell)
{
    uint64_t buffer[8];

    while (bell->read_fd >= 0 && read(bell->read_fd, buffer, sizeof buffer) == (ssize_t)sizeof buffer) {
    }
}
