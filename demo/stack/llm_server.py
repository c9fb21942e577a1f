"""Serve a GGUF model by llama.cpp's own HTTP server (OpenAI API, SSE), with one compute thread.

    llm_server.py MODEL --host ADDRESS --port PORT [--embedding] [--name COMM]
"""

import argparse
import ctypes
import os
import signal

import xllamacpp

PR_SET_NAME = 15


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description="llama.cpp HTTP server")
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--embedding", action="store_true", help="serve /v1/embeddings, mean pooling")
    parser.add_argument("--name", default="llama-server", help="process name shown by ps and observe")
    return parser.parse_args()


def parameters(options):
    """Return llama.cpp's parameters for two slots of 2,048 tokens each."""
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.hostnames = [options.host]
    params.port = options.port
    params.n_ctx = 4096
    params.n_parallel = 2
    # A second thread spins at every barrier: on busy cores that costs ten times the speed.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 4
    params.cache_ram_mib = 128
    params.endpoint_metrics = True
    params.endpoint_slots = True
    if options.embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        # An embedding input has to fit into one batch.
        params.n_batch = params.n_ubatch = 2048
    return params


def main():
    """Serve until SIGTERM or SIGINT."""
    options = parse()
    # Before any thread starts, because threads inherit the name.
    ctypes.CDLL(None).prctl(PR_SET_NAME, options.name.encode()[:15], 0, 0, 0)
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    server = xllamacpp.Server(parameters(options))
    print("listening on", server.listening_address, flush=True)
    signal.sigwait(ending)
    # Nothing to save, and the C++ destructor waits for open streams.
    os._exit(0)


if __name__ == "__main__":
    main()
