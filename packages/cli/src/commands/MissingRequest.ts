/**
 * The failure of a submission without a text and without a payload.
 */
import { type Ids, WorkerMetadata, WorkerRegistry } from "@runlease/core"
import { Effect, Option } from "effect"
import { noText } from "../input/RequestInput.js"
import { usage } from "../output/ExitCode.js"
import * as PayloadExample from "../output/PayloadExample.js"

/** The failure of a command without a request, with the payload that the agent's workers say it takes. */
export const missingRequest = Effect.fnUntraced(function* (named: Option.Option<Ids.AgentId>) {
  const agent = Option.getOrElse(named, () => "")
  const registry = yield* WorkerRegistry.WorkerRegistry
  const workers = yield* registry.list({ limit: 100 }).pipe(Effect.option)
  const form = Option.toArray(workers)
    .flatMap(({ items }) => items)
    .flatMap(({ metadata }) => Option.toArray(WorkerMetadata.of(metadata)))
    .map(({ forms = {} }) => forms[agent])
    .find((found) => found !== undefined)
  return form === undefined
    ? noText()
    : usage(
        `There is no payload to submit, and ${agent} needs one`,
        `Give it with: runlease submit --agent ${agent} ${PayloadExample.of(form)}`,
      )
})
