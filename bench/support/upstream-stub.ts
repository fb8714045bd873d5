// A process that plays the model provider: a prepared answer, JSON or a stream of 20 events.
// Must never become what is measured: raw sockets, prepared bytes, the body is only counted.
// Usage: node upstream-stub.ts --port N

import { createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { STREAM_MARK, STREAM_MARK_WITHIN } from "./bodies.ts";
import { createMessageReader } from "./http-framing.ts";

const CONTENT_EVENTS = 16;
/** Answers are given in turn: a model that says the same again and again would look like a loop. */
const ANSWERS = 64;
const USAGE = { prompt_tokens: 100, completion_tokens: 16, total_tokens: 116 };

const JSON_ANSWERS = Array.from({ length: ANSWERS }, (_, number) => makeJsonAnswer(number));
const STREAMS = Array.from({ length: ANSWERS }, (_, number) => makeStreamPieces(number));

function commonFields(number: number): object {
  return { id: `chatcmpl-bench-${number}`, created: 1_760_000_000, model: "big-1" };
}

function makeJsonAnswer(number: number): Buffer {
  const body = JSON.stringify({
    ...commonFields(number),
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: `All rows are there now: ${number} of them.` },
        finish_reason: "stop",
      },
    ],
    usage: USAGE,
  });
  return Buffer.from(
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** The stream as it is written: the head with the first event, then one piece per event. */
function makeStreamPieces(number: number): Buffer[] {
  const common = { ...commonFields(number), object: "chat.completion.chunk" };
  const chunk = (delta: object, finish: string | null): string =>
    JSON.stringify({
      ...common,
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
  const events = [chunk({ role: "assistant", content: "" }, null)];
  for (let index = 0; index < CONTENT_EVENTS; index += 1) {
    events.push(chunk({ content: ` word${number + index}` }, null));
  }
  events.push(chunk({}, "stop"));
  events.push(JSON.stringify({ ...common, choices: [], usage: USAGE }));
  events.push("[DONE]");
  const pieces = events.map((event) => {
    const text = `data: ${event}\n\n`;
    return `${text.length.toString(16)}\r\n${text}\r\n`;
  });
  const head =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  return pieces.map((piece, index) => {
    if (index === 0) return Buffer.from(head + piece);
    return Buffer.from(index === pieces.length - 1 ? `${piece}0\r\n\r\n` : piece);
  });
}

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  // A relay that is stopped resets its connections: nothing to do but to let go.
  socket.on("error", () => socket.destroy());
  let bodyStart = "";
  let turn = 0;
  const read = createMessageReader({
    onHead: () => {
      bodyStart = "";
    },
    onBody: (piece) => {
      if (bodyStart.length >= STREAM_MARK_WITHIN) return;
      bodyStart += piece.toString("latin1", 0, STREAM_MARK_WITHIN);
    },
    onEnd: () => {
      turn = (turn + 1) % ANSWERS;
      if (bodyStart.includes(STREAM_MARK)) writeStream(socket, STREAMS[turn] ?? [], 0);
      else socket.write(JSON_ANSWERS[turn] ?? "");
    },
  });
  socket.on("data", read);
}

/** One event per turn of the event loop, so that a relay sees events and not one block. */
function writeStream(socket: Socket, pieces: readonly Buffer[], index: number): void {
  const piece = pieces[index];
  if (piece === undefined || socket.destroyed) return;
  socket.write(piece);
  if (index + 1 < pieces.length) setImmediate(writeStream, socket, pieces, index + 1);
}

const { values } = parseArgs({ options: { port: { type: "string" } } });
createServer(serve).listen(Number(values.port), "127.0.0.1");
