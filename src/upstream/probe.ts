// The smallest requests a provider can be tried with, for each dialect, and what came back.
// Must never follow a redirect, read without a bound, or send anything of a caller's.

import type { Dispatcher } from "undici";
import type { UpstreamDialect } from "../turn/dialect.ts";
import { authorize } from "./authorize.ts";
import { asObject, parseObject } from "./json-object.ts";
import { AccessError } from "./signing/signer.ts";
import { basePathOf, type Route } from "./transport.ts";
import { asksByModel, type Dialect } from "./vendors.ts";

/** Most bytes of an answer that are read: lists of models can be long. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Most names taken from a list of models. */
const NAMES_MAX = 10_000;
const QUESTION = "Say ok.";

export interface ProbeRequest {
  readonly method: "GET" | "POST";
  /** Behind the provider's base URL. */
  readonly path: string;
  readonly body: object | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ProbeOutcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly header: (name: string) => string | null;
      readonly body: Buffer;
      readonly milliseconds: number;
    }
  | { readonly kind: "broken"; readonly error: Error };

interface DialectProbe {
  /** Null: this dialect has no list of models. */
  readonly list: ProbeRequest | null;
  readonly names: (list: Record<string, unknown>) => readonly unknown[];
  /** What may be asked, in this order: not every model takes the first. */
  readonly ask: (model: string) => readonly ProbeRequest[];
  /** Member of every answer of this dialect. */
  readonly mark: string;
}

const idsOf = (list: unknown, field: string): readonly unknown[] =>
  Array.isArray(list) ? list.slice(0, NAMES_MAX).map((entry) => asObject(entry)?.[field]) : [];

const get = (path: string, headers: Readonly<Record<string, string>> = {}): ProbeRequest => ({
  method: "GET",
  path,
  body: null,
  headers,
});

const messages = [{ role: "user", content: QUESTION }];
const ANTHROPIC_VERSION = { "anthropic-version": "2023-06-01" };

const chat: DialectProbe = {
  list: get("/models"),
  // One vendor answers with the bare list.
  names: (list) => idsOf(list["data"] ?? list["list"], "id"),
  ask: (model) =>
    // Newer models refuse max_tokens, older servers do not know its successor.
    [{ max_tokens: 1 }, { max_completion_tokens: 16 }].map((limit) => ({
      method: "POST",
      path: "/chat/completions",
      body: { model, messages, ...limit },
    })),
  mark: "choices",
};

const PROBES: Partial<Record<Dialect, DialectProbe>> = {
  "openai-chat": chat,
  "openai-responses": {
    ...chat,
    ask: (model) => [
      {
        method: "POST",
        path: "/responses",
        body: { model, input: QUESTION, max_output_tokens: 16, store: false },
      },
    ],
    mark: "output",
  },
  "anthropic-messages": {
    list: get("/models", ANTHROPIC_VERSION),
    names: (list) => idsOf(list["data"], "id"),
    ask: (model) => [
      {
        method: "POST",
        path: "/messages",
        body: { model, messages, max_tokens: 1 },
        headers: ANTHROPIC_VERSION,
      },
    ],
    mark: "content",
  },
  gemini: {
    list: get("/models?pageSize=1000"),
    names: (list) =>
      idsOf(list["models"], "name").map((name) => String(name).replace(/^models\//, "")),
    ask: (model) => [
      {
        method: "POST",
        path: `/models/${encodeURIComponent(model)}:generateContent`,
        body: {
          contents: [{ role: "user", parts: [{ text: QUESTION }] }],
          generationConfig: { maxOutputTokens: 1 },
        },
      },
    ],
    mark: "candidates",
  },
  "bedrock-converse": {
    list: null,
    names: () => [],
    ask: (model) => [
      {
        method: "POST",
        path: `/model/${encodeURIComponent(model)}/converse`,
        body: {
          messages: [{ role: "user", content: [{ text: QUESTION }] }],
          inferenceConfig: { maxTokens: 1 },
        },
      },
    ],
    mark: "output",
  },
};

/** An address of Anthropic's dialect is written with and without its version. */
const VERSIONED = /\/v\d+$/;

/** Its models stand in the path, and the body tells the platform's version of the dialect. */
const VERTEX_MESSAGES: Pick<DialectProbe, "ask"> = {
  ask: (model) => [
    {
      method: "POST",
      path: `/models/${model}:rawPredict`,
      body: { anthropic_version: "vertex-2023-10-16", messages, max_tokens: 1 },
    },
  ],
};

/** Null: providers of this dialect cannot be tried. */
export function probeOf(dialect: Dialect, route: Route): DialectProbe | null {
  const basePath = basePathOf(route, spokenIn(dialect));
  const { platform = null } = route.provider;
  const known = PROBES[dialect] ?? null;
  if (known !== null && platform === "google" && dialect === "anthropic-messages") {
    return { ...known, ...VERTEX_MESSAGES, list: null };
  }
  const probe = known === null || !asksByModel(platform) ? known : { ...known, list: null };
  if (probe === null || dialect !== "anthropic-messages" || VERSIONED.test(basePath)) return probe;
  const versioned = (request: ProbeRequest) => ({ ...request, path: `/v1${request.path}` });
  return {
    ...probe,
    list: probe.list === null ? null : versioned(probe.list),
    ask: (model) => probe.ask(model).map(versioned),
  };
}

function spokenIn(dialect: Dialect): UpstreamDialect {
  return dialect === "simulator" ? "openai-chat" : dialect;
}

/** The names in an answer to `list`; null when it is no such list. */
export function namesIn(probe: DialectProbe, body: Buffer): readonly string[] | null {
  const text = body.toString("utf8");
  const list = parseObject(text) ?? parseObject(`{"list":${text}}`);
  if (list === null) return null;
  const names = probe.names(list).filter((name): name is string => typeof name === "string");
  return names.length === 0 ? null : names;
}

/** Whether the body is an answer of this dialect. */
export function isAnswer(probe: DialectProbe, body: Buffer): boolean {
  return parseObject(body.toString("utf8"))?.[probe.mark] !== undefined;
}

export interface ProbeOptions {
  readonly dialect: Dialect;
  readonly key: string | null;
  readonly headersMs: number;
  readonly totalMs: number;
  readonly monotonicMs: () => number;
}

/** Sends one request with one key. Never rejects: every end is an outcome. */
export async function sendProbe(
  route: Route,
  probe: ProbeRequest,
  options: ProbeOptions,
): Promise<ProbeOutcome> {
  const begun = options.monotonicMs();
  const { dialect, key } = options;
  const path = basePathOf(route, spokenIn(dialect)) + probe.path;
  const { method } = probe;
  const sent = probe.body === null ? null : JSON.stringify(probe.body);
  const authorized = await authorize(route, { method, path, body: sent, key });
  if (!authorized.ok) return { kind: "broken", error: new AccessError(authorized.failure) };
  const request: Dispatcher.RequestOptions = {
    path,
    method,
    headers: {
      accept: "application/json",
      "accept-encoding": "identity",
      ...(probe.body === null ? {} : { "content-type": "application/json" }),
      ...probe.headers,
      ...authorized.headers,
    },
    body: sent,
    headersTimeout: options.headersMs,
    bodyTimeout: options.headersMs,
    signal: AbortSignal.timeout(options.totalMs),
  };
  try {
    const { statusCode, headers, body } = await route.dispatcher.request(request);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      const piece = Buffer.from(chunk);
      bytes += piece.length;
      if (bytes > ANSWER_BYTES_MAX) break;
      chunks.push(piece);
    }
    const header = (name: string): string | null => {
      const value = headers[name];
      return typeof value === "string" ? value : null;
    };
    const milliseconds = options.monotonicMs() - begun;
    return {
      kind: "answered",
      status: statusCode,
      header,
      body: Buffer.concat(chunks),
      milliseconds,
    };
  } catch (error) {
    return { kind: "broken", error: error instanceof Error ? error : new Error(String(error)) };
  }
}
