/* Connections: opening, closing, and requests with their replies. */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_DIR_VARIABLE "CMAN_SOCKET_DIR"
#define SOCKET_DIR_DEFAULT "/var/run"

/* Living handles, so that a finished one is told from a living one without touching it. */
static struct handle *registry;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

struct handle *live_handle(cman_handle_t given)
{
    struct handle *found;

    pthread_mutex_lock(&registry_lock);
    for (found = registry; found != NULL && found != given; found = found->next)
        ;
    pthread_mutex_unlock(&registry_lock);
    if (found == NULL)
        errno = EINVAL;
    return found;
}

static void registry_add(struct handle *h)
{
    pthread_mutex_lock(&registry_lock);
    h->next = registry;
    registry = h;
    pthread_mutex_unlock(&registry_lock);
}

static void registry_remove(struct handle *h)
{
    struct handle **link;

    pthread_mutex_lock(&registry_lock);
    for (link = &registry; *link != h; link = &(*link)->next)
        ;
    *link = h->next;
    pthread_mutex_unlock(&registry_lock);
}

/* A path that does not fit is refused, never cut: the cut one could be somebody else's. */
static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* Whoever starts a program with more rights than his own does not say where it connects. */
    const char *dir = secure_getenv(SOCKET_DIR_VARIABLE);
    int length, fd, kept;

    if (dir == NULL || *dir == '\0')
        dir = SOCKET_DIR_DEFAULT;
    length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static cman_handle_t open_handle(const char *name, void *priv)
{
    struct handle *h = calloc(1, sizeof(*h));
    int kept;

    if (h == NULL)
        return NULL;
    h->priv = priv;
    h->socket_fd = connect_to(name);
    if (h->socket_fd < 0)
        goto no_socket;
    h->zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (h->zero_fd < 0)
        goto no_zero;
    registry_add(h);
    return h;

no_zero:
    kept = errno;
    close(h->socket_fd);
    errno = kept;
no_socket:
    kept = errno;
    free(h);
    errno = kept;
    return NULL;
}

cman_handle_t cman_init(void *priv)
{
    return open_handle("cman_client", priv);
}

cman_handle_t cman_admin_init(void *priv)
{
    return open_handle("cman_admin", priv);
}

int cman_finish(cman_handle_t handle)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    registry_remove(h);
    close(h->socket_fd);
    close(h->zero_fd);
    queue_free(&h->data);
    queue_free(&h->events);
    free(h);
    return 0;
}

int cman_setprivdata(cman_handle_t handle, void *priv)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    h->priv = priv;
    return 0;
}

int cman_getprivdata(cman_handle_t handle, void **priv)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (priv == NULL) {
        errno = EINVAL;
        return -1;
    }
    *priv = h->priv;
    return 0;
}

int send_message(struct handle *h, uint32_t command, uint32_t flags, const void *head,
                 size_t head_length, const void *tail, size_t tail_length)
{
    const size_t length = sizeof(struct wire_header) + head_length + tail_length;
    struct wire_header header = {
        .magic = WIRE_MAGIC,
        .version = WIRE_VERSION,
        .length = (uint32_t)length,
        .command = command,
        .flags = flags,
    };
    struct iovec parts[3] = {
        {.iov_base = &header, .iov_len = sizeof(header)},
        {.iov_base = (void *)(uintptr_t)head, .iov_len = head_length},
        {.iov_base = (void *)(uintptr_t)tail, .iov_len = tail_length},
    };
    struct iovec *part = parts;
    size_t left = length;

    while (left > 0) {
        struct msghdr message = {.msg_iov = part, .msg_iovlen = (size_t)(parts + 3 - part)};
        ssize_t sent = sendmsg(h->socket_fd, &message, MSG_NOSIGNAL);

        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        left -= (size_t)sent;
        while (left > 0 && (size_t)sent >= part->iov_len) {
            sent -= (ssize_t)part->iov_len;
            part++;
        }
        if (left > 0) {
            part->iov_base = (char *)part->iov_base + sent;
            part->iov_len -= (size_t)sent;
        }
    }
    return (int)length;
}

int request(struct handle *h, uint32_t command, const void *body, size_t body_length, void *buffer,
            size_t room, size_t *got)
{
    const int keep = CMAN_DISPATCH_IGNORE_DATA | CMAN_DISPATCH_IGNORE_EVENT;

    /* A write to a dead cman is not noticed: waiting for the reply will tell. */
    (void)send_message(h, command, 0, body, body_length, NULL, 0);

    h->reply = (struct reply){.waiting = true, .buffer = buffer, .room = room};
    while (h->reply.waiting) {
        if (read_message(h, keep, true) < 0 && errno != EINTR) {
            h->reply.waiting = false;
            return -1;
        }
    }
    if (got != NULL)
        *got = h->reply.length;
    if (h->reply.status < 0) {
        errno = -h->reply.status;
        return -1;
    }
    return h->reply.status;
}

int request_int(cman_handle_t handle, uint32_t command, int value)
{
    struct handle *h = live_handle(handle);

    return h == NULL ? -1 : request(h, command, &value, sizeof(value), NULL, 0, NULL);
}

int request_plain(cman_handle_t handle, uint32_t command)
{
    struct handle *h = live_handle(handle);

    return h == NULL ? -1 : request(h, command, NULL, 0, NULL, 0, NULL);
}
