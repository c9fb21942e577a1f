"""Fill the vector store: choose documents, embed them by the embedding server, build the index.

    load.py CORPUS DATA_FOLDER --documents 150       (EMBEDDING_URL and DATABASE_URL in the environment)

Vectors are kept in DATA_FOLDER: the next load, even into a new database, takes a moment. The same
documents already in the database are left alone. Also writes questions.json for the asker.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import asyncpg
import numpy as np
from openai import OpenAI
from pgvector.asyncpg import register_vector

BATCH = 10
WIDTH = 384  # of MiniLM's vectors


def choose(corpus, count):
    """Return `count` documents of moderate length, spread evenly over the titles."""
    texts = json.loads(corpus.read_text(encoding="utf-8"))
    fit = sorted(
        (entry["title"], entry["extract"])
        for entry in texts.values()
        if 300 <= len(entry["extract"]) <= 700 and entry["title"].replace(" ", "").isalpha()
    )
    count = min(count, len(fit))
    return [fit[index * len(fit) // count] for index in range(count)]


def embed(documents, cache):
    """Return one vector per document, from the cache file or from the embedding server."""
    if cache.exists():
        return np.load(cache), True
    client = OpenAI(base_url=os.environ["EMBEDDING_URL"], api_key="none", timeout=120)
    vectors = []
    shown_s = time.monotonic()
    for start in range(0, len(documents), BATCH):
        inputs = [f"{title}. {body}" for title, body in documents[start : start + BATCH]]
        reply = client.embeddings.create(model="all-minilm-l6-v2", input=inputs)
        vectors += [row.embedding for row in reply.data]
        if time.monotonic() - shown_s > 2:
            shown_s = time.monotonic()
            print(f"      {len(vectors)} of {len(documents)} documents embedded", file=sys.stderr)
    matrix = np.array(vectors, dtype=np.float32)
    draft = cache.with_name("draft.npy")
    np.save(draft, matrix)
    draft.replace(cache)
    return matrix, False


async def store(documents, vectors, key):
    """Write the table and its HNSW index in one transaction; do nothing if `key` is in place."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await register_vector(connection)
        present = await connection.fetchval(
            "SELECT obj_description(to_regclass('documents'), 'pg_class')"
        )
        if present == key:
            return False
        async with connection.transaction():
            await connection.execute("DROP TABLE IF EXISTS documents")
            await connection.execute(
                "CREATE TABLE documents (id int PRIMARY KEY, title text NOT NULL, "
                f"body text NOT NULL, embedding vector({WIDTH}) NOT NULL)"
            )
            await connection.copy_records_to_table(
                "documents",
                records=[
                    (number, title, body, vector)
                    for number, ((title, body), vector) in enumerate(zip(documents, vectors))
                ],
            )
            await connection.execute(
                "CREATE INDEX ON documents USING hnsw (embedding vector_cosine_ops)"
            )
            await connection.execute(f"COMMENT ON TABLE documents IS '{key}'")
        await connection.execute("ANALYZE documents")
        return True
    finally:
        await connection.close()


def main():
    """Load, and print one JSON line: how many documents, and where the vectors came from."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=150)
    options = parser.parse_args()
    documents = choose(options.corpus, options.documents)
    key = hashlib.sha256(json.dumps(documents).encode()).hexdigest()[:16]
    vectors, cached = embed(documents, options.folder / f"vectors-{key}.npy")
    stored = asyncio.run(store(documents, vectors, key))
    questions = [{"question": f"What is {title}?", "title": title} for title, _ in documents]
    (options.folder / "questions.json").write_text(json.dumps(questions, indent=0), encoding="utf-8")
    print(json.dumps({"documents": len(documents), "vectors_cached": cached, "stored": stored}))


if __name__ == "__main__":
    main()
