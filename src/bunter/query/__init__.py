"""Queries: text or Python objects in, checked and bound trees out; no SQL here."""
