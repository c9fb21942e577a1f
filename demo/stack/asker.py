"""Ask one question over HTTP, read the answer's events as they come, stamp each by the own clock."""

import http.client
import json
import socket
import time
import urllib.parse

LONGEST_WAIT_S = 180


def since_ms(begun_s):
    """Return the milliseconds since a perf_counter reading."""
    return round((time.perf_counter() - begun_s) * 1e3, 3)


class ReluctantSocket(socket.socket):
    """A socket whose reader takes at most 256 bytes at a time out of the kernel's buffer."""

    def makefile(self, mode, **_):
        """Give http.client a small buffer, so that a late read is late in the kernel's eyes, too."""
        return super().makefile(mode, buffering=256)


class Asker:
    """Asks one question at a time on a connection of its own."""

    def __init__(self, options):
        self.url = urllib.parse.urlsplit(options.url)
        self.options = options

    def connect(self):
        """Open a connection, with a small receive buffer when asked for."""
        sock = ReluctantSocket() if self.options.read_delay_ms else socket.socket()
        sock.settimeout(LONGEST_WAIT_S)
        if self.options.receive_buffer:
            # Before the connection: the window's scale is agreed upon in the first packet.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.options.receive_buffer)
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port)
        try:
            sock.connect((self.url.hostname, self.url.port))
        except OSError:
            sock.close()
            raise
        connection.sock = sock
        return connection

    def ask(self, entry):
        """Return the answer with the asker's times (ms since the request was sent) and the app's."""
        result = {"question": entry["question"], "answer": "", "titles": [], "ok": False}
        begun_s = time.perf_counter()
        result["at"] = round(time.time(), 6)
        try:
            connection = self.connect()
            body = json.dumps(
                {"question": entry["question"], "max_tokens": self.options.max_tokens}
            )
            connection.request("POST", "/ask", body, {"Content-Type": "application/json"})
            self.read(connection.getresponse(), begun_s, result)
            connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            result["error"] = f"{type(error).__name__}: {error}"
        result["total_ms"] = since_ms(begun_s)
        result["found"] = entry["title"] in result["titles"]
        return result

    def read(self, response, begun_s, result):
        """Take the events as they come."""
        if response.status != 200:
            raise ValueError(f"the app answered {response.status}")
        result["headers_ms"] = since_ms(begun_s)
        arrivals_ms = []
        for line in response:
            if not line.startswith(b"data: "):
                continue
            item = json.loads(line[6:])
            if item["type"] == "token":
                arrivals_ms.append(since_ms(begun_s))
                result["answer"] += item["text"]
            elif item["type"] == "sources":
                result["titles"] = item["titles"]
            elif item["type"] == "error":
                raise ValueError(item["message"])
            elif item["type"] == "done":
                result["app"] = {key: value for key, value in item.items() if key != "type"}
                result["ok"] = True
            if self.options.read_delay_ms:
                time.sleep(self.options.read_delay_ms / 1e3)
        result["first_token_ms"] = arrivals_ms[0] if arrivals_ms else None
        # Tokens that arrive apart prove a stream; one burst at the end would be a spread of 0.
        result["spread_ms"] = round(arrivals_ms[-1] - arrivals_ms[0], 3) if arrivals_ms else 0.0
