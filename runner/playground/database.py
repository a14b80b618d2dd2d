"""The shop's database: a server that answers queries over TCP, and takes so many connections and no more.

`python -I -S database.py ADDRESS PORT CONNECTIONS`. Every line that comes is a query, and is answered by one line after QUERY_S. Whoever
connects beyond the limit hears what PostgreSQL says then. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys

QUERY_S = 0.001
FULL = b"FATAL:  sorry, too many clients already\n"


class Server:
    """Counts its connections."""

    def __init__(self, most: int) -> None:
        self.most, self.open = most, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        try:
            if self.open > self.most:
                writer.write(FULL)
                return
            while await reader.readline():
                await asyncio.sleep(QUERY_S)
                writer.write(b"1 row\n")
        except ConnectionError:
            return
        finally:
            self.open -= 1
            writer.close()


async def main(address: str, port: int, connections: int) -> None:
    """Serve until the end of standard input."""
    asyncio.get_running_loop().add_reader(0, lambda: os.read(0, 4096) or os._exit(0))
    await asyncio.start_server(Server(connections).serve, address, port, backlog=1024)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
