// Goal: what /metrics says is named as Prometheus wants it, documented, bounded, and never an end to the gateway.
// Method: the mapping alone, fed with receipts that nobody would send.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { register } from "prom-client";
import { createMetrics, type Metrics, type Readings } from "../../src/receipts/metrics.ts";
import { makeReceipt, type Receipt, type ReceiptInput } from "../../src/receipts/receipt.ts";
import { NO_USAGE } from "../../src/turn/usage.ts";

const QUIET: Readings = {
  counters: { unsaved: 0, degraded: 0, quarantined: 0, conflicts: 0, waiting: 0 },
  keys: [],
  deployments: [],
};
const DOCUMENT = new URL("../../docs/metrics.md", import.meta.url);

const BIG = { deployment: "lab/big", provider: "lab", model: "big-1" };

function receipt(about: Partial<ReceiptInput> = {}): Receipt {
  return makeReceipt({
    requestId: "req_1",
    tenant: "acme-tenant",
    caller: "acme-caller",
    at: 0,
    requested: "auto",
    profile: "AGENT",
    stream: true,
    outcome: "completed",
    error: null,
    routing: {
      strategy: "cost",
      reason: "cheapest",
      candidatesEvaluated: 1,
      planned: [],
      exclusions: [],
    },
    winner: BIG,
    attempts: [attempt("lab/big", "lab#key 1", "completed")],
    usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 5 },
    usageEstimated: false,
    costNanoUsd: 1_000_000,
    finish: "stop",
    toolCalls: [],
    repetition: null,
    cut: false,
    timings: { totalMs: 1_500, overheadMs: 2, firstByteMs: 300 },
    conversation: null,
    pin: null,
    verdict: null,
    correction: null,
    correctionsCarried: 0,
    outcomes: [],
    episodes: [],
    strongerTurn: null,
    catalogVersion: "1",
    warnings: [],
    ...about,
  });
}

function attempt(deployment: string, key: string, outcome: string) {
  return { deployment, key, outcome, code: null, status: null, milliseconds: 1 };
}

function episode(pattern: string, outcome = "recovered"): Receipt["episodes"][number] {
  const spent = { tokens: { input: 3_000, output: 30 }, cost_usd: 0.5, unpriced_turns: 1 };
  const went = { level: 1, corrections: 1, stronger_turns: 0, turns: 4 };
  return { id: "secret-thread.4", pattern, arm: "corrected", outcome, ...went, ...spent };
}

const fresh = () => createMetrics((id) => id === "lab/big" || id === "lab/small");

function count(metrics: Metrics, about: Partial<ReceiptInput> = {}): void {
  metrics.countTurn({ receipt: receipt(about), dialect: "openai-chat" });
}

/** The lines of a scrape that hold samples of our own. */
async function samples(metrics: Metrics): Promise<readonly string[]> {
  const lines = (await metrics.scrape(QUIET)).split("\n");
  return lines.filter((line) => /^(?:fairlead|gen_ai)_/.test(line));
}

interface Described {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

async function everyMetric(): Promise<readonly Described[]> {
  const metrics = fresh();
  await metrics.scrape(QUIET);
  return metrics.registry.getMetricsAsArray().map((metric) => {
    // The library says a number where it holds a word, and does not declare the labels.
    const labels = "labelNames" in metric ? metric.labelNames : null;
    assert.ok(Array.isArray(labels));
    return { ...metric, type: String(metric.type), labels: labels.map(String) };
  });
}

/** What promtool's linter says of a metric's name. */
function lint({ name, type, help, labels }: Described): readonly string[] {
  const words = name.split("_");
  const rules: readonly (readonly [string, boolean])[] = [
    ["has no help", help.trim() === ""],
    ["is not in snake_case", ![name, ...labels].every((one) => /^[a-z][a-z0-9_]*$/.test(one))],
    ["is a counter without _total", type === "counter" && words.at(-1) !== "total"],
    ["ends in _total and is no counter", type !== "counter" && words.at(-1) === "total"],
    ["names its type", words.some((word) => /^(?:counter|gauge|histogram|summary)$/.test(word))],
    [
      "uses a unit that is no base unit",
      words.some((word) =>
        /^(?:(?:nano|micro|milli|centi|kilo|kibi|mega|mebi|giga|gibi)\w+|minutes|hours|days|bits)$/.test(
          word,
        ),
      ),
    ],
    [
      "abbreviates a unit",
      words.some((word) => /^(?:s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)$/.test(word)),
    ],
    ["ends like a part of a histogram", /_(?:bucket|count|sum)$/.test(name)],
    ["has a label of a histogram", labels.some((label) => label === "le" || label === "quantile")],
  ];
  return rules.flatMap(([fault, broken]) => (broken ? [`${name} ${fault}`] : []));
}

test("every metric has a name as promtool wants it: base units, _total for counters, snake_case", async () => {
  const metrics = await everyMetric();
  assert.deepEqual(metrics.flatMap(lint), []);
  const bad = { name: "turnMs_count", type: "counter", help: "", labels: ["le"] };
  assert.equal(lint(bad).length, 5);
});

test("docs/metrics.md lists every metric with its type, labels and meaning, and none that is not there", async () => {
  const rows = (await everyMetric()).map(({ name, type, labels, help }) => {
    const names = labels.length === 0 ? "–" : labels.map((label) => `\`${label}\``).join(" ");
    return `| \`${name}\` | ${type} | ${names} | ${help} |`;
  });
  const listed = readFileSync(DOCUMENT, "utf8")
    .split("\n")
    .filter((line) => /^\| `[a-z0-9_]+` \| (?:counter|gauge|histogram) \|/.test(line));
  const own = (row: string): boolean => /^\| `(?:fairlead|gen_ai)_/.test(row);
  assert.deepEqual(listed.filter(own), rows.filter(own));
  // Some metrics of the process exist on Linux only.
  assert.deepEqual(
    rows.filter((row) => !listed.includes(row)),
    [],
  );
});

test("names that callers make up never become series of their own", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string(), { minLength: 200, maxLength: 300 }), async (words) => {
      const metrics = fresh();
      for (const [index, word] of words.entries()) {
        const name = `${word}-${index}`;
        const winner = { deployment: `lab/${name}`, provider: name, model: name };
        const pin = { event: "kept", from: null, to: null, note: null };
        const attempts = [attempt(`lab/${name}`, "lab#key 1", "failed")];
        const told = { episodes: [episode(name)], pin, attempts };
        count(metrics, { requested: name, profile: name, winner, ...told });
      }
      const lines = await samples(metrics);
      const withModel = lines.filter((line) => line.includes('model="'));
      assert.ok(withModel.every((line) => line.includes('model="other"')));
      const named = lines.filter((line) => line.startsWith("fairlead_episodes_total"));
      assert.equal(named.length, 129, "128 patterns, and the rest as one");
      assert.ok(named.some((line) => line.includes('pattern="other"')));
      assert.ok(lines.length < 4_000, `${lines.length} series`);
    }),
    { numRuns: 5 },
  );
});

test("no sample says whose turn it was", async () => {
  const metrics = fresh();
  const state = { state: "steady", resend: false, thread_kind: "main", thread_found_by: "header" };
  const of = { id: "secret-conversation", identity: "header", thread: "secret-thread" };
  const conversation = { ...of, turn: 1, profile: "AGENT", ...state };
  count(metrics, { conversation, episodes: [episode("same-call-same-result")] });
  const text = (await samples(metrics)).join("\n");
  assert.match(text, /fairlead_episodes_total\{.*\} 1/);
  assert.doesNotMatch(text, /secret|acme|req_1|key 1/);
});

test("a number that is none is left out, and the others of the turn are counted", async () => {
  const metrics = fresh();
  const usage = { ...NO_USAGE, inputTokens: Number.NaN, outputTokens: -5, reasoningTokens: 7 };
  const timings = { totalMs: Number.NaN, overheadMs: -1, firstByteMs: Number.POSITIVE_INFINITY };
  count(metrics, { usage, timings });
  const lines = await samples(metrics);
  assert.ok(lines.includes('fairlead_tokens_total{model="lab/big",kind="reasoning"} 7'));
  assert.ok(!lines.some((line) => /NaN|Inf\b.* [1-9]|kind="(?:input|output)"/i.test(line)));
  assert.ok(lines.some((line) => line.startsWith("fairlead_turns_total{") && line.endsWith(" 1")));
});

test("a turn whose price is not known costs nothing and is counted as such", async () => {
  const metrics = fresh();
  count(metrics, { costNanoUsd: null });
  const lines = await samples(metrics);
  assert.ok(lines.includes('fairlead_unpriced_turns_total{model="lab/big"} 1'));
  assert.ok(!lines.some((line) => line.startsWith("fairlead_cost_usd_total")));
});

test("a fail-over says which model was left, and for what", async () => {
  const metrics = fresh();
  const attempts = [
    attempt("lab/small", "lab#key 1", "failed"),
    attempt("lab/small", "lab#key 2", "failed"),
    attempt("lab/small", "lab#key 2", "failed"),
    attempt("lab/big", "lab#key 2", "completed"),
  ];
  count(metrics, { attempts });
  const failovers = (await samples(metrics)).filter((line) => line.includes("failovers"));
  assert.deepEqual(failovers, [
    'fairlead_failovers_total{model="lab/small",to="key"} 1',
    'fairlead_failovers_total{model="lab/small",to="same"} 1',
    'fairlead_failovers_total{model="lab/small",to="model"} 1',
  ]);
});

test("times are in seconds, of turns for which a model was asked, and first chunks of streams alone", async () => {
  const metrics = fresh();
  count(metrics);
  count(metrics, { stream: false, timings: { totalMs: 0, overheadMs: 0, firstByteMs: 200 } });
  count(metrics, { winner: null, attempts: [], outcome: "ended" });
  const lines = await samples(metrics);
  const sum = (name: string) => lines.find((line) => line.startsWith(`${name}_sum`)) ?? "";
  const words =
    'gen_ai_operation_name="chat",gen_ai_provider_name="lab",gen_ai_request_model="big-1",model="lab/big"';
  const duration = "gen_ai_server_request_duration_seconds";
  assert.equal(sum(duration), `${duration}_sum{${words},error_type=""} 1.5`);
  const first = "gen_ai_client_operation_time_to_first_chunk_seconds";
  assert.equal(sum(first), `${first}_sum{${words}} 0.3`);
  assert.equal(sum("fairlead_overhead_seconds"), "fairlead_overhead_seconds_sum 0.002");
});

test("scraping twice counts nothing twice, and a turn is counted without any scrape", async () => {
  const metrics = fresh();
  count(metrics);
  await new Promise(setImmediate);
  assert.match(await metrics.registry.metrics(), /^fairlead_turns_total\{.*\} 1$/m);
  count(metrics);
  const readings = { ...QUIET, counters: { ...QUIET.counters, unsaved: 3 } };
  await metrics.scrape(readings);
  await new Promise(setImmediate);
  const text = await metrics.scrape(readings);
  assert.match(text, /^fairlead_turns_total\{.*\} 2$/m);
  assert.match(text, /^fairlead_unsaved_turns_total 3$/m);
});

test("two gateways in one process count apart, and nothing is in the library's own registry", async () => {
  const metrics = [fresh(), fresh()] as const;
  count(metrics[0]);
  assert.match((await samples(metrics[0])).join("\n"), /fairlead_turns_total/);
  assert.doesNotMatch((await samples(metrics[1])).join("\n"), /fairlead_turns_total/);
  assert.deepEqual(register.getMetricsAsArray(), []);
});
