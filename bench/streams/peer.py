"""The peer: a streaming chat as people write it today, with FastAPI, AsyncOpenAI and sse-starlette, served for production.

    python peer.py PORT HEARTBEAT_SECONDS

One uvicorn worker with uvloop and httptools, no access log, one shared client whose pool holds any number of streams. It
keeps no log, gives no ids and resumes nothing: it only relays.
"""

import json
import sys
import time
from collections.abc import AsyncIterator

import httpx2
import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse

PORT = int(sys.argv[1])
HEARTBEAT_S = int(sys.argv[2])

app = FastAPI()
limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
client = AsyncOpenAI(http_client=DefaultAsyncHttpxClient(limits=limits))


class ChatRequest(BaseModel):
    """The body of a question."""

    query: str = Field(min_length=1, max_length=8000)


async def answer(question: ChatRequest) -> AsyncIterator[dict[str, str]]:
    """Yield the events of one answer."""
    started = time.time()
    yield {
        "event": "progress",
        "data": json.dumps({"step": "start", "message": "Starting chat processing...", "progress": 5, "timestamp": started}),
    }
    parts: list[str] = []
    stream = await client.chat.completions.create(
        model="gpt-4.1-mini",
        messages=[
            {"role": "system", "content": "You answer questions about company filings."},
            {"role": "user", "content": question.query},
        ],
        stream=True,
    )
    async for chunk in stream:
        if chunk.choices and (text := chunk.choices[0].delta.content):
            parts.append(text)
            yield {"event": "token", "data": json.dumps({"text": text})}
    took_ms = int((time.time() - started) * 1000)
    yield {"event": "result", "data": json.dumps({"response": "".join(parts), "timings_ms": {"total": took_ms}})}


@app.post("/chat/stream")
async def chat_stream(question: ChatRequest) -> EventSourceResponse:
    """Answer a question as Server-Sent Events."""
    return EventSourceResponse(answer(question), ping=HEARTBEAT_S)


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the server answers."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(
        app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning", timeout_graceful_shutdown=1
    )
