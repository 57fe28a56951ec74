"""The servers tests run against are real, and what a test is given of them is its own."""

import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import urlsplit

import aio_pika

from tests.support.kinds import MailSink, ObjectStore, Rabbit, Vhost, connect_mongo, connect_s3


async def test_vhost_made_for_a_test_carries_a_message(rabbit: Rabbit, vhost: Callable[[Rabbit], Vhost]) -> None:
    connection = await aio_pika.connect(vhost(rabbit).amqp_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("q", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"body"), "q")
        message = await queue.get(timeout=5)
    assert message.body == b"body"


def test_rabbit_of_each_series_is_that_series(rabbit43: Rabbit) -> None:
    assert rabbit43.version.startswith("4.3.")


def test_mongo_when_used_has_transactions(mongo_url: str, database_prefix: str) -> None:
    with connect_mongo(mongo_url) as client, client.start_session() as session:
        with session.start_transaction():
            client[f"{database_prefix}t"]["c"].insert_one({"_id": 1}, session=session)
        assert client[f"{database_prefix}t"]["c"].find_one() == {"_id": 1}


def test_bucket_of_a_session_when_listed_exists(s3: ObjectStore) -> None:
    assert connect_s3(s3).bucket_exists(s3.bucket)


def test_mail_when_accepted_lies_in_the_sink(smtp: MailSink) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "退回通知", "a@example.org", "b@example.org"
    message.set_content("您的申报被退回。")
    where = urlsplit(smtp.url)
    with smtplib.SMTP(str(where.hostname), where.port or 0) as server:
        server.send_message(message, to_addrs=["b@example.org", "c@example.org"])
    assert len(smtp.wait_for(1, "c@example.org")) == 1
