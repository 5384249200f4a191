"""`fakecluster demo`: five nodes, the real agent on each, from join to shutdown, with a verdict."""
