"""Paths of product: the public catalogue, its administration, stock and reservations."""

from services.product.routes import admin, catalogue, reservations, stock

ROUTERS = (catalogue.router, admin.router, stock.router, reservations.router)
