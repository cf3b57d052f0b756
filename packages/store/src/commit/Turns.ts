/** Turns of the event loop between the commits of work in parts, in which the requests of others are read. */
import * as LoopTurn from "@runlease/core/LoopTurn"
import { Effect } from "effect"
import type { RunCommits } from "./RunCommits.js"

/** The most turns that work in parts waits for the requests of others. */
const mostTurns = 16

/** Lets the requests of others go first: waits for a turn in which none comes and after which none is left, a bounded number of turns. */
export const letOthersGo = <X>(commits: RunCommits<X>, turns = mostTurns): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = commits.requestCount()
    return Effect.flatMap(LoopTurn.next, () =>
      turns > 1 && (commits.isBusy() || commits.requestCount() > before)
        ? letOthersGo(commits, turns - 1)
        : Effect.void,
    )
  })
