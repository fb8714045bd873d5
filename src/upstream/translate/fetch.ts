// How a provider's package reaches its provider: through our own connections, with our own key, time-outs and bounds.
// Must never follow a redirect, leave the provider's address, send a key that a package made up, or retry.

import type { Dispatcher } from "undici";
import type { Authorized } from "../authorize.ts";
import type { UpstreamFault } from "../classify.ts";
import type { UpstreamHeaders } from "../event-relay.ts";
import { ProviderExchange, type ExchangeLimits, type ExchangeNotes } from "./exchange.ts";

export interface ProviderFetchOptions extends ExchangeLimits {
  readonly dispatcher: Dispatcher;
  /** Scheme, host and port of the provider: the only ones that are asked. */
  readonly origin: string;
  /** Headers of the gateway; lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The headers that show who asks, with the operator's. */
  readonly authorize: (request: { path: string; body: string | Buffer }) => Promise<Authorized>;
  /** Whether a stream was asked for. */
  readonly stream: boolean;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly monotonicMs: () => number;
  /** Changes the body where a package writes what the model would refuse; null: sent as it is. */
  readonly editBody: ((body: string) => string) | null;
}

export interface ProviderFetch {
  readonly fetch: typeof globalThis.fetch;
  /** What came back, of the last request. */
  readonly notes: () => ExchangeNotes;
  /** Why nothing was sent; null: something was, or was not asked for. */
  readonly unsent: () => UpstreamFault | null;
}

/** Headers of a package that never go out: credentials it was given no part in, and its own name. */
const DROPPED_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "user-agent",
  "host",
  "connection",
  "content-length",
  "accept-encoding",
]);
/** Both may switch something on by it. */
const BETA_HEADER = "anthropic-beta";

export function createProviderFetch(options: ProviderFetchOptions): ProviderFetch {
  const startedMs = options.monotonicMs();
  let notes: ExchangeNotes = NOTHING_NOTED;
  let unsent: UpstreamFault | null = null;
  const send = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== options.origin) {
      throw new Error("a package tried to leave its provider's address");
    }
    const path = url.pathname + url.search;
    const body = bodyOf(init.body, options.editBody);
    const authorized = await options.authorize({ path, body });
    if (!authorized.ok) {
      unsent = authorized.failure;
      throw new Error("there is nothing to show who asks");
    }
    const own = { ...options.headers, ...authorized.headers };
    const exchange = new ProviderExchange({ ...options, startedMs });
    notes = exchange.notes;
    const dispatched: Dispatcher.DispatchOptions = {
      path,
      method: "POST",
      headers: sentHeaders(own, init.headers),
      body,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyTimeoutMs,
    };
    return exchange.run(options.dispatcher, dispatched, init.signal ?? null);
  };
  return { fetch: send, notes: () => notes, unsent: () => unsent };
}

const NO_HEADERS: UpstreamHeaders = {};
const NOTHING_NOTED: ExchangeNotes = {
  status: null,
  headers: NO_HEADERS,
  firstByteMs: null,
  refusal: null,
  failure: null,
};

function sentHeaders(
  own: Readonly<Record<string, string>>,
  theirs: RequestInit["headers"],
): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const [name, value] of headerPairs(theirs)) {
    if (!DROPPED_HEADERS.has(name)) sent[name] = value;
  }
  const betas = [sent[BETA_HEADER], own[BETA_HEADER]].filter((value) => value !== undefined);
  return { ...sent, ...own, ...(betas.length === 0 ? {} : { [BETA_HEADER]: betas.join(",") }) };
}

function headerPairs(headers: RequestInit["headers"]): readonly (readonly [string, string])[] {
  return headers === undefined ? [] : [...new Headers(headers)];
}

function bodyOf(
  body: RequestInit["body"],
  edit: ProviderFetchOptions["editBody"],
): string | Buffer {
  if (typeof body === "string") return edit === null ? body : edit(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  throw new Error("a package sent a body that is no text");
}
