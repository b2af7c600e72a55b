"""The local stack: its gateway for real, its supervisor against small stand-in processes."""
