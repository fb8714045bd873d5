// The cells that every pair of a client's dialect and another dialect behind the gateway must hold. A client joins by
// saying how its official SDK asks and what it got; the cells are the same for all.
// Must never know a dialect: what a cell promises, it promises to every client.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  always,
  cut,
  endsEarly,
  fails,
  failsInside,
  holds,
  inOrder,
  oneTool,
  reply,
  text,
  tools,
  type Script,
} from "../support/dialects/step.ts";
import {
  startDialectUpstream,
  type DialectName,
  type DialectUpstream,
} from "../support/dialects/scripted-upstream.ts";
import { provider, startGateway, type TestGateway } from "../support/gateway.ts";

/** One thing said, in words that fit every dialect. */
export type Said =
  | { readonly by: "system" | "user"; readonly text: string }
  | { readonly by: "user"; readonly text: string; readonly image: string }
  /** An answer as this very client got it, sent back as its SDK does. */
  | { readonly by: "model"; readonly answered: Answered }
  | {
      readonly by: "tool";
      readonly call: AnsweredCall;
      readonly text: string;
      readonly failed?: boolean;
    };

export interface Question {
  readonly said: readonly Said[];
  readonly stream: boolean;
  /** Offers the tool `look`, which takes a number `q`. */
  readonly withTool?: boolean;
  readonly effort?: "low";
  readonly signal?: AbortSignal;
}

export interface AnsweredCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** What the client's SDK made of the answer. */
export interface Answered {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly AnsweredCall[];
  readonly stop: "end" | "length" | "tools" | "refused";
  readonly usage: { readonly input: number; readonly output: number; readonly cached: number };
  readonly headers: Headers;
  /** The SDK's own value, for sending it back. */
  readonly own: unknown;
}

export interface Failure {
  /** Null: behind the head of the answer. */
  readonly status: number | null;
  readonly message: string;
}

/** A client of one dialect: its official SDK behind one function, without retries of its own. */
export interface MatrixClient {
  readonly name: DialectName;
  ask(gateway: TestGateway, question: Question): Promise<Answered>;
  /** What its SDK threw; null: something else. */
  failureOf(error: unknown): Failure | null;
}

export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const HELLO: readonly Said[] = [
  { by: "system", text: "Be brief." },
  { by: "user", text: "Hello?" },
];

interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: DialectUpstream;
  ask(question: Partial<Question>): Promise<Answered>;
  fails(question: Partial<Question>): Promise<Failure>;
}

async function startScene(
  t: TestContext,
  { client, target }: Pair,
  script: Script,
): Promise<Scene> {
  const upstream = await startDialectUpstream(target, script, { openModel: true });
  t.after(() => upstream.close());
  const entry = provider("lab", upstream, { dialect: target });
  const gateway = await startGateway(t, { providers: [entry] });
  const ask = (question: Partial<Question>): Promise<Answered> =>
    client.ask(gateway, { said: HELLO, stream: false, ...question });
  return {
    gateway,
    upstream,
    ask,
    async fails(question) {
      const error = await ask(question).then(
        () => assert.fail("an answer, where a fault was expected"),
        (thrown: unknown) => thrown,
      );
      const failure = client.failureOf(error);
      if (failure === null) throw error;
      return failure;
    },
  };
}

interface Pair {
  readonly client: MatrixClient;
  readonly target: DialectName;
}

interface Cell {
  readonly title: string;
  run(t: TestContext, pair: Pair): Promise<void>;
}

/** Declares every cell for this client and each of the targets. */
export function declareMatrix(client: MatrixClient, targets: readonly DialectName[]): void {
  for (const target of targets) {
    for (const cell of CELLS) {
      test(`${client.name} to ${target}: ${cell.title}`, (t) => cell.run(t, { client, target }));
    }
  }
}

const BOTH = [false, true] as const;
const WORDS = "A text of some length, with a line\nbreak and ünïcödé.";

const CELLS: readonly Cell[] = [
  {
    title: "a text arrives whole, with its end and its usage",
    async run(t, pair) {
      const scene = await startScene(t, pair, always(text(WORDS)));
      for (const stream of BOTH) {
        const answered = await scene.ask({ stream });
        assert.equal(answered.text, WORDS);
        assert.equal(answered.stop, "end");
        assert.deepEqual(answered.usage, { input: 100, output: 20, cached: 40 });
        assert.equal(answered.headers.get("x-router-model"), "lab/big");
      }
      assert.deepEqual(scene.upstream.faults, []);
    },
  },
  {
    title: "a limit that was reached is told as one",
    async run(t, pair) {
      const scene = await startScene(t, pair, always(text("Half a", { stop: "length" })));
      for (const stream of BOTH) assert.equal((await scene.ask({ stream })).stop, "length");
      assert.deepEqual(scene.upstream.faults, []);
    },
  },
  {
    title: "one call of a tool and its result make a round",
    async run(t, pair) {
      for (const stream of BOTH) {
        const script = inOrder(oneTool("look", { q: 7 }), text("Seven."));
        const scene = await startScene(t, pair, script);
        const called = await scene.ask({ stream, withTool: true });
        assert.equal(called.stop, "tools");
        const [call] = called.calls;
        assert.ok(call);
        assert.deepEqual([call.name, call.input], ["look", { q: 7 }]);
        const said = [
          ...HELLO,
          { by: "model", answered: called },
          result(call, "7 it is"),
        ] as const;
        assert.equal((await scene.ask({ said, stream, withTool: true })).text, "Seven.");
        assert.deepEqual(scene.upstream.faults, []);
        assert.match(scene.upstream.requests[1]?.raw.toString() ?? "", /7 it is/);
      }
    },
  },
  {
    title: "parallel calls stay apart, and so do their results, a failed one among them",
    async run(t, pair) {
      for (const stream of BOTH) {
        const both = tools({ name: "look", input: { q: 1 } }, { name: "look", input: { q: 2 } });
        const scene = await startScene(t, pair, inOrder(both, text("Done.")));
        const called = await scene.ask({ stream, withTool: true });
        assert.deepEqual(
          called.calls.map(({ input }) => input),
          [{ q: 1 }, { q: 2 }],
        );
        const [one, two] = called.calls;
        assert.ok(one !== undefined && two !== undefined && one.id !== two.id);
        const said: readonly Said[] = [
          ...HELLO,
          { by: "model", answered: called },
          result(one, "the first"),
          { ...result(two, "the second"), failed: true },
        ];
        assert.equal((await scene.ask({ said, stream, withTool: true })).text, "Done.");
        assert.deepEqual(scene.upstream.faults, []);
      }
    },
  },
  {
    title: "an image reaches the model as it is",
    async run(t, pair) {
      const scene = await startScene(t, pair, always(text("A pixel.")));
      const said = [{ by: "user", text: "What is this?", image: PIXEL }] as const;
      assert.equal((await scene.ask({ said })).text, "A pixel.");
      assert.deepEqual(scene.upstream.faults, []);
      assert.ok(scene.upstream.requests[0]?.raw.includes(PIXEL));
    },
  },
  {
    title: "what the model thought is shown as such, and comes back to it with its proof",
    async run(t, pair) {
      for (const stream of BOTH) {
        const thought = reply({
          reasoning: "It wants me to look.",
          calls: [{ name: "look", input: { q: 3 } }],
        });
        const scene = await startScene(t, pair, inOrder(thought, text("Three.")));
        const called = await scene.ask({ stream, withTool: true, effort: "low" });
        assert.equal(called.reasoning, "It wants me to look.");
        const [call] = called.calls;
        assert.ok(call);
        const said = [...HELLO, { by: "model", answered: called }, result(call, "3")] as const;
        const after = await scene.ask({ said, stream, withTool: true, effort: "low" });
        assert.equal(after.text, "Three.");
        assert.deepEqual(scene.upstream.faults, []);
        const sent = scene.upstream.requests[1]?.raw.toString() ?? "";
        assert.match(sent, PROOFS[pair.target] ?? /./);
      }
    },
  },
  {
    title: "a provider's refusal before the answer keeps its meaning",
    async run(t, pair) {
      for (const stream of BOTH) {
        const scene = await startScene(t, pair, always(fails("rate_limited", 7)));
        assert.equal((await scene.fails({ stream })).status, 429);
        scene.upstream.play(always(fails("invalid_request")));
        const refused = await scene.fails({ stream });
        assert.equal(refused.status, 400);
        assert.match(refused.message, /The provider said: .+/);
      }
    },
  },
  {
    title: "an error inside the answer is one for the client too",
    async run(t, pair) {
      const broken = failsInside(text(WORDS.repeat(3)), 8, "overloaded");
      const scene = await startScene(t, pair, always(broken));
      const failure = await scene.fails({ stream: true });
      assert.match(failure.message, /provider/);
    },
  },
  {
    title: "a cut answer never looks whole",
    async run(t, pair) {
      const long = text(WORDS.repeat(3));
      const scene = await startScene(t, pair, always(cut(long, 8)));
      assert.match((await scene.fails({ stream: true })).message, /cut|ended before/);
      scene.upstream.play(always(endsEarly(long, 8)));
      assert.match((await scene.fails({ stream: true })).message, /cut|ended before/);
    },
  },
  {
    title: "a client that leaves stops the work for it",
    async run(t, pair) {
      const scene = await startScene(t, pair, always(holds(text(WORDS), 6)));
      const leaving = new AbortController();
      let end: string | null = null;
      const asked = scene.ask({ stream: true, signal: leaving.signal }).then(
        () => (end = "answered"),
        (error: unknown) => (end = String(error)),
      );
      const { requests } = scene.upstream;
      while (requests.length === 0 && end === null) await pause(5);
      assert.equal(end, null, "it ended before it was left");
      leaving.abort();
      assert.notEqual(await asked, "answered");
      await requests[0]?.aborted;
    },
  },
];

/** Where each provider finds the proof of its own thoughts again. */
const PROOFS: Partial<Record<DialectName, RegExp>> = {
  "openai-chat": /"reasoning_content":"It wants me to look\."/,
  "anthropic-messages": /"type":"thinking","thinking":"It wants me to look\.","signature":"[^"]+"/,
  "openai-responses": /"encrypted_content":"[^"]+"/,
  gemini: /"thoughtSignature":"(?!skip_thought)[^"]+"/,
};

function result(call: AnsweredCall, words: string): Extract<Said, { by: "tool" }> {
  return { by: "tool", call, text: words };
}
