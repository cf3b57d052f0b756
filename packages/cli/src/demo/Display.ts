/**
 * Shows the demonstration while it works.
 */
import { Effect } from "effect"
import type { EditorStep } from "./Agents.js"
import type { Document } from "./Documents.js"
import type { WorkerProcess } from "./Fleet.js"

/** A document whose run is in progress, and the headings that are recorded so far. */
export interface DocumentProgress {
  readonly document: Document
  /** The name of the worker that holds its run. */
  readonly worker: string
  readonly headings: ReadonlyArray<string>
}

/** Something that happens to the editor. `worker`: the name of the one that holds its run. `result`: the record of the step, JSON. */
export type EditorEvent =
  | {
      readonly _tag: "Recorded"
      readonly worker: string
      readonly step: EditorStep
      readonly result: string | undefined
    }
  | { readonly _tag: "Paying"; readonly worker: string }
  | { readonly _tag: "TakenOver"; readonly worker: string; readonly recorded: ReadonlyArray<EditorStep> }
  | { readonly _tag: "Question"; readonly question: string }
  | { readonly _tag: "GoesOn"; readonly worker: string }
  | { readonly _tag: "Ended"; readonly text: string }

export interface Display {
  readonly started: (fleet: {
    readonly url: string
    readonly apiKey: string
    readonly database: string
    readonly workers: ReadonlyArray<WorkerProcess>
  }) => Effect.Effect<void>
  readonly progress: (progress: DocumentProgress) => Effect.Effect<void>
  readonly takenOver: (progress: DocumentProgress) => Effect.Effect<void>
  readonly finished: (progress: DocumentProgress, done: number) => Effect.Effect<void>
  readonly editor: (event: EditorEvent) => Effect.Effect<void>
  /** `interrupted`: the documents whose runs the killed worker owned according to the store, and the editor. */
  readonly killed: (worker: WorkerProcess, interrupted: ReadonlyArray<Document>) => Effect.Effect<void>
  /** The answer of a person, or its own after a time without one. */
  readonly confirm: (question: string) => Effect.Effect<boolean>
}

/** A display that prints nothing, and says yes. */
export const silent: Display = {
  started: () => Effect.void,
  progress: () => Effect.void,
  takenOver: () => Effect.void,
  finished: () => Effect.void,
  editor: () => Effect.void,
  killed: () => Effect.void,
  confirm: () => Effect.succeed(true),
}
