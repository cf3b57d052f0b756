/**
 * Turns of the event loop, for event streams that have much to write.
 *
 * A socket takes megabytes at once, and neither its drain nor a fiber that yields lets timers and other sockets run. So
 * streams that replay large logs would hold the loop until every socket is full.
 */
import type { Ids } from "@runlease/core"
import { Context, Effect, Layer } from "effect"
import { CurrentPrincipal } from "../contract/Principal.js"

/** A write of this many bytes or more takes a turn. */
export const largeWrite = 16 * 1024

export class StreamTurns extends Context.Tag("@runlease/http/server/StreamTurns")<
  StreamTurns,
  {
    /**
     * Calls `write` in a turn of the event loop that no other stream takes. The projects take turns, and the streams of one in the
     * order of their calls.
     */
    readonly take: (projectId: Ids.ProjectId, write: () => void) => void
  }
>() {}

export const layer: Layer.Layer<StreamTurns> = Layer.sync(StreamTurns, () => {
  /** What the streams of each project have to write. The project whose turn is next comes first. */
  const projects = new Map<Ids.ProjectId, Array<() => void>>()
  const turn = (): void => {
    const [next] = projects
    if (next === undefined) return
    const [projectId, writes] = next
    const write = writes.shift()
    projects.delete(projectId)
    if (writes.length > 0) projects.set(projectId, writes)
    if (projects.size > 0) setImmediate(turn)
    write?.()
  }
  return {
    take: (projectId, write) => {
      if (projects.size === 0) setImmediate(turn)
      const writes = projects.get(projectId)
      if (writes === undefined) projects.set(projectId, [write])
      else writes.push(write)
    },
  }
})

/** What waits for a turn of the caller's project. */
export const turns: Effect.Effect<Effect.Effect<void>, never, StreamTurns | CurrentPrincipal> = Effect.gen(
  function* () {
    const { take } = yield* StreamTurns
    const { projectId } = yield* CurrentPrincipal
    return Effect.async<void>((resume) => take(projectId, () => resume(Effect.void)))
  },
)

/** Waits for a turn of the caller's project. */
export const next: Effect.Effect<void, never, StreamTurns | CurrentPrincipal> = Effect.flatten(turns)
