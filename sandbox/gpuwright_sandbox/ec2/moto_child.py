"""What the child process runs: moto's server, until its standard input ends, so that none is left over."""

import os
import sys
import threading

from moto.server import main


def _end_with_the_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    host, port = sys.argv[1:]
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    main(["-H", host, "-p", port])
