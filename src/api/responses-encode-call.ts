// Writes one call of an answer as the item that the client knows its tool by: a function, or a tool that takes text.
// Must never lose a piece of the input, whether it came in pieces, whole, or both.

import { sealCall } from "./anthropic-seal.ts";
import type { NamedTool } from "./codec.ts";
import { asObject } from "./json-value.ts";
import type { AnswerItems, Metadata, OutputItem } from "./responses-encode-item.ts";

export interface CallStart {
  readonly callId: string;
  /** Name that the model was told. */
  readonly toolName: string;
  /** The tool as the client named it; null: it was told by its own name. */
  readonly named: NamedTool | null;
  readonly providerMetadata?: Metadata | undefined;
}

export class CallWriter {
  readonly #items: AnswerItems;
  readonly #call: CallStart;
  #at: { readonly place: number; readonly item: OutputItem } | null = null;
  #input = "";

  constructor(items: AnswerItems, call: CallStart) {
    this.#items = items;
    this.#call = call;
  }

  begin(): string {
    if (this.#at !== null) return "";
    const { add, done, write } = this.#items;
    const proof = proofOf(this.#call);
    let sealed = "";
    if (proof !== null) {
      const { place, item } = add((name) => proofItem(`rs_${name}`, proof));
      const added = write({ type: "response.output_item.added", output_index: place, item });
      sealed = added + done(place, item);
    }
    this.#at = add((name) => draftOf(name, this.#call));
    const { place, item } = this.#at;
    return sealed + write({ type: "response.output_item.added", output_index: place, item });
  }

  add(delta: string): string {
    this.#input += delta;
    // Plain text stands inside of JSON here: it is told once it is whole.
    return isText(this.#call) || delta === "" ? "" : this.#delta(delta);
  }

  /** What of the whole input has not come in pieces. */
  finish(input: string): string {
    return this.#input === "" ? this.add(input) : "";
  }

  end(): string {
    const { place = 0, item } = this.#at ?? {};
    const whole = callItem(item?.id ?? "", this.#call, this.#input);
    const at = { item_id: whole.id, output_index: place };
    const { write, done } = this.#items;
    if (isText(this.#call)) {
      const { input } = whole;
      const type = "response.custom_tool_call_input";
      return (
        write({ type: `${type}.delta`, ...at, delta: input }) +
        write({ type: `${type}.done`, ...at, input }) +
        done(place, whole)
      );
    }
    const { name } = whole;
    const type = "response.function_call_arguments.done";
    return write({ type, ...at, arguments: whole["arguments"], name }) + done(place, whole);
  }

  #delta(delta: string): string {
    const { place = 0, item } = this.#at ?? {};
    const at = { item_id: item?.id ?? "", output_index: place };
    return this.#items.write({ type: "response.function_call_arguments.delta", ...at, delta });
  }
}

/** What the call's provider must get back with it; null: nothing. */
export function proofOf({ callId, providerMetadata }: CallStart): string | null {
  return sealCall(callId, providerMetadata);
}

/** Goes before its call, as a thought without words. */
export function proofItem(id: string, proof: string): OutputItem {
  return { id, type: "reasoning", summary: [], encrypted_content: proof };
}

/** `name`: what the item's id is made from. */
export function itemId(name: string, call: CallStart): string {
  return isText(call) ? `ctc_${name}` : `fc_${name}`;
}

/** A call in full. */
export function callItem(id: string, call: CallStart, input: string): OutputItem {
  const { callId: call_id, toolName, named } = call;
  const space = named?.namespace ?? null;
  const base = {
    id,
    status: "completed",
    call_id,
    name: named?.name ?? toolName,
    ...(space === null ? {} : { namespace: space }),
  };
  if (isText(call)) return { ...base, type: "custom_tool_call", input: textOf(input) };
  return { ...base, type: "function_call", arguments: input === "" ? "{}" : input };
}

function draftOf(name: string, call: CallStart): OutputItem {
  const draft = callItem(itemId(name, call), call, "");
  const empty = isText(call) ? { input: "" } : { arguments: "" };
  return { ...draft, ...empty, status: "in_progress" };
}

function isText({ named }: CallStart): boolean {
  return named?.type === "custom";
}

/** The one text in the input; what a model wrote instead is handed on as it is. */
function textOf(input: string): string {
  try {
    const text = asObject(JSON.parse(input))?.["input"];
    if (typeof text === "string") return text;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return input;
}
