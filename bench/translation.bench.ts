// Question: what does a stream of 300 deltas cost in CPU time, relayed and translated, against a bare relay?
// Prints one line of JSON in milliseconds of CPU per stream: the quickest of several rounds, because neighbours on the
// machine only ever add. Run: node bench/translation.bench.ts [--quick]

import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { processTreeCpuNs } from "./support/cpu.ts";
import {
  chooseCores,
  findFreePort,
  makeTemporaryFolder,
  startProcess,
  waitUntilReady,
  type RunningProcess,
} from "./support/processes.ts";
import { printJson, say, sayTable } from "./support/report.ts";

const DELTAS = 300;
const IN_FLIGHT = 4;
const READY_MS_MAX = 10_000;
const FULL = { rounds: 6, streams: 80 };
const QUICK = { rounds: 3, streams: 40 };
/** What a translated stream may cost, in milliseconds of CPU, and a relayed one against the bare relay. */
const TRANSLATED_MS_MAX = 8;
const RELAYED_FACTOR_MAX = 1.3;

const DIALECTS = ["openai-chat", "openai-responses", "anthropic-messages", "gemini"] as const;
type Dialect = (typeof DIALECTS)[number];

type Event = Readonly<Record<string, unknown>>;

/** The events of one answer, as its provider sends them. */
const STREAMS: Readonly<Record<Dialect, () => readonly string[]>> = {
  "openai-chat": () => {
    const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "big-1" };
    const chunk = (delta: object, finish: string | null) =>
      plain({ ...head, choices: [{ index: 0, delta, finish_reason: finish }] });
    const usage = { prompt_tokens: 9, completion_tokens: DELTAS, total_tokens: DELTAS + 9 };
    return [
      chunk({ role: "assistant", content: "" }, null),
      ...words().map((content) => chunk({ content }, null)),
      chunk({}, "stop"),
      plain({ ...head, choices: [], usage }),
      "data: [DONE]\n\n",
    ];
  },
  "openai-responses": () => {
    const response = {
      id: "resp_1",
      object: "response",
      created_at: 1,
      model: "big-1",
      output: [],
    };
    const at = { item_id: "msg_1", output_index: 0 };
    const item = { id: "msg_1", type: "message", role: "assistant", content: [] };
    const usage = { input_tokens: 9, output_tokens: DELTAS, total_tokens: DELTAS + 9 };
    return [
      { type: "response.created", response },
      { type: "response.output_item.added", output_index: 0, item },
      ...words().map((delta) => ({
        type: "response.output_text.delta",
        ...at,
        content_index: 0,
        delta,
      })),
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response: { ...response, status: "completed", usage } },
    ].map((event, index) => named({ ...event, sequence_number: index }));
  },
  "anthropic-messages": () => {
    const usage = { input_tokens: 9, output_tokens: DELTAS };
    const message = {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "big-1",
      content: [],
    };
    return [
      { type: "message_start", message: { ...message, usage } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      ...words().map((text) => ({
        type: "content_block_delta",
        index: 0,
        delta: { type: "text_delta", text },
      })),
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage },
      { type: "message_stop" },
    ].map(named);
  },
  gemini: () => {
    const chunk = (text: string, more: Event) =>
      plain({
        candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0, ...more }],
        usageMetadata: { promptTokenCount: 9, candidatesTokenCount: DELTAS },
        modelVersion: "big-1",
      });
    return [...words().map((text) => chunk(text, {})), chunk("", { finishReason: "STOP" })];
  },
};

function words(): readonly string[] {
  return Array.from({ length: DELTAS }, (_, index) => ` word${index}`);
}

function plain(event: Event): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}

function named(event: Event): string {
  return `event: ${String(event["type"])}\n${plain(event)}`;
}

/** Answers by the path it is asked at; one event per turn of the event loop, as a network brings them. */
function serveStub(port: number): void {
  const prepared = new Map(DIALECTS.map((dialect) => [dialect, STREAMS[dialect]()]));
  createServer((request, response) => {
    const path = request.url ?? "";
    request.resume();
    const dialect = DIALECTS.find((name) => path.startsWith(`/${name}/`)) ?? "openai-chat";
    request.on("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      writeNext(response, prepared.get(dialect) ?? [], 0);
    });
  }).listen(port, "127.0.0.1");
}

function writeNext(response: ServerResponse, events: readonly string[], index: number): void {
  const event = events[index];
  if (event === undefined || response.destroyed) response.end();
  else {
    response.write(event);
    setImmediate(writeNext, response, events, index + 1);
  }
}

interface Variant {
  readonly name: string;
  readonly running: RunningProcess;
  readonly port: number;
  readonly path: string;
  readonly model: string;
}

/** Milliseconds of CPU of the variant per stream, in one round. */
async function measure(variant: Variant, streams: number): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${variant.port}`, { connections: IN_FLIGHT });
  const messages = [{ role: "user", content: "Count." }];
  const body = JSON.stringify({ model: variant.model, stream: true, messages });
  let left = streams;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const headers = { "content-type": "application/json" };
      const answer = await pool.request({ path: variant.path, method: "POST", headers, body });
      const text = await answer.body.text();
      if (!text.includes("[DONE]") || !text.includes(`word${DELTAS - 1}`)) {
        throw new Error(`${variant.name}: wrong answer ${answer.statusCode} ${text.slice(0, 300)}`);
      }
    }
  };
  const before = processTreeCpuNs(variant.running.pid) ?? 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  const after = processTreeCpuNs(variant.running.pid) ?? 0;
  await pool.close();
  return (after - before) / streams / 1e6;
}

function configOf(port: number, stubPort: number, folder: string): object {
  return {
    listen: { host: "127.0.0.1", port },
    store: `sqlite:${join(folder, "f.db")}`,
    log: { level: "silent" },
    providers: DIALECTS.map((dialect) => ({
      id: dialect,
      dialect,
      baseUrl: `http://127.0.0.1:${stubPort}/${dialect}/${dialect === "gemini" ? "v1beta" : "v1"}`,
      keys: ["k"],
      models: [{ id: "big", model: "big-1", contextTokens: 1_000_000, maxOutputTokens: 8_192 }],
    })),
  };
}

async function startVariants(folder: string): Promise<readonly Variant[]> {
  const cores = chooseCores();
  const [stubPort, barePort, port] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  const start = (args: readonly string[], core: number | null): Promise<RunningProcess> =>
    startProcess({ command: process.execPath, args, core });
  const stub = await start([import.meta.filename, "--stub", String(stubPort)], cores.stub);
  await waitUntilReady(stub, `http://127.0.0.1:${stubPort}/`, READY_MS_MAX);
  const bareArgs = ["--port", String(barePort), "--upstream", `http://127.0.0.1:${stubPort}`];
  const relay = join(import.meta.dirname, "support/bare-relay.ts");
  const bare = await start([relay, ...bareArgs], cores.variant);
  await waitUntilReady(bare, `http://127.0.0.1:${barePort}/`, READY_MS_MAX);
  const file = join(folder, "fairlead.yaml");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configOf(port, stubPort, folder)));
  const cli = join(import.meta.dirname, "../src/cli.ts");
  const gateway = await start([cli, "start", "--config", file], cores.variant);
  await waitUntilReady(gateway, `http://127.0.0.1:${port}/healthz`, READY_MS_MAX);
  const path = "/v1/chat/completions";
  return [
    { name: "bare", running: bare, port: barePort, path: `/openai-chat${path}`, model: "big-1" },
    ...DIALECTS.map((dialect) => ({
      name: dialect === "openai-chat" ? "relayed" : `to ${dialect}`,
      running: gateway,
      port,
      path,
      model: `${dialect}/big`,
    })),
  ];
}

async function run({ rounds, streams }: typeof FULL): Promise<void> {
  const folder = makeTemporaryFolder();
  try {
    const variants = await startVariants(folder.path);
    const quickest = new Map<string, number>();
    // The first round only warms up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const variant of variants) {
        const spentMs = await measure(variant, streams);
        const before = quickest.get(variant.name) ?? Number.POSITIVE_INFINITY;
        if (round > 0) quickest.set(variant.name, Math.min(before, spentMs));
      }
    }
    const bareMs = quickest.get("bare") ?? Number.NaN;
    const figures = [...quickest].map(([name, cpuMs]) => ({ name, cpuMs, factor: cpuMs / bareMs }));
    say(
      `CPU per stream of ${DELTAS} deltas; wanted: relayed at most ${RELAYED_FACTOR_MAX} x bare,`,
    );
    say(`translated at most ${TRANSLATED_MS_MAX} ms`);
    sayTable(
      ["variant", "ms", "x bare"],
      figures.map(({ name, cpuMs, factor }) => [name, cpuMs.toFixed(2), factor.toFixed(2)]),
    );
    printJson({ bench: "translation", deltas: DELTAS, figures });
  } finally {
    folder.remove();
  }
}

const { values } = parseArgs({
  options: { stub: { type: "string" }, quick: { type: "boolean", default: false } },
});
if (values.stub !== undefined) serveStub(Number(values.stub));
else {
  await run(values.quick ? QUICK : FULL);
  // The processes are ended with this one.
  process.exit();
}
