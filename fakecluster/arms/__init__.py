"""The arms of the scenario suite: one way each to run a cluster, behind the same verbs."""
