import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FaultError } from "../../src/turn/fault.ts";
import { createSseSplitter, readEvent } from "../../src/upstream/sse.ts";

const EVENT_BYTES_MAX = 4096;

function split(chunks: readonly (string | Buffer)[], eventBytesMax = EVENT_BYTES_MAX) {
  const splitter = createSseSplitter({ eventBytesMax });
  const events = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)).map(String));
  return { events, rest: splitter.rest().toString() };
}

function isTooLarge(error: unknown): boolean {
  return error instanceof FaultError && error.fault.code === "upstream_invalid_answer";
}

test("Events are cut behind their blank line, whatever ends the lines", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const first = `event: a${end}data: 1${end}${end}`;
    const second = `data: größe${end}${end}`;
    assert.deepEqual(split([first + second]), { events: [first, second], rest: "" });
    // The last event of a stream comes at once: no further byte may ever arrive.
    assert.deepEqual(split([first, second]), { events: [first, second], rest: "" });
  }
  const mixed = [
    "data: 6\rdata: 7\n\r\n",
    "data: 1\r\n\n",
    "data: 2\n\r\n",
    "data: 3\r\n\r\n",
    "data: 4\r\r",
    "data: 5\n\n",
  ];
  assert.deepEqual(split([mixed.join("")]).events, mixed);
});

test("A CR at the end of a chunk waits for its LF", () => {
  assert.deepEqual(split(["data: 1\r\n\r", "\ndata: 2\r", "\n\r", "\n"]), {
    events: ["data: 1\r\n\r\n", "data: 2\r\n\r\n"],
    rest: "",
  });
  assert.deepEqual(split(["data: 1\n\r", "data: 2"]), { events: ["data: 1\n\r"], rest: "data: 2" });
});

test("A blank line that keeps the connection alive is passed on as an event of its own", () => {
  assert.deepEqual(split(["\n", ": ping\n\n", "\r\n"]).events, ["\n", ": ping\n\n", "\r\n"]);
});

test("What has not ended stays in the rest", () => {
  assert.deepEqual(split(["data: 1\n\nda", "ta: 2\n"]), {
    events: ["data: 1\n\n"],
    rest: "data: 2\n",
  });
  assert.deepEqual(split([]), { events: [], rest: "" });
  assert.deepEqual(split(["", "a", ""]), { events: [], rest: "a" });
});

test("A byte order mark is taken off the start of a stream, also in pieces", () => {
  const mark = Buffer.from("\ufeff");
  const event = Buffer.from("data: 1\n\n");
  const pieces = [mark.subarray(0, 1), mark.subarray(1, 2), mark.subarray(2), event];
  assert.deepEqual(split([Buffer.concat([mark, event])]).events, ["data: 1\n\n"]);
  assert.deepEqual(split(pieces).events, ["data: 1\n\n"]);
  assert.deepEqual(split(["\ufeff\n"]).events, ["\n"]);
  assert.deepEqual(split(["\ufeff\ufeff\n\n"]).events, ["\ufeff\n\n"]);
  assert.deepEqual(split(["a\n\n\ufeffb\n\n"]).events, ["a\n\n", "\ufeffb\n\n"]);
  const splitter = createSseSplitter({ eventBytesMax: EVENT_BYTES_MAX });
  assert.deepEqual(splitter.push(mark.subarray(0, 2)), []);
  assert.deepEqual(splitter.rest(), mark.subarray(0, 2));
});

test("An event inside one chunk is not copied", () => {
  const chunk = Buffer.from("data: 1\n\ndata: 2\n\nda");
  const splitter = createSseSplitter({ eventBytesMax: EVENT_BYTES_MAX });
  const events = splitter.push(chunk);
  assert.deepEqual(
    events.map((event) => event.buffer === chunk.buffer),
    [true, true],
  );
  assert.deepEqual(
    events.map((event) => event.byteOffset - chunk.byteOffset),
    [0, 9],
  );
});

test("Events that were handed out stay as they are when more bytes come", () => {
  const splitter = createSseSplitter({ eventBytesMax: EVENT_BYTES_MAX });
  const events: Buffer[] = [];
  for (let index = 0; index < 300; index += 1) {
    for (const byte of Buffer.from(`data: ${index}\n\n`))
      events.push(...splitter.push(Buffer.from([byte])));
  }
  assert.deepEqual(
    events.map(String),
    Array.from({ length: 300 }, (_, index) => `data: ${index}\n\n`),
  );
});

test("An event may be as large as the limit and not a byte larger", () => {
  const event = `data: ${"x".repeat(90)}\n\n`;
  assert.deepEqual(split([event, event], event.length).events, [event, event]);
  assert.deepEqual(split([...event, ...event], event.length).events, [event, event]);
  assert.throws(() => split([event], event.length - 1), isTooLarge);
  assert.throws(() => split([...event], event.length - 1), isTooLarge);
  assert.throws(() => split(["x".repeat(101)], 100), isTooLarge);
});

test("A large event that comes byte by byte costs no more than its bytes", () => {
  const splitter = createSseSplitter({ eventBytesMax: 1_000_000 });
  const byte = Buffer.from("x");
  for (let count = 0; count < 1_000_000; count += 1) assert.equal(splitter.push(byte).length, 0);
  assert.equal(splitter.rest().length, 1_000_000);
  assert.throws(() => splitter.push(byte), isTooLarge);
});

/** The rules of the HTML standard, line by line over the whole stream. */
function eventsByTheStandard(stream: string): (string | null)[] {
  const lines = stream.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  // What stands behind the last line end is no line yet.
  lines.pop();
  const events: (string | null)[] = [];
  let data: string[] = [];
  for (const line of lines) {
    if (line === "") {
      if (data.length > 0) events.push(data.join("\n"));
      data = [];
    } else if (/^data(:|$)/.test(line)) {
      data.push(line.slice(5).replace(/^ /, ""));
    }
  }
  return events;
}

const streamText = fc
  .array(
    fc.constantFrom(
      "\n",
      "\r",
      "\r\n",
      "\n\n",
      "\r\n\r\n",
      "data:",
      "data: ",
      "a",
      "größe😀",
      ":",
      "\ufeff",
      "event: x",
    ),
    { maxLength: 24 },
  )
  .map((pieces) => pieces.join(""));

test("However a stream is cut into chunks, its events are the same and no byte is lost", () => {
  fc.assert(
    fc.property(streamText, fc.array(fc.nat({ max: 80 }), { maxLength: 12 }), (text, cuts) => {
      const stream = Buffer.from(text);
      const ends = [...cuts.filter((cut) => cut < stream.length), stream.length].toSorted(
        (a, b) => a - b,
      );
      const chunks = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
      const whole = split([stream]);
      assert.deepEqual(split(chunks), whole);
      assert.deepEqual(split([...stream].map((byte) => Buffer.from([byte]))), whole);
      assert.equal(whole.events.join("") + whole.rest, text.replace(/^\ufeff/, ""));
    }),
    { numRuns: 3000 },
  );
});

test("The data that is read is what the HTML standard says a client reads", () => {
  fc.assert(
    fc.property(streamText, (text) => {
      // A stream that ends with CR may still hold back its last event; one more line decides it.
      const stream = `${text}:\n`;
      const read = split([stream]).events.map((event) => readEvent(Buffer.from(event)).data);
      assert.deepEqual(
        read.filter((data) => data !== null),
        eventsByTheStandard(stream),
      );
    }),
    { numRuns: 3000 },
  );
});

test("An event is read with its name and its data lines joined", () => {
  const read = (text: string) => readEvent(Buffer.from(text));
  assert.deepEqual(read("data: [DONE]\n\n"), { event: null, data: "[DONE]" });
  assert.deepEqual(read("event: ping\r\ndata:{}\r\n\r\n"), { event: "ping", data: "{}" });
  assert.deepEqual(read("data: a\rdata:b\rdata:  c\rdata\r\r"), {
    event: null,
    data: "a\nb\n c\n",
  });
  assert.deepEqual(read("id: 1\nretry: 5\ndatas: x\n data: y\n\n"), { event: null, data: null });
  assert.deepEqual(read("event: a\nevent: b\n\n"), { event: "b", data: null });
  assert.deepEqual(read("event:\ndata:\n\n"), { event: null, data: "" });
  assert.deepEqual(read(": keep-alive\n\n"), { event: null, data: null });
  assert.deepEqual(read("\n"), { event: null, data: null });
});
