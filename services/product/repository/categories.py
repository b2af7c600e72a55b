"""Queries on the category tree."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.catalogue import Category
from services.product.models import Category as CategoryRow

_CATEGORY = (CategoryRow.id, CategoryRow.slug, CategoryRow.title, CategoryRow.parent_id)


class CategoryRepository:
    """Reads and writes categories."""

    def __init__(self, session: AsyncSession, home_region: str) -> None:
        self._session = session
        self._region = home_region

    async def all(self) -> list[Category]:
        """Return the whole tree; a shop has hundreds of categories, not millions."""
        rows = await self._session.execute(select(*_CATEGORY))
        return [Category(*row) for row in rows]

    async def find(self, id_or_slug: str) -> Category | None:
        """Return one category."""
        rows = await self._session.execute(
            select(*_CATEGORY).where(
                (CategoryRow.id == id_or_slug) | (CategoryRow.slug == id_or_slug)
            )
        )
        found = rows.one_or_none()
        return None if found is None else Category(*found)

    async def add(self, category: Category) -> bool:
        """Insert a category; False if its slug is taken."""
        row = await self._session.execute(
            insert(CategoryRow)
            .values(
                id=category.id,
                slug=category.slug,
                title=category.title,
                parent_id=category.parent_id,
                home_region=self._region,
            )
            .on_conflict_do_nothing(index_elements=[CategoryRow.slug])
            .returning(CategoryRow.id)
        )
        return row.scalar_one_or_none() is not None
