import { type BaseEvent, verifyEvents } from "@ag-ui/client"
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { from, lastValueFrom, toArray } from "rxjs"

/** What an AG-UI client takes as a whole run: its own verifier lets every event through, to the end. */
export const verify = (events: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  Effect.map(
    Effect.promise(() =>
      lastValueFrom(from(events as unknown as ReadonlyArray<BaseEvent>).pipe(verifyEvents(false), toArray())),
    ),
    (verified) => expect(verified).toHaveLength(events.length),
  )
