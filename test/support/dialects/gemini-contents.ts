// The order of a Gemini conversation: who speaks when, calls and responses, where signatures stand.
// Must never ask for signatures of earlier turns: only the current one is checked by the provider.

import { faultsWhere, isForeignSignature, isJson, objectsOf, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";

interface Content {
  readonly role: unknown;
  readonly parts: readonly Json[];
  readonly at: string;
}

/** What a client may send where it has no signature, as the documentation allows. */
const SKIPPED_SIGNATURES = [
  "skip_thought_signature_validator",
  "context_engineering_is_the_way_to_go",
];
/** From this generation on, calls of the current turn must bring their signature back. */
const SIGNED_GENERATION = 3;

export function contentsFaults(request: Json, model: string): readonly string[] {
  const contents = objectsOf(request["contents"]).map(({ role, parts }, index) => ({
    role,
    parts: objectsOf(parts),
    at: `contents[${index}]`,
  }));
  const last = contents.at(-1);
  return [
    ...faultsWhere(
      [contents[0]?.role === "model", "contents[0]: a conversation must begin with the user"],
      [last?.role === "model", `${last?.at}: a request must end with the user`],
    ),
    ...contents.flatMap((content, index) => [
      ...partFaults(content),
      ...callFaults(content, contents[index - 1], contents[index + 1]),
      ...responseFaults(content, contents[index - 1]),
    ]),
    ...signatureFaults(contents, model),
  ];
}

function partFaults({ role, parts, at }: Content): readonly string[] {
  return parts.flatMap((part, index) => {
    const here = `${at}.parts[${index}]`;
    const { thoughtSignature: signature } = part;
    return faultsWhere(
      [role !== "model" && part["functionCall"] !== undefined, `${here}: only the model calls`],
      [
        role !== "user" && part["functionResponse"] !== undefined,
        `${here}: only the user responds`,
      ],
      [role !== "model" && signature !== undefined, `${here}: only the model signs`],
      [role !== "model" && part["thought"] === true, `${here}: only the model has thoughts`],
      [isForeignSignature(signature, "gemini"), `${here}: thoughtSignature of another provider`],
    );
  });
}

function callsIn(content: Content | undefined): readonly Json[] {
  return (content?.parts ?? []).map((part) => part["functionCall"]).filter(isJson);
}

function responsesIn(content: Content | undefined): readonly Json[] {
  return (content?.parts ?? []).map((part) => part["functionResponse"]).filter(isJson);
}

/** A call comes after the user or a response, and is answered in the next content. */
function callFaults(
  content: Content,
  before: Content | undefined,
  after: Content | undefined,
): readonly string[] {
  const calls = callsIn(content);
  if (calls.length === 0) return [];
  const answers = responsesIn(after);
  return faultsWhere(
    [
      before?.role !== "user",
      `${content.at}: a function call must come after the user or a function response`,
    ],
    [
      answers.length !== calls.length,
      `${content.at}: ${calls.length} function calls, but ${answers.length} responses after them`,
    ],
    [
      answers.length === calls.length &&
        answers.some((answer, index) => !fits(answer, calls, index)),
      `${content.at}: the responses after it are not to its calls`,
    ],
  );
}

/** By id where there is one, else by place. */
function fits(answer: Json, calls: readonly Json[], index: number): boolean {
  const byId = calls.find(({ id }) => id !== undefined && id === answer["id"]);
  const call = byId ?? calls[index];
  const isSameId = call?.["id"] === undefined || call["id"] === answer["id"];
  return isSameId && call?.["name"] === answer["name"];
}

function responseFaults(content: Content, before: Content | undefined): readonly string[] {
  const responses = responsesIn(content);
  if (responses.length === 0) return [];
  const last = content.parts.findLastIndex((part) => part["functionResponse"] !== undefined);
  return faultsWhere(
    [callsIn(before).length === 0, `${content.at}: function responses without calls before them`],
    [last !== responses.length - 1, `${content.at}: function responses must come first`],
  );
}

function signatureFaults(contents: readonly Content[], model: string): readonly string[] {
  const generation = Number(/gemini-(\d+)/.exec(model)?.[1] ?? 0);
  if (generation < SIGNED_GENERATION) return [];
  const begin = contents.findLastIndex(
    (content) => content.role === "user" && responsesIn(content).length === 0,
  );
  return contents.slice(begin + 1).flatMap(({ parts, at }) => {
    // Of parallel calls only the first one is signed.
    const first = parts.find((part) => part["functionCall"] !== undefined);
    if (first === undefined || isSignature(first["thoughtSignature"])) return [];
    return [`${at}: the first function call is missing its thoughtSignature`];
  });
}

function isSignature(value: unknown): boolean {
  const words = textOf(value);
  return SKIPPED_SIGNATURES.includes(words) || /^[A-Za-z0-9+/_-]+={0,2}$/.test(words);
}
