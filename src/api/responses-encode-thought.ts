// Writes one thought of a model of another dialect as a reasoning item: its words as a summary, and sealed what its own
// provider must see again. Must never be written without a seal: a provider of this dialect would take it for its own.

import { sealThought } from "./anthropic-seal.ts";
import type { AnswerItems, Metadata, OutputItem } from "./responses-encode-item.ts";

export class ThoughtWriter {
  readonly #items: AnswerItems;
  #metadata: NonNullable<Metadata> = {};
  #at: { readonly place: number; readonly item: OutputItem } | null = null;
  #text = "";

  constructor(items: AnswerItems) {
    this.#items = items;
  }

  /** What the provider needs back; later news is added to what was told before. */
  note(metadata: Metadata): void {
    this.#metadata = { ...this.#metadata, ...metadata };
  }

  add(delta: string): string {
    const begun = this.#at === null ? this.#begin() : "";
    const part = this.#text === "" ? this.#event("part.added", { part: summaryPart("") }) : "";
    this.#text += delta;
    return begun + part + this.#event("text.delta", { delta });
  }

  end(): string {
    const begun = this.#at === null ? this.#begin() : "";
    const text = this.#text;
    const said =
      text === ""
        ? ""
        : this.#event("text.done", { text }) +
          this.#event("part.done", { part: summaryPart(text) });
    const { place = 0, item } = this.#at ?? {};
    const whole = thoughtItem(item?.id ?? "", text, this.#metadata);
    return begun + said + this.#items.done(place, whole);
  }

  #begin(): string {
    const { add, write } = this.#items;
    this.#at = add((name) => ({ id: `rs_${name}`, type: "reasoning", summary: [] }));
    const { place, item } = this.#at;
    return write({ type: "response.output_item.added", output_index: place, item });
  }

  #event(kind: string, fields: object): string {
    const { place = 0, item } = this.#at ?? {};
    return this.#items.write({
      type: `response.reasoning_summary_${kind}`,
      item_id: item?.id ?? "",
      output_index: place,
      summary_index: 0,
      ...fields,
    });
  }
}

/** A reasoning item in full. */
export function thoughtItem(id: string, text: string, metadata: Metadata): OutputItem {
  return {
    id,
    type: "reasoning",
    summary: text === "" ? [] : [summaryPart(text)],
    encrypted_content: sealThought(metadata),
  };
}

function summaryPart(text: string) {
  return { type: "summary_text", text };
}
