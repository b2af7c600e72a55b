"""Tests of the mails: a real database and a real emulator of SES, and neighbours in this process."""
