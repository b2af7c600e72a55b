"""Test of the audit log."""
