"""What a real kernel's o2cb configfs was seen to do, row by row; `configfs_row.rows` reads it.

Never part of a row, since it can crash a real kernel: `0.0.0.0` written to an address, and
`local=0` under a region.
"""

from __future__ import annotations

from fakecluster.conformance.configfs_row import row, rows

DEFAULTS = rows(
    "defaults",
    "Defaults",
    begin="cluster; mkdir a; mkdir C/heartbeat/R",
    text=r"""
fence_method: get C/fence_method = reset
idle_timeout_ms: get C/idle_timeout_ms = 30000
keepalive_delay_ms: get C/keepalive_delay_ms = 2000
reconnect_delay_ms: get C/reconnect_delay_ms = 2000
heartbeat-dead_threshold: get C/heartbeat/dead_threshold = 31
heartbeat-mode: get C/heartbeat/mode = local
node-ipv4_address: get a/ipv4_address = 0.0.0.0
node-ipv4_port: get a/ipv4_port = 0
node-num: get a/num = 0
node-local: get a/local = 0
heartbeat-region-block_bytes: get C/heartbeat/R/block_bytes = 0
heartbeat-region-blocks: get C/heartbeat/R/blocks = 0
heartbeat-region-start_block: get C/heartbeat/R/start_block = 0
heartbeat-region-dev: get C/heartbeat/R/dev = ""
heartbeat-region-pid: get C/heartbeat/R/pid = ""
modes-of-directories [root]:
    stat /cluster = dir 0755 0; stat C = dir 0755 0; stat C/node = dir 0755 0;
    stat C/heartbeat = dir 0755 0; stat a = dir 0755 0; stat C/heartbeat/R = dir 0755 0
modes-and-sizes-of-attributes [root]:
    stat C/fence_method = file 0644 0 4096; stat C/idle_timeout_ms = file 0644 0 4096;
    stat C/keepalive_delay_ms = file 0644 0 4096; stat C/reconnect_delay_ms = file 0644 0 4096;
    stat C/heartbeat/dead_threshold = file 0644 0 4096; stat C/heartbeat/mode = file 0644 0 4096;
    stat a/ipv4_address = file 0644 0 4096; stat a/ipv4_port = file 0644 0 4096;
    stat a/num = file 0644 0 4096; stat a/local = file 0644 0 4096;
    stat C/heartbeat/R/block_bytes = file 0644 0 4096;
    stat C/heartbeat/R/blocks = file 0644 0 4096;
    stat C/heartbeat/R/start_block = file 0644 0 4096; stat C/heartbeat/R/dev = file 0644 0 4096
pid-is-read-only [root]: stat C/heartbeat/R/pid = file 0444 0 4096
names-in-a-cluster:
    kinds C = fence_method heartbeat/ idle_timeout_ms keepalive_delay_ms node/ reconnect_delay_ms
names-in-node: kinds C/node = a/
names-in-heartbeat: kinds C/heartbeat = R/ dead_threshold mode
names-in-a-node: kinds a = ipv4_address ipv4_port local num
names-in-a-region: kinds C/heartbeat/R = block_bytes blocks dev pid start_block
""",
)

SHAPES = rows(
    "daemon",
    "What shapes the daemon",
    text=r"""
order-port-address-num-local:
    cluster; local a 7; get a/ipv4_port = 7777; get a/ipv4_address = 127.0.0.1; get a/num = 7;
    get a/local = 1
order-address-port-num-local:
    cluster; mkdir a; put a/ipv4_address 127.0.0.1; put a/ipv4_port 7777; put a/num 7;
    put a/local 1; get a/ipv4_port = 7777; get a/ipv4_address = 127.0.0.1; get a/num = 7;
    get a/local = 1
change-is-rmdir-and-mkdir:
    cluster; node a 7; rmdir a; node a 8; get a/num = 8; get a/ipv4_address = 10.77.0.9
two-writes-are-two-stores:
    cluster; mkdir a; open a/ipv4_port port w; write port 7; write port "777\n" -> EBUSY;
    get a/ipv4_port = 7
module-wide-values-survive:
    cluster; put C/heartbeat/dead_threshold 11; put C/heartbeat/mode global; rmdir C; cluster;
    get C/heartbeat/dead_threshold = 11; get C/heartbeat/mode = global
cluster-values-reset:
    cluster; put C/idle_timeout_ms 40000; put C/keepalive_delay_ms 3000;
    put C/reconnect_delay_ms 4000; rmdir C; cluster; get C/idle_timeout_ms = 30000;
    get C/keepalive_delay_ms = 2000; get C/reconnect_delay_ms = 2000
inode-stays:
    cluster; mkdir a; remember-inode a a; put a/ipv4_port 7777; put a/ipv4_address 10.77.0.1;
    put a/num 7; mkdir b; compare-inode a a = same
inode-is-new-for-each-mkdir:
    cluster; mkdir a; remember-inode a a; rmdir a; mkdir a; compare-inode a a = other
heartbeating-remote-is-pinned-until-dead [mounted heartbeat]:
    cluster; local a 1; node b 2; host mount R; host see 1,2; rmdir b -> EBUSY; host see 1; rmdir b
configfs-magic [statfs]: magic /cluster = configfs
""",
)

DIRECTORIES = rows(
    "directories",
    "Directories",
    text=r"""
cluster-name-255: mkdir /cluster/{x*255}; names /cluster = {x*255}
cluster-name-256: mkdir /cluster/{x*256} -> ENAMETOOLONG
node-name-64: cluster; mkdir {x*64}
node-name-65: cluster; mkdir {x*65} -> ENAMETOOLONG
node-name-256: cluster; mkdir {x*256} -> ENAMETOOLONG
region-name-32: cluster; mkdir C/heartbeat/{x*32}
region-name-33: cluster; mkdir C/heartbeat/{x*33} -> ENAMETOOLONG
node-name-space: cluster; mkdir "a b"; names C/node = a b
node-name-utf-8: cluster; mkdir knöten; names C/node = knöten
node-name-leading-dash: cluster; mkdir -a; names C/node = -a
second-cluster: cluster; mkdir /cluster/other -> ENOSPC
cluster-again: cluster; mkdir C -> EEXIST
node-again: cluster; mkdir a; mkdir a -> EEXIST
region-again: cluster; mkdir C/heartbeat/R; mkdir C/heartbeat/R -> EEXIST
mkdir-in-a-cluster: cluster; mkdir C/foo -> EPERM
mkdir-in-a-node: cluster; mkdir a; mkdir a/x -> EPERM
file-in-node: cluster; create file -> EACCES
rmdir-node-group: cluster; rmdir C/node -> EPERM
rmdir-heartbeat-group: cluster; rmdir C/heartbeat -> EPERM
rmdir-cluster-with-a-node: cluster; mkdir a; rmdir C -> ENOTEMPTY
rmdir-cluster-with-a-region: cluster; mkdir C/heartbeat/R; rmdir C -> ENOTEMPTY
rmdir-empty-cluster: cluster; rmdir C; names /cluster = ""
rmdir-region: cluster; mkdir C/heartbeat/R; rmdir C/heartbeat/R
rmdir-missing-cluster: rmdir C -> ENOENT
rmdir-missing-node: cluster; rmdir a -> ENOENT
rmdir-remote-node: cluster; node a 1; rmdir a
rmdir-half-made-node: cluster; node a; rmdir a
rmdir-local-node: cluster; local a 1; rmdir a
rmdir-local-node-closes-the-listener [bind]:
    cluster; local a 1; host listening 7777 = yes; rmdir a; host listening 7777 = no
rmdir-under-an-open-handle:
    cluster; mkdir a; open a/num fd rw; rmdir a; read fd -> ENOENT; write fd 1 -> ENOENT
handle-of-a-removed-node-is-not-the-new-one:
    cluster; mkdir a; open a/ipv4_port fd rw; rmdir a; mkdir a; write fd 7777 -> ENOENT;
    get a/ipv4_port = 0
rename-a-node: cluster; mkdir a; rename a b -> EPERM
rename-an-attribute: cluster; mkdir a; rename a/num a/other -> EPERM
rename-over-an-attribute: cluster; mkdir a; rename a/num a/ipv4_port -> EPERM
rename-a-cluster: cluster; mkdir a; rename C /cluster/other -> EPERM
symlink: cluster; mkdir a; symlink b a -> EPERM
symlink-in-a-region: cluster; mkdir a; mkdir C/heartbeat/R; symlink C/heartbeat/R/a a -> EPERM
hard-link: cluster; mkdir a; link a/num a/other -> EPERM
unlink-an-attribute: cluster; mkdir a; unlink a/num -> EPERM
unlink-a-directory: cluster; mkdir a; unlink a -> EISDIR
rmdir-an-attribute: cluster; mkdir a; rmdir a/num -> ENOTDIR
chmod [root]: cluster; mkdir a; chmod a/ipv4_port 666; stat a/ipv4_port = file 0666 0 4096
chmod-opens-access [not-root]:
    cluster; mkdir a; nobody put a/ipv4_port 7777 -> EACCES; chmod a/ipv4_port 666;
    nobody put a/ipv4_port 7777; get a/ipv4_port = 7777
chmod-of-a-directory-opens-access [not-root]: cluster; chmod C/node 777; nobody mkdir a
truncate [root]: cluster; mkdir a; truncate a/ipv4_port; stat a/ipv4_port = file 0644 0 4096
open-truncating: cluster; mkdir a; put-truncating a/ipv4_port 7777; get a/ipv4_port = 7777
open-appending: cluster; mkdir a; put-appending a/ipv4_port 7777; get a/ipv4_port = 7777
not-root-reads [not-root]: cluster; mkdir a; nobody get a/num = 0
not-root-does-not-write [not-root]:
    cluster; mkdir a; nobody put a/ipv4_port 7777 -> EACCES; get a/ipv4_port = 0
not-root-makes-no-cluster [not-root]: nobody mkdir C -> EACCES
not-root-makes-no-node [not-root]: cluster; nobody mkdir a -> EACCES
not-root-removes-no-node [not-root]: cluster; mkdir a; nobody rmdir a -> EACCES
not-root-removes-no-cluster [not-root]: cluster; nobody rmdir C -> EACCES
mounted-rmdir-own-node [mounted]:
    cluster; local a 1; node b 2; host mount R; rmdir a -> EBUSY; get a/local = 1
mounted-rmdir-a-live-remote [mounted heartbeat]:
    cluster; local a 1; node b 2; host mount R; host see 1,2; rmdir b -> EBUSY; get b/num = 2
mounted-rmdir-the-region [mounted]:
    cluster; local a 1; node b 2; host mount R; rmdir C/heartbeat/R -> EBUSY
mounted-rmdir-the-cluster [mounted]:
    cluster; local a 1; node b 2; host mount R; rmdir C -> ENOTEMPTY
mounted-remove-a-silent-node [mounted]: cluster; local a 1; node b 2; host mount R; rmdir b
mounted-add-a-silent-node [mounted]:
    cluster; local a 1; node b 2; host mount R; node c 3; get c/num = 3
unmounted-rmdir-own-node [mounted]:
    cluster; local a 1; node b 2; host mount R; host umount R; rmdir a
inotify [inotify]:
    cluster; watch C/node watch; mkdir a; events watch = create a; rmdir a; events watch = delete a
""",
)

_EVERY_NUM = range(255)
FULL = row(
    "directories/255-nodes",
    "Directories",
    "; ".join(["cluster", *(f"node n{num} {num}" for num in _EVERY_NUM)])
    + f"; names C/node = {' '.join(sorted(f'n{num}' for num in _EVERY_NUM))}",
)

VALUES = rows(
    "values",
    "Values",
    begin="cluster",
    text=r"""
empty-num [empty-write]: node a 1; put a/num "" -> EFAULT; get a/num = 1; get a/local = 0
empty-ipv4_port [empty-write]:
    node a 1; put a/ipv4_port "" -> EFAULT; get a/num = 1; get a/local = 0
empty-ipv4_address [empty-write]:
    node a 1; put a/ipv4_address "" -> EFAULT; get a/num = 1; get a/local = 0
empty-local [empty-write]: node a 1; put a/local "" -> EFAULT; get a/num = 1; get a/local = 0
empty-to-a-handle-for-reading: mkdir a; open a/num fd r; write fd "" -> EBADF
num-first: mkdir a; put a/num 1 -> EINVAL; get a/num = 0
num-without-address: mkdir a; put a/ipv4_port 7777; put a/num 1 -> EINVAL
num-without-port: mkdir a; put a/ipv4_address 10.77.0.1; put a/num 1 -> EINVAL
num-failed-can-be-retried:
    mkdir a; put a/num 1 -> EINVAL; put a/ipv4_port 7777; put a/ipv4_address 10.77.0.1;
    put a/num 1; get a/num = 1
num-0: node a; put a/num 0; get a/num = 0
num-1: node a; put a/num 1; get a/num = 1
num-254: node a; put a/num 254; get a/num = 254
num-255: node a; put a/num 255 -> ERANGE; get a/num = 0
num-256: node a; put a/num 256 -> ERANGE; get a/num = 0
num-huge: node a; put a/num 99999999999999 -> ERANGE; get a/num = 0
num-minus-1: node a; put a/num -1 -> EINVAL; get a/num = 0
num-1x: node a; put a/num 1x -> EINVAL; get a/num = 0
num-garbage: node a; put a/num garbage -> EINVAL; get a/num = 0
num-of-another: node a 1; node b address=10.77.0.9; put b/num 1 -> EEXIST; get b/num = 0
num-of-itself: node a 1; put a/num 1 -> EEXIST; get a/num = 1
num-0-of-itself: node a 0; put a/num 0 -> EEXIST; get a/num = 0
num-rewritten: node a 1; put a/num 2 -> EBUSY; get a/num = 1
num-free-again: node a 1; rmdir a; node b 1
port-0: mkdir a; put a/ipv4_port 0 -> EINVAL; get a/ipv4_port = 0
port-minus-1: mkdir a; put a/ipv4_port -1 -> EINVAL; get a/ipv4_port = 0
port-garbage: mkdir a; put a/ipv4_port garbage -> EINVAL; get a/ipv4_port = 0
port-77x: mkdir a; put a/ipv4_port 77x -> EINVAL; get a/ipv4_port = 0
port-leading-space: mkdir a; put a/ipv4_port " 7777" -> EINVAL; get a/ipv4_port = 0
port-trailing-space: mkdir a; put a/ipv4_port "7777 " -> EINVAL; get a/ipv4_port = 0
port-plus: mkdir a; put a/ipv4_port +7777 -> EINVAL; get a/ipv4_port = 0
port-newline: mkdir a; put a/ipv4_port "\n" -> EINVAL; get a/ipv4_port = 0
port-65535: mkdir a; put a/ipv4_port 65535 -> ERANGE; get a/ipv4_port = 0
port-65536: mkdir a; put a/ipv4_port 65536 -> ERANGE; get a/ipv4_port = 0
port-huge: mkdir a; put a/ipv4_port 99999999999999 -> ERANGE; get a/ipv4_port = 0
port-1: mkdir a; put a/ipv4_port 1; get a/ipv4_port = 1
port-65534: mkdir a; put a/ipv4_port 65534; get a/ipv4_port = 65534
port-hexadecimal: mkdir a; put a/ipv4_port 0x1e61; get a/ipv4_port = 7777
port-octal: mkdir a; put a/ipv4_port 010; get a/ipv4_port = 8
port-without-newline: mkdir a; put a/ipv4_port 7777; get a/ipv4_port = 7777
port-with-newline: mkdir a; put a/ipv4_port "7777\n"; get a/ipv4_port = 7777
port-two-lines: mkdir a; put a/ipv4_port "7777\n8888\n"; get a/ipv4_port = 7777
port-nul: mkdir a; put a/ipv4_port "7777\0"; get a/ipv4_port = 7777
port-rewritten-same:
    mkdir a; put a/ipv4_port 7777; put a/ipv4_port 7777 -> EBUSY; get a/ipv4_port = 7777
port-rewritten-other:
    mkdir a; put a/ipv4_port 7777; put a/ipv4_port 7778 -> EBUSY; get a/ipv4_port = 7777
address-garbage: mkdir a; put a/ipv4_address garbage -> EINVAL; get a/ipv4_address = 0.0.0.0
address-three-octets: mkdir a; put a/ipv4_address 10.77.0 -> EINVAL; get a/ipv4_address = 0.0.0.0
address-minus: mkdir a; put a/ipv4_address -1.2.3.4 -> EINVAL; get a/ipv4_address = 0.0.0.0
address-octet-256: mkdir a; put a/ipv4_address 10.77.0.256 -> ERANGE; get a/ipv4_address = 0.0.0.0
address-octet-999: mkdir a; put a/ipv4_address 999.77.0.1 -> ERANGE; get a/ipv4_address = 0.0.0.0
address-fourth-digit: mkdir a; put a/ipv4_address 1.2.3.1000; get a/ipv4_address = 1.2.3.100
address-leading-space: mkdir a; put a/ipv4_address " 10.77.0.1"; get a/ipv4_address = 10.77.0.1
address-trailing-text: mkdir a; put a/ipv4_address 10.77.0.1trailing; get a/ipv4_address = 10.77.0.1
address-trailing-port: mkdir a; put a/ipv4_address 10.77.0.1:7777; get a/ipv4_address = 10.77.0.1
address-trailing-newline: mkdir a; put a/ipv4_address "10.77.0.1\n"; get a/ipv4_address = 10.77.0.1
address-loopback: mkdir a; put a/ipv4_address 127.0.0.1; get a/ipv4_address = 127.0.0.1
address-broadcast: mkdir a; put a/ipv4_address 255.255.255.255; get a/ipv4_address = 255.255.255.255
address-in-use:
    mkdir b; node a 1 address=10.77.0.1; put b/ipv4_address 10.77.0.1 -> EEXIST;
    get b/ipv4_address = 0.0.0.0
address-in-use-other-port:
    mkdir b; node a 1 address=10.77.0.1; put b/ipv4_port 7778;
    put b/ipv4_address 10.77.0.1 -> EEXIST
address-its-own-again: mkdir b; node a 1 address=10.77.0.1; put a/ipv4_address 10.77.0.1 -> EEXIST
address-another:
    mkdir b; node a 1 address=10.77.0.1; put a/ipv4_address 10.77.0.2 -> EBUSY;
    get a/ipv4_address = 10.77.0.1
address-free-again: mkdir b; node a 1 address=10.77.0.1; rmdir a; put b/ipv4_address 10.77.0.1
local-first: mkdir a; put a/local 1 -> EINVAL; get a/local = 0
local-before-num: node a; put a/local 1 -> EINVAL; get a/local = 0
local-garbage: node a 1; put a/local x -> EINVAL; get a/local = 0
local-1: local a 1; get a/local = 1
local-elsewhere: node a 1 address=192.0.2.7; put a/local 1 -> EADDRNOTAVAIL; get a/local = 0
local-elsewhere-until-the-address-is-there [second-address]:
    node a 1 address=192.0.2.7; put a/local 1 -> EADDRNOTAVAIL; host add-address 192.0.2.7;
    put a/local 1; get a/local = 1
local-port-taken [bind]:
    node a 1 address=127.0.0.1; host take-port 7777; put a/local 1 -> EADDRINUSE; get a/local = 0;
    host free-port 7777; put a/local 1; get a/local = 1
local-1-again: local a 1; put a/local 1; get a/local = 1
local-2: node a 1 address=127.0.0.1; put a/local 2; get a/local = 1
local-2-again: local a 1; put a/local 2; get a/local = 1
local-on-a-second-node:
    local a 1; node b 2 address=127.0.0.2 port=7778; put b/local 1 -> EBUSY; get b/local = 0
local-0-on-another-node: local a 1; node b 2; put b/local 0; get a/local = 1
local-0-on-the-local-node: local a 1; put a/local 0; get a/local = 0
local-0-closes-the-listener [bind]:
    local a 1; host listening 7777 = yes; put a/local 0; host listening 7777 = no
local-1-after-0: local a 1; put a/local 0; put a/local 1; get a/local = 1
local-stays-when-the-address-goes [second-address]:
    host add-address 192.0.2.7; local a 1 address=192.0.2.7; host remove-address 192.0.2.7;
    get a/local = 1
""",
)

NUM_ZERO = rows(
    "zero",
    "Num 0",
    begin="cluster",
    text=r"""
unwritten-takes-0-once: node a; get a/num = 0; put a/num 0; get a/num = 0; put a/num 0 -> EEXIST
unwritten-takes-a-free-num: node a; put a/num 5; get a/num = 5
unwritten-refuses-a-used-num: node b 5; node a; put a/num 5 -> EEXIST; get a/num = 0; put a/num 0
unwritten-cannot-be-local:
    node a address=127.0.0.1; put a/local 1 -> EINVAL; put a/local 0 -> EINVAL
unwritten-stays-so-after-a-refusal:
    node a; put a/num 255 -> ERANGE; put a/num x -> EINVAL; put a/local 0 -> EINVAL; put a/num 0
incomplete-refuses-0-whoever-has-it: mkdir a; put a/num 0 -> EINVAL; node b 0; put a/num 0 -> EINVAL
newline-writes-0: node a; put a/num "\n"; put a/num 0 -> EEXIST
written-refuses-every-num:
    node a 0; node b 5; put a/num 0 -> EEXIST; put a/num 7 -> EBUSY; put a/num 5 -> EEXIST;
    get a/num = 0
written-takes-local-0: node a 0; put a/local 0; get a/local = 0
unwritten-refuses-0-beside-a-written:
    node a 0; node b address=10.77.0.9; put b/num 0 -> EEXIST; get a/num = 0; get b/num = 0;
    put b/num 7; get b/num = 7
one-of-two-unwritten-takes-0:
    node a; node b address=10.77.0.9; put b/num 0; put a/num 0 -> EEXIST; put a/num 7
free-when-the-written-is-gone: node a 0; node b address=10.77.0.9; rmdir a; put b/num 0
taken-when-the-unwritten-is-gone:
    node a 0; node b address=10.77.0.9; rmdir b; node c address=10.77.0.9; put c/num 0 -> EEXIST;
    put a/num 0 -> EEXIST
local:
    local a 0; get a/num = 0; get a/local = 1; put a/num 0 -> EEXIST; put a/num 7 -> EBUSY;
    put a/local 1; get a/num = 0; get a/local = 1
local-beside-an-unwritten:
    local a 0; node b address=10.77.0.9; put b/local 1 -> EINVAL; put b/num 0 -> EEXIST;
    put b/num 7; put b/local 1 -> EBUSY
local-listens-until-it-goes [bind]:
    local a 0; node b address=10.77.0.9; rmdir b; host listening 7777 = yes; rmdir a;
    host listening 7777 = no
local-0-under-a-heartbeat [mounted live]:
    local a 0; host mount R; host live = 0; node b address=10.77.0.9; put b/num 0 -> EEXIST;
    rmdir b; put a/num 0 -> EEXIST; put a/num 7 -> EBUSY; rmdir a -> EBUSY; host live = 0;
    host umount R; host live; rmdir a
remote-0-under-a-heartbeat [mounted live]:
    local a 1; node b 0 address=10.77.0.9; host mount R; host live = 1; put b/num 0 -> EEXIST;
    rmdir b; node c address=10.77.0.9; put c/num 0
""",
)
"""A `num` of 0 that was written, and one that never was: both read `0`.

What tells them apart without changing a written one is writing 0 again: EEXIST is the answer of an
entry that has it, as long as no other has. An entry that never got one takes it.
"""

ATTRIBUTES = rows(
    "attributes",
    "Cluster attributes",
    begin="cluster",
    text=r"""
idle_timeout_ms-0: put C/idle_timeout_ms 0 -> EINVAL; get C/idle_timeout_ms = 30000
idle_timeout_ms-minus-1: put C/idle_timeout_ms -1 -> EINVAL; get C/idle_timeout_ms = 30000
idle_timeout_ms-garbage: put C/idle_timeout_ms garbage -> EINVAL; get C/idle_timeout_ms = 30000
idle_timeout_ms-5000x: put C/idle_timeout_ms 5000x -> EINVAL; get C/idle_timeout_ms = 30000
idle_timeout_ms-4294967295:
    put C/idle_timeout_ms 4294967295 -> ERANGE; get C/idle_timeout_ms = 30000
idle_timeout_ms-4294967296:
    put C/idle_timeout_ms 4294967296 -> ERANGE; get C/idle_timeout_ms = 30000
idle_timeout_ms-huge: put C/idle_timeout_ms 99999999999999 -> ERANGE; get C/idle_timeout_ms = 30000
keepalive_delay_ms-0: put C/keepalive_delay_ms 0 -> EINVAL; get C/keepalive_delay_ms = 2000
keepalive_delay_ms-minus-1: put C/keepalive_delay_ms -1 -> EINVAL; get C/keepalive_delay_ms = 2000
keepalive_delay_ms-garbage:
    put C/keepalive_delay_ms garbage -> EINVAL; get C/keepalive_delay_ms = 2000
keepalive_delay_ms-5000x: put C/keepalive_delay_ms 5000x -> EINVAL; get C/keepalive_delay_ms = 2000
keepalive_delay_ms-4294967295:
    put C/keepalive_delay_ms 4294967295 -> ERANGE; get C/keepalive_delay_ms = 2000
keepalive_delay_ms-4294967296:
    put C/keepalive_delay_ms 4294967296 -> ERANGE; get C/keepalive_delay_ms = 2000
keepalive_delay_ms-huge:
    put C/keepalive_delay_ms 99999999999999 -> ERANGE; get C/keepalive_delay_ms = 2000
reconnect_delay_ms-0: put C/reconnect_delay_ms 0 -> EINVAL; get C/reconnect_delay_ms = 2000
reconnect_delay_ms-minus-1: put C/reconnect_delay_ms -1 -> EINVAL; get C/reconnect_delay_ms = 2000
reconnect_delay_ms-garbage:
    put C/reconnect_delay_ms garbage -> EINVAL; get C/reconnect_delay_ms = 2000
reconnect_delay_ms-5000x: put C/reconnect_delay_ms 5000x -> EINVAL; get C/reconnect_delay_ms = 2000
reconnect_delay_ms-4294967295:
    put C/reconnect_delay_ms 4294967295 -> ERANGE; get C/reconnect_delay_ms = 2000
reconnect_delay_ms-4294967296:
    put C/reconnect_delay_ms 4294967296 -> ERANGE; get C/reconnect_delay_ms = 2000
reconnect_delay_ms-huge:
    put C/reconnect_delay_ms 99999999999999 -> ERANGE; get C/reconnect_delay_ms = 2000
idle-below-keepalive: put C/idle_timeout_ms 1999 -> EINVAL; get C/idle_timeout_ms = 30000
idle-equal-to-keepalive: put C/idle_timeout_ms 2000 -> EINVAL; get C/idle_timeout_ms = 30000
idle-above-keepalive: put C/idle_timeout_ms 2001; get C/idle_timeout_ms = 2001
keepalive-above-idle: put C/keepalive_delay_ms 30001 -> EINVAL; get C/keepalive_delay_ms = 2000
keepalive-equal-to-idle: put C/keepalive_delay_ms 30000 -> EINVAL; get C/keepalive_delay_ms = 2000
keepalive-below-idle: put C/keepalive_delay_ms 29999; get C/keepalive_delay_ms = 29999
reconnect-any:
    put C/reconnect_delay_ms 1; get C/reconnect_delay_ms = 1; put C/reconnect_delay_ms 99999;
    get C/reconnect_delay_ms = 99999
idle-with-nodes-and-no-peer:
    local a 1; node b 2; put C/idle_timeout_ms 10000; get C/idle_timeout_ms = 10000
keepalive-with-nodes-and-no-peer:
    local a 1; node b 2; put C/keepalive_delay_ms 1000; get C/keepalive_delay_ms = 1000
idle-with-a-peer [mounted peers]:
    local a 1; node b 2; host mount R; host connect 2; put C/idle_timeout_ms 10000 -> EINVAL;
    get C/idle_timeout_ms = 30000
keepalive-with-a-peer [mounted peers]:
    local a 1; node b 2; host mount R; host connect 2; put C/keepalive_delay_ms 1000 -> EINVAL;
    get C/keepalive_delay_ms = 2000
reconnect-with-a-peer [mounted peers]:
    local a 1; node b 2; host mount R; host connect 2; put C/reconnect_delay_ms 1000;
    get C/reconnect_delay_ms = 1000
fence-method-panic: put C/fence_method "panic\n"; get C/fence_method = panic
fence-method-reset: put C/fence_method "reset\n"; get C/fence_method = reset
fence-method-capital-panic: put C/fence_method "PANIC\n"; get C/fence_method = panic
fence-method-panic-without-newline: put C/fence_method panic -> EINVAL; get C/fence_method = reset
fence-method-reset-without-newline: put C/fence_method reset -> EINVAL; get C/fence_method = reset
fence-method-other: put C/fence_method "off\n" -> EINVAL; get C/fence_method = reset
fence-method-mounted [mounted]:
    local a 1; host mount R; put C/fence_method "panic\n"; get C/fence_method = panic
dead-threshold-3: put C/heartbeat/dead_threshold 3; get C/heartbeat/dead_threshold = 3
dead-threshold-61: put C/heartbeat/dead_threshold 61; get C/heartbeat/dead_threshold = 61
dead-threshold-0-is-ignored: put C/heartbeat/dead_threshold 0; get C/heartbeat/dead_threshold = 31
dead-threshold-1-is-ignored: put C/heartbeat/dead_threshold 1; get C/heartbeat/dead_threshold = 31
dead-threshold-2-is-ignored: put C/heartbeat/dead_threshold 2; get C/heartbeat/dead_threshold = 31
dead-threshold-with-a-region-is-ignored:
    mkdir C/heartbeat/R; put C/heartbeat/dead_threshold 61; get C/heartbeat/dead_threshold = 31
mode-global: put C/heartbeat/mode global; get C/heartbeat/mode = global
mode-back-to-local:
    put C/heartbeat/mode "global\n"; put C/heartbeat/mode "local\n"; get C/heartbeat/mode = local
mode-garbage: put C/heartbeat/mode garbage -> EINVAL; get C/heartbeat/mode = local
mode-with-a-region-is-ignored:
    mkdir C/heartbeat/R; put C/heartbeat/mode global; get C/heartbeat/mode = local
old-handle-gives-the-old-value:
    open C/reconnect_delay_ms fd r; read fd = "2000\n"; put C/reconnect_delay_ms 77; rewind fd;
    read fd = "2000\n"; get C/reconnect_delay_ms = 77
value-is-made-at-the-first-read:
    open C/reconnect_delay_ms fd r; put C/reconnect_delay_ms 77; read fd = "77\n"; read fd = ""
empty-idle_timeout_ms [empty-write]: put C/idle_timeout_ms "" -> EFAULT
empty-keepalive_delay_ms [empty-write]: put C/keepalive_delay_ms "" -> EFAULT
empty-reconnect_delay_ms [empty-write]: put C/reconnect_delay_ms "" -> EFAULT
empty-fence_method [empty-write]: put C/fence_method "" -> EFAULT
empty-heartbeat-dead_threshold [empty-write]: put C/heartbeat/dead_threshold "" -> EFAULT
empty-heartbeat-mode [empty-write]: put C/heartbeat/mode "" -> EFAULT
""",
)

GOLDEN = (*DEFAULTS, *SHAPES, *DIRECTORIES, FULL, *VALUES, *NUM_ZERO, *ATTRIBUTES)
"""What was observed."""

SOURCE = rows(
    "source",
    "source",
    text=r"""
newest-first: cluster; mkdir b; mkdir a; mkdir c; order C/node = c a b
at-most-4095-bytes-a-write:
    cluster; put C/reconnect_delay_ms "77\n{ *5000}" = short 4095; get C/reconnect_delay_ms = 77
value-anew-after-a-write:
    cluster; open C/reconnect_delay_ms fd rw; read fd = "2000\n"; write fd 77; rewind fd;
    read fd = "77\n"
pid-cannot-be-written: cluster; mkdir C/heartbeat/R; put C/heartbeat/R/pid 1 -> EACCES
mkdir-at-the-root: mkdir /foo -> EPERM
rmdir-of-the-subsystem: rmdir /cluster -> EPERM
mkdir-in-a-region: cluster; mkdir C/heartbeat/R; mkdir C/heartbeat/R/x -> EPERM
hexadecimal-needs-a-digit:
    cluster; mkdir a; put a/ipv4_port 0x -> EINVAL; put a/ipv4_port 08 -> EINVAL
dead-threshold-is-decimal:
    cluster; put C/heartbeat/dead_threshold 0x20 -> EINVAL; put C/heartbeat/dead_threshold 010;
    get C/heartbeat/dead_threshold = 10
region-needs-a-local-node: cluster; mkdir C/heartbeat/R; put C/heartbeat/R/dev 0 -> EINVAL
region-values:
    cluster; mkdir C/heartbeat/R; put C/heartbeat/R/block_bytes 511 -> ERANGE;
    put C/heartbeat/R/block_bytes 8192 -> ERANGE; put C/heartbeat/R/block_bytes 513 -> EINVAL;
    put C/heartbeat/R/block_bytes 512; put C/heartbeat/R/blocks 0 -> ERANGE;
    put C/heartbeat/R/blocks 256 -> ERANGE; put C/heartbeat/R/blocks 255;
    put C/heartbeat/R/start_block 7x -> EINVAL; put C/heartbeat/R/start_block 7;
    get C/heartbeat/R/block_bytes = 512; get C/heartbeat/R/blocks = 255;
    get C/heartbeat/R/start_block = 7
read-before-rmdir-keeps-the-value:
    cluster; node a; open a/ipv4_port fd r; read fd = "7777\n"; rmdir a; rewind fd;
    read fd = "7777\n"
""",
)
"""What was only read in kernel sources."""
