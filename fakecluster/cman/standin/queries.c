/* Questions to cman. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Any answer that a reply of this many interfaces is; cman itself allows ten. */
#define ADDRS_ROOM 256

static int invalid(void)
{
    errno = EINVAL;
    return -1;
}

static void copy_address(cman_node_address_t *to, const char *addr, int64_t length)
{
    if (length < 0)
        length = 0;
    if (length > (int64_t)sizeof(to->cna_address))
        length = sizeof(to->cna_address);
    memset(to, 0, sizeof(*to));
    to->cna_addrlen = (int)length;
    memcpy(to->cna_address, addr, (size_t)length);
}

/* `to` has room for CMAN_MAX_NODENAME_LEN + 1 bytes. */
static void copy_name(char *to, const char *name)
{
    const size_t length = strnlen(name, CMAN_MAX_NODENAME_LEN);

    memcpy(to, name, length);
    to[length] = '\0';
}

static void copy_node(cman_node_t *to, const struct wire_node *from)
{
    memset(to, 0, sizeof(*to));
    to->cn_nodeid = from->node_id;
    copy_address(&to->cn_address, from->addr, from->addrlen);
    copy_name(to->cn_name, from->name);
    to->cn_member = from->state == CMAN_NODE_STATE_MEMBER;
    to->cn_incarnation = from->incarnation;
    to->cn_jointime.tv_sec = (time_t)from->join_seconds;
    to->cn_jointime.tv_usec = (suseconds_t)from->join_useconds;
}

int cman_get_node_count(cman_handle_t handle)
{
    return request_plain(handle, WIRE_GETALLMEMBERS);
}

/*
 * Copies the nodes in one state, or all for state 0. A list that does not fit gives EINVAL every
 * time and nothing is copied: the zeroed buffer has no right first record then.
 */
static int list_nodes(cman_handle_t handle, uint32_t state, int max, int *count,
                      cman_node_t *nodes)
{
    struct handle *h = live_handle(handle);
    struct wire_node *list;
    size_t length;
    int total, i, copied = 0;

    if (h == NULL)
        return -1;
    if (count == NULL || nodes == NULL || max < 1)
        return invalid();
    list = calloc((size_t)max, sizeof(*list));
    if (list == NULL)
        return -1;
    total = request(h, WIRE_GETALLMEMBERS, NULL, 0, list, (size_t)max * sizeof(*list), &length);
    if (total < 0) {
        const int kept = errno;

        free(list);
        errno = kept;
        return -1;
    }
    if (total > max || length < (size_t)total * sizeof(*list) ||
        (total > 0 && list[0].size != sizeof(*list))) {
        free(list);
        return invalid();
    }
    for (i = 0; i < total; i++)
        if (state == 0 || list[i].state == state)
            copy_node(&nodes[copied++], &list[i]);
    free(list);
    *count = copied;
    return 0;
}

int cman_get_nodes(cman_handle_t handle, int max, int *count, cman_node_t *nodes)
{
    return list_nodes(handle, 0, max, count, nodes);
}

int cman_get_disallowed_nodes(cman_handle_t handle, int max, int *count, cman_node_t *nodes)
{
    return list_nodes(handle, CMAN_NODE_STATE_DISALLOWED, max, count, nodes);
}

/* By name if there is one, else by id: the daemon decides. */
static int fetch_node(struct handle *h, int nodeid, const char *name, struct wire_node *node)
{
    struct wire_node wanted = {.size = sizeof(wanted), .node_id = nodeid};
    size_t length;

    if (name != NULL)
        memcpy(wanted.name, name, strnlen(name, sizeof(wanted.name)));
    if (request(h, WIRE_GETNODE, &wanted, sizeof(wanted), node, sizeof(*node), &length) < 0)
        return -1;
    return length == sizeof(*node) ? 0 : invalid();
}

int cman_get_node(cman_handle_t handle, int nodeid, cman_node_t *node)
{
    struct handle *h = live_handle(handle);
    struct wire_node found;

    if (h == NULL)
        return -1;
    if (node == NULL)
        return invalid();
    if (fetch_node(h, nodeid, node->cn_name, &found) < 0)
        return -1;
    copy_node(node, &found);
    return 0;
}

int cman_get_quorum_device(cman_handle_t handle, cman_qdev_info_t *info)
{
    struct handle *h = live_handle(handle);
    struct wire_node found;

    if (h == NULL)
        return -1;
    if (info == NULL)
        return invalid();
    if (fetch_node(h, CMAN_NODEID_QDISK, NULL, &found) < 0)
        return -1;
    copy_name(info->qi_name, found.name);
    info->qi_state = (int)found.state;
    info->qi_votes = found.votes;
    return 0;
}

int cman_get_node_extra(cman_handle_t handle, int nodeid, cman_node_extra_t *extra)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (extra == NULL)
        return invalid();
    return request(h, WIRE_GETNODE_EXTRA, &nodeid, sizeof(nodeid), extra, sizeof(*extra), NULL);
}

int cman_get_node_addrs(cman_handle_t handle, int nodeid, int max, int *count,
                        cman_node_address_t *addrs)
{
    struct reply_addrs {
        struct wire_addrs_head head;
        struct wire_addr addrs[ADDRS_ROOM];
    } *found;
    struct handle *h = live_handle(handle);
    size_t length;
    int result, have, i;

    if (h == NULL)
        return -1;
    if (count == NULL || addrs == NULL || max < 1)
        return invalid();
    found = calloc(1, sizeof(*found));
    if (found == NULL)
        return -1;
    result = request(h, WIRE_GET_NODEADDRS, &nodeid, sizeof(nodeid), found, sizeof(*found),
                     &length);
    if (result >= 0) {
        have = length < sizeof(found->head)
                   ? 0
                   : (int)((length - sizeof(found->head)) / sizeof(found->addrs[0]));
        /* The count may be more than fits the caller's buffer, never more than was sent. */
        *count = found->head.count < have ? found->head.count : have;
        for (i = 0; i < *count && i < max; i++)
            copy_address(&addrs[i], found->addrs[i].addr, found->addrs[i].addrlen);
    } else {
        have = errno;
        free(found);
        errno = have;
        return -1;
    }
    free(found);
    return 0;
}

int cman_get_subsys_count(cman_handle_t handle)
{
    return request_plain(handle, WIRE_GET_JOINCOUNT);
}

int cman_is_active(cman_handle_t handle)
{
    return request_plain(handle, WIRE_ISACTIVE);
}

int cman_is_quorate(cman_handle_t handle)
{
    return request_plain(handle, WIRE_ISQUORATE);
}

int cman_is_listening(cman_handle_t handle, int nodeid, uint8_t port)
{
    const struct wire_listening asked = {.port = port, .nodeid = nodeid};
    struct handle *h = live_handle(handle);

    return h == NULL ? -1
                     : request(h, WIRE_ISLISTENING, &asked, sizeof(asked), NULL, 0, NULL);
}

int cman_get_version(cman_handle_t handle, cman_version_t *version)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (version == NULL)
        return invalid();
    return request(h, WIRE_GET_VERSION, NULL, 0, version, sizeof(*version), NULL);
}

int cman_get_cluster(cman_handle_t handle, cman_cluster_t *cluster)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (cluster == NULL)
        return invalid();
    return request(h, WIRE_GETCLUSTER, NULL, 0, cluster, sizeof(*cluster), NULL);
}

/* An answer over `maxlen` is dropped, and its status returned all the same. */
int cman_get_extra_info(cman_handle_t handle, cman_extra_info_t *info, int maxlen)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (info == NULL || maxlen < (int)sizeof(*info))
        return invalid();
    return request(h, WIRE_GETEXTRAINFO, NULL, 0, info, (size_t)maxlen, NULL);
}

/* `agent` has room for CMAN_MAX_FENCE_AGENT_NAME_LEN bytes and a NUL. */
int cman_get_fenceinfo(cman_handle_t handle, int nodeid, uint64_t *time, int *fenced, char *agent)
{
    struct handle *h = live_handle(handle);
    struct wire_fence found;
    size_t length;
    int result;

    if (h == NULL)
        return -1;
    if (time == NULL || fenced == NULL || agent == NULL)
        return invalid();
    result = request(h, WIRE_GET_FENCE_INFO, &nodeid, sizeof(nodeid), &found, sizeof(found),
                     &length);
    if (result < 0)
        return -1;
    if (length != sizeof(found))
        return invalid();
    *time = found.time;
    *fenced = (found.flags & WIRE_FENCED) != 0;
    length = strnlen(found.agent, CMAN_MAX_FENCE_AGENT_NAME_LEN - 1);
    memcpy(agent, found.agent, length);
    agent[length] = '\0';
    return 0;
}

/* The one request without a reply: nothing tells whether it arrived. */
int cman_replyto_shutdown(cman_handle_t handle, int yesno)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    (void)send_message(h, WIRE_SHUTDOWN_REPLY, 0, &yesno, sizeof(yesno), NULL, 0);
    return 0;
}
