"""Digests: how all that concerns somebody has fared, good and bad, once a day or once a week."""
