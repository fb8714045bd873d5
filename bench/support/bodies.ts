// Request bodies for the benches: a short chat and a long agent run, both growing turn by turn.
// Must never be random from run to run: the same bytes every time, so that figures can be compared.

/** Mean size of the long agent run's requests, in bytes. */
export const LARGE_BODY_BYTES = 400_000;
const LARGE_HISTORY_STEPS = 100;
const LARGE_TURNS = 32;
/** A step ends with the first line beyond its size: half a line too late, on average. */
const HALF_LINE = 33;
const SMALL_TURNS = 8;
const RANDOM_SEED = 4711;

export type Size = "small" | "large";

/**
 * All requests of one conversation. Turn `n` is the bytes up to `turnEnds[n]`, then the tail: a
 * later turn repeats the bytes of an earlier one and adds to them, as agents do.
 */
export interface Transcript {
  readonly bytes: Buffer;
  readonly turnEnds: readonly number[];
  readonly tail: Buffer;
}

/** The stub answers with a stream when this is within the first `STREAM_MARK_WITHIN` body bytes. */
export const STREAM_MARK = '"stream":true';
export const STREAM_MARK_WITHIN = 64;

export function makeTranscript(size: Size, stream: boolean): Transcript {
  return size === "small" ? makeSmallTranscript(stream) : makeLargeTranscript(stream);
}

/** The body of one turn as a single buffer. Turns wrap around. */
export function bodyOfTurn(transcript: Transcript, turn: number): Buffer {
  return Buffer.concat([messagesOfTurn(transcript, turn), transcript.tail]);
}

/** The body of one turn without its tail, sharing memory with the transcript. Turns wrap around. */
export function messagesOfTurn(transcript: Transcript, turn: number): Buffer {
  const end = transcript.turnEnds[turn % transcript.turnEnds.length];
  if (end === undefined) throw new RangeError(`no turn ${turn}`);
  return transcript.bytes.subarray(0, end);
}

/** The turn in the middle: its size stands for all. */
export function middleTurn(transcript: Transcript): number {
  return Math.floor(transcript.turnEnds.length / 2);
}

function openBody(stream: boolean): string {
  return `{"model":"lab/big",${stream ? `${STREAM_MARK},` : ""}"messages":[`;
}

function makeSmallTranscript(stream: boolean): Transcript {
  let text = `${openBody(stream)}{"role":"user","content":"Go"}`;
  const turnEnds = [text.length];
  for (let turn = 1; turn < SMALL_TURNS; turn += 1) {
    text += `,{"role":"assistant","content":"${turn}"},{"role":"user","content":"on"}`;
    turnEnds.push(text.length);
  }
  return { bytes: Buffer.from(text), turnEnds, tail: Buffer.from("]}") };
}

function makeLargeTranscript(stream: boolean): Transcript {
  const random = createRandom(RANDOM_SEED);
  const opening = [
    { role: "system", content: SYSTEM_PROMPT },
    { role: "user", content: "The export drops rows. Find out why, mend it and add a test." },
  ];
  const tail = Buffer.from(`],"tools":${JSON.stringify(TOOLS)},"temperature":0.2}`);
  // The history before the first turn is as long as makes the *middle* turn the wanted size.
  const fixedBytes = SYSTEM_PROMPT.length + tail.length;
  const stepBytes = Math.floor((LARGE_BODY_BYTES - fixedBytes) / LARGE_HISTORY_STEPS) - HALF_LINE;
  const head = openBody(stream) + opening.map((message) => JSON.stringify(message)).join();
  const parts = [Buffer.from(head)];
  let length = parts[0]?.length ?? 0;
  const turnEnds: number[] = [];
  const firstTurnStep = LARGE_HISTORY_STEPS - LARGE_TURNS / 2;
  for (let step = 1; step < firstTurnStep + LARGE_TURNS; step += 1) {
    const bytes = Buffer.from(makeAgentStep(step, stepBytes, random));
    parts.push(bytes);
    length += bytes.length;
    if (step >= firstTurnStep) turnEnds.push(length);
  }
  return { bytes: Buffer.concat(parts), turnEnds, tail };
}

/** A tool call and its result, as JSON with a leading comma; about `bytes` long. */
function makeAgentStep(step: number, bytes: number, random: () => number): string {
  const tool = TOOLS[step % TOOLS.length]?.function.name ?? "read_file";
  const id = `call_${step.toString(36).padStart(6, "0")}`;
  const line = Math.floor(random() * 900);
  const callArguments = { path: `src/export/part-${step}.ts`, from: line, to: line + 80 };
  const call = {
    role: "assistant",
    content: `Step ${step}: part ${step} is next, from line ${line} on.`,
    tool_calls: [
      { id, type: "function", function: { name: tool, arguments: JSON.stringify(callArguments) } },
    ],
  };
  const callText = JSON.stringify(call);
  let source = "";
  // Quotes and line ends grow by one byte each when they are escaped.
  let escapedBytes = callText.length + 64;
  for (let number = line; escapedBytes < bytes; number += 1) {
    const codeLine = `${number}  ${makeCodeLine(random)}\n`;
    source += codeLine;
    escapedBytes += JSON.stringify(codeLine).length - 2;
  }
  return `,${callText},${JSON.stringify({ role: "tool", tool_call_id: id, content: source })}`;
}

const WORDS = "row total count cursor batch writer offset limit result field value page".split(" ");

function makeCodeLine(random: () => number): string {
  const word = (): string => WORDS[Math.floor(random() * WORDS.length)] ?? "row";
  const number = Math.floor(random() * 10_000);
  switch (Math.floor(random() * 6)) {
    case 0:
      return `  const ${word()} = await ${word()}.read("${word()}", { limit: ${number} });`;
    case 1:
      return `  if (${word()}.${word()} !== ${number}) throw new Error("${word()} → ${word()}");`;
    case 2:
      return `    ${word()}.push({ ${word()}: ${word()}[${number}], ${word()}: '${word()}' });`;
    case 3:
      return `  // ${word()} and ${word()} may differ by ${number}: the ${word()} is “late” here`;
    case 4:
      return "  }";
    default:
      return `export function ${word()}${number}(${word()}: string, ${word()}: number): void {`;
  }
}

const RULE = "You are a careful engineer. Read before you write, change little, run the tests. ";
const SYSTEM_PROMPT = RULE.repeat(48);

const TOOLS = ["read_file", "search", "list_files", "run_tests", "write_file", "git_diff"].map(
  (name) => ({
    type: "function",
    function: {
      name,
      description: `Use ${name} on the working copy. Paths are relative to its root.`,
      parameters: {
        type: "object",
        properties: {
          path: { type: "string", description: "File or folder" },
          from: { type: "integer", minimum: 1 },
          to: { type: "integer", minimum: 1 },
        },
        required: ["path"],
        additionalProperties: false,
      },
    },
  }),
);

/** Small seeded generator (mulberry32): good enough for text, equal everywhere. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
