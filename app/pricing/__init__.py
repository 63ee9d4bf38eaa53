"""Taxes and totals: arithmetic over plain lines."""

from app.pricing.totals import LineTotal, PricedLine, TaxRule, Totals, tax_on, totals

__all__ = ["LineTotal", "PricedLine", "TaxRule", "Totals", "tax_on", "totals"]
