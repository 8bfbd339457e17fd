"""Drives an MCP server with the official Python client, one JSON command a line.

    bridge.py MODE stdio COMMAND [ARGUMENT ...]
    bridge.py MODE http URL

MODE is `legacy` (the initialize handshake), `auto`, or a protocol version. Each line on stdin is a
command, each line on stdout its answer. The tests in Rust say what is asked and what must come back;
this file only carries it.
"""

import asyncio
import json
import os
import sys
import threading

import anyio
from mcp import Client, MCPError, StdioServerParameters


async def call(client, name, arguments, cancel_after=None):
    """Call a tool; with `cancel_after` seconds, give the call up as a user who loses patience."""
    heard = []

    async def progress(done, total, message):
        heard.append({"progress": done, "total": total, "message": message})

    with anyio.move_on_after(cancel_after) as scope:
        result = await client.call_tool(name, arguments, progress_callback=progress)
    if scope.cancelled_caught:
        return {"cancelled": True, "progress": heard}
    return {
        "is_error": bool(result.is_error),
        "text": "\n".join(it.text for it in result.content if it.type == "text"),
        "data": result.structured_content,
        "progress": heard,
    }


def dumped(items):
    return [it.model_dump(mode="json", by_alias=True, exclude_none=True) for it in items]


async def answer(client, command):
    op = command.pop("op")
    try:
        if op == "about":
            return {
                "protocol": client.protocol_version,
                "server": client.server_info.name if client.server_info else None,
                "instructions": client.instructions,
            }
        if op == "tools":
            return dumped((await client.list_tools()).tools)
        if op == "call":
            return await call(client, **command)
        if op == "resources":
            return dumped((await client.list_resources(cache_mode="bypass")).resources)
        if op == "templates":
            return dumped((await client.list_resource_templates()).resource_templates)
        if op == "prompts":
            return dumped((await client.list_prompts()).prompts)
        if op == "prompt":
            return dumped([await client.get_prompt(command["name"], command["arguments"])])[0]
        if op == "read":
            return dumped((await client.read_resource(command["uri"], cache_mode="bypass")).contents)
    except MCPError as error:
        return {"protocol_error": {"code": error.error.code, "message": error.error.message}}
    raise ValueError(f"unknown op {op}")


async def main(mode, transport, *rest):
    if transport == "stdio":
        # The whole environment: the server is told by it where its engines are.
        server = StdioServerParameters(command=rest[0], args=list(rest[1:]), env=dict(os.environ))
    else:
        server = rest[0]
    async with Client(server, mode=mode, read_timeout_seconds=300) as client:
        lines = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def read():
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

        threading.Thread(target=read, daemon=True).start()
        while (line := await lines.get()) is not None:
            print(json.dumps(await answer(client, json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
