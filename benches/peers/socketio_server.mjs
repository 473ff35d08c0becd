// A socket.io server that tells everybody the same message at a steady rate: the peer of the row `serving-fan-out`.
// Usage: node socketio_server.mjs FOLDER      FOLDER holds node_modules; the port is printed, then lines are read from
// stdin: {"rate": 100, "message": {...}} begins to tell, an empty line ends it.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Server } = createRequire(`${process.argv[2]}/`)("socket.io");

// As long as our own feeds remember. WebSockets only, uncompressed (its default): nothing that would cost it more.
const HISTORY_MS = 25_000;

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  connectionStateRecovery: { maxDisconnectionDuration: HISTORY_MS },
});

let telling;

function begin({ rate, message }) {
  const started = performance.now();
  let told = 0;
  telling = setInterval(() => {
    // A timer has whole milliseconds; what is due by now is told, at most as much as a busy loop owes: one.
    if ((performance.now() - started) * rate < told * 1_000) return;
    told += 1;
    io.emit("deltas", { ...message, position: told });
  }, 1);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  clearInterval(telling);
  if (line) begin(JSON.parse(line));
}).on("close", () => process.exit(0));

http.listen(0, "127.0.0.1", () => console.log(http.address().port));
