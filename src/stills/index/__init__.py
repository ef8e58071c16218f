"""The tables that a scan writes and every selection reads."""
