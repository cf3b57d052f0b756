import { Duration } from "effect"

/** A lease's length in whole seconds, as the wire has it. */
export const leaseSeconds = (duration: Duration.DurationInput): number =>
  Math.round(Duration.toSeconds(duration))
