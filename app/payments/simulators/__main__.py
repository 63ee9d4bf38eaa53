"""`python -m app.payments.simulators`: the other ends of all providers on loopback, until Ctrl-C or SIGTERM.

Prints the settings of a shop that pays here, but for those it was given, such as STRIPE_WEBHOOK_SECRET.
"""

import argparse
import os

from app.lib.ending import told_to_stop
from app.payments.simulators.everyone import everyone, invented
from app.payments.simulators.front import Front
from app.payments.simulators.serving import Serving


def main() -> None:
    """Serve until told to stop."""
    asked = _arguments()
    told = told_to_stop()
    new = invented("")
    keys = {name: os.environ.get(name) or value for name, value in new.items()}
    simulators = everyone(keys, asked.shop.rstrip("/"))
    front = Front(simulators, keys)
    paths = {f"/{name}": simulator for name, simulator in simulators.items()}
    serving = Serving(paths, host=asked.host, port=asked.port, front=front)
    address = serving.start()
    keys |= {name: address + value for name, value in new.items() if name.endswith("_API_BASE")}
    for name in keys:
        if not os.environ.get(name):
            print(f"{name}={keys[name]}", flush=True)
    told.wait()
    serving.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.payments.simulators", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8010, help="0 takes a free one")
    parser.add_argument(
        "--shop", default="http://127.0.0.1:8000", help="the shop that is sent the messages; empty sends none"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
