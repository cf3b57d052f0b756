/**
 * The API key of the environment. An empty one is none: compose files set a variable to nothing.
 */
import { Config } from "effect"

export const name = "RUNLEASE_API_KEY"

export const environmentKey = Config.redacted(Config.nonEmptyString(name))
