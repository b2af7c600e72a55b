"""Every way product says no; `libs.web` turns each into a problem document."""

from typing import ClassVar

from libs.errors import DomainError


class ProductNotFound(DomainError):
    """No product has this id or slug, or it is not public."""

    code: ClassVar[str] = "product_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Product not found"


class CategoryNotFound(DomainError):
    """No category has this id or slug."""

    code: ClassVar[str] = "category_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Category not found"


class VariantNotFound(DomainError):
    """No variant has this SKU."""

    code: ClassVar[str] = "variant_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Variant not found"


class PriceNotFound(DomainError):
    """The variant is not sold in this currency."""

    code: ClassVar[str] = "price_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Price not found"


class ReservationNotFound(DomainError):
    """No reservation was ever made or closed under this order id."""

    code: ClassVar[str] = "reservation_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Reservation not found"


class SlugTaken(DomainError):
    """Another product or category already answers to the slug."""

    code: ClassVar[str] = "slug_taken"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Slug already in use"


class SkuTaken(DomainError):
    """A SKU names one variant of one product for ever."""

    code: ClassVar[str] = "sku_taken"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "SKU already in use"


class ProductArchived(DomainError):
    """An archived product keeps its history and takes no change."""

    code: ClassVar[str] = "product_archived"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Product is archived"


class OutOfStock(DomainError):
    """Fewer pieces are available than asked for; extension `shortages` lists the SKUs with what is there."""

    code: ClassVar[str] = "out_of_stock"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Out of stock"


class NotForSale(DomainError):
    """A SKU is unknown, withdrawn or has no price in the currency; extension `skus` says which and why."""

    code: ClassVar[str] = "not_for_sale"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Not for sale"


class ReservationConflict(DomainError):
    """The order id already holds other lines or another currency."""

    code: ClassVar[str] = "reservation_conflict"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Reservation differs"


class ReservationClosed(DomainError):
    """The order's reservation was released or refused; that is final."""

    code: ClassVar[str] = "reservation_closed"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Reservation is closed"


class StockBelowZero(DomainError):
    """The adjustment would take away pieces that are held, sold or not there."""

    code: ClassVar[str] = "stock_below_zero"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Stock cannot go below zero"


class SearchInvalid(DomainError):
    """Filters that contradict one another."""

    code: ClassVar[str] = "search_invalid"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Search makes no sense"


class ImportFileInvalid(DomainError):
    """A line of a catalogue file cannot be used; the detail names the line."""

    code: ClassVar[str] = "import_file_invalid"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Catalogue file is invalid"
