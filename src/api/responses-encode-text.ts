// Writes one text of an answer as a message item. Must never begin before its first letter: an empty message could not
// be sent back.

import type { AnswerItems, OutputItem } from "./responses-encode-item.ts";
import { messageItem, textPart } from "./responses-event.ts";

export class TextWriter {
  readonly #items: AnswerItems;
  #at: { readonly place: number; readonly item: OutputItem } | null = null;
  #text = "";

  constructor(items: AnswerItems) {
    this.#items = items;
  }

  add(delta: string): string {
    const begun = this.#at === null ? this.#begin() : "";
    this.#text += delta;
    const type = "response.output_text.delta";
    return begun + this.#items.write({ type, ...this.#here(), delta, logprobs: [] });
  }

  end(): string {
    if (this.#at === null) return "";
    const { place, item } = this.#at;
    const text = this.#text;
    const here = this.#here();
    const { write, done } = this.#items;
    return (
      write({ type: "response.output_text.done", ...here, text, logprobs: [] }) +
      write({ type: "response.content_part.done", ...here, part: textPart(text) }) +
      done(place, messageItem(item.id, text))
    );
  }

  #begin(): string {
    const { add, write } = this.#items;
    const draft = { status: "in_progress", content: [] };
    this.#at = add((name) => ({ ...messageItem(`msg_${name}`, ""), ...draft }));
    const { place, item } = this.#at;
    return (
      write({ type: "response.output_item.added", output_index: place, item }) +
      write({ type: "response.content_part.added", ...this.#here(), part: textPart("") })
    );
  }

  #here() {
    const { place = 0, item } = this.#at ?? {};
    return { item_id: item?.id ?? "", output_index: place, content_index: 0 };
  }
}
