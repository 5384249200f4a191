/* What goes over cman's sockets, to the byte, in the byte order of the machine. */
#ifndef STANDIN_WIRE_H
#define STANDIN_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define WIRE_MAGIC 0x434d414eu
#define WIRE_VERSION 0x10000003u
#define WIRE_REPLY 0x40000000u
#define WIRE_ADMIN 0x80000000u

/* Longer than anything a daemon has to say; a length beyond it means that the stream is lost. */
#define WIRE_LENGTH_MAX (16u * 1024 * 1024)

enum wire_command {
    WIRE_NOTIFY = 0x01,
    WIRE_REMOVENOTIFY = 0x02,
    WIRE_ISQUORATE = 0x05,
    WIRE_ISLISTENING = 0x06,
    WIRE_GETALLMEMBERS = 0x07,
    WIRE_GET_VERSION = 0x09,
    WIRE_ISACTIVE = 0x0b,
    WIRE_GET_JOINCOUNT = 0x0d,
    WIRE_GETNODE = 0x90,
    WIRE_GETCLUSTER = 0x91,
    WIRE_GETEXTRAINFO = 0x92,
    WIRE_SHUTDOWN_REPLY = 0xbc,
    WIRE_GET_FENCE_INFO = 0xbe,
    WIRE_GET_NODEADDRS = 0xbf,
    WIRE_START_CONFCHG = 0xc0,
    WIRE_STOP_CONFCHG = 0xc1,
    WIRE_GETNODE_EXTRA = 0xc5,
    WIRE_DATA = 0x100,
    WIRE_BIND = 0x101,
    WIRE_EVENT = 0x102,
    WIRE_CONFCHG = 0x103,
};

#define WIRE_SETEXPECTED_VOTES (WIRE_ADMIN | 0x04u)
#define WIRE_SET_VOTES (WIRE_ADMIN | 0x08u)
#define WIRE_SET_VERSION (WIRE_ADMIN | 0x0au)
#define WIRE_KILLNODE (WIRE_ADMIN | 0x0cu)
#define WIRE_LEAVE_CLUSTER (WIRE_ADMIN | 0xb4u)
#define WIRE_REG_QUORUMDEV (WIRE_ADMIN | 0xb5u)
#define WIRE_UNREG_QUORUMDEV (WIRE_ADMIN | 0xb6u)
#define WIRE_POLL_QUORUMDEV (WIRE_ADMIN | 0xb7u)
#define WIRE_UPDATE_QUORUMDEV (WIRE_ADMIN | 0xb8u)
#define WIRE_TRY_SHUTDOWN (WIRE_ADMIN | 0xbbu)
#define WIRE_UPDATE_FENCE_INFO (WIRE_ADMIN | 0xbdu)
#define WIRE_SET_DIRTY (WIRE_ADMIN | 0xc2u)
#define WIRE_SET_DEBUGLOG (WIRE_ADMIN | 0xc3u)

struct wire_header {
    uint32_t magic;
    uint32_t version;
    uint32_t length; /* of the whole message */
    uint32_t command;
    uint32_t flags;
};
SIZE(struct wire_header, 20);

struct wire_node {
    uint32_t size;
    int32_t node_id;
    uint32_t us;
    uint32_t leave_reason;
    uint32_t incarnation;
    uint32_t state;
    char name[CMAN_MAX_NODENAME_LEN]; /* may lack its NUL */
    char addr[128];
    char pad_a[1];
    uint32_t addrlen;
    char pad_b[4];
    int64_t join_seconds;
    int64_t join_useconds;
    uint8_t votes;
    char pad_c[7];
};
SIZE(struct wire_node, 440);
LAYOUT(struct wire_node, name, 24);
LAYOUT(struct wire_node, addr, 279);
LAYOUT(struct wire_node, addrlen, 408);
LAYOUT(struct wire_node, join_seconds, 416);
LAYOUT(struct wire_node, votes, 432);

struct wire_listening {
    uint8_t port;
    char pad[3]; /* named, so that it goes out as zeros */
    int32_t nodeid;
};
SIZE(struct wire_listening, 8);
LAYOUT(struct wire_listening, nodeid, 4);

struct wire_addrs_head {
    int32_t count;
    char pad[4];
};
SIZE(struct wire_addrs_head, 8);

struct wire_addr {
    int32_t addrlen;
    char pad[4];
    char addr[128];
};
SIZE(struct wire_addr, 136);
LAYOUT(struct wire_addr, addr, 8);

#define WIRE_FENCED 2u

struct wire_fence {
    int32_t nodeid;
    uint32_t flags;
    uint64_t time;
    char agent[CMAN_MAX_FENCE_AGENT_NAME_LEN]; /* may lack its NUL */
    char pad[1];
};
SIZE(struct wire_fence, 272);
LAYOUT(struct wire_fence, time, 8);
LAYOUT(struct wire_fence, agent, 16);

struct wire_set_votes {
    int32_t nodeid;
    int32_t votes;
};
SIZE(struct wire_set_votes, 8);

/* After the header of an EVENT. */
struct wire_event {
    int32_t reason;
    int32_t arg;
};
SIZE(struct wire_event, 8);

/* After the header of a CONFCHG; then the u32 ids: members, left, joined. */
struct wire_confchg {
    int32_t members;
    int32_t left;
    int32_t joined;
};
SIZE(struct wire_confchg, 12);

/* After the header of a DATA message, both ways; then the data. */
struct wire_data {
    int32_t nodeid;
    uint32_t port;
};
SIZE(struct wire_data, 8);

#endif
