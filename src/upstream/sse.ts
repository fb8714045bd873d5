// Cuts a server-sent event stream into its raw events, and reads one of them. The bytes are passed
// on as they came: apart from a leading byte order mark, the events and the rest joined are the
// stream. Must never copy an event that lies inside one chunk, and must give the same events
// however the stream was cut into chunks.

import { throwFault } from "../turn/fault.ts";

export interface SseSplitter {
  /**
   * Takes the next bytes; returns the events that are complete now, each with its terminating blank
   * line (a blank line of its own, as some servers send to keep a connection alive, is an event
   * too). Throws a FaultError with upstream_invalid_answer once an event is over the limit; the
   * splitter is of no use afterwards.
   */
  push(chunk: Buffer): Buffer[];
  /**
   * What is left of an event that has not ended. Not empty at the end of a stream: the stream was
   * cut.
   */
  rest(): Buffer;
}

export interface SseEvent {
  /** Name of the event; null when it has none. */
  readonly event: string | null;
  /** The data lines joined by a newline; null when there is none, as in a comment. */
  readonly data: string | null;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);
/** Smallest buffer for an event that is spread over chunks, in bytes. */
const HELD_BYTES_MIN = 1024;
const ANY_LINE_END = /\r\n|\n|\r/;

/** `eventBytesMax`: largest event in bytes, its blank line included. */
export function createSseSplitter(options: { readonly eventBytesMax: number }): SseSplitter {
  const findEnds = createEndFinder();
  const skipMark = createMarkSkipper();
  /** The start of an event that came in earlier chunks: the first `heldLength` bytes of `held`. */
  let held: Buffer = NOTHING;
  let heldLength = 0;

  function hold(part: Buffer): void {
    const length = heldLength + part.length;
    refuseLargeEvent(length);
    if (length > held.length) {
      // Doubling keeps the copying linear even when the stream comes byte by byte.
      const larger = Buffer.allocUnsafe(Math.max(length, held.length * 2, HELD_BYTES_MIN));
      held.copy(larger, 0, 0, heldLength);
      held = larger;
    }
    part.copy(held, heldLength);
    heldLength = length;
  }

  function complete(part: Buffer): Buffer {
    if (heldLength === 0) {
      refuseLargeEvent(part.length);
      return part;
    }
    hold(part);
    const event = held.subarray(0, heldLength);
    held = NOTHING;
    heldLength = 0;
    return event;
  }

  function refuseLargeEvent(length: number): void {
    if (length <= options.eventBytesMax) return;
    throwFault(
      "upstream_invalid_answer",
      `The provider sent an event over ${options.eventBytesMax} bytes. Send the turn again.`,
    );
  }

  return {
    push(chunk) {
      const bytes = skipMark.push(chunk);
      const events: Buffer[] = [];
      let start = 0;
      for (const end of findEnds(bytes)) {
        events.push(complete(bytes.subarray(start, end)));
        start = end;
      }
      if (start < bytes.length) hold(bytes.subarray(start));
      return events;
    },
    rest: () => (heldLength > 0 ? held.subarray(0, heldLength) : skipMark.rest()),
  };
}

/**
 * Reads one complete event by the rules of the HTML standard. Fields other than `event` and `data`
 * are passed over.
 */
export function readEvent(raw: Buffer): SseEvent {
  const text = raw.toString("utf8");
  let event: string | null = null;
  let data: string[] | null = null;
  for (const line of text.split(text.includes("\r") ? ANY_LINE_END : "\n")) {
    const value = readField(line, "data");
    if (value !== null) (data ??= []).push(value);
    else event = readField(line, "event") ?? event;
  }
  return { event: event === "" ? null : event, data: data === null ? null : data.join("\n") };
}

function readField(line: string, name: string): string | null {
  if (!line.startsWith(name)) return null;
  if (line.length === name.length) return "";
  if (line[name.length] !== ":") return null;
  const start = name.length + 1;
  return line.slice(line[start] === " " ? start + 1 : start);
}

/**
 * Returns a function that takes chunk after chunk and gives the offsets in it where an event ends.
 * A line ends with LF, CR LF or CR. A CR at the end of a chunk waits for the next byte, which may
 * be its LF; only where the line before ended with a bare CR the blank line counts at once, else
 * the last event of such a stream would never come.
 */
function createEndFinder(): (chunk: Buffer) => number[] {
  let lineIsEmpty = true;
  /** The chunk before ended with a CR; `undecidedIsBlank`: and that CR ends a blank line. */
  let undecided = false;
  let undecidedIsBlank = false;
  let lastWasBareReturn = false;

  return (chunk) => {
    const ends: number[] = [];
    if (chunk.length === 0) return ends;
    let at = 0;
    if (undecided) {
      undecided = false;
      lastWasBareReturn = chunk[0] !== LINE_FEED;
      if (!lastWasBareReturn) at = 1;
      if (undecidedIsBlank) ends.push(at);
    }
    let lineFeed = -1;
    let carriageReturn = -1;
    while (at < chunk.length) {
      if (lineFeed < at) lineFeed = indexOrLength(chunk, LINE_FEED, at);
      if (carriageReturn < at) carriageReturn = indexOrLength(chunk, CARRIAGE_RETURN, at);
      const stop = Math.min(lineFeed, carriageReturn);
      if (stop > at) lineIsEmpty = false;
      if (stop === chunk.length) break;
      const isBlank = lineIsEmpty;
      lineIsEmpty = true;
      at = stop + 1;
      if (stop === lineFeed) {
        lastWasBareReturn = false;
      } else if (!(isBlank && lastWasBareReturn)) {
        if (at === chunk.length) {
          undecided = true;
          undecidedIsBlank = isBlank;
          break;
        }
        lastWasBareReturn = chunk[at] !== LINE_FEED;
        if (!lastWasBareReturn) at += 1;
      }
      if (isBlank) ends.push(at);
    }
    return ends;
  };
}

function indexOrLength(chunk: Buffer, byte: number, start: number): number {
  const index = chunk.indexOf(byte, start);
  return index === -1 ? chunk.length : index;
}

/** Takes a byte order mark off the start of a stream, also when it comes in pieces. */
function createMarkSkipper(): { push(chunk: Buffer): Buffer; rest(): Buffer } {
  let start: Buffer | null = NOTHING;
  return {
    push(chunk) {
      if (start === null) return chunk;
      const bytes = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
      const mark = BYTE_ORDER_MARK.subarray(0, bytes.length);
      if (!bytes.subarray(0, mark.length).equals(mark)) {
        start = null;
        return bytes;
      }
      if (bytes.length < BYTE_ORDER_MARK.length) {
        start = bytes;
        return NOTHING;
      }
      start = null;
      return bytes.subarray(BYTE_ORDER_MARK.length);
    },
    rest: () => start ?? NOTHING,
  };
}
