/**
 * How clients name runs in a thread.
 *
 * What an API key names a run is the id of the run. So it is for a page that names it by a UUID. Another name of a page is its own: the server
 * derives the id of the run of it and of the thread, so that it is the id of no run elsewhere, and the same name is the same run.
 *
 * Source: docs/decisions/0127-a-page-chooses-uuids.md
 */
import { Ids } from "@runlease/core"
import { Effect, Option, Schema } from "effect"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import * as Caller from "../Caller.js"
import * as Submit from "./Submit.js"
import type * as Thread from "./Thread.js"

const isUuid = Schema.is(Ids.Uuid)
const isRunId = Schema.is(Ids.RunId)

const derivedId = ({ conversationId }: Thread.Thread, name: Ids.RunId): Ids.RunId =>
  Ids.derivedRunId("input", JSON.stringify([conversationId, name]))

/** Whether the caller is a page, and the name its own. */
const isOwn = (name: Ids.RunId) =>
  Effect.map(Caller.page, (browser) => browser !== undefined && !isUuid(name))

/**
 * The ids that a name may stand for: for the own name of a page the derived one, and the name, since a page that has read an id may name a
 * run by it.
 */
export const idsOf = (thread: Thread.Thread, name: string | undefined) =>
  isRunId(name)
    ? Effect.map(isOwn(name), (own): ReadonlyArray<Ids.RunId> =>
        own ? [derivedId(thread, name), name] : [name],
      )
    : Effect.succeed([])

/** The first of the runs of that name which the caller reaches. One that it does not reach is as one that does not exist. */
const parentOf = (thread: Thread.Thread, name: string | undefined) =>
  Effect.flatMap(idsOf(thread, name), Effect.findFirst(Caller.reaches))

/**
 * The input with ids of runs instead of names, and whether the id of the input's run is derived.
 *
 * Fails: with a refusal where an API key chooses an id in the space of derived ones.
 */
export const resolve = Effect.fnUntraced(function* (
  thread: Thread.Thread,
  { parentRunId, ...input }: RunAgentInput,
) {
  const own = yield* isOwn(input.runId)
  if (!own) yield* Submit.checkName(input.runId, "runId")
  const parent = yield* parentOf(thread, parentRunId)
  return {
    derived: own ? (true as const) : undefined,
    input: {
      ...input,
      runId: own ? derivedId(thread, input.runId) : input.runId,
      ...(Option.isSome(parent) ? { parentRunId: parent.value } : {}),
    } satisfies RunAgentInput,
  }
})
