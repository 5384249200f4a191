"""The world around the agent: threads, signals, readiness, the control socket, the journal."""
