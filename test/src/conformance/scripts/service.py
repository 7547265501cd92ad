"""A service of somebody who has never heard of the mesh: nats-py's own micro framework, on the subjects the mesh calls."""

import asyncio
import json
import os
import signal
import sys

import nats
import nats.micro


async def main(server: str, credentials: str, name: str) -> None:
    connection = await nats.connect(server, user_credentials=credentials, name=f"python {name}")
    service = await nats.micro.add_service(connection, name=name, version="0.3.1", description="written in Python")

    async def look(request) -> None:
        headers = dict(request.headers or {})
        body = {"pid": os.getpid(), "payload": request.data.decode(), "headers": headers}
        await request.respond(json.dumps(body).encode(), headers={"X-Answered-By": "python"})

    async def fail(request) -> None:
        wanted = json.loads(request.data)
        await request.respond_error(code=str(wanted["code"]), description=wanted["text"])

    async def slow(request) -> None:
        await asyncio.sleep(json.loads(request.data)["seconds"])
        await request.respond(b'"late"')

    for method, handler in (("look", look), ("fail", fail), ("slow", slow)):
        await service.add_endpoint(name=method, subject=f"mesh.serve.{name}.{method}", handler=handler)
    await connection.flush()

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print("ready", flush=True)
    await stopped.wait()
    await service.stop()
    await connection.close()


asyncio.run(main(*sys.argv[1:]))
