"""Every query of the cart service, a module per subject."""

from services.cart.repository.carts import (
    CartRepository,
    CatalogueRepository,
    Checksum,
    Known,
    Owner,
    ProjectionRepository,
)

__all__ = [
    "CartRepository",
    "CatalogueRepository",
    "Checksum",
    "Known",
    "Owner",
    "ProjectionRepository",
]
