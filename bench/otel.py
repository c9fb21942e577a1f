"""CPU per request of an asyncio app: bare, with OpenTelemetry's instrumentation, with Forebay.

The app is a retrieval service's skeleton: FastAPI under uvicorn and uvloop, each request makes two
HTTP calls over httpx. Packages go into .forebay/bench-otel; spans are batched and dropped, so an
exporter's cost is not counted. One JSON line on standard output.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".forebay/bench-otel"
PACKAGES = [
    "fastapi==0.115.*", "uvicorn==0.34.*", "uvloop==0.21.*", "httptools==0.6.*", "httpx==0.28.*",
    "opentelemetry-sdk==1.34.1", "opentelemetry-instrumentation-fastapi==0.55b1",
    "opentelemetry-instrumentation-httpx==0.55b1",
]
APP = '''
import os, httpx
from contextlib import asynccontextmanager
from fastapi import FastAPI
if os.environ.get("WITH_OTEL"):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    class Drop(SpanExporter):
        def export(self, spans): return SpanExportResult.SUCCESS
    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(Drop()))
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    HTTPXClientInstrumentor().instrument()
@asynccontextmanager
async def life(app):
    async with httpx.AsyncClient(base_url=os.environ["BACKEND"]) as app.state.http:
        yield
app = FastAPI(lifespan=life)
@app.get("/ask")
async def ask():
    for path in ("/embed", "/search"):
        (await app.state.http.get(path)).raise_for_status()
    return {"answer": "x" * 512}
if os.environ.get("WITH_OTEL"):
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    FastAPIInstrumentor.instrument_app(app)
'''
NGINX = '''daemon off; master_process off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {at}/a;
proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{body}"; }} }} }}'''


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"otel.py: nothing listens on port {port}")


def cpu_ns(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(t.read_text().split()[0]) for t in tasks)


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait(10)


def window(kind, folder, backend, seconds):
    port = free_port()
    env = dict(os.environ, BACKEND=f"http://127.0.0.1:{backend}", PYTHONPATH=folder)
    env.pop("WITH_OTEL", None)
    if kind == "otel":
        env["WITH_OTEL"] = "1"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    app = subprocess.Popen(
        [VENV / "bin/uvicorn", "--loop", "uvloop", "--no-access-log", "--port", str(port), "app:app"],
        env=env, cwd=folder, **quiet)
    agent = None
    try:
        wait_for(port)
        if kind == "forebay":
            agent = subprocess.Popen([ROOT / "target/release/forebay", "run",
                                      f"--socket={folder}/api.sock"], **quiet)
            time.sleep(1)
        url = f"http://127.0.0.1:{port}/ask"
        subprocess.run(["wrk", "-c8", "-t1", "-d1", url], check=True, **quiet)
        before, agent_before = cpu_ns(app.pid), cpu_ns(agent.pid) if agent else 0
        said = subprocess.run(["wrk", "-c8", "-t1", f"-d{seconds}", "--latency", url],
                              check=True, capture_output=True, text=True).stdout
        requests = int(re.search(r"(\d+) requests in", said)[1])
        p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", said)
        scale = {"us": 1, "ms": 1e3, "s": 1e6}[p50[2]]
        used = cpu_ns(app.pid) - before
        own = cpu_ns(agent.pid) - agent_before if agent else 0
        return {"app_us": used / requests / 1e3, "agent_us": own / requests / 1e3,
                "p50_us": float(p50[1]) * scale, "per_s": requests / seconds}
    finally:
        if agent:
            end(agent)
        end(app)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    if not (VENV / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "-q", *PACKAGES], check=True, stdout=sys.stderr)
        (VENV / "ready").touch()
    kinds = ["bare", "otel", "forebay"]
    seen = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="forebay-otel-") as folder:
        Path(folder, "app.py").write_text(APP)
        backend = free_port()
        config = Path(folder, "nginx.conf")
        config.write_text(NGINX.format(at=folder, port=backend, body="x" * 1024))
        nginx = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", config],
                                 stderr=subprocess.DEVNULL)
        try:
            wait_for(backend)
            for _ in range(arguments.rounds):
                for kind in kinds:
                    seen[kind].append(window(kind, folder, backend, arguments.seconds))
        finally:
            end(nginx)
    median = {kind: {key: round(statistics.median(w[key] for w in windows), 1) for key in windows[0]}
              for kind, windows in seen.items()}
    print(json.dumps({"experiment": "otel", "rounds": arguments.rounds,
                      "seconds": arguments.seconds, **median}))


main()
