import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from libs.database.session import Database
from libs.testing.databases import Databases, service_of_test
from libs.testing.tokens import Issuer, TokenFactory


async def test_the_scratch_database_is_real_and_empty(scratch_database: Database) -> None:
    async with scratch_database.transaction() as session:
        version = await session.scalar(text("SHOW server_version_num"))
        tables = await session.scalar(
            text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        )
    assert int(str(version)) >= 170000
    assert tables == 0


async def test_tokens_are_signed_by_the_published_key(
    token_factory: TokenFactory, issuer: Issuer
) -> None:
    token = token_factory(subject="usr_1", session=True)
    async with httpx.AsyncClient() as client:
        answer = await client.get(issuer.jwks_url)
    assert answer.json()["keys"][0]["kid"] == "test-key"
    assert token.count(".") == 2


async def test_the_emulator_answers(aws_endpoint_url: str) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{aws_endpoint_url}/_ministack/health")).status_code == 200


async def test_a_client_runs_the_lifespan(client_for) -> None:  # noqa
    client = await client_for(FastAPI())
    assert (await client.get("/openapi.json")).status_code == 200
