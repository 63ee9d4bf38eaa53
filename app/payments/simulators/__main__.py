"""`python -m app.payments.simulators`: Stripe's other end on loopback, until Ctrl-C or SIGTERM."""

import argparse

from app.lib.ending import told_to_stop
from app.payments.simulators import StripeSimulator


def main() -> None:
    """Serve until told to stop."""
    asked = _arguments()
    told = told_to_stop()
    simulator = StripeSimulator(
        webhook_url=asked.webhook, webhook_secret=asked.secret, port=asked.port, host=asked.host
    )
    print(f"STRIPE_API_BASE={simulator.start()}", flush=True)
    told.wait()
    simulator.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.payments.simulators", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8010, help="0 takes a free one")
    parser.add_argument(
        "--webhook",
        default="http://127.0.0.1:8000/payments/stripe/webhook",
        help="where messages are sent; empty sends none",
    )
    parser.add_argument("--secret", default="whsec_simulator", help="the shop's STRIPE_WEBHOOK_SECRET")
    return parser.parse_args()


if __name__ == "__main__":
    main()
