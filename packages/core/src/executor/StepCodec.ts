/**
 * How the results of steps are written into the log, for a program whose results the control plane must not read.
 *
 * ```ts
 * const sealed = Effect.provideService(research(run), StepCodec.StepCodec, {
 *   name: "aes-2026",
 *   seal: (json) => encrypt(json),
 *   open: (text) => decrypt(text),
 * })
 * ```
 */
import { Context, type Effect } from "effect"

/**
 * `seal` makes the text that is recorded of a result or of a failure, `open` takes it back. `name` is recorded with it: a record that was
 * sealed by another name cannot be read, and neither can one that `open` fails for. Use a new name for a new key.
 */
export interface Codec {
  readonly name: string
  readonly seal: (json: string) => Effect.Effect<string>
  readonly open: (sealed: string) => Effect.Effect<string, unknown>
}

/** The codec of the steps of a fiber. Without one they are recorded as JSON. */
export class StepCodec extends Context.Reference<StepCodec>()("@runlease/core/executor/StepCodec", {
  defaultValue: (): Codec | undefined => undefined,
}) {}
