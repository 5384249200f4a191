"""Generates `_corosync_abi.py`: what a membership consumer needs of corosync 3's libraries.

Layouts and signatures are those of libquorum 5, libcmap 4 and libcfg 7, the same in all of
corosync 3; a function that not every version has is looked for when the library is loaded.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from o2cbd.abi_module import write_abi

CDEF = """
typedef int cs_error_t;

/* libquorum */
typedef uint64_t quorum_handle_t;
struct quorum_ring_id { uint32_t nodeid; uint64_t seq; };

typedef void (*quorum_v0_callback_t)(quorum_handle_t handle, uint32_t quorate, uint64_t ring_seq,
                                     uint32_t view_entries, uint32_t *view);
typedef struct { quorum_v0_callback_t quorum_notify_fn; } quorum_callbacks_t;

typedef void (*quorum_v1_quorum_callback_t)(quorum_handle_t handle, uint32_t quorate,
                                            struct quorum_ring_id ring_id,
                                            uint32_t members_entries, const uint32_t *members);
typedef void (*quorum_v1_nodelist_callback_t)(quorum_handle_t handle,
                                              struct quorum_ring_id ring_id,
                                              uint32_t members_entries, const uint32_t *members,
                                              uint32_t joined_entries, const uint32_t *joined,
                                              uint32_t left_entries, const uint32_t *left);
typedef struct {
    int model;
    quorum_v1_quorum_callback_t quorum_notify_fn;
    quorum_v1_nodelist_callback_t nodelist_notify_fn;
} quorum_model_v1_data_t;

cs_error_t quorum_initialize(quorum_handle_t *handle, quorum_callbacks_t *callbacks,
                             uint32_t *quorum_type);
cs_error_t quorum_model_initialize(quorum_handle_t *handle, int model,
                                   quorum_model_v1_data_t *model_data, uint32_t *quorum_type,
                                   void *context);
cs_error_t quorum_finalize(quorum_handle_t handle);
cs_error_t quorum_fd_get(quorum_handle_t handle, int *fd);
cs_error_t quorum_dispatch(quorum_handle_t handle, int dispatch_types);
cs_error_t quorum_trackstart(quorum_handle_t handle, unsigned int flags);

/* libcmap */
typedef uint64_t cmap_handle_t;
typedef uint64_t cmap_iter_handle_t;
typedef uint64_t cmap_track_handle_t;
struct cmap_notify_value { int type; size_t len; const void *data; };
typedef void (*cmap_notify_fn_t)(cmap_handle_t handle, cmap_track_handle_t track, int32_t event,
                                 const char *key_name, struct cmap_notify_value new_value,
                                 struct cmap_notify_value old_value, void *user_data);

cs_error_t cmap_initialize(cmap_handle_t *handle);
cs_error_t cmap_finalize(cmap_handle_t handle);
cs_error_t cmap_fd_get(cmap_handle_t handle, int *fd);
cs_error_t cmap_dispatch(cmap_handle_t handle, int dispatch_types);
cs_error_t cmap_get(cmap_handle_t handle, const char *key_name, void *value, size_t *value_len,
                    int *type);
cs_error_t cmap_iter_init(cmap_handle_t handle, const char *prefix, cmap_iter_handle_t *iter);
cs_error_t cmap_iter_next(cmap_handle_t handle, cmap_iter_handle_t iter, char *key_name,
                          size_t *value_len, int *type);
cs_error_t cmap_iter_finalize(cmap_handle_t handle, cmap_iter_handle_t iter);
cs_error_t cmap_track_add(cmap_handle_t handle, const char *key_name, int32_t track_type,
                          cmap_notify_fn_t notify_fn, void *user_data,
                          cmap_track_handle_t *track);

/* libcfg */
typedef uint64_t corosync_cfg_handle_t;
typedef void (*corosync_cfg_shutdown_callback_t)(corosync_cfg_handle_t handle, int flags);
typedef struct { corosync_cfg_shutdown_callback_t shutdown_callback; } corosync_cfg_callbacks_t;
typedef struct { int address_length; char address[28]; } corosync_cfg_node_address_t;

cs_error_t corosync_cfg_initialize(corosync_cfg_handle_t *handle,
                                   const corosync_cfg_callbacks_t *callbacks);
cs_error_t corosync_cfg_finalize(corosync_cfg_handle_t handle);
cs_error_t corosync_cfg_fd_get(corosync_cfg_handle_t handle, int *fd);
cs_error_t corosync_cfg_dispatch(corosync_cfg_handle_t handle, int dispatch_flags);
cs_error_t corosync_cfg_trackstart(corosync_cfg_handle_t handle, uint8_t track_flags);
cs_error_t corosync_cfg_replyto_shutdown(corosync_cfg_handle_t handle, int flags);
cs_error_t corosync_cfg_local_get(corosync_cfg_handle_t handle, unsigned int *local_nodeid);
cs_error_t corosync_cfg_get_node_addrs(corosync_cfg_handle_t handle, unsigned int nodeid,
                                       size_t max_addrs, int *num_addrs,
                                       corosync_cfg_node_address_t *addrs);
"""

generate = partial(write_abi, "o2cbd.membership._corosync_abi", CDEF)
"""Write the module to a path."""

if __name__ == "__main__":
    generate(Path(__file__).with_name("_corosync_abi.py"))
