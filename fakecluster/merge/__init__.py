"""One trace of several hosts: their dumps and logs, and a harness's log of verbs."""
