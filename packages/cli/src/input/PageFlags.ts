/**
 * The flags of a list that comes in pages.
 */
import { Options } from "@effect/cli"
import * as Flag from "./Flag.js"

export const flags = {
  limit: Flag.whole("limit", { minimum: 1, maximum: 100 }).pipe(
    Options.withDescription("How many, 1 to 100"),
    Options.withDefault(20),
  ),
  cursor: Options.text("cursor").pipe(
    Options.withDescription("Where the previous page ended, as it printed"),
    Options.optional,
  ),
}
