/** A turn of the event loop. */
import { Clock, Duration, Effect } from "effect"

/**
 * Waits for the next turn of the event loop, whatever the Clock says: sockets with data are read before it. A fiber that yields does not let
 * them be read, nor does a store that answers at once.
 */
export const next: Effect.Effect<void> = Effect.withClock(Effect.sleep(Duration.zero), Clock.make())
