"""The demo stack: a small, real RAG service, and the means to start, ask, disturb and stop it."""
