"""In the guest: plays the episodes that come on stdin, a line each, and prints their answers so."""

from __future__ import annotations

import json
import sys

from fakecluster.conformance.configfs_deep_operator import DeepOperator
from integration.episode import decode_operations, play
from integration.guest_host import CONFIGFS, GuestHost
from integration.storm_values import CLUSTER_NAME


def main() -> int:
    """Play every episode on the kernel."""
    operator = DeepOperator(CONFIGFS, host=GuestHost(cluster=CLUSTER_NAME))
    for line in sys.stdin:
        answers = play(operator, decode_operations(line))
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
