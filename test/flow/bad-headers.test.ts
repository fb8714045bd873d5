// Goal: a header that cannot be meant is refused with a word on what to send, and never taken for
// one that was not sent.
// Method: a table of bad headers as bytes on a socket, because no client would send most of them.

import { test } from "node:test";
import { assertAllRefused, type BadRequest } from "./refused.ts";

type Row = readonly [title: string, headers: string | readonly string[], says: RegExp];

const IDS: readonly Row[] = [
  ["a comma", "X-Conversation-ID: a,b", /without spaces, commas/],
  ["a space", "X-Conversation-ID: a b", /without spaces, commas/],
  ["300 characters", `X-Conversation-ID: ${"c".repeat(300)}`, /1 to 256/],
  ["nothing", "X-Conversation-ID:", /1 to 256/],
  ["letters outside ASCII", "X-Conversation-ID: caf\u00e9", /hash the id/],
  ["the header twice", ["X-Conversation-ID: a", "X-Conversation-ID: a"], /Send it once/],
];

const BROKEN: readonly Row[] = [
  ["a line feed", "X-Conversation-ID: a\nb", /line break/],
  ["a fold", "X-Conversation-ID: a\r\n b", /line break/],
  ["a carriage return", "X-Conversation-ID: a\rb", /line break/],
  ["a zero byte", "X-Conversation-ID: a\0b", /control character/],
];

const NAMES = /AGENT, BATCH, CHAT, SAVINGS/;
const PROFILES: readonly Row[] = [
  ["an unknown name", "X-Router-Profile: TURBO", /TURBO.*AGENT, BATCH, CHAT, SAVINGS/],
  ["the header twice", ["X-Router-Profile: AGENT", "X-Router-Profile: AGENT"], NAMES],
  ["nothing", "X-Router-Profile:", NAMES],
  ["5 000 characters", `X-Router-Profile: ${"p".repeat(5_000)}`, /^.{1,200}AGENT, BATCH/],
];

const TYPE = /Content-Type: application\/json/;
const TYPES: readonly Row[] = [
  ["plain text", "Content-Type: text/plain", TYPE],
  ["a form", "Content-Type: multipart/form-data; boundary=x", TYPE],
  ["nonsense", "Content-Type: %%%", TYPE],
  ["nothing", "Content-Type:", TYPE],
];

const budget = (title: string, value: string, says: RegExp): BadRequest => ({
  title: `a budget of ${title}`,
  headers: [`X-Conversation-Budget-USD: ${value}`],
  code: "invalid_header",
  param: "x-conversation-budget-usd",
  says,
});

const OTHERS: readonly BadRequest[] = [
  budget("less than nothing", "-1", /such as 0\.50/),
  budget("nothing", "0", /above 0/),
  budget("another notation", "1e3", /such as 0\.50/),
  budget("too much", "9999999", /at most 1000000/),
  {
    title: "hints of 10 000 characters",
    headers: [`X-Routing-Hints: ${"h".repeat(10_000)}`],
    code: "invalid_header",
    param: "x-routing-hints",
    says: /at most 8192 characters/,
  },
  {
    title: "a switch that is neither",
    headers: ["X-Conversation-Final: perhaps"],
    code: "invalid_header",
    param: "x-conversation-final",
    says: /true, false/,
  },
  {
    title: "an idempotency key of 300 characters",
    headers: [`Idempotency-Key: ${"i".repeat(300)}`],
    code: "invalid_header",
    param: "idempotency-key",
    says: /at most 255/,
  },
  {
    title: "an unknown encoding",
    headers: ["Content-Encoding: snappy"],
    code: "unsupported_encoding",
    param: "content-encoding",
    says: /gzip, deflate, br, zstd/,
  },
  {
    title: "an encoding that is not the body's",
    headers: ["Content-Encoding: gzip"],
    code: "invalid_encoding",
    param: "content-encoding",
    says: /without compression/,
  },
];

const rows = (about: string, of: Omit<BadRequest, "title" | "says">, table: readonly Row[]) =>
  table.map(([title, headers, says]): BadRequest => ({
    ...of,
    title: `${about}: ${title}`,
    headers: [headers].flat(),
    says,
  }));

const ID_PARAM = { code: "invalid_conversation_id", param: "X-Conversation-ID" };
const PROFILE_PARAM = { code: "unknown_profile", param: "X-Router-Profile" };

test("a bad header is answered in OpenAI's error shape, and the next good request is served", (t) =>
  assertAllRefused(t, [
    ...rows("conversation id", ID_PARAM, IDS),
    ...rows("conversation id", { code: "invalid_request" }, BROKEN),
    ...rows("profile", PROFILE_PARAM, PROFILES),
    ...rows("content type", { code: "unsupported_media_type" }, TYPES),
    ...OTHERS,
  ]));
