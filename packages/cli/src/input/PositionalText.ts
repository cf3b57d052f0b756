/**
 * An argument that is no flag.
 */
import { Args } from "@effect/cli"

/** An argument of text. */
export const make = (name: string, description: string): Args.Args<string> =>
  Args.withDescription(Args.text({ name }), description)
