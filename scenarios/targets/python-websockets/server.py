"""The `websockets` library: /echo sends back, anywhere else a message goes to everyone there."""
import asyncio
import signal
from collections import defaultdict

from websockets.asyncio.server import broadcast, serve

rooms = defaultdict(set)


async def handle(connection):
    path = connection.request.path
    rooms[path].add(connection)
    try:
        async for message in connection:
            if path == "/echo":
                await connection.send(message)
            else:
                broadcast(rooms[path], message)
    finally:
        rooms[path].discard(connection)


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with serve(handle, "127.0.0.1", 18084, compression=None, backlog=4096):
        await stop


asyncio.run(main())
