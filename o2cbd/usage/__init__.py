"""Whether OCFS2 is in use on this host: heartbeat regions, mounts."""
