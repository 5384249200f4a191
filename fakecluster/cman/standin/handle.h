/* A connection, and the parts of the library that others build on. Hidden from the outside. */
#ifndef STANDIN_HANDLE_H
#define STANDIN_HANDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "libcman.h"
#include "wire.h"

/* A message that was read while another was waited for; FIFO. */
struct message {
    struct message *next;
    uint32_t command;
    size_t length; /* of the body */
    /* Aligned for the structs of wire.h. */
    _Alignas(8) char body[];
};

struct queue {
    struct message *first;
    struct message *last;
};

/* Where the reply that a request waits for goes. */
struct reply {
    bool waiting;
    void *buffer;
    size_t room;
    size_t length; /* what came into the buffer; 0 when it did not fit and was dropped */
    int status;
};

struct handle {
    struct handle *next; /* in the registry of living handles */
    int socket_fd;
    int zero_fd; /* /dev/zero: always readable */
    bool lost;   /* the stream is out of step: never read again */
    void *priv;
    cman_callback_t on_event;
    cman_confchgcallback_t on_confchg;
    cman_datacallback_t on_data;
    struct queue data;
    struct queue events; /* EVENT and CONFCHG, in the order they came */
    struct reply reply;
};

/* The handle behind what a caller gave us, or NULL with EINVAL: NULL, finished or never ours. */
struct handle *live_handle(cman_handle_t);

/* Sends a message whose body is in two parts. Returns its length, or -1 with errno. */
int send_message(struct handle *, uint32_t command, uint32_t flags, const void *head,
                 size_t head_length, const void *tail, size_t tail_length);

/*
 * Sends a request and waits for its reply, for as long as it takes. What else arrives is queued.
 * Returns the status if it is >= 0, else -1 with errno. `got`, if not NULL, is the reply's length.
 */
int request(struct handle *, uint32_t command, const void *body, size_t body_length, void *buffer,
            size_t room, size_t *got);

/* request() for those who have an int to say and want the status only. */
int request_int(cman_handle_t, uint32_t command, int value);
int request_plain(cman_handle_t, uint32_t command);

/* The first of a queue, which is the caller's to free, or NULL. */
struct message *queue_pop(struct queue *);
void queue_free(struct queue *);

/*
 * Reads one message from the socket. A reply goes where it is waited for, or away; what is in
 * `keep` (CMAN_DISPATCH_IGNORE_*) is queued; the rest is delivered, after which the handle may be
 * gone. Returns the length of the body, or -1 with errno (EAGAIN: nothing there).
 */
int read_message(struct handle *, int keep, bool wait);

/* Calls the callback that a message is for, if there is one. */
void deliver(struct handle *, const struct message *);

#endif
