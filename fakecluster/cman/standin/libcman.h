/*
 * libcman.h: membership, quorum and notices of a cluster that is managed by cman.
 *
 * The interface of libcman.so.3: its functions, the layout of what they fill in, and the numbers
 * that they take and give, as of cman 3.1 (before it, cman_update_quorum_device() was missing). A
 * program that is compiled with this header runs on the stand-in and on Red Hat's library alike.
 *
 * Functions that return int return -1 for an error, with errno set:
 *   EINVAL     a handle that is NULL or finished, or an argument that cannot be
 *   EHOSTDOWN  cman has closed the connection: it has ended. So is every later call of the handle
 *   EPERM      the call is for handles of cman_admin_init()
 *   another    cman's own answer
 * There are no time-outs: while cman hangs, a call does not return. A handle belongs to one thread
 * at a time. Any request may take in notices that are waiting; see cman_get_fd().
 *
 * The stand-in looks for cman's sockets in $CMAN_SOCKET_DIR, where that is set, and in /var/run.
 *
 * Copyright 2026 The o2cbd developers
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIBCMAN_H
#define LIBCMAN_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- limits: bytes, without the NUL ---- */

#define CMAN_MAX_NODENAME_LEN 255
#define CMAN_MAX_CLUSTERNAME_LEN 16
#define CMAN_MAX_FENCE_AGENT_NAME_LEN 255
#define CMAN_MAX_MESSAGE_LEN 1500
#define CMAN_MAX_BARRIER_NAME_LEN 33
#define CMAN_MAX_ADDRESS_LEN 28 /* a sockaddr_in6 */

/* ---- node ids with a meaning ---- */

#define CMAN_NODEID_US 0
#define CMAN_NODEID_QDISK (-1) /* asks for the quorum device, which is listed with id 0 */

/* ---- reasons of a notice, and what its `arg` is ---- */

#define CMAN_REASON_PORTCLOSED 0    /* the node's id */
#define CMAN_REASON_STATECHANGE 1   /* 1: quorate, 0: not; the list may be the same as before */
#define CMAN_REASON_PORTOPENED 2    /* the node's id */
#define CMAN_REASON_TRY_SHUTDOWN 3  /* CMAN_SHUTDOWN_*; answer by cman_replyto_shutdown(), once */
#define CMAN_REASON_CONFIG_UPDATE 4 /* the configuration's version */

/* ---- how cman_dispatch() works ---- */

#define CMAN_DISPATCH_ONE 0      /* at most one message */
#define CMAN_DISPATCH_ALL 1      /* all that is there */
#define CMAN_DISPATCH_BLOCKING 2 /* wait for one */
#define CMAN_DISPATCH_TYPE_MASK 3
#define CMAN_DISPATCH_IGNORE_REPLY 4  /* leave these queued */
#define CMAN_DISPATCH_IGNORE_DATA 8   /* leave these queued */
#define CMAN_DISPATCH_IGNORE_EVENT 16 /* leave these queued */

/* ---- flags of cman_shutdown() and cman_leave_cluster() ---- */

#define CMAN_SHUTDOWN_ANYWAY 1  /* whatever is answered */
#define CMAN_SHUTDOWN_REMOVED 2 /* for good: the others lower what they expect */

#define CMAN_LEAVEFLAG_DOWN 0
#define CMAN_LEAVEFLAG_REMOVED 3
#define CMAN_LEAVEFLAG_FORCE 0x10

/* ---- cnx_state, qi_state, ei_node_state ---- */

#define CMAN_NODE_STATE_JOINING 1
#define CMAN_NODE_STATE_MEMBER 2
#define CMAN_NODE_STATE_DEAD 3 /* never seen, too */
#define CMAN_NODE_STATE_LEAVING 4
#define CMAN_NODE_STATE_DISALLOWED 5

/* ---- cnx_leave_reason ---- */

#define CMAN_LEAVE_REASON_DOWN 0
#define CMAN_LEAVE_REASON_KILLED 1
#define CMAN_LEAVE_REASON_PANIC 2
#define CMAN_LEAVE_REASON_REMOVED 3
#define CMAN_LEAVE_REASON_REJECTED 4
#define CMAN_LEAVE_REASON_INCONSISTENT 5
#define CMAN_LEAVE_REASON_DEAD 6
#define CMAN_LEAVE_REASON_NORESPONSE 7

/* ---- ei_flags ---- */

#define CMAN_EXTRA_FLAG_2NODE 1
#define CMAN_EXTRA_FLAG_ERROR 2
#define CMAN_EXTRA_FLAG_SHUTDOWN 4
#define CMAN_EXTRA_FLAG_DISALLOWED 8
#define CMAN_EXTRA_FLAG_DIRTY 16
#define CMAN_EXTRA_FLAG_DISALLOWED_ENABLED 32

/* ---- what is filled in ---- */

typedef struct {
    int cna_addrlen;
    char cna_address[CMAN_MAX_ADDRESS_LEN]; /* a sockaddr, not aligned as one; its port is 0 */
} cman_node_address_t;

typedef struct {
    int cn_nodeid;
    cman_node_address_t cn_address; /* of its first interface; means nothing unless cn_member */
    char cn_name[CMAN_MAX_NODENAME_LEN + 1];
    int cn_member;               /* 1: is a member now */
    unsigned int cn_incarnation; /* another one after each join, as this node counts */
    struct timeval cn_jointime;
} cman_node_t;

typedef struct {
    int cnx_nodeid; /* as it was asked for */
    int cnx_state;
    int cnx_votes;
    int cnx_expected_votes;
    int cnx_leave_reason;
} cman_node_extra_t;

typedef struct {
    unsigned int cv_major; /* 6.2.0, in every cman that has libcman.so.3 */
    unsigned int cv_minor;
    unsigned int cv_patch;
    unsigned int cv_config; /* of the cluster's configuration */
} cman_version_t;

typedef struct {
    char ci_name[CMAN_MAX_CLUSTERNAME_LEN + 1];
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
    char ei_ports[32]; /* a bit for each port that is bound */
    int ei_num_addresses;
    char ei_addresses[1]; /* so many multicast sockaddr_storage, then so many of the interfaces */
} cman_extra_info_t;

typedef struct {
    char qi_name[CMAN_MAX_NODENAME_LEN + 1];
    int qi_state;
    int qi_votes;
} cman_qdev_info_t;

/* ---- a connection ---- */

typedef void *cman_handle_t;

/* `priv` comes back in callbacks. NULL: errno is connect()'s; ENOENT and ECONNREFUSED: no cman. */
cman_handle_t cman_init(void *priv);
/* The same for calls that change something; it gets no notices. */
cman_handle_t cman_admin_init(void *priv);
int cman_finish(cman_handle_t handle);
int cman_setprivdata(cman_handle_t handle, void *priv);
int cman_getprivdata(cman_handle_t handle, void **priv);

/* ---- notices ---- */

typedef void (*cman_callback_t)(cman_handle_t handle, void *priv, int reason, int arg);
typedef void (*cman_confchgcallback_t)(cman_handle_t handle, void *priv, unsigned int *members,
                                       int member_count, unsigned int *left, int left_count,
                                       unsigned int *joined, int joined_count);

int cman_start_notification(cman_handle_t handle, cman_callback_t callback);
int cman_stop_notification(cman_handle_t handle);
int cman_start_confchg(cman_handle_t handle, cman_confchgcallback_t callback);
int cman_stop_confchg(cman_handle_t handle);

/* What to wait for with poll(). Another one while messages are queued: ask before every wait. */
int cman_get_fd(cman_handle_t handle);
/* Calls callbacks in this thread. CMAN_DISPATCH_ALL returns 0, whether it called any or none. */
int cman_dispatch(cman_handle_t handle, int flags);

/* ---- nodes ---- */

/* Members or not, and the quorum device. */
int cman_get_node_count(cman_handle_t handle);
/* Ordered by id. EINVAL: there are more than `max`. ENOENT: this node is no member yet. */
int cman_get_nodes(cman_handle_t handle, int max, int *count, cman_node_t *nodes);
int cman_get_disallowed_nodes(cman_handle_t handle, int max, int *count, cman_node_t *nodes);
/* By name where `node->cn_name` is not empty, else by id. ENOENT: unknown. */
int cman_get_node(cman_handle_t handle, int nodeid, cman_node_t *node);
int cman_get_node_extra(cman_handle_t handle, int nodeid, cman_node_extra_t *extra);
/* `*count` may be more than `max`; it is 0 for a node that is no member. */
int cman_get_node_addrs(cman_handle_t handle, int nodeid, int max, int *count,
                        cman_node_address_t *addrs);

/* ---- the cluster ---- */

int cman_is_active(cman_handle_t handle);  /* 1: this node is a member */
int cman_is_quorate(cman_handle_t handle); /* 1 or 0 */
int cman_get_version(cman_handle_t handle, cman_version_t *version);
int cman_get_cluster(cman_handle_t handle, cman_cluster_t *cluster);
/* `maxlen`: the room behind `info`, whose end depends on the number of addresses. */
int cman_get_extra_info(cman_handle_t handle, cman_extra_info_t *info, int maxlen);
int cman_get_subsys_count(cman_handle_t handle); /* open connections, of both kinds */

/* ---- orders; for handles of cman_admin_init() ---- */

int cman_set_version(cman_handle_t handle, const cman_version_t *version);
int cman_set_votes(cman_handle_t handle, int votes, int nodeid);
int cman_set_expected_votes(cman_handle_t handle, int expected);
int cman_set_dirty(cman_handle_t handle);
int cman_set_debuglog(cman_handle_t handle, int subsystems);
int cman_kill_node(cman_handle_t handle, int nodeid);
/* Leaves at once; nobody is asked. `reason`: CMAN_LEAVEFLAG_*. */
int cman_leave_cluster(cman_handle_t handle, int reason);
/* Asks everybody who takes notices. EBUSY: somebody said no, or nothing. EALREADY: one is asked. */
int cman_shutdown(cman_handle_t handle, int flags);
/* The answer to CMAN_REASON_TRY_SHUTDOWN, on the handle that was asked. Always 0. */
int cman_replyto_shutdown(cman_handle_t handle, int yesno);

/* ---- fencing ---- */

/* For administrators. `time`: in seconds since 1970. */
int cman_node_fenced(cman_handle_t handle, int nodeid, uint64_t time, char *agent);
/* `agent`: room for CMAN_MAX_FENCE_AGENT_NAME_LEN + 1 bytes. */
int cman_get_fenceinfo(cman_handle_t handle, int nodeid, uint64_t *time, int *fenced, char *agent);

/* ---- messages to programs on other nodes, by ports ---- */

typedef void (*cman_datacallback_t)(cman_handle_t handle, void *priv, char *buf, int len,
                                    uint8_t port, int nodeid);

/* Returns the bytes sent, with the header. `nodeid` 0: to all nodes. */
int cman_send_data(cman_handle_t handle, const void *buf, int len, int flags, uint8_t port,
                   int nodeid);
int cman_start_recv_data(cman_handle_t handle, cman_datacallback_t callback, uint8_t port);
int cman_end_recv_data(cman_handle_t handle);
int cman_is_listening(cman_handle_t handle, int nodeid, uint8_t port);

/* ---- barriers: ENOSYS in the stand-in ---- */

int cman_barrier_register(cman_handle_t handle, const char *name, int flags, int nodes);
int cman_barrier_change(cman_handle_t handle, const char *name, int flags, int arg);
int cman_barrier_wait(cman_handle_t handle, const char *name);
int cman_barrier_delete(cman_handle_t handle, const char *name);

/* ---- a quorum device, of which this node speaks for its own vote; for administrators ---- */

int cman_register_quorum_device(cman_handle_t handle, char *name, int votes);
int cman_unregister_quorum_device(cman_handle_t handle);
int cman_poll_quorum_device(cman_handle_t handle, int available);
int cman_update_quorum_device(cman_handle_t handle, char *name, int votes);
/* For everybody. ENOENT: there is none. */
int cman_get_quorum_device(cman_handle_t handle, cman_qdev_info_t *info);

#ifdef __cplusplus
}
#endif

#endif
