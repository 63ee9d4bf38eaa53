"""What a delivery would cost, and when it arrives."""

from app.shipping.rates import Quote, ShippingMethod, free_from, methods, quote, quotes

__all__ = ["Quote", "ShippingMethod", "free_from", "methods", "quote", "quotes"]
