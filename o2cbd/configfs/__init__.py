"""The o2cb configfs: the narrow interface, and the real one over os calls."""
