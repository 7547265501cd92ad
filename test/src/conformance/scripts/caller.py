"""Makes requests with nats-py and prints what came, a JSON object a line. Input: a JSON list of requests."""

import asyncio
import json
import sys

import nats
import nats.errors


async def main(server: str, credentials: str, principal: str) -> None:
    connection = await nats.connect(
        server, user_credentials=credentials, inbox_prefix=f"_INBOX.{principal}", name=f"python {principal}"
    )

    async def ask(wanted: dict) -> dict:
        try:
            message = await connection.request(
                wanted["subject"],
                json.dumps(wanted["payload"]).encode(),
                timeout=wanted.get("timeout", 5),
                headers=wanted.get("headers"),
            )
        except nats.errors.TimeoutError:
            return {"timeout": True}
        return {"payload": message.data.decode(), "headers": dict(message.headers or {})}

    for answer in await asyncio.gather(*(ask(wanted) for wanted in json.load(sys.stdin))):
        print(json.dumps(answer))
    await connection.close()


asyncio.run(main(*sys.argv[1:]))
