"""The six services. None imports another: they meet in HTTP and in `libs.contracts`."""
