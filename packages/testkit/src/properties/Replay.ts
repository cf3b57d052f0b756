/** How a case of a search runs again alone: its seed is the value of `RUNLEASE_REPLAY`. */
import { Config } from "effect"

/** The case to run alone. */
export const seed = Config.option(Config.integer("RUNLEASE_REPLAY"))

/** The command that runs a case of a suite again. The suite is named by a regular expression. */
export const command = (suite: string, value: number | string): string =>
  `RUNLEASE_REPLAY=${value} npx vitest run -t "${suite.replaceAll(/[^\w ]/g, ".")}"`
