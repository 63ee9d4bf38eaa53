"""The providers' other ends, for developing and testing without the real ones."""

from app.payments.simulators.chapa import ChapaSimulator
from app.payments.simulators.mpesa import MpesaSimulator
from app.payments.simulators.paypal import PayPalSimulator
from app.payments.simulators.paystack import PaystackSimulator
from app.payments.simulators.stripe import StripeSimulator

__all__ = ["ChapaSimulator", "MpesaSimulator", "PayPalSimulator", "PaystackSimulator", "StripeSimulator"]
