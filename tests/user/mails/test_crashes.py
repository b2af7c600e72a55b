import asyncio
import signal
import sys
from pathlib import Path

import pytest

from libs.testing.databases import Databases
from libs.testing.scale import trials
from services.user.domain.mails import MailKind
from tests.user.mails.conftest import Post
from tests.user.mails.dying_sender import MOMENTS
from tests.user.mails.neighbours import REQUEST

ROOT = Path(__file__).parents[3]


async def send_and_die(post: Post, moment: str, database_url: str, keys: Path) -> None:
    arguments = (moment, database_url, post.endpoint, str(keys), post.neighbours.email)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.user.mails.dying_sender",
        *arguments,
        env={"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    assert await process.wait() == -signal.SIGKILL, "it lived to see the end"


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_killed_sender_costs_one_mail_more_at_most_and_none_is_lost(
    post: Post, databases: Databases, service_keys: Path, moment: str
) -> None:
    for _ in range(trials(1, 20)):
        before = len(post.mailbox())
        await post.queue(MailKind.PASSWORD_RESET, REQUEST)
        await send_and_die(post, moment, databases.url("user"), service_keys)
        assert await post.send_due() == 0, "whoever claimed it may still be at it"
        await post.time_passes()
        await post.send_due()
        assert (await post.rows())[-1][0] == "sent"
        sent = len(post.mailbox()) - before
        assert sent == (2 if moment == "after SES has it" else 1)


async def test_a_mail_whose_senders_keep_dying_is_given_up(
    post: Post, databases: Databases, service_keys: Path
) -> None:
    await post.queue(MailKind.PASSWORD_RESET, REQUEST)
    for _ in range(2):
        await send_and_die(post, "after SES has it", databases.url("user"), service_keys)
        await post.time_passes()
    assert await post.send_due() == 1
    assert await post.rows() == [("given_up", 3, 2)]
    assert len(post.mailbox()) == 2
