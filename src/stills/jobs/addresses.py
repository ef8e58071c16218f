"""Addresses, as jobs know them; see :mod:`stills.addresses`."""

from stills.addresses import HIDDEN, clean, is_address, local_path, public_name, scheme_of, shown, split_address

__all__ = ["HIDDEN", "clean", "is_address", "local_path", "public_name", "scheme_of", "shown", "split_address"]
