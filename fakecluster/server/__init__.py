"""A whole fake cluster as one process: cman's sockets, FUSE mounts, and verbs to break it."""
