/* Orders to cman, messages to other nodes, and the quorum device. */
#include "handle.h"

#include <errno.h>
#include <string.h>

static int invalid(void)
{
    errno = EINVAL;
    return -1;
}

int cman_set_version(cman_handle_t handle, const cman_version_t *version)
{
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (version == NULL)
        return invalid();
    return request(h, WIRE_SET_VERSION, version, sizeof(*version), NULL, 0, NULL);
}

int cman_set_votes(cman_handle_t handle, int votes, int nodeid)
{
    const struct wire_set_votes wanted = {.nodeid = nodeid, .votes = votes};
    struct handle *h = live_handle(handle);

    return h == NULL ? -1
                     : request(h, WIRE_SET_VOTES, &wanted, sizeof(wanted), NULL, 0, NULL);
}

int cman_set_expected_votes(cman_handle_t handle, int expected)
{
    return request_int(handle, WIRE_SETEXPECTED_VOTES, expected);
}

int cman_set_dirty(cman_handle_t handle)
{
    return request_plain(handle, WIRE_SET_DIRTY);
}

int cman_set_debuglog(cman_handle_t handle, int subsystems)
{
    return request_int(handle, WIRE_SET_DEBUGLOG, subsystems);
}

int cman_kill_node(cman_handle_t handle, int nodeid)
{
    if (live_handle(handle) == NULL)
        return -1;
    return nodeid == 0 ? invalid() : request_int(handle, WIRE_KILLNODE, nodeid);
}

int cman_leave_cluster(cman_handle_t handle, int reason)
{
    return request_int(handle, WIRE_LEAVE_CLUSTER, reason);
}

int cman_shutdown(cman_handle_t handle, int flags)
{
    return request_int(handle, WIRE_TRY_SHUTDOWN, flags);
}

int cman_node_fenced(cman_handle_t handle, int nodeid, uint64_t time, char *agent)
{
    struct wire_fence fence = {.nodeid = nodeid, .time = time};
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (agent == NULL || strlen(agent) >= sizeof(fence.agent))
        return invalid();
    memcpy(fence.agent, agent, strlen(agent));
    return request(h, WIRE_UPDATE_FENCE_INFO, &fence, sizeof(fence), NULL, 0, NULL);
}

/* Returns the bytes sent. cman answers only if it refuses; that goes to the data callback. */
int cman_send_data(cman_handle_t handle, const void *buf, int len, int flags, uint8_t port,
                   int nodeid)
{
    const struct wire_data target = {.nodeid = nodeid, .port = port};
    struct handle *h = live_handle(handle);

    if (h == NULL)
        return -1;
    if (len < 0 || len > CMAN_MAX_MESSAGE_LEN || (buf == NULL && len > 0))
        return invalid();
    return send_message(h, WIRE_DATA, (uint32_t)flags, &target, sizeof(target), buf, (size_t)len);
}

/* Votes, then the name with its NUL. */
static int name_quorum_device(cman_handle_t handle, uint32_t command, const char *name, int votes)
{
    char body[sizeof(int32_t) + CMAN_MAX_NODENAME_LEN + 1];
    const int32_t votes_sent = votes;
    struct handle *h = live_handle(handle);
    size_t length;

    if (h == NULL)
        return -1;
    if (name == NULL || strlen(name) > CMAN_MAX_NODENAME_LEN)
        return invalid();
    length = strlen(name) + 1;
    memcpy(body, &votes_sent, sizeof(votes_sent));
    memcpy(body + sizeof(votes_sent), name, length);
    return request(h, command, body, sizeof(votes_sent) + length, NULL, 0, NULL);
}

int cman_register_quorum_device(cman_handle_t handle, char *name, int votes)
{
    return name_quorum_device(handle, WIRE_REG_QUORUMDEV, name, votes);
}

int cman_update_quorum_device(cman_handle_t handle, char *name, int votes)
{
    return name_quorum_device(handle, WIRE_UPDATE_QUORUMDEV, name, votes);
}

int cman_unregister_quorum_device(cman_handle_t handle)
{
    return request_plain(handle, WIRE_UNREG_QUORUMDEV);
}

int cman_poll_quorum_device(cman_handle_t handle, int available)
{
    return request_int(handle, WIRE_POLL_QUORUMDEV, available);
}

/* The layout of a barrier's 48 bytes is not known here, so nothing is sent. */
static int no_barriers(cman_handle_t handle, const char *name)
{
    if (live_handle(handle) == NULL)
        return -1;
    if (name == NULL || strlen(name) > CMAN_MAX_BARRIER_NAME_LEN)
        return invalid();
    errno = ENOSYS;
    return -1;
}

int cman_barrier_register(cman_handle_t handle, const char *name, int flags, int nodes)
{
    (void)flags;
    (void)nodes;
    return no_barriers(handle, name);
}

int cman_barrier_change(cman_handle_t handle, const char *name, int flags, int arg)
{
    (void)flags;
    (void)arg;
    return no_barriers(handle, name);
}

int cman_barrier_wait(cman_handle_t handle, const char *name)
{
    return no_barriers(handle, name);
}

int cman_barrier_delete(cman_handle_t handle, const char *name)
{
    return no_barriers(handle, name);
}
