"""Known bugs, planted into the daemon on purpose: what does not catch them proves nothing."""
