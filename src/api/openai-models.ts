// GET /v1/models and /v1/models/NAME: objects that OpenAI and Anthropic clients both understand.
// Must never list a model that no configured provider serves.

/** A name that callers may use, and since when it exists for them. */
export interface ListedModel {
  readonly id: string;
  readonly ownedBy: string;
}

export function modelEntry({ id, ownedBy }: ListedModel, startedAt: number) {
  return {
    id,
    object: "model",
    created: Math.floor(startedAt / 1000),
    owned_by: ownedBy,
    type: "model",
    display_name: id,
    created_at: new Date(startedAt).toISOString(),
  };
}

/** `created` is the start of the gateway: nothing truer is known of every model. Milliseconds since the epoch. */
export function modelList(models: readonly ListedModel[], startedAt: number): object {
  const data = models.map((model) => modelEntry(model, startedAt));
  return {
    object: "list",
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
