"""A real SMTP server that delivers into a folder instead of the world."""

import sys

from deploy.local.addresses import Addresses
from deploy.local.part import Part
from deploy.local.probes import listens


def mail(addresses: Addresses) -> Part:
    """Every message accepted becomes a file in `maildir`, its envelope in `X-MailFrom` and `X-RcptTo`."""
    port = addresses.ports["smtp"]
    command = (
        *(sys.executable, "-m", "aiosmtpd", "--nosetuid", "--listen", f"127.0.0.1:{port}"),
        *("--class", "aiosmtpd.handlers.Mailbox", str(addresses.maildir)),
    )
    return Part("mail", command, port, ready=listens(port))
