import { type BaseEvent, verifyEvents } from "@ag-ui/client"
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { from, lastValueFrom, toArray } from "rxjs"

/** Checks that the verifier of the AG-UI client accepts every event, to the end of the run. */
export const verify = (events: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  Effect.map(
    Effect.promise(() =>
      lastValueFrom(from(events as unknown as ReadonlyArray<BaseEvent>).pipe(verifyEvents(false), toArray())),
    ),
    (verified) => expect(verified).toHaveLength(events.length),
  )
