"""The pure heart of o2cbd: events in, effects out; no I/O, no clock, no randomness, no logging."""
