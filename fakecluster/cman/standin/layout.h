/* Proof that the compiler lays structs out as libcman.so.3's callers and cman's wire have them. */
#ifndef STANDIN_LAYOUT_H
#define STANDIN_LAYOUT_H

#include <stddef.h>

#include "libcman.h"

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

#endif
