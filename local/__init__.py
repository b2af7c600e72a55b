"""Meridian on one machine: starts, watches and stops every part; not shipped with the services."""
