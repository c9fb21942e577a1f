"""The RAG app: embed the question, find documents by vector search, stream the model's answer.

    POST /ask {"question": "…", "max_tokens": 32}   → Server-Sent Events: sources, token…, done
    POST /control/block?block_ms=30&seconds=300    fault slow-reader on (seconds=0: off)
    GET  /health

Every answer ends with the app's own clock readings, against which an observer can be checked.
"""

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from pgvector.asyncpg import register_vector
from pydantic import BaseModel, Field

CHAT_MODEL_NAME = os.environ.get("CHAT_MODEL_NAME", "smollm2-135m-instruct")
NEAREST = "SELECT title, body FROM documents ORDER BY embedding <=> $1 LIMIT 2"
# Bounds the prompt, and with it the seconds a CPU needs before the first token.
DOCUMENT_CHARS = 500
LONGEST_FAULT_S = 600
FREE_TURNS = 4


class Question(BaseModel):
    """One user's question."""

    question: str = Field(min_length=1, max_length=400)
    max_tokens: int = Field(default=32, ge=1, le=256)


@asynccontextmanager
async def lifespan(running):
    """Open the connections that every question shares."""
    state = running.state
    state.chat = AsyncOpenAI(base_url=os.environ["CHAT_URL"], api_key="none", timeout=120)
    state.embedder = AsyncOpenAI(base_url=os.environ["EMBEDDING_URL"], api_key="none", timeout=30)
    state.blocker = None
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=2, max_size=8, init=register_vector
    ) as state.pool:
        yield


app = FastAPI(lifespan=lifespan)


def event(kind, **fields):
    """Format one Server-Sent Event."""
    return f"data: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n"


def milliseconds(start_s, end_s):
    """Return the time between two perf_counter readings."""
    return round((end_s - start_s) * 1e3, 3)


def prompt(question, documents):
    """Build the chat messages: the documents first, so that a repeated question hits the cache."""
    texts = "\n\n".join(f"{title}: {body[:DOCUMENT_CHARS]}" for title, body in documents)
    return [
        {"role": "system", "content": "Answer in one short sentence from the given text."},
        {"role": "user", "content": f"{texts}\n\nQuestion: {question}"},
    ]


async def answer(state, asked):
    """Yield the events of one answer, then the time each step took."""
    clock = time.perf_counter
    begun_s = clock()
    try:
        reply = await state.embedder.embeddings.create(model="all-minilm-l6-v2", input=asked.question)
        embedded_s = clock()
        documents = await state.pool.fetch(NEAREST, reply.data[0].embedding)
        found_s = clock()
        embed_ms, search_ms = milliseconds(begun_s, embedded_s), milliseconds(embedded_s, found_s)
        yield event("sources", titles=[row["title"] for row in documents])
        stream = await state.chat.chat.completions.create(
            model=CHAT_MODEL_NAME,
            messages=prompt(asked.question, documents),
            max_tokens=asked.max_tokens,
            temperature=0,
            stream=True,
        )
        headers_s = clock()
        token_times_s = []
        async for chunk in stream:
            text = chunk.choices[0].delta.content if chunk.choices else None
            if text:
                token_times_s.append(clock())
                yield event("token", text=text)
    except Exception as error:  # the answer is already under way: tell the client inside it
        yield event("error", message=f"{type(error).__name__}: {error}"[:300])
        return
    ended_s = clock()
    gaps = sorted(milliseconds(a, b) for a, b in zip(token_times_s, token_times_s[1:]))
    first_s = token_times_s[0] if token_times_s else ended_s
    yield event(
        "done",
        embed_ms=embed_ms,
        search_ms=search_ms,
        headers_ms=milliseconds(found_s, headers_s),
        first_token_ms=milliseconds(found_s, first_s),
        gap_p50_ms=gaps[len(gaps) // 2] if gaps else 0.0,
        gap_max_ms=gaps[-1] if gaps else 0.0,
        total_ms=milliseconds(begun_s, ended_s),
        tokens=len(token_times_s),
    )


@app.post("/ask")
async def ask(asked: Question, request: Request):
    """Stream the answer to one question."""
    return StreamingResponse(answer(request.app.state, asked), media_type="text/event-stream")


async def block_loop(block_ms, seconds):
    """Do what a synchronous call inside a coroutine does: hold the loop, so that reads come late.

    The few turns between two calls pass faster than any server answers: the app's own hand-overs
    go through, every answer waits in its socket.
    """
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(block_ms / 1e3)
        for _ in range(FREE_TURNS):
            await asyncio.sleep(0)


@app.post("/control/block")
async def block(request: Request, block_ms: int = 30, seconds: int = 300):
    """Start or (with seconds=0) end the slow-reader fault; it ends by itself after `seconds`."""
    if not (1 <= block_ms <= 1000 and 0 <= seconds <= LONGEST_FAULT_S):
        raise HTTPException(422, "block_ms: 1 to 1000, seconds: 0 to 600")
    state = request.app.state
    if state.blocker:
        state.blocker.cancel()
        state.blocker = None
    if seconds:
        state.blocker = asyncio.create_task(block_loop(block_ms, seconds))
    return {"blocking": bool(state.blocker)}


@app.get("/health")
async def health(request: Request):
    """Say that the app and its database answer."""
    return {"documents": await request.app.state.pool.fetchval("SELECT count(*) FROM documents")}
