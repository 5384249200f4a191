"""What is written into guest images: the start of the smoke's, the units of the cluster's."""

from __future__ import annotations

from pathlib import Path

_SMOKE_INIT = """\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
ip link set lo up
modprobe virtio-rng
mkdir /run/payload
tar -C /run/payload -xf /dev/vdb
PYTHONPATH=/run/payload python3 -m integration.inside.agent
echo "the agent ended"
poweroff -f
"""

SMOKE_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}
SMOKE_PROGRAMS = {"usr/sbin/guest-init": _SMOKE_INIT}

IDENTITY_PROGRAM = "/usr/lib/guest/identity"
"""Gives the running guest its identity: arguments as in `identity_command`."""

_AGENT_UNIT = """\
[Unit]
Description=Commands from the harness
DefaultDependencies=no
After=systemd-tmpfiles-setup-dev.service systemd-modules-load.service

[Service]
Environment=PYTHONPATH=/usr/lib/guest HOME=/root LC_ALL=C.UTF-8
ExecStart=/usr/bin/python3 -m integration.inside.agent
OOMScoreAdjust=-900
"""

_NETWORK_UNIT = """\
[Unit]
Description=The network under test
ConditionPathExists=/etc/guest/network
Wants=network.target
Before=network.target network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/guest/network
"""

_NETWORK = """\
#!/bin/sh -e
. /etc/guest/network
ip link set eth0 down
ip address flush dev eth0
ip link set eth0 address "$MAC"
ip address add "$ADDRESS" dev eth0
ip link set eth0 up
"""

_IDENTITY = """\
#!/bin/sh -e
# NAME ADDRESS/PREFIX MAC MACHINE-ID SECONDS-SINCE-1970 HOSTS
date --utc --set "@$5" >/dev/null
echo "$1" >/etc/hostname
echo "$1" >/proc/sys/kernel/hostname
echo "$4" >/etc/machine-id
printf '127.0.0.1 localhost\\n%s\\n' "$6" >/etc/hosts
mkdir -p /etc/guest
printf 'ADDRESS=%s\\nMAC=%s\\n' "$2" "$3" >/etc/guest/network
cat >/dev/urandom
systemctl restart guest-network.service
sync
"""

_COLDPLUG = """\
[Service]
# Disks, cards and ports alone: a hundred consoles take an emulated CPU half a minute.
ExecStart=
ExecStart=udevadm trigger --action=add -s block -s net -s virtio -s virtio-ports -s misc
"""

_PATIENCE = """\
[Manager]
DefaultTimeoutStartSec=600
DefaultTimeoutStopSec=300
DefaultDeviceTimeoutSec=600
"""

CLUSTER_FILES = {
    "etc/fstab": "",
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/machine-id": "00000000000000000000000000000001\n",
    "etc/modules-load.d/guest.conf": "virtio_net\nvirtio-rng\n",
    "etc/resolv.conf": "",
    "etc/apt/sources.list": "",
    "etc/systemd/journald.conf.d/guest.conf": (
        "[Journal]\nStorage=persistent\nSystemMaxUse=32M\nSyncIntervalSec=5s\nAudit=no\n"
    ),
    "etc/systemd/system.conf.d/guest.conf": _PATIENCE,
    "etc/systemd/system/guest-agent.service": _AGENT_UNIT,
    "etc/systemd/system/guest-network.service": _NETWORK_UNIT,
    "etc/systemd/system/systemd-udev-trigger.service.d/guest.conf": _COLDPLUG,
}
CLUSTER_PROGRAMS = {
    IDENTITY_PROGRAM.removeprefix("/"): _IDENTITY,
    "usr/lib/guest/network": _NETWORK,
}

WANTED = {
    "sysinit.target.wants": ("guest-agent.service",),
    "multi-user.target.wants": ("guest-network.service",),
    "network-online.target.wants": ("guest-network.service",),
}
"""Units of ours that are on."""

OFF = ("corosync", "o2cb", "ocfs2")
"""Services that packages switch on and the harness starts when it wants them."""

MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty-static.service",
    "getty@tty1.service",
    "hwclock.service",
    "ldconfig.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "proc-sys-fs-binfmt_misc.automount",
    "serial-getty@ttyS0.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-logind.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-sysusers.service",
    "systemd-update-done.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
)
"""Units that a guest of an hour's life has no use for, and an emulated CPU feels."""

REMOVED = ("etc/corosync/corosync.conf",)
"""Samples that would start something else than what the harness wants."""


def furnish_units(root: Path) -> None:
    """Switch our units on and others off, by the links that systemctl would make."""
    units = root / "etc/systemd/system"
    for target, names in WANTED.items():
        (units / target).mkdir(exist_ok=True)
        for name in names:
            (units / target / name).symlink_to(f"/etc/systemd/system/{name}")
    for name in MASKED:
        (units / name).symlink_to("/dev/null")
    for name in REMOVED:
        (root / name).unlink()
