"""The providers' other ends, for developing and testing without the real ones."""

from app.payments.simulators.mpesa import MpesaSimulator
from app.payments.simulators.stripe import StripeSimulator

__all__ = ["MpesaSimulator", "StripeSimulator"]
