// The operator's changes to the requests of one provider: fields that are set, given a default or taken out.
// Must never touch a field that policy rests on: the configuration refuses rules about those.

import { scanBody } from "./json-scan.ts";
import { appendField, applyEdits, removeFields, replaceValue, type Edit } from "./splice.ts";

/** Names of top-level fields, with their values as JSON texts. No name stands in two of them. */
export interface BodyRules {
  readonly set: ReadonlyMap<string, string>;
  /** Only where the request has no such field. */
  readonly defaults: ReadonlyMap<string, string>;
  readonly remove: ReadonlySet<string>;
}

/** The bytes that go out. `body` was read before: it is one JSON object without repeated fields. */
export function mutateBody(body: Buffer, { set, defaults, remove }: BodyRules): Buffer {
  const scan = scanBody(body, NO_LIMIT);
  const edits: Edit[] = [];
  const added: (readonly [string, string])[] = [];
  for (const [name, jsonText] of set) {
    const field = scan.fields.get(name);
    if (field === undefined) added.push([name, jsonText]);
    else edits.push(replaceValue(field, jsonText));
  }
  for (const [name, jsonText] of defaults) {
    if (!scan.fields.has(name)) added.push([name, jsonText]);
  }
  const removed = [...remove].filter((name) => scan.fields.has(name));
  if (removed.length > 0) edits.push(...removeFields(scan, removed));
  const [first, ...others] = added;
  if (first !== undefined) {
    const [name, jsonText] = first;
    // One edit for all of them, so that the comma before the first is right even where nothing else remains.
    const tail = others.map((other) => `,${JSON.stringify(other[0])}:${other[1]}`).join("");
    edits.push(appendField(scan, { name, jsonText: jsonText + tail, removed }));
  }
  return edits.length === 0 ? body : applyEdits(body, edits);
}

/** Its depth was checked when it came in; what a translation wrote is as deep. */
const NO_LIMIT = { arrayField: "messages", depthMax: Number.POSITIVE_INFINITY };
