"""Feature flags: what may be turned off and on while the shop runs, asked through OpenFeature."""
