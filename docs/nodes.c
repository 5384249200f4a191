/*
 * Lists the nodes of a cluster, and again at each notice of cman, until cman ends.
 *
 *     cc nodes.c -o nodes $(pkg-config --cflags --libs libcman)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libcman.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ROOM 400 /* more nodes than a cluster has */

static int news = 1;

static void take(cman_handle_t handle, void *priv, int reason, int arg)
{
    (void)priv;
    if (reason == CMAN_REASON_TRY_SHUTDOWN)
        cman_replyto_shutdown(handle, 1);
    else if (reason == CMAN_REASON_CONFIG_UPDATE)
        printf("configuration %d\n", arg);
    news = 1;
}

static int list(cman_handle_t handle)
{
    static cman_node_t nodes[ROOM];
    char text[INET_ADDRSTRLEN];
    struct sockaddr_in address;
    int count, i;

    if (cman_get_nodes(handle, ROOM, &count, nodes) < 0)
        return -1;
    printf("%s\n", cman_is_quorate(handle) == 1 ? "quorate" : "not quorate");
    for (i = 0; i < count; i++) {
        memcpy(&address, nodes[i].cn_address.cna_address, sizeof(address));
        strcpy(text, "-"); /* of a node that is no member the address means nothing */
        if (nodes[i].cn_member && address.sin_family == AF_INET)
            inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
        printf("%4d %-7s %-15s %s\n", nodes[i].cn_nodeid, nodes[i].cn_member ? "member" : "away",
               text, nodes[i].cn_name);
    }
    return fflush(stdout);
}

int main(void)
{
    cman_handle_t handle = cman_init(NULL);

    if (handle == NULL || cman_start_notification(handle, take) < 0) {
        perror("no cman");
        return 1;
    }
    do {
        struct pollfd fd = {.events = POLLIN};

        if (news && list(handle) < 0)
            break;
        news = 0;
        fd.fd = cman_get_fd(handle); /* another one while notices are queued */
        poll(&fd, 1, -1);
    } while (cman_dispatch(handle, CMAN_DISPATCH_ALL) >= 0);
    perror("cman has ended");
    cman_finish(handle);
    return errno == EHOSTDOWN ? 0 : 1;
}
