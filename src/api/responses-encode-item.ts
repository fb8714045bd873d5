// What the writers of single items share: where items are numbered, and how their events are written.

import type { CanonicalContent } from "../turn/canonical.ts";
import type { ResponsesEvent } from "./responses-event.ts";

export interface OutputItem {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface AnswerItems {
  /** One event, complete with its blank line. */
  write(event: ResponsesEvent): string;
  /** Takes the next place of the output. `make` gets what an id of the item is made from. */
  add(make: (name: string) => OutputItem): { readonly place: number; readonly item: OutputItem };
  /** The event that ends an item, which from now on stands in the output as it is. */
  done(place: number, item: OutputItem): string;
}

export type Metadata = CanonicalContent["providerMetadata"];
