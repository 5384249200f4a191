"""Where membership comes from: the narrow interface, and one adapter for each cluster manager."""
