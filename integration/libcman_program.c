/*
 * Calls every function of libcman.h on a node of a cluster that is up, and checks what each gives.
 *
 *     libcman_program OWN-ID OTHER-ID CLUSTER
 *
 * The node has the first id, another member the second one, and the third and last member any. A
 * line of standard output for each function, the first time that it is called; at the first result
 * that is wrong it ends with 1 and says which. In the end it kills the other node, and leaves.
 */
#include <errno.h>
#include <libcman.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEMBERS 3
#define ROOM 64
#define PORT 201
#define NO_SUCH_NODE 4999
#define PATIENCE_S 60 /* a token may be lost by a machine that is shared */
#define LOOK_MS 100

/* Calls a function of the table; the table is what was printed. */
#define CALL(function, ...) (note(#function), function(__VA_ARGS__))
#define SUCCEEDS(...) succeeds(__LINE__, #__VA_ARGS__, __VA_ARGS__)
#define FAILS(code, ...) fails(__LINE__, #__VA_ARGS__, code, __VA_ARGS__)
#define CHECK(condition) check(__LINE__, #condition, (condition))

static struct {
    int notices;
    int quorate; /* of the last STATECHANGE */
    int shutdowns;
    int confchgs;
    int datas;
} seen;

static void note(const char *function)
{
    static const char *noted[64];
    static int count;
    int i;

    for (i = 0; i < count; i++)
        if (strcmp(noted[i], function) == 0)
            return;
    noted[count++] = function;
    printf("%s\n", function);
    fflush(stdout);
}

static void wrong(int line, const char *format, ...)
{
    va_list values;

    fprintf(stderr, "line %d: ", line);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

static void check(int line, const char *what, int holds)
{
    if (!holds)
        wrong(line, "not so: %s", what);
}

static int succeeds(int line, const char *what, int result)
{
    if (result < 0)
        wrong(line, "%s: %s", what, strerror(errno));
    return result;
}

static void fails(int line, const char *what, int code, int result)
{
    if (result >= 0)
        wrong(line, "%s gives %d and should fail: %s", what, result, strerror(code));
    if (errno != code)
        wrong(line, "%s: %s; it should be: %s", what, strerror(errno), strerror(code));
}

/* ---- callbacks ---- */

static void take_notice(cman_handle_t handle, void *priv, int reason, int arg)
{
    CHECK(handle != NULL && priv == &seen);
    seen.notices++;
    if (reason == CMAN_REASON_STATECHANGE)
        seen.quorate = arg;
    if (reason == CMAN_REASON_TRY_SHUTDOWN) {
        CHECK((arg & CMAN_SHUTDOWN_ANYWAY) == 0);
        seen.shutdowns++;
        SUCCEEDS(CALL(cman_replyto_shutdown, handle, 0));
    }
}

static void take_confchg(cman_handle_t handle, void *priv, unsigned int *members, int member_count,
                         unsigned int *left, int left_count, unsigned int *joined,
                         int joined_count)
{
    CHECK(handle != NULL && priv == &seen);
    CHECK(member_count == 0 || members != NULL);
    CHECK(left_count == 0 || left != NULL);
    CHECK(joined_count == 0 || joined != NULL);
    seen.confchgs++;
}

static void take_data(cman_handle_t handle, void *priv, char *buf, int len, uint8_t port, int nodeid)
{
    CHECK(handle != NULL && priv == &seen && buf != NULL && len >= 0 && port == PORT);
    CHECK(nodeid > 0);
    seen.datas++;
}

/* ---- waiting ---- */

static time_t deadline(void)
{
    return time(NULL) + PATIENCE_S;
}

/* Waits for messages for a moment, and dispatches what is there. */
static void listen_once(cman_handle_t client)
{
    struct pollfd fd = {.fd = SUCCEEDS(CALL(cman_get_fd, client)), .events = POLLIN};

    if (poll(&fd, 1, LOOK_MS) > 0)
        SUCCEEDS(CALL(cman_dispatch, client, CMAN_DISPATCH_ALL));
}

static void wait_notice(cman_handle_t client, int more_than)
{
    const time_t end = deadline();

    while (seen.notices <= more_than) {
        listen_once(client);
        if (time(NULL) > end)
            wrong(__LINE__, "no notice came within %d s", PATIENCE_S);
    }
}

/* ---- the groups of functions ---- */

static void check_connections(cman_handle_t client, cman_handle_t admin)
{
    static int mark;
    void *given = &mark;

    SUCCEEDS(CALL(cman_getprivdata, client, &given));
    CHECK(given == NULL);
    SUCCEEDS(CALL(cman_setprivdata, client, &mark));
    SUCCEEDS(CALL(cman_getprivdata, client, &given));
    CHECK(given == &mark);
    SUCCEEDS(cman_setprivdata(client, &seen));
    FAILS(EINVAL, cman_getprivdata(client, NULL));
    FAILS(EINVAL, cman_is_active(NULL));
    CHECK(SUCCEEDS(CALL(cman_get_subsys_count, client)) >= 2);
    CHECK(SUCCEEDS(CALL(cman_get_fd, client)) != SUCCEEDS(cman_get_fd(admin)));
    CHECK(SUCCEEDS(CALL(cman_dispatch, client, CMAN_DISPATCH_ALL)) == 0);
}

static void check_cluster(cman_handle_t client, const char *name)
{
    _Alignas(cman_extra_info_t) char room[8192];
    cman_extra_info_t *extra = (cman_extra_info_t *)room;
    cman_cluster_t cluster;
    cman_version_t version;

    CHECK(SUCCEEDS(CALL(cman_is_active, client)) == 1);
    CHECK(SUCCEEDS(CALL(cman_is_quorate, client)) == 1);
    SUCCEEDS(CALL(cman_get_cluster, client, &cluster));
    CHECK(strcmp(cluster.ci_name, name) == 0);
    CHECK(cluster.ci_generation != 0);
    SUCCEEDS(CALL(cman_get_version, client, &version));
    CHECK(version.cv_major == 6 && version.cv_minor == 2 && version.cv_patch == 0);
    CHECK(version.cv_config >= 1);
    SUCCEEDS(CALL(cman_get_extra_info, client, extra, sizeof(room)));
    CHECK(extra->ei_node_state == CMAN_NODE_STATE_MEMBER);
    CHECK((extra->ei_flags & (CMAN_EXTRA_FLAG_ERROR | CMAN_EXTRA_FLAG_SHUTDOWN)) == 0);
    CHECK(extra->ei_members == MEMBERS && extra->ei_node_votes == 1);
    CHECK(extra->ei_total_votes == MEMBERS && extra->ei_expected_votes == MEMBERS);
    CHECK(extra->ei_quorum == MEMBERS / 2 + 1);
    CHECK(extra->ei_num_addresses >= 1);
    FAILS(EINVAL, cman_get_extra_info(client, extra, 1));
}

static const cman_node_t *listed(const cman_node_t *nodes, int count, int nodeid)
{
    int i;

    for (i = 0; i < count; i++)
        if (nodes[i].cn_nodeid == nodeid)
            return &nodes[i];
    wrong(__LINE__, "node %d is not listed", nodeid);
    return NULL;
}

static void check_nodes(cman_handle_t client, int own, int other)
{
    cman_node_address_t addresses[8];
    cman_node_t nodes[ROOM], one;
    const cman_node_t *peer;
    cman_node_extra_t extra;
    struct sockaddr_in address;
    int count = -1, i;

    CHECK(SUCCEEDS(CALL(cman_get_node_count, client)) >= MEMBERS);
    SUCCEEDS(CALL(cman_get_nodes, client, ROOM, &count, nodes));
    CHECK(count == SUCCEEDS(cman_get_node_count(client)));
    for (i = 1; i < count; i++)
        CHECK(nodes[i - 1].cn_nodeid < nodes[i].cn_nodeid);
    FAILS(EINVAL, cman_get_nodes(client, 1, &i, &one));

    peer = listed(nodes, count, other);
    CHECK(peer->cn_member == 1 && peer->cn_incarnation != 0 && peer->cn_jointime.tv_sec != 0);
    CHECK(peer->cn_address.cna_addrlen == sizeof(address));
    memcpy(&address, peer->cn_address.cna_address, sizeof(address));
    CHECK(address.sin_family == AF_INET && address.sin_port == 0);
    CHECK(address.sin_addr.s_addr != 0);

    SUCCEEDS(CALL(cman_get_disallowed_nodes, client, ROOM, &i, nodes + count));
    CHECK(i == 0);

    memset(&one, 0, sizeof(one));
    SUCCEEDS(CALL(cman_get_node, client, CMAN_NODEID_US, &one));
    CHECK(one.cn_nodeid == own && one.cn_member == 1);
    CHECK(strcmp(one.cn_name, listed(nodes, count, own)->cn_name) == 0);
    memset(&one, 0, sizeof(one));
    strcpy(one.cn_name, peer->cn_name);
    SUCCEEDS(cman_get_node(client, 0, &one));
    CHECK(one.cn_nodeid == other);
    memset(&one, 0, sizeof(one));
    FAILS(ENOENT, cman_get_node(client, NO_SUCH_NODE, &one));

    SUCCEEDS(CALL(cman_get_node_extra, client, other, &extra));
    CHECK(extra.cnx_nodeid == other && extra.cnx_state == CMAN_NODE_STATE_MEMBER);
    CHECK(extra.cnx_votes == 1 && extra.cnx_expected_votes == MEMBERS);
    FAILS(EINVAL, cman_get_node_extra(client, NO_SUCH_NODE, &extra));

    SUCCEEDS(CALL(cman_get_node_addrs, client, other, 8, &i, addresses));
    CHECK(i >= 1 && addresses[0].cna_addrlen == sizeof(address));
    CHECK(memcmp(addresses[0].cna_address, &address, sizeof(address)) == 0);
    FAILS(EINVAL, cman_get_node_addrs(client, NO_SUCH_NODE, 8, &i, addresses));
}

static void check_notices(cman_handle_t client, cman_handle_t admin)
{
    FAILS(EINVAL, cman_start_notification(client, NULL));
    FAILS(EINVAL, cman_start_notification(admin, take_notice));
    SUCCEEDS(CALL(cman_start_notification, client, take_notice));
    SUCCEEDS(CALL(cman_start_confchg, client, take_confchg));
}

static void check_votes(cman_handle_t client, cman_handle_t admin, int own)
{
    cman_node_extra_t extra;
    time_t end = deadline();
    int votes, before;

    FAILS(EPERM, cman_set_votes(client, 1, own));
    FAILS(EPERM, cman_set_expected_votes(client, MEMBERS));
    for (votes = 2; votes >= 1; votes--) {
        SUCCEEDS(CALL(cman_set_votes, admin, votes, own));
        do {
            SUCCEEDS(cman_get_node_extra(client, own, &extra));
            listen_once(client);
            CHECK(time(NULL) <= end);
        } while (extra.cnx_votes != votes);
    }
    FAILS(EINVAL, CALL(cman_set_expected_votes, admin, 99));
    /* More votes were counted meanwhile, and quorum goes down by order alone. */
    before = seen.notices;
    SUCCEEDS(cman_set_expected_votes(admin, MEMBERS));
    wait_notice(client, before);
    CHECK(seen.quorate == 1);
}

static void check_version(cman_handle_t client, cman_handle_t admin)
{
    cman_version_t version;

    SUCCEEDS(cman_get_version(client, &version));
    FAILS(EPERM, cman_set_version(client, &version));
    SUCCEEDS(CALL(cman_set_version, admin, &version));
    version.cv_major++;
    FAILS(EINVAL, cman_set_version(admin, &version));
    SUCCEEDS(CALL(cman_set_debuglog, admin, 0));
    FAILS(EPERM, cman_set_dirty(client));
    SUCCEEDS(CALL(cman_set_dirty, admin));
}

static void check_fencing(cman_handle_t client, cman_handle_t admin, int other)
{
    char agent[CMAN_MAX_FENCE_AGENT_NAME_LEN + 1], given[] = "fence_by_hand";
    const uint64_t now = (uint64_t)time(NULL);
    const time_t end = deadline();
    uint64_t when = 0;
    int fenced = -1;

    SUCCEEDS(CALL(cman_get_fenceinfo, client, other, &when, &fenced, agent));
    CHECK(fenced == 0);
    FAILS(EPERM, cman_node_fenced(client, other, now, given));
    FAILS(EINVAL, cman_node_fenced(admin, NO_SUCH_NODE, now, given));
    SUCCEEDS(CALL(cman_node_fenced, admin, other, now, given));
    do {
        SUCCEEDS(cman_get_fenceinfo(client, other, &when, &fenced, agent));
        CHECK(time(NULL) <= end);
    } while (fenced == 0);
    CHECK(when == now && strcmp(agent, given) == 0);
}

static void check_messages(cman_handle_t client, int own, int other)
{
    const cman_handle_t second = cman_init(&seen);
    const time_t end = deadline();
    int listening;

    CHECK(second != NULL);
    SUCCEEDS(CALL(cman_start_recv_data, client, take_data, PORT));
    FAILS(EADDRINUSE, cman_start_recv_data(second, take_data, PORT));
    CHECK(SUCCEEDS(CALL(cman_is_listening, client, own, PORT)) == 1);
    /* EBUSY: it is asked of the other node first. */
    while ((listening = cman_is_listening(client, other, PORT)) < 0 && errno == EBUSY)
        CHECK(time(NULL) <= end);
    CHECK(listening == 0);
    FAILS(ENOENT, cman_is_listening(client, NO_SUCH_NODE, PORT));
    CHECK(SUCCEEDS(CALL(cman_send_data, client, "hello", 5, 0, PORT, other)) == 20 + 8 + 5);
    FAILS(EINVAL, cman_send_data(client, "hello", CMAN_MAX_MESSAGE_LEN + 1, 0, PORT, other));
    SUCCEEDS(CALL(cman_end_recv_data, client));
    SUCCEEDS(cman_finish(second));
}

static void check_barriers(cman_handle_t client)
{
    FAILS(ENOSYS, CALL(cman_barrier_register, client, "one", 0, 2));
    FAILS(ENOSYS, CALL(cman_barrier_change, client, "one", 0, 0));
    FAILS(ENOSYS, CALL(cman_barrier_wait, client, "one"));
    FAILS(ENOSYS, CALL(cman_barrier_delete, client, "one"));
    FAILS(EINVAL, cman_barrier_wait(client, NULL));
}

static void check_quorum_device(cman_handle_t client, cman_handle_t admin)
{
    char name[] = "/dev/disk0";
    cman_qdev_info_t info;

    FAILS(ENOENT, CALL(cman_get_quorum_device, client, &info));
    FAILS(EINVAL, CALL(cman_poll_quorum_device, admin, 1));
    FAILS(EINVAL, CALL(cman_update_quorum_device, admin, name, 1));
    FAILS(EINVAL, CALL(cman_unregister_quorum_device, admin));
    FAILS(EPERM, cman_register_quorum_device(client, name, 1));
    SUCCEEDS(CALL(cman_register_quorum_device, admin, name, 1));
    SUCCEEDS(cman_poll_quorum_device(admin, 1));
    SUCCEEDS(cman_update_quorum_device(admin, name, 1));
    SUCCEEDS(cman_get_quorum_device(client, &info));
    CHECK(strcmp(info.qi_name, name) == 0 && info.qi_votes == 1);
    CHECK(info.qi_state == CMAN_NODE_STATE_MEMBER);
    SUCCEEDS(cman_poll_quorum_device(admin, 0));
    SUCCEEDS(cman_unregister_quorum_device(admin));
    FAILS(ENOENT, cman_get_quorum_device(client, &info));
}

struct request {
    cman_handle_t admin;
    int result;
    int code;
};

static void *ask_shutdown(void *given)
{
    struct request *request = given;

    request->result = cman_shutdown(request->admin, 0);
    request->code = errno;
    return NULL;
}

/* The one who asks waits for the answer, so it is asked in another thread, on its own handle. */
static void check_shutdown(cman_handle_t client, cman_handle_t admin)
{
    struct request request = {.admin = admin};
    const time_t end = deadline();
    pthread_t thread;

    FAILS(EPERM, CALL(cman_shutdown, client, 0));
    CHECK(pthread_create(&thread, NULL, ask_shutdown, &request) == 0);
    while (seen.shutdowns == 0) {
        listen_once(client);
        CHECK(time(NULL) <= end);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    FAILS(EBUSY, (errno = request.code, request.result));
    CHECK(SUCCEEDS(cman_is_active(client)) == 1);
}

static void check_kill(cman_handle_t client, cman_handle_t admin, int other)
{
    cman_node_extra_t extra;
    const time_t end = deadline();
    const int notices = seen.notices, confchgs = seen.confchgs;
    cman_node_t node;

    FAILS(EPERM, cman_kill_node(client, other));
    FAILS(EINVAL, CALL(cman_kill_node, admin, 0));
    FAILS(EINVAL, cman_kill_node(admin, NO_SUCH_NODE));
    SUCCEEDS(cman_kill_node(admin, other));
    wait_notice(client, notices);
    do {
        listen_once(client);
        CHECK(time(NULL) <= end);
        memset(&node, 0, sizeof(node));
        SUCCEEDS(cman_get_node(client, other, &node));
        SUCCEEDS(cman_get_node_extra(client, other, &extra));
    } while (node.cn_member || extra.cnx_state != CMAN_NODE_STATE_DEAD ||
             seen.confchgs == confchgs);
    CHECK(SUCCEEDS(cman_is_quorate(client)) == 1);
}

static void check_leave(cman_handle_t client, cman_handle_t admin)
{
    const time_t end = deadline();

    SUCCEEDS(CALL(cman_stop_confchg, client));
    SUCCEEDS(CALL(cman_stop_notification, client));
    FAILS(EPERM, cman_leave_cluster(client, CMAN_LEAVEFLAG_DOWN));
    SUCCEEDS(CALL(cman_leave_cluster, admin, CMAN_LEAVEFLAG_DOWN));
    /* A request that cman had no time to read may be answered by ECONNRESET first. */
    while (cman_is_active(client) >= 0 || errno == ECONNRESET)
        CHECK(time(NULL) <= end);
    FAILS(EHOSTDOWN, cman_is_active(client));
    FAILS(EHOSTDOWN, cman_dispatch(client, CMAN_DISPATCH_ALL));
    SUCCEEDS(CALL(cman_finish, client));
    SUCCEEDS(cman_finish(admin));
}

int main(int argc, char **argv)
{
    cman_handle_t client, admin;
    int own, other;

    if (argc != 4) {
        fprintf(stderr, "usage: %s OWN-ID OTHER-ID CLUSTER\n", argv[0]);
        return 64;
    }
    own = atoi(argv[1]);
    other = atoi(argv[2]);
    client = CALL(cman_init, NULL);
    CHECK(client != NULL);
    admin = CALL(cman_admin_init, NULL);
    CHECK(admin != NULL);

    check_connections(client, admin);
    check_cluster(client, argv[3]);
    check_nodes(client, own, other);
    check_notices(client, admin);
    check_quorum_device(client, admin);
    check_votes(client, admin, own);
    check_version(client, admin);
    check_fencing(client, admin, other);
    check_messages(client, own, other);
    check_barriers(client);
    check_shutdown(client, admin);
    check_kill(client, admin, other);
    check_leave(client, admin);
    return 0;
}
