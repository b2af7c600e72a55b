"""Authenticator apps, recovery codes and passkeys."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.privacy.columns import protected
from services.auth.models import Identity, Passkey, RecoveryCode, TotpAuthenticator


class SecondFactorRepository:
    """What people have enrolled."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def totp_locked(self, user_id: str) -> TotpAuthenticator | None:
        found: TotpAuthenticator | None = await self._session.scalar(
            select(TotpAuthenticator).where(TotpAuthenticator.user_id == user_id).with_for_update()
        )
        return found

    async def put_totp(self, user_id: str, secret: str) -> bool:
        """Store a secret that waits for its confirmation; False if a confirmed one is there."""
        new = insert(TotpAuthenticator).values(
            **protected(self._session, TotpAuthenticator, user_id, {"secret": secret}),
            user_id=user_id,
        )
        put = await self._session.scalar(
            new.on_conflict_do_update(
                index_elements=[TotpAuthenticator.user_id],
                set_={"secret_sealed": new.excluded.secret_sealed, "updated_at": func.now()},
                where=TotpAuthenticator.confirmed_at.is_(None),
            ).returning(TotpAuthenticator.user_id)
        )
        return put is not None

    async def use_totp(self, user_id: str, step: int) -> None:
        """Let no code of this step or an older one work again; a first use confirms the app."""
        await self._session.execute(
            update(TotpAuthenticator)
            .where(TotpAuthenticator.user_id == user_id)
            .values(
                last_step=step,
                confirmed_at=func.coalesce(TotpAuthenticator.confirmed_at, func.now()),
            )
        )

    async def remove_totp(self, user_id: str) -> bool:
        removed = await self._session.scalar(
            delete(TotpAuthenticator)
            .where(TotpAuthenticator.user_id == user_id)
            .returning(TotpAuthenticator.user_id)
        )
        return removed is not None

    async def remove_added_before_proof(self, user_id: str) -> bool:
        """Remove what was added before the account's address was proved; False if there was nothing."""
        proved = select(Identity.email_verified_at).where(Identity.id == user_id).scalar_subquery()
        app_since = func.coalesce(TotpAuthenticator.confirmed_at, TotpAuthenticator.created_at)
        apps = await self._session.scalars(
            delete(TotpAuthenticator)
            .where(TotpAuthenticator.user_id == user_id, app_since < proved)
            .returning(TotpAuthenticator.user_id)
        )
        passkeys = await self._session.scalars(
            delete(Passkey)
            .where(Passkey.user_id == user_id, Passkey.created_at < proved)
            .returning(Passkey.id)
        )
        return bool([*apps, *passkeys])

    async def remove_all(self, user_id: str) -> None:
        for kind in (TotpAuthenticator, Passkey, RecoveryCode):
            await self._session.execute(delete(kind).where(kind.user_id == user_id))

    async def has_totp(self, user_id: str) -> bool:
        found = await self._session.scalar(select(_confirmed_totp(user_id)))
        return bool(found)

    async def has_any(self, user_id: str) -> bool:
        """Tell whether the user has an app or a passkey; recovery codes only stand in for those."""
        passkey = exists().where(Passkey.user_id == user_id)
        return bool(await self._session.scalar(select(or_(_confirmed_totp(user_id), passkey))))

    async def methods_of(self, user_id: str) -> Sequence[str]:
        """Return what can be shown after the password: totp, passkey, recovery_code."""
        has = {
            "totp": _confirmed_totp(user_id),
            "passkey": exists().where(Passkey.user_id == user_id),
            "recovery_code": exists().where(RecoveryCode.user_id == user_id),
        }
        row = (await self._session.execute(select(*has.values()))).one()
        return [method for method, there in zip(has, row, strict=True) if there]

    async def replace_recovery_codes(self, user_id: str, hashes: Sequence[bytes]) -> None:
        await self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        if hashes:
            await self._session.execute(
                insert(RecoveryCode).values(
                    [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
                )
            )

    async def use_recovery_code(self, user_id: str, code_hash: bytes) -> bool:
        """Use a code up; False if there is none like it any more."""
        used = await self._session.scalar(
            delete(RecoveryCode)
            .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash)
            .returning(RecoveryCode.user_id)
        )
        return used is not None

    async def count_recovery_codes(self, user_id: str) -> int:
        counted = await self._session.scalar(
            select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
        )
        return counted or 0

    async def add_passkey(self, passkey: Passkey) -> bool:
        """Store a passkey; False if that credential is known already."""
        added = await self._session.scalar(
            insert(Passkey)
            .values(
                **protected(self._session, Passkey, passkey.id, {"name": passkey.name}),
                id=passkey.id,
                user_id=passkey.user_id,
                credential_id=passkey.credential_id,
                public_key=passkey.public_key,
                sign_count=passkey.sign_count,
                transports=passkey.transports,
                backed_up=passkey.backed_up,
            )
            .on_conflict_do_nothing(index_elements=[Passkey.credential_id])
            .returning(Passkey.id)
        )
        return added is not None

    async def passkeys_of(self, user_id: str) -> Sequence[Passkey]:
        found = await self._session.scalars(
            select(Passkey)
            .where(Passkey.user_id == user_id)
            .order_by(Passkey.created_at, Passkey.id)
        )
        return found.all()

    async def owner_of_passkey(self, credential_id: bytes) -> str | None:
        found: str | None = await self._session.scalar(
            select(Passkey.user_id).where(Passkey.credential_id == credential_id)
        )
        return found

    async def passkey_locked(self, credential_id: bytes) -> Passkey | None:
        found: Passkey | None = await self._session.scalar(
            select(Passkey).where(Passkey.credential_id == credential_id).with_for_update()
        )
        return found

    async def use_passkey(self, passkey_id: str, sign_count: int, *, backed_up: bool) -> None:
        await self._session.execute(
            update(Passkey)
            .where(Passkey.id == passkey_id)
            .values(sign_count=sign_count, backed_up=backed_up, last_used_at=func.now())
        )

    async def rename_passkey(self, user_id: str, passkey_id: str, name: str) -> Passkey | None:
        found: Passkey | None = await self._session.scalar(
            update(Passkey)
            .where(Passkey.id == passkey_id, Passkey.user_id == user_id)
            .values(**protected(self._session, Passkey, passkey_id, {"name": name}))
            .returning(Passkey)
        )
        return found

    async def remove_passkey(self, user_id: str, passkey_id: str) -> bool:
        removed = await self._session.scalar(
            delete(Passkey)
            .where(Passkey.id == passkey_id, Passkey.user_id == user_id)
            .returning(Passkey.id)
        )
        return removed is not None


def _confirmed_totp(user_id: str) -> ColumnElement[bool]:
    return exists().where(
        TotpAuthenticator.user_id == user_id, TotpAuthenticator.confirmed_at.is_not(None)
    )
