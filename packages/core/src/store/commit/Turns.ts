/**
 * Turns of the event loop between the commits of work in parts, in which the requests of others are read.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect } from "effect"
import type { RunCommits } from "./RunCommits.js"

/** A turn of the event loop, whatever the Clock says: sockets with data are read in it. */
export const next = Effect.withClock(Effect.sleep(Duration.zero), Clock.make())

/** The most turns that work in parts waits for the requests of others. */
const mostTurns = 16

/** Lets the requests of others go first: waits for a turn in which none comes and after which none is left, a bounded number of turns. */
export const letOthersGo = <X>(commits: RunCommits<X>, turns = mostTurns): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = commits.taken()
    return Effect.flatMap(next, () =>
      turns > 1 && (commits.isBusy() || commits.taken() > before)
        ? letOthersGo(commits, turns - 1)
        : Effect.void,
    )
  })
