// What the rules must find and what they must leave alone: the test of the tests.
// Must never be trimmed to make a rule pass: a rule that misses its plant is a wish.

interface Plant {
  readonly path: string;
  readonly text: string;
  /** 1-based line of the fault; null when the text is right. */
  readonly line: number | null;
}

const wrong = (path: string, text: string, line = 1): Plant => ({ path, text, line });
const right = (path: string, text: string): Plant => ({ path, text, line: null });

const lines = (count: number, text = "x;"): string => `${text}\n`.repeat(count);
const body = (count: number, head: string): string => `${head} {\n${lines(count - 2)}}\n`;

const MACHINE = "src/conversation/pin.machine.ts";

/** Title of a rule (its start) → plants. */
export const PLANTS: Readonly<Record<string, readonly Plant[]>> = {
  "stations import": [
    wrong("src/routing/plan.ts", '\nimport { price } from "../receipts/price.ts";', 2),
    wrong("src/routing/plan.ts", 'import type { Price } from "../receipts/price.ts";'),
    wrong("src/api/headers.ts", 'export * from "../upstream/sse.ts";'),
    wrong("src/api/headers.ts", 'const later = await import("../upstream/sse.ts");'),
    wrong("src/api/headers.ts", 'import { readConfig } from "../config.ts";'),
    wrong("src/conversation/divergence/cycle.ts", 'import { plan } from "../../routing/plan.ts";'),
    wrong("src/store/sqlite.ts", 'import { absorb } from "../conversation/absorb.ts";'),
    wrong("src/turn/usage.ts", 'import { z } from "zod";'),
    wrong("src/turn/canonical.ts", 'import { APICallError } from "@ai-sdk/provider";'),
    right("src/turn/canonical.ts", 'import type { JSONValue } from "@ai-sdk/provider";'),
    wrong("src/turn/usage.ts", 'import type { Receipt } from "../receipts/receipt.ts";'),
    right("src/routing/plan.ts", 'import { rank } from "./rank.ts"; import { z } from "zod";'),
    right("src/routing/plan.ts", 'import type { Profile } from "../turn/profile.ts";'),
    right("src/store/sqlite.ts", 'import type { Verdict } from "../conversation/verdict.ts";'),
    right("src/store/sqlite.ts", 'import { LIST_LIMIT_MAX } from "../conversation/store-port.ts";'),
    right("src/flow.ts", 'import { plan } from "./routing/plan.ts";'),
    right("src/routing/plan.ts", '// import { price } from "../receipts/price.ts";'),
    right("src/routing/plan.ts", 'const text = `import { a } from "../receipts/price.ts"`;'),
  ],
  "the product imports nothing from tests": [
    wrong("src/demo/demo.ts", 'import { startUpstream } from "../../test/support/upstream.ts";'),
    right("test/a.test.ts", 'import { startUpstream } from "./support/upstream.ts";'),
  ],
  "conversation, routing, pricing": [
    wrong("src/routing/rank.ts", "const at = Date.now();"),
    wrong("src/routing/rank.ts", "const at = new Date();"),
    wrong("src/routing/rank.ts", "const at = new Date;"),
    wrong("src/routing/rank.ts", "\n\nconst chance = Math.random();", 3),
    wrong("src/conversation/absorb.ts", "setTimeout(step, 5);"),
    wrong("src/conversation/absorb.ts", "const started = performance.now();"),
    wrong("src/conversation/absorb.ts", "const id = process.pid;"),
    wrong("src/conversation/absorb.ts", 'import { readFileSync } from "node:fs";'),
    wrong("src/conversation/absorb.ts", 'import { randomUUID } from "node:crypto";'),
    wrong("src/conversation/absorb.ts", 'import * as crypto from "node:crypto";'),
    wrong("src/conversation/absorb.ts", 'import { request } from "undici";'),
    wrong("src/receipts/price.ts", "const text = `${Date.now()}`;"),
    wrong("src/upstream/breaker.ts", "const answer = fetch(url);"),
    wrong("src/conversation/absorb.ts", 'import { debuglog } from "node:util";'),
    right("src/conversation/absorb.ts", 'import { createHash } from "node:crypto";'),
    right("src/conversation/absorb.ts", 'import { assign, setup } from "xstate";'),
    right("src/routing/rank.ts", "const text = new Date(now).toISOString(); // never Date.now()"),
    right("src/receipts/ledger.ts", "const at = Date.now();"),
  ],
  "the environment is read": [
    wrong("src/cli.ts", "const port = process.env.PORT;"),
    wrong("src/upstream/keys.ts", "const key = process\n  .env.KEY;"),
    wrong("src/cli.ts", 'const key = process["env"].KEY;'),
    wrong("src/cli.ts", 'import { env } from "node:process";'),
    right("src/config.ts", "const port = process.env.PORT;"),
    right("src/config-environment.ts", "const port = process.env.PORT;"),
    right("src/cli.ts", "const code = process.exitCode;"),
  ],
  "vendor names appear": [
    wrong("src/routing/rules.ts", 'if (provider === "openai") skip();'),
    wrong("src/routing/rules.ts", "\nconst isAnthropic = true;", 2),
    wrong("src/receipts/gemini-price.ts", "export const price = 1;"),
    wrong("src/gateway.ts", 'import OpenAI from "openai";'),
    right("src/gateway.ts", 'import { readChat } from "./api/openai-chat.ts";'),
    right("src/routing/rules.ts", "// openai does it so\nconst coherent = true;"),
    right("src/upstream/vendors.ts", 'const id = "openai";'),
    right("src/turn/dialect.ts", 'type A = "openai-chat";'),
    right("src/api/openai-chat.ts", 'const id = "openai";'),
    right("src/replay/command.ts", 'const usage = "in the OpenAI chat format";'),
  ],
  "machine files hold no": [
    wrong(MACHINE, "states: { a: {\n after: { 500: 'b' } } }", 2),
    wrong(MACHINE, "a: { invoke: { src: 'x' } }"),
    wrong(MACHINE, "entry: assign(({ spawn }) => spawn(child))"),
    wrong(MACHINE, 'a: { type: "history" }'),
    wrong(MACHINE, 'type: "parallel"'),
    right(MACHINE, "// after: the turn\nconst history = context.history; b.after;"),
    right("src/conversation/absorb.ts", "const plan = { after: 1 };"),
  ],
  "actions of machines": [
    wrong(MACHINE, "a: { actions: ({ context }) => log(context) }"),
    wrong(MACHINE, "a: { actions: [assign({ x: 1 }),\n record] }", 2),
    wrong(MACHINE, "a: { entry: emit({ type: 'x' }) }"),
    wrong(MACHINE, "a: { exit: sendTo(child, { type: 'x' }) }"),
    wrong(MACHINE, "setup({ actions: { note: () => { x; }, add: assign({ a: 1 }) } })"),
    right(MACHINE, "a: { actions: assign({ x: ({ event }) => event.x }) }"),
    right(MACHINE, 'a: { actions: ["note", assign({ a: 1 })], exit: "note" }'),
    right(MACHINE, "const note = base.assign({ a: 1 });\na: { actions: [note] }"),
    right(MACHINE, "setup({ actions: { note: assign({ a: 1 }), add: assign(ADD) } })"),
  ],
  "files of the product have at most": [
    wrong("src/a.ts", lines(401), 401),
    right("src/a.ts", lines(400)),
    right("test/a.ts", lines(401)),
  ],
  "src/flow.ts has at most": [
    wrong("src/flow.ts", lines(151), 151),
    right("src/flow.ts", lines(150)),
  ],
  "lines have at most": [
    wrong("test/a.ts", `\n${"x".repeat(121)}`, 2),
    right("src/a.ts", "ä".repeat(120)),
  ],
  "functions have at most": [
    wrong("src/a.ts", body(71, "export function walk(plan: Plan): Promise<{ a: string }>")),
    wrong("src/a.ts", body(71, "const walk = async (plan: Plan): Promise<void> =>")),
    wrong("src/a.ts", `class Walk {\n${body(71, "  async next<Item>(plan: Plan)")}}`, 2),
    wrong(
      "src/a.ts",
      body(71, "function walk(plan: { a: string }): { readonly a: string } | null"),
    ),
    right("src/a.ts", body(70, "function walk(plan: Plan): void")),
    right("src/a.ts", body(71, "const table =")),
    right("src/a.ts", body(71, "if (ready(plan))")),
    right("src/a.ts", `${body(40, "function walk()")}${body(40, "function run()")}`),
  ],
  "files and folders of the product": [
    wrong("src/utils.ts", "x;"),
    wrong("src/api/stream-helpers.ts", "x;"),
    wrong("src/core/plan.ts", "x;"),
    wrong("src/api/index.ts", "x;"),
    right("src/routing/hash-index.ts", "x;"),
    right("src/upstream/service-tier.ts", "x;"),
  ],
  "every file of the product opens": [
    wrong("src/a.ts", 'import { b } from "./b.ts";\n// late'),
    right("src/cli.ts", "#!/usr/bin/env node\n// The command line."),
    right("src/a.ts", "/* A thing. */\nexport const a = 1;"),
  ],
  "nothing is typed": [
    wrong("src/a.ts", "const a = b as any;"),
    wrong("src/a.ts", "function f(a: any): void {}"),
    wrong("test/a.ts", "\nconst a: Record<string, any> = {};", 2),
    wrong("src/a.ts", "const schema = z.any();"),
    right(
      "src/a.ts",
      "// as any\nconst text = 'as any'; await Promise.any(all); const a = { any: 1 };",
    ),
  ],
  "no comment silences": [
    wrong("src/a.ts", "// @ts-ignore\nf();"),
    wrong("test/a.ts", "\n/* @ts-expect-error it is so */ f();", 2),
    wrong("src/a.ts", "/* oxlint-disable */"),
    right(
      "src/a.ts",
      'const text = "@ts-ignore"; // oxlint-disable-next-line no-console -- a command prints',
    ),
  ],
  "no catch is empty": [
    wrong("src/a.ts", "try {\n f();\n} catch {}", 3),
    wrong("src/a.ts", "try { f(); } catch (error) { /* never mind */ }"),
    wrong("src/a.ts", "void f().catch(() => {});"),
    right("src/a.ts", "try { f(); } catch (error) { note(error); }"),
    right("src/a.ts", "f().catch((error: unknown) => { note(error); });"),
  ],
  "no test runs alone": [
    wrong("test/a.test.ts", 'test.only("a", () => {});'),
    wrong("test/a.test.ts", 'test("a", { only: true }, () => {});'),
    right("test/a.test.ts", 'test("a", () => {}); // test.only('),
  ],
  "nothing is exported as default": [
    wrong("src/a.ts", "export default function a() {}"),
    wrong("src/a.ts", "export { a as default };"),
    right("src/a.ts", 'export const a = "export default";'),
  ],
};
