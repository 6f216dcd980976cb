"""Shipped fakes and builders: real protocols, never imported by production code paths."""
