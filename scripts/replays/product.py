"""Eventra as the check sees it: one process with a data directory of its own, its views over HTTP, its warehouse by SQL."""

import base64
import http.client
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

START_SECONDS = 120  # the engine's first start reads 570 MB from a cold disk
COMMAND_SECONDS = 600  # the largest set takes seconds; a stuck process must not hold the check for ever
STOP_SECONDS = 120  # snapshots and the last landing


class Product:
    def __init__(self, binary):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eventra-replays-"))
        self.log = open(self.folder / "serve.log", "w", encoding="utf-8")
        self.process = None
        self.connection = None
        self.keys = {}

    def __enter__(self):
        arguments = [self.binary, "serve", "--data-dir", str(self.folder / "data"), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.log, text=True)
        address = self.process.stdout.readline().strip()
        if not address.startswith("http://"):
            self.__exit__()
            raise SystemExit(f"eventra did not start:\n{(self.folder / 'serve.log').read_text()}")
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=60)
        self.wait_until(lambda: self.status()["warehouse"]["state"] == "running", START_SECONDS, "the warehouse runs")
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments, check=True):
        whole = [self.binary, "--data-dir", str(self.folder / "data"), *map(str, arguments)]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if check and done.returncode != 0:
            raise SystemExit(f"eventra {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return done

    def apply(self, rules):
        out = self.run("apply", rules).stdout
        self.keys = {organization: key for organization, key in re.findall(r"of `([^`]+)`.*: (ek_\w+)", out)}

    def replay(self, organization, dataset, file, *options):
        return json.loads(self.run("replay", dataset, file, "--organization", organization, *options).stdout)

    def status(self):
        return json.loads(self.run("status").stdout)

    def wait_until(self, holds, seconds, what):
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise SystemExit(f"waited {seconds} s in vain until {what}; status: {self.status()}")
            time.sleep(0.2)

    def settle(self):
        """Waits until the views reflect everything that the log has taken."""
        caught_up = lambda: (lambda views: views["behind_records"] == 0 and views["phase"] == "Live")(self.status()["views"])
        self.wait_until(caught_up, COMMAND_SECONDS, "the views have caught up")

    def get(self, organization, path, **parameters):
        """A view's data; none where nothing was ever counted."""
        query = urllib.parse.urlencode(parameters)
        key = base64.b64encode(f"{self.keys[organization]}:".encode()).decode()
        self.connection.request("GET", f"/v1/views/{path}?{query}", headers={"Authorization": f"Basic {key}"})
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        if answer.status == 404 and body.get("code") == "not_found":
            return None
        if answer.status != 200:
            raise SystemExit(f"GET {path}?{query}: {answer.status} {body}")
        return body["data"]

    def sql(self, statement):
        """Rows as tuples. 64-bit integers may come as text, so both are asked for as numbers by the caller."""
        out = self.run("sql", "--format", "json", statement).stdout
        return [tuple(json.loads(line).values()) for line in out.splitlines() if line.strip()]
