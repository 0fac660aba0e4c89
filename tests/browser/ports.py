"""A port for a server that a test starts."""

import random
import socket

# Below those that a system hands out by itself, Linux from 32768 and others from 49152: what else starts meanwhile,
# such as the five ports of every kernel, is given none of these between the look and the server's own start.
_PORTS = range(20_000, 32_000)


def free_port():
    """Return a port of this machine on which nothing listens."""
    for port in random.Random().sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("Not one of a hundred ports is free.")
