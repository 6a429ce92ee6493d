/**
 * Runs inside a sandbox that lists hosts: listens at the one address that its commands know, and carries what they say
 * over an open channel to the gateway outside, which decides. Knows no file but itself: all others may be hidden from it.
 */
import { connect } from "node:http2";
import { createServer, Socket } from "node:net";

const [channel, port] = process.argv.slice(2).map(Number);
const session = connect("http://gateway", { createConnection: () => new Socket({ fd: channel ?? -1 }) });
session.on("error", () => process.exit(1)).on("close", () => process.exit(0));

createServer({ allowHalfOpen: true }, (socket) => {
  const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
  const end = () => {
    socket.destroy();
    stream.destroy();
  };
  socket.on("error", end).on("close", () => stream.end());
  stream.on("error", end).on("close", () => socket.end());
  socket.pipe(stream).pipe(socket);
}).listen(port, "127.0.0.1");
