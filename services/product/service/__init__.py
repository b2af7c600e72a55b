"""The business story: reading the catalogue, changing it, counting stock, holding and selling pieces."""
