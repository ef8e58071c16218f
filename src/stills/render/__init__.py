"""Picks become what people look at: pictures, JSON results, the report."""
