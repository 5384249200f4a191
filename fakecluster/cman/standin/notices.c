/* Dispatching what cman says unasked, and asking to be told. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>

/* One message: queued data, queued events, then the socket. */
static int dispatch_one(struct handle *h, int flags, bool wait)
{
    struct message *message = NULL;
    int length;

    if (!(flags & CMAN_DISPATCH_IGNORE_DATA))
        message = queue_pop(&h->data);
    if (message == NULL && !(flags & CMAN_DISPATCH_IGNORE_EVENT))
        message = queue_pop(&h->events);
    if (message == NULL)
        return read_message(h, flags, wait);
    length = (int)message->length;
    deliver(h, message);
    free(message);
    return length;
}

int cman_dispatch(cman_handle_t handle, int flags)
{
    const bool wait = flags & CMAN_DISPATCH_BLOCKING;
    struct handle *h = live_handle(handle);
    int result;

    if (h == NULL)
        return -1;
    /* A callback may finish the handle; then there is nothing more to do here. */
    do
        result = dispatch_one(h, flags, wait);
    while ((flags & CMAN_DISPATCH_ALL) && result >= 0 && live_handle(handle) != NULL);

    if (result < 0 && errno == EAGAIN)
        return 0;
    return result;
}

int cman_get_fd(cman_handle_t handle)
{
    const struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    return h->data.first != NULL || h->events.first != NULL ? h->zero_fd : h->socket_fd;
}

/* Asks cman to tell us something, or to stop. `wanted` says whether a callback was given. */
static int ask(struct handle *h, bool wanted, uint32_t command, const void *body, size_t length)
{
    if (h == NULL)
        return -1;
    if (!wanted) {
        errno = EINVAL;
        return -1;
    }
    return request(h, command, body, length, NULL, 0, NULL);
}

int cman_start_notification(cman_handle_t handle, cman_callback_t callback)
{
    struct handle *h = live_handle(handle);
    int result = ask(h, callback != NULL, WIRE_NOTIFY, NULL, 0);

    if (result == 0)
        h->on_event = callback;
    return result;
}

int cman_stop_notification(cman_handle_t handle)
{
    struct handle *h = live_handle(handle);
    int result = ask(h, true, WIRE_REMOVENOTIFY, NULL, 0);

    if (result == 0)
        h->on_event = NULL;
    return result;
}

int cman_start_confchg(cman_handle_t handle, cman_confchgcallback_t callback)
{
    struct handle *h = live_handle(handle);
    int result = ask(h, callback != NULL, WIRE_START_CONFCHG, NULL, 0);

    if (result == 0)
        h->on_confchg = callback;
    return result;
}

int cman_stop_confchg(cman_handle_t handle)
{
    struct handle *h = live_handle(handle);
    int result = ask(h, true, WIRE_STOP_CONFCHG, NULL, 0);

    if (result == 0)
        h->on_confchg = NULL;
    return result;
}

int cman_start_recv_data(cman_handle_t handle, cman_datacallback_t callback, uint8_t port)
{
    struct handle *h = live_handle(handle);
    const int wanted = port;
    int result = ask(h, callback != NULL, WIRE_BIND, &wanted, sizeof(wanted));

    if (result == 0)
        h->on_data = callback;
    return result;
}

int cman_end_recv_data(cman_handle_t handle)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    h->on_data = NULL;
    return 0;
}
