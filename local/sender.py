"""Has an emulator of SES take the shop's address for one that may send: `python -m local.sender`.

At Amazon that is Terraform's work, and takes records in the domain's DNS.
"""

import asyncio
import sys

from botocore.exceptions import BotoCoreError, ClientError

from libs.aws import aws_session
from libs.settings import Settings, read_settings
from libs.topology import MASTER_REGION

EXIT_FAILED = 2


class SenderSettings(Settings):
    """What the command reads from the environment."""

    region: str = MASTER_REGION
    aws_endpoint_url: str
    mail_from: str


async def verify_sender(settings: SenderSettings) -> None:
    """Create the identity; one that is there already stays as it is.

    Raises:
        ClientError: the emulator refused.
        BotoCoreError: it did not answer.
    """
    session = aws_session(settings.region, settings.aws_endpoint_url)
    async with session.client("sesv2", endpoint_url=settings.aws_endpoint_url) as ses:
        try:
            await ses.create_email_identity(EmailIdentity=settings.mail_from)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise


def main() -> int:
    """Run the command and return its exit status."""
    settings = read_settings(SenderSettings)
    try:
        asyncio.run(verify_sender(settings))
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"{settings.aws_endpoint_url} does not take the sender: {error}\n")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
