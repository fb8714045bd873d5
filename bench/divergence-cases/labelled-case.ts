// What one labelled conversation of the divergence benchmark is, and how its messages are written.
// Must never know the detector: a label says what a careful person would say of the transcript.

/** A message in OpenAI's chat format, as `fairlead replay` reads it. */
export type CaseMessage =
  | { readonly role: "system" | "user"; readonly content: string }
  | {
      readonly role: "assistant";
      readonly content: string | null;
      readonly tool_calls?: readonly CaseToolCall[];
    }
  | { readonly role: "tool"; readonly tool_call_id: string; readonly content: string };

export interface CaseToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** Turn numbers count assistant messages from 1. */
export interface LabelledCase {
  /** Unique over all files: `family/short-name`. */
  readonly id: string;
  /** One sentence: what happens, and why a person would call it a loop or not. */
  readonly why: string;
  /** Null for a healthy conversation. */
  readonly loop: {
    /** The turn that first repeats what was done before: firing earlier is a false alarm. */
    readonly begins: number;
    /** The turn by which a careful person would have stepped in: firing later is too late. */
    readonly dueBy: number;
  } | null;
  readonly messages: readonly CaseMessage[];
}
