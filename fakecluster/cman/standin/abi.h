/* The binary interface of libcman.so.3: what a program compiled against it relies on. */
#ifndef STANDIN_ABI_H
#define STANDIN_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#define CMAN_DISPATCH_ONE 0
#define CMAN_DISPATCH_ALL 1
#define CMAN_DISPATCH_BLOCKING 2
#define CMAN_DISPATCH_TYPE_MASK 3
#define CMAN_DISPATCH_IGNORE_REPLY 4
#define CMAN_DISPATCH_IGNORE_DATA 8
#define CMAN_DISPATCH_IGNORE_EVENT 16

#define CMAN_NODE_STATE_MEMBER 2
#define CMAN_NODE_STATE_DISALLOWED 5

#define CMAN_NODEID_QDISK (-1)

#define CMAN_NODE_NAME_MAX 255
#define CMAN_FENCE_AGENT_NAME_MAX 255
#define CMAN_MESSAGE_MAX 1500
#define CMAN_BARRIER_NAME_MAX 33

typedef void *cman_handle_t;

typedef void (*cman_callback_t)(cman_handle_t, void *priv, int reason, int arg);
typedef void (*cman_datacallback_t)(cman_handle_t, void *priv, char *buf, int len, uint8_t port,
                                    int nodeid);
typedef void (*cman_confchgcallback_t)(cman_handle_t, void *priv, unsigned int *members,
                                       int member_count, unsigned int *left, int left_count,
                                       unsigned int *joined, int joined_count);

typedef struct {
    int cna_addrlen;
    char cna_address[28];
} cman_node_address_t;

typedef struct {
    int cn_nodeid;
    cman_node_address_t cn_address;
    char cn_name[CMAN_NODE_NAME_MAX + 1];
    int cn_member;
    unsigned int cn_incarnation;
    struct timeval cn_jointime;
} cman_node_t;

typedef struct {
    int cnx_nodeid;
    int cnx_state;
    int cnx_votes;
    int cnx_expected_votes;
    int cnx_leave_reason;
} cman_node_extra_t;

typedef struct {
    unsigned int cv_major;
    unsigned int cv_minor;
    unsigned int cv_patch;
    unsigned int cv_config;
} cman_version_t;

typedef struct {
    char ci_name[17];
    uint16_t ci_number;
    uint32_t ci_generation;
} cman_cluster_t;

typedef struct {
    int ei_node_state;
    int ei_flags;
    int ei_node_votes;
    int ei_total_votes;
    int ei_expected_votes;
    int ei_quorum;
    int ei_members;
    char ei_ports[32];
    int ei_num_addresses;
    char ei_addresses[1]; /* sockaddr_storage: multicast addresses, then interfaces */
} cman_extra_info_t;

typedef struct {
    char qi_name[CMAN_NODE_NAME_MAX + 1];
    int qi_state;
    int qi_votes;
} cman_qdev_info_t;

#define LAYOUT(type, member, at) \
    _Static_assert(offsetof(type, member) == (at), #type "." #member " is out of place")
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has a wrong size")

SIZE(cman_node_address_t, 32);
LAYOUT(cman_node_address_t, cna_address, 4);
LAYOUT(cman_node_t, cn_address, 4);
LAYOUT(cman_node_t, cn_name, 36);
LAYOUT(cman_node_t, cn_member, 292);
LAYOUT(cman_node_t, cn_incarnation, 296);
#if defined(__LP64__)
LAYOUT(cman_node_t, cn_jointime, 304);
SIZE(cman_node_t, 320);
#endif
SIZE(cman_node_extra_t, 20);
LAYOUT(cman_node_extra_t, cnx_leave_reason, 16);
SIZE(cman_version_t, 16);
SIZE(cman_cluster_t, 24);
LAYOUT(cman_cluster_t, ci_number, 18);
LAYOUT(cman_cluster_t, ci_generation, 20);
SIZE(cman_extra_info_t, 68);
LAYOUT(cman_extra_info_t, ei_members, 24);
LAYOUT(cman_extra_info_t, ei_ports, 28);
LAYOUT(cman_extra_info_t, ei_num_addresses, 60);
LAYOUT(cman_extra_info_t, ei_addresses, 64);
SIZE(cman_qdev_info_t, 264);
LAYOUT(cman_qdev_info_t, qi_state, 256);
LAYOUT(cman_qdev_info_t, qi_votes, 260);

cman_handle_t cman_init(void *priv);
cman_handle_t cman_admin_init(void *priv);
int cman_finish(cman_handle_t);
int cman_setprivdata(cman_handle_t, void *priv);
int cman_getprivdata(cman_handle_t, void **priv);

int cman_start_notification(cman_handle_t, cman_callback_t);
int cman_stop_notification(cman_handle_t);
int cman_start_confchg(cman_handle_t, cman_confchgcallback_t);
int cman_stop_confchg(cman_handle_t);
int cman_get_fd(cman_handle_t);
int cman_dispatch(cman_handle_t, int flags);

int cman_get_node_count(cman_handle_t);
int cman_get_nodes(cman_handle_t, int max, int *count, cman_node_t *nodes);
int cman_get_disallowed_nodes(cman_handle_t, int max, int *count, cman_node_t *nodes);
int cman_get_node(cman_handle_t, int nodeid, cman_node_t *node);
int cman_get_node_extra(cman_handle_t, int nodeid, cman_node_extra_t *extra);
int cman_get_node_addrs(cman_handle_t, int nodeid, int max, int *count, cman_node_address_t *);
int cman_get_subsys_count(cman_handle_t);
int cman_is_active(cman_handle_t);
int cman_is_quorate(cman_handle_t);
int cman_is_listening(cman_handle_t, int nodeid, uint8_t port);
int cman_get_version(cman_handle_t, cman_version_t *);
int cman_get_cluster(cman_handle_t, cman_cluster_t *);
int cman_get_extra_info(cman_handle_t, cman_extra_info_t *, int maxlen);
int cman_get_fenceinfo(cman_handle_t, int nodeid, uint64_t *time, int *fenced, char *agent);
int cman_replyto_shutdown(cman_handle_t, int yesno);

int cman_set_version(cman_handle_t, const cman_version_t *);
int cman_set_votes(cman_handle_t, int votes, int nodeid);
int cman_set_expected_votes(cman_handle_t, int expected);
int cman_set_dirty(cman_handle_t);
int cman_set_debuglog(cman_handle_t, int subsystems);
int cman_kill_node(cman_handle_t, int nodeid);
int cman_leave_cluster(cman_handle_t, int reason);
int cman_shutdown(cman_handle_t, int flags);
int cman_node_fenced(cman_handle_t, int nodeid, uint64_t time, char *agent);

int cman_send_data(cman_handle_t, const void *buf, int len, int flags, uint8_t port, int nodeid);
int cman_start_recv_data(cman_handle_t, cman_datacallback_t, uint8_t port);
int cman_end_recv_data(cman_handle_t);

int cman_barrier_register(cman_handle_t, const char *name, int flags, int nodes);
int cman_barrier_change(cman_handle_t, const char *name, int flags, int arg);
int cman_barrier_wait(cman_handle_t, const char *name);
int cman_barrier_delete(cman_handle_t, const char *name);

int cman_register_quorum_device(cman_handle_t, char *name, int votes);
int cman_unregister_quorum_device(cman_handle_t);
int cman_poll_quorum_device(cman_handle_t, int available);
int cman_update_quorum_device(cman_handle_t, char *name, int votes);
int cman_get_quorum_device(cman_handle_t, cman_qdev_info_t *);

#endif
