"""Every query of product: catalogue, search, stock, reservations and the bulk import."""
