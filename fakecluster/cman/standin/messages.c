/* What cman says: reading it, and queueing or delivering what it says unasked. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void queue_push(struct queue *queue, struct message *message)
{
    message->next = NULL;
    if (queue->last == NULL)
        queue->first = message;
    else
        queue->last->next = message;
    queue->last = message;
}

struct message *queue_pop(struct queue *queue)
{
    struct message *message = queue->first;

    if (message != NULL) {
        queue->first = message->next;
        if (queue->first == NULL)
            queue->last = NULL;
    }
    return message;
}

void queue_free(struct queue *queue)
{
    struct message *message;

    while ((message = queue_pop(queue)) != NULL)
        free(message);
}

/*
 * Reads `length` bytes. Once the first are there the rest is waited for, whatever signals come, or
 * the stream would be out of step. EHOSTDOWN: cman closed the connection.
 */
static int read_bytes(struct handle *h, void *buffer, size_t length, bool wait)
{
    size_t have = 0;

    while (have < length) {
        const int flags = wait || have > 0 ? 0 : MSG_DONTWAIT;
        ssize_t got = recv(h->socket_fd, (char *)buffer + have, length - have, flags);

        if (got == 0) {
            errno = EHOSTDOWN;
            return -1;
        }
        if (got < 0) {
            if (errno == EINTR && have > 0)
                continue;
            return -1;
        }
        have += (size_t)got;
    }
    return 0;
}

/* The body follows its header, so it is waited for even if a signal comes before its first byte. */
static int read_body(struct handle *h, void *buffer, size_t length)
{
    int result;

    do
        result = read_bytes(h, buffer, length, true);
    while (result < 0 && errno == EINTR);
    return result;
}

static int skip_body(struct handle *h, size_t length)
{
    char waste[4096];

    while (length > 0) {
        const size_t part = length < sizeof(waste) ? length : sizeof(waste);

        if (read_body(h, waste, part) < 0)
            return -1;
        length -= part;
    }
    return 0;
}

/* Nothing tells where the next message begins. To the caller, and to poll, cman is gone. */
static int stream_lost(struct handle *h)
{
    h->lost = true;
    shutdown(h->socket_fd, SHUT_RDWR);
    errno = EHOSTDOWN;
    return -1;
}

/* Replies carry nothing that ties them to a request: the one that is waited for takes the next. */
static int read_reply(struct handle *h, size_t length)
{
    struct reply *reply = &h->reply;
    int32_t status;
    size_t rest;

    if (length < sizeof(status))
        return stream_lost(h);
    rest = length - sizeof(status);
    if (read_body(h, &status, sizeof(status)) < 0)
        return -1;
    if (!reply->waiting || rest > reply->room) {
        if (skip_body(h, rest) < 0)
            return -1;
    } else {
        if (rest > 0 && read_body(h, reply->buffer, rest) < 0)
            return -1;
        reply->length = rest;
    }
    if (reply->waiting) {
        reply->status = status;
        reply->waiting = false;
    }
    return (int)length;
}

static struct message *read_notice(struct handle *h, const struct wire_header *header)
{
    const size_t length = header->length - sizeof(*header);
    /* The refusal of a DATA message is shorter than what its callback is given of it. */
    const size_t room = length < sizeof(struct wire_data) ? sizeof(struct wire_data) : length;
    struct message *message = calloc(1, sizeof(*message) + room);

    if (message == NULL) {
        stream_lost(h);
        errno = ENOMEM;
        return NULL;
    }
    message->command = header->command;
    message->length = length;
    if (read_body(h, message->body, length) < 0) {
        free(message);
        return NULL;
    }
    return message;
}

/* Also a refusal of what we sent: the library gives it to whoever receives data. */
static bool is_data(uint32_t command)
{
    return (command & ~WIRE_REPLY) == WIRE_DATA;
}

int read_message(struct handle *h, int keep, bool wait)
{
    struct wire_header header;
    struct message *message;
    struct queue *queue;
    size_t length;
    int kept;

    if (h->lost)
        return stream_lost(h);
    if (read_bytes(h, &header, sizeof(header), wait) < 0)
        return -1;
    if (header.length < sizeof(header) || header.length > WIRE_LENGTH_MAX)
        return stream_lost(h);
    length = header.length - sizeof(header);
    if (header.command & WIRE_REPLY && !is_data(header.command))
        return read_reply(h, length);

    switch (header.command) {
    case WIRE_DATA:
    case WIRE_DATA | WIRE_REPLY:
        queue = &h->data;
        kept = CMAN_DISPATCH_IGNORE_DATA;
        break;
    case WIRE_EVENT:
    case WIRE_CONFCHG:
        queue = &h->events;
        kept = CMAN_DISPATCH_IGNORE_EVENT;
        break;
    default:
        return skip_body(h, length) < 0 ? -1 : (int)length;
    }
    message = read_notice(h, &header);
    if (message == NULL)
        return -1;
    if (keep & kept) {
        queue_push(queue, message);
    } else {
        deliver(h, message);
        free(message);
    }
    return (int)length;
}

static void deliver_event(struct handle *h, const struct message *message)
{
    struct wire_event event;

    if (message->length < sizeof(event) || h->on_event == NULL)
        return;
    memcpy(&event, message->body, sizeof(event));
    h->on_event(h, h->priv, event.reason, event.arg);
}

static void deliver_confchg(struct handle *h, const struct message *message)
{
    struct wire_confchg counts;
    unsigned int *ids;
    size_t room;

    if (message->length < sizeof(counts) || h->on_confchg == NULL)
        return;
    memcpy(&counts, message->body, sizeof(counts));
    room = (message->length - sizeof(counts)) / sizeof(*ids);
    if (counts.members < 0 || counts.left < 0 || counts.joined < 0 ||
        (uint64_t)counts.members + (uint64_t)counts.left + (uint64_t)counts.joined > room)
        return;
    ids = (unsigned int *)(uintptr_t)(message->body + sizeof(counts));
    h->on_confchg(h, h->priv, ids, counts.members, ids + counts.members, counts.left,
                  ids + counts.members + counts.left, counts.joined);
}

/*
 * A refusal is 4 bytes where 8 are due: its status stands where the sender does, and the length of
 * what follows is -4.
 */
static void deliver_data(struct handle *h, const struct message *message)
{
    const bool refusal = message->command & WIRE_REPLY && message->length == sizeof(int32_t);
    struct wire_data origin;

    if ((message->length < sizeof(origin) && !refusal) || h->on_data == NULL)
        return;
    memcpy(&origin, message->body, sizeof(origin));
    h->on_data(h, h->priv, (char *)(uintptr_t)(message->body + sizeof(origin)),
               (int)message->length - (int)sizeof(origin), (uint8_t)origin.port, origin.nodeid);
}

void deliver(struct handle *h, const struct message *message)
{
    if (message->command == WIRE_EVENT)
        deliver_event(h, message);
    else if (message->command == WIRE_CONFCHG)
        deliver_confchg(h, message);
    else
        deliver_data(h, message);
}
