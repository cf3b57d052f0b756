/**
 * The forms of a worker's agents: a JSON Schema of the input of each, by the agent's id. An executor brings them along.
 */
import { Context } from "effect"

export class Forms extends Context.Reference<Forms>()("@runlease/cli/Forms", {
  defaultValue: (): Readonly<Record<string, object>> => ({}),
}) {}
