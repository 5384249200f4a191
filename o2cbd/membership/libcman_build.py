"""Generates `_libcman_abi.py`: what of libcman's binary interface a membership consumer needs.

Layouts and signatures are libcman 3's, the same in cman 3.0 and 3.1.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from o2cbd.abi_module import write_abi

CDEF = """
typedef void *cman_handle_t;
typedef void (*cman_callback_t)(cman_handle_t handle, void *privdata, int reason, int arg);

typedef struct {
    int cna_addrlen;
    char cna_address[28];
} cman_node_address_t;

struct o2cbd_timeval { long tv_sec; long tv_usec; };

typedef struct {
    int cn_nodeid;
    cman_node_address_t cn_address;
    char cn_name[256];
    int cn_member;
    unsigned int cn_incarnation;
    struct o2cbd_timeval cn_jointime;
} cman_node_t;

typedef struct {
    char ci_name[17];
    unsigned short ci_number;
    unsigned int ci_generation;
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
    char ei_addresses[1];
} cman_extra_info_t;

typedef struct {
    int cnx_nodeid;
    int cnx_state;
    int cnx_votes;
    int cnx_expected_votes;
    int cnx_leave_reason;
} cman_node_extra_t;

cman_handle_t cman_init(void *privdata);
int cman_finish(cman_handle_t handle);
int cman_start_notification(cman_handle_t handle, cman_callback_t callback);
int cman_get_fd(cman_handle_t handle);
int cman_dispatch(cman_handle_t handle, int flags);
int cman_get_node_count(cman_handle_t handle);
int cman_get_nodes(cman_handle_t handle, int maxnodes, int *retnodes, cman_node_t *nodes);
int cman_get_node(cman_handle_t handle, int nodeid, cman_node_t *node);
int cman_get_node_extra(cman_handle_t handle, int nodeid, cman_node_extra_t *extra);
int cman_get_node_addrs(cman_handle_t handle, int nodeid, int max_addrs, int *num_addrs,
                        cman_node_address_t *addrs);
int cman_get_cluster(cman_handle_t handle, cman_cluster_t *clinfo);
int cman_get_extra_info(cman_handle_t handle, cman_extra_info_t *info, int maxlen);
int cman_is_quorate(cman_handle_t handle);
int cman_get_fenceinfo(cman_handle_t handle, int nodeid, uint64_t *fence_time, int *fenced,
                       char *agent);
int cman_replyto_shutdown(cman_handle_t handle, int yesno);
"""

generate = partial(write_abi, "o2cbd.membership._libcman_abi", CDEF)
"""Write the module to a path."""

if __name__ == "__main__":
    generate(Path(__file__).with_name("_libcman_abi.py"))
