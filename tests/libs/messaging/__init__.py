"""Tests of libs.messaging, against a real PostgreSQL and the AWS emulator."""
