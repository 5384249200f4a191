"""Generates `_abi.py`: what the gate needs of corosync 3's libraries besides what o2cbd needs.

Layouts and signatures are those of libvotequorum 8, libcfg 7 and libcpg 4.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from o2cbd.abi_module import write_abi

CDEF = """
typedef int cs_error_t;

/* libvotequorum */
typedef uint64_t votequorum_handle_t;
struct votequorum_info {
    unsigned int node_id;
    unsigned int node_state;
    unsigned int node_votes;
    unsigned int node_expected_votes;
    unsigned int highest_expected;
    unsigned int total_votes;
    unsigned int quorum;
    unsigned int flags;
    unsigned int qdevice_votes;
    char qdevice_name[255];
};

typedef struct { uint32_t nodeid; uint32_t state; } votequorum_node_t;
typedef struct { uint32_t nodeid; uint64_t seq; } votequorum_ring_id_t;
typedef void (*votequorum_quorum_notification_fn_t)(votequorum_handle_t handle, uint64_t context,
                                                    uint32_t quorate, uint32_t node_list_entries,
                                                    votequorum_node_t *node_list);
typedef void (*votequorum_expectedvotes_notification_fn_t)(votequorum_handle_t handle,
                                                           uint64_t context,
                                                           uint32_t expected_votes);
typedef void (*votequorum_nodelist_notification_fn_t)(votequorum_handle_t handle,
                                                      uint64_t context,
                                                      votequorum_ring_id_t ring_id,
                                                      uint32_t node_list_entries,
                                                      uint32_t *node_list);
typedef struct {
    votequorum_quorum_notification_fn_t votequorum_quorum_notify_fn;
    votequorum_expectedvotes_notification_fn_t votequorum_expectedvotes_notify_fn;
    votequorum_nodelist_notification_fn_t votequorum_nodelist_notify_fn;
} votequorum_callbacks_t;

cs_error_t votequorum_initialize(votequorum_handle_t *handle, votequorum_callbacks_t *callbacks);
cs_error_t votequorum_finalize(votequorum_handle_t handle);
cs_error_t votequorum_fd_get(votequorum_handle_t handle, int *fd);
cs_error_t votequorum_dispatch(votequorum_handle_t handle, int dispatch_types);
cs_error_t votequorum_trackstart(votequorum_handle_t handle, uint64_t context, unsigned int flags);
cs_error_t votequorum_getinfo(votequorum_handle_t handle, unsigned int nodeid,
                              struct votequorum_info *info);
cs_error_t votequorum_setexpected(votequorum_handle_t handle, unsigned int expected_votes);
cs_error_t votequorum_setvotes(votequorum_handle_t handle, unsigned int nodeid,
                               unsigned int votes);

/* libcfg */
typedef uint64_t corosync_cfg_handle_t;
cs_error_t corosync_cfg_initialize(corosync_cfg_handle_t *handle, const void *callbacks);
cs_error_t corosync_cfg_finalize(corosync_cfg_handle_t handle);
cs_error_t corosync_cfg_try_shutdown(corosync_cfg_handle_t handle, int flags);
cs_error_t corosync_cfg_kill_node(corosync_cfg_handle_t handle, unsigned int nodeid,
                                  const char *reason);
cs_error_t corosync_cfg_reload_config(corosync_cfg_handle_t handle);

/* libcpg */
typedef uint64_t cpg_handle_t;
struct iovec { void *iov_base; size_t iov_len; };
struct cpg_address { uint32_t nodeid; uint32_t pid; uint32_t reason; };
struct cpg_name { uint32_t length; char value[128]; };
typedef void (*cpg_deliver_fn_t)(cpg_handle_t handle, const struct cpg_name *group,
                                 uint32_t nodeid, uint32_t pid, void *msg, size_t msg_len);
typedef void (*cpg_confchg_fn_t)(cpg_handle_t handle, const struct cpg_name *group,
                                 const struct cpg_address *members, size_t members_entries,
                                 const struct cpg_address *left, size_t left_entries,
                                 const struct cpg_address *joined, size_t joined_entries);
typedef struct {
    cpg_deliver_fn_t cpg_deliver_fn;
    cpg_confchg_fn_t cpg_confchg_fn;
} cpg_callbacks_t;

cs_error_t cpg_initialize(cpg_handle_t *handle, cpg_callbacks_t *callbacks);
cs_error_t cpg_finalize(cpg_handle_t handle);
cs_error_t cpg_fd_get(cpg_handle_t handle, int *fd);
cs_error_t cpg_dispatch(cpg_handle_t handle, int dispatch_types);
cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name *group);
cs_error_t cpg_mcast_joined(cpg_handle_t handle, int guarantee, const struct iovec *iovec,
                            unsigned int iov_len);
"""

generate = partial(write_abi, "fakecluster.gate._abi", CDEF)
"""Write the module to a path."""

if __name__ == "__main__":
    generate(Path(__file__).with_name("_abi.py"))
