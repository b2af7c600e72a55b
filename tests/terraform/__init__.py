"""The AWS topology checked without an account: formats, plans, mocked and emulated applies."""
